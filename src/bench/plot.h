/* plot.h - a line plot as SVG, for a page that needs nothing from elsewhere.
 *
 * What      Axes with titles, units and round ticks; lines that differ in colour and dash; a legend at the right.
 * Colours are classes (`line0` ...), so the page's style decides what they look like by light and by dark. Scales
 * Linear from 0; logarithmic; or by nines, on which 90, 99 and 99.9 per cent are equally far apart. */
#ifndef BB_BENCH_PLOT_H
#define BB_BENCH_PLOT_H

#include <stddef.h>
#include <stdio.h>

enum { BB_PLOT_LINES_MAX = 4, BB_PLOT_WIDTH = 860, BB_PLOT_HEIGHT = 320 };

typedef enum bb_scale { BB_SCALE_LINEAR, BB_SCALE_LOG, BB_SCALE_NINES } bb_scale;

typedef struct bb_axis {
    const char *title; /* with the unit */
    bb_scale scale;
    double low, high; /* linear and log: widened to round ticks; nines: shares, of which the last is below 1 */
    bool exact;       /* do not widen */
} bb_axis;

typedef struct bb_plot_line {
    const char *name;
    const double *x, *y;
    size_t count;
} bb_plot_line;

typedef struct bb_plot {
    const char *title; /* for those who do not see it */
    bb_axis x, y;
    bb_plot_line lines[BB_PLOT_LINES_MAX];
    size_t count;
} bb_plot;

void bb_plot_draw(FILE *to, const bb_plot *plot);

/* The smallest of 1, 2, 5, 10, 20 ... that is not below `value`, which is above 0. */
double bb_plot_round_up(double value);

#endif
