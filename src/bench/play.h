/* play.h - how a scenario is played: steps that all lanes take together, and the figures that come of it.
 *
 * What      Runs on the main thread. A step gives the lanes a job and returns when all have done it.
 * Start at  bb_play_traffic in traffic.c. */
#ifndef BB_BENCH_PLAY_H
#define BB_BENCH_PLAY_H

#include "bench/lane.h"
#include "bench/usage.h"

/* ---- play.c: steps */

/* Called every few milliseconds while a job runs; sets `finish` when it is done. */
typedef void (*bb_look)(bb_bench *bench, void *context);

void bb_play(bb_bench *bench, bb_job job, bb_look look, void *context);

/* What all lanes have counted. */
bb_tally bb_play_tally(const bb_bench *bench);

/* The same while a job runs, as far as the lanes have told. */
typedef struct bb_sums {
    uint64_t sent, acked, unique, received, cycles, up, moves;
    bool idle; /* all lanes are */
} bb_sums;

bb_sums bb_play_sums(const bb_bench *bench);

/* Open clients from..to-1. False when one could not be opened: the note says why. */
BB_MUST_USE bool bb_play_open(bb_bench *bench, uint32_t from, uint32_t to);
void bb_play_leave(bb_bench *bench, uint32_t from, uint32_t to);

/* Publish until each publisher has reached its target or `time_us` (0: no limit) is over, then wait for every
 * acknowledgement and delivery. False when it gave up waiting. */
bool bb_play_publish(bb_bench *bench, uint64_t time_us);

/* What all publishers have sent has been read by the broker when this returns. */
void bb_play_barrier(bb_bench *bench);

/* Handle what comes: until `unique` messages have come for the first time, or for `time_us` (either may be 0: not).
 * False when nothing came for the time that is given for it. */
bool bb_play_receive(bb_bench *bench, uint64_t unique, uint64_t time_us);

/* Begin clocks and timelines anew, at this moment. */
void bb_play_begin(bb_bench *bench);

/* When the last message came; the start where none did. */
uint64_t bb_play_last_received_ns(const bb_bench *bench);

/* ---- results.c: figures that several scenarios have */
typedef struct bb_play_span {
    bb_usage before, after;
    bb_tally tally_before, tally_after;
    double seconds;
    double own_cpu_s;
} bb_play_span;

bb_usage bb_play_usage(const bb_bench *bench);
bb_play_span bb_play_span_begin(const bb_bench *bench);
void bb_play_span_end(const bb_bench *bench, bb_play_span *span);

void bb_results_head(const bb_bench *bench, bb_bench_figures *figures);
void bb_results_delivery(const bb_bench *bench, bb_bench_figures *figures, uint64_t expected, bool complete);
void bb_results_cpu(const bb_bench *bench, bb_bench_figures *figures, const bb_play_span *span, uint64_t delivered);
void bb_results_latency(const bb_bench *bench, bb_bench_result *result);
/* Merge the timelines of the lanes, and from them the latencies. */
void bb_results_timeline(bb_bench *bench, bb_bench_result *result);
/* The last ones, and the verdict. `expected` messages must have come, unless `may_lose`. */
void bb_results_end(const bb_bench *bench, bb_bench_result *result, uint64_t expected, bool may_lose);

/* Memory that `count` things took, one of them, in bytes. */
double bb_results_bytes_each(const bb_usage *before, const bb_usage *after, uint64_t count);
double bb_results_us_each(const bb_usage *before, const bb_usage *after, uint64_t count);
double bb_results_per_s(uint64_t count, double seconds);

/* ---- the scenarios: false when they could not be played, with a note */
BB_MUST_USE bool bb_play_traffic(bb_bench *bench, bb_bench_result *result);
BB_MUST_USE bool bb_play_connect(bb_bench *bench, bb_bench_result *result);
BB_MUST_USE bool bb_play_idle(bb_bench *bench, bb_bench_result *result);
BB_MUST_USE bool bb_play_retained(bb_bench *bench, bb_bench_result *result);
BB_MUST_USE bool bb_play_offline(bb_bench *bench, bb_bench_result *result);

#endif
