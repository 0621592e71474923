#include "bench/figures.h"

#include <string.h>

#include "base/check.h"

static bb_bench_figure *add(bb_bench_figures *figures, const char *name, bb_bench_figure_type type)
{
    BB_CHECK(figures->count < BB_BENCH_FIGURES_MAX);
    bb_bench_figure *figure = &figures->rows[figures->count++];
    *figure = (bb_bench_figure){.name = name, .type = type};
    return figure;
}

void bb_bench_figures_count(bb_bench_figures *figures, const char *name, uint64_t value)
{
    add(figures, name, BB_BENCH_FIGURE_COUNT)->count = value;
}

void bb_bench_figures_real(bb_bench_figures *figures, const char *name, double value, unsigned decimals)
{
    bb_bench_figure *figure = add(figures, name, BB_BENCH_FIGURE_REAL);
    figure->real = value;
    figure->decimals = decimals;
}

void bb_bench_figures_text(bb_bench_figures *figures, const char *name, const char *value)
{
    add(figures, name, BB_BENCH_FIGURE_TEXT)->text = value;
}

void bb_bench_figures_truth(bb_bench_figures *figures, const char *name, bool value)
{
    add(figures, name, BB_BENCH_FIGURE_TRUTH)->truth = value;
}

const bb_bench_figure *bb_bench_figures_find(const bb_bench_figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->count; i++)
        if (strcmp(figures->rows[i].name, name) == 0)
            return &figures->rows[i];
    return NULL;
}

double bb_bench_figures_number(const bb_bench_figures *figures, const char *name)
{
    const bb_bench_figure *figure = bb_bench_figures_find(figures, name);
    if (!figure)
        return 0;
    switch (figure->type) {
    case BB_BENCH_FIGURE_COUNT:
        return (double)figure->count;
    case BB_BENCH_FIGURE_REAL:
        return figure->real;
    case BB_BENCH_FIGURE_TRUTH:
        return figure->truth;
    default:
        return 0;
    }
}
