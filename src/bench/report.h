/* report.h - the results of a run, written for people and for programs.
 *
 * What      Text for the terminal; one line of JSON with every figure by its name; a page of HTML that holds everything
 *           that it shows, with the plots as SVG.
 * Errors    None here: who gave the stream looks at it afterwards. */
#ifndef BB_BENCH_REPORT_H
#define BB_BENCH_REPORT_H

#include <stdio.h>

#include "bench/bench.h"

void bb_report_text(FILE *to, const bb_bench_result *result);
void bb_report_json(FILE *to, const bb_bench_result *result);

/* `command` is what was run, as one would type it. */
void bb_report_html(FILE *to, const bb_bench_result *result, const char *command);

/* The verdict for people. */
const char *bb_verdict_text(const bb_bench_result *result);

#endif
