/* figures.h - the figures of one run, by name, in the order in which they were found.
 *
 * Memory    A fixed array inside the struct; names are static text. */
#ifndef BB_BENCH_FIGURES_H
#define BB_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BB_BENCH_FIGURES_MAX = 96 };

typedef enum bb_bench_figure_type {
    BB_BENCH_FIGURE_COUNT,
    BB_BENCH_FIGURE_REAL,
    BB_BENCH_FIGURE_TEXT,
    BB_BENCH_FIGURE_TRUTH
} bb_bench_figure_type;

typedef struct bb_bench_figure {
    const char *name;
    bb_bench_figure_type type;
    unsigned decimals; /* of a REAL, when it is shown */
    union {
        uint64_t count;
        double real;
        const char *text; /* lives at least as long as the figures */
        bool truth;
    };
} bb_bench_figure;

typedef struct bb_bench_figures {
    bb_bench_figure rows[BB_BENCH_FIGURES_MAX];
    size_t count;
} bb_bench_figures;

void bb_bench_figures_count(bb_bench_figures *figures, const char *name, uint64_t value);
void bb_bench_figures_real(bb_bench_figures *figures, const char *name, double value, unsigned decimals);
void bb_bench_figures_text(bb_bench_figures *figures, const char *name, const char *value);
void bb_bench_figures_truth(bb_bench_figures *figures, const char *name, bool value);

/* The figure of that name, or NULL. */
const bb_bench_figure *bb_bench_figures_find(const bb_bench_figures *figures, const char *name);

/* Its value as a number; 0 when there is none. */
double bb_bench_figures_number(const bb_bench_figures *figures, const char *name);

#endif
