#include <stdbool.h>

#include "bench/plot.h"

#include <math.h>

#include "base/check.h"

enum {
    LEFT = 78,
    RIGHT = 190, /* the legend's */
    TOP = 14,
    BOTTOM = 52,
    TICKS = 6, /* about so many of a linear axis */
    LOG_LABELS_MAX = 12,
    NINES_LABEL_WIDTH = 40,
};

typedef struct area {
    double left, right, top, bottom;
} area;

static const area inner = {LEFT, BB_PLOT_WIDTH - RIGHT, TOP, BB_PLOT_HEIGHT - BOTTOM};

/* --- Scales ------------------------------------------------------------------------------------------------------- */

double bb_plot_round_up(double value)
{
    double power = pow(10, floor(log10(value)));
    const double steps[] = {1, 2, 5, 10};
    for (size_t i = 0; i < 4; i++)
        if (value <= steps[i] * power * (1 + 1e-9))
            return steps[i] * power;
    return 10 * power;
}

static double tick_step(const bb_axis *axis)
{
    return bb_plot_round_up((axis->high - axis->low) / TICKS);
}

/* Let the axis end at ticks. */
static bb_axis widened(bb_axis axis)
{
    if (axis.scale == BB_SCALE_LOG) {
        axis.high = bb_plot_round_up(axis.high);
        double below = pow(10, floor(log10(axis.low)));
        axis.low = axis.low >= 5 * below ? 5 * below : axis.low >= 2 * below ? 2 * below : below;
        if (axis.low >= axis.high)
            axis.low = axis.high / 10;
    }
    if (axis.scale == BB_SCALE_LINEAR) {
        if (axis.high <= axis.low)
            axis.high = axis.low + 1;
        if (!axis.exact)
            axis.high = ceil(axis.high / tick_step(&axis) - 1e-9) * tick_step(&axis);
    }
    return axis;
}

/* Where on the axis a value lies before it is stretched to the area. */
static double raw_place(const bb_axis *axis, double value)
{
    switch (axis->scale) {
    case BB_SCALE_LOG:
        return log10(value > axis->low ? value : axis->low);
    case BB_SCALE_NINES:
        return -log10(1 - (value < axis->high ? value : axis->high));
    default:
        return value;
    }
}

/* 0 at the low end, 1 at the high one. */
static double place(const bb_axis *axis, double value)
{
    double low = raw_place(axis, axis->low), high = raw_place(axis, axis->high);
    return (raw_place(axis, value) - low) / (high - low);
}

static double x_of(const bb_axis *axis, double value)
{
    return inner.left + place(axis, value) * (inner.right - inner.left);
}

static double y_of(const bb_axis *axis, double value)
{
    return inner.bottom - place(axis, value) * (inner.bottom - inner.top);
}

/* --- Ticks -------------------------------------------------------------------------------------------------------- */

typedef void (*draw_tick)(FILE *to, const bb_axis *axis, double value, const char *label);

/* 1500000 is 1.5 M, 0.25 is 0.25. */
static void write_number(char *text, size_t cap, double value)
{
    static const struct {
        double unit;
        const char *letter;
    } units[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    for (size_t i = 0; i < 3; i++)
        if (value >= units[i].unit * 0.9999) {
            snprintf(text, cap, "%.4g%s", value / units[i].unit, units[i].letter);
            return;
        }
    snprintf(text, cap, "%.4g", value);
}

static void each_linear_tick(FILE *to, const bb_axis *axis, draw_tick draw)
{
    char label[32];
    double step = tick_step(axis);
    for (unsigned i = 0; axis->low + i * step <= axis->high * (1 + 1e-9); i++) {
        write_number(label, sizeof label, axis->low + i * step);
        draw(to, axis, axis->low + i * step, label);
    }
}

/* 1, 2 and 5 of each power of ten while there is room for their labels, else the powers alone. */
static void each_log_tick(FILE *to, const bb_axis *axis, draw_tick draw)
{
    char label[32];
    bool all = 3 * log10(axis->high / axis->low) <= LOG_LABELS_MAX;
    const double steps[] = {1, 2, 5};
    for (double power = pow(10, floor(log10(axis->low))); power <= axis->high * 1.001; power *= 10)
        for (size_t i = 0; i < (all ? 3 : 1); i++) {
            double value = power * steps[i];
            if (value < axis->low * 0.999 || value > axis->high * 1.001)
                continue;
            write_number(label, sizeof label, value);
            draw(to, axis, value, label);
        }
}

static void each_nines_tick(FILE *to, const bb_axis *axis, draw_tick draw)
{
    static const struct {
        double share;
        const char *label;
    } ticks[] = {{0, "0 %"},        {0.5, "50 %"},       {0.9, "90 %"},         {0.99, "99 %"},
                 {0.999, "99.9 %"}, {0.9999, "99.99 %"}, {0.99999, "99.999 %"}, {0.999999, "99.9999 %"}};
    bool is_narrow = x_of(axis, 0.5) - x_of(axis, 0) < NINES_LABEL_WIDTH; /* 0 % would touch 50 % */
    for (size_t i = is_narrow ? 1 : 0; i < sizeof ticks / sizeof *ticks; i++)
        if (ticks[i].share <= axis->high)
            draw(to, axis, ticks[i].share, ticks[i].label);
}

static void each_tick(FILE *to, const bb_axis *axis, draw_tick draw)
{
    switch (axis->scale) {
    case BB_SCALE_LINEAR:
        each_linear_tick(to, axis, draw);
        return;
    case BB_SCALE_LOG:
        each_log_tick(to, axis, draw);
        return;
    case BB_SCALE_NINES:
        each_nines_tick(to, axis, draw);
        return;
    }
}

/* --- Drawing ------------------------------------------------------------------------------------------------------ */

static void draw_x_tick(FILE *to, const bb_axis *axis, double value, const char *label)
{
    double x = x_of(axis, value);
    fprintf(to, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x, inner.top, x,
            inner.bottom + 5);
    fprintf(to, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", x, inner.bottom + 20,
            label);
}

static void draw_y_tick(FILE *to, const bb_axis *axis, double value, const char *label)
{
    double y = y_of(axis, value);
    fprintf(to, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", inner.left - 5, y,
            inner.right, y);
    fprintf(to, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", inner.left - 10, y + 4,
            label);
}

static void draw_axes(FILE *to, const bb_axis *x, const bb_axis *y)
{
    each_tick(to, x, draw_x_tick);
    each_tick(to, y, draw_y_tick);
    fprintf(to, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", inner.left, inner.top, inner.bottom,
            inner.right);
    fprintf(to, "<text class=\"axis-title\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            (inner.left + inner.right) / 2, BB_PLOT_HEIGHT - 10, x->title);
    fprintf(to,
            "<text class=\"axis-title\" transform=\"translate(16 %.1f) rotate(-90)\" text-anchor=\"middle\">%s"
            "</text>\n",
            (inner.top + inner.bottom) / 2, y->title);
}

static void draw_line(FILE *to, const bb_plot *plot, const bb_axis *x, const bb_axis *y, size_t number)
{
    const bb_plot_line *line = &plot->lines[number];
    fprintf(to, "<path class=\"line line%zu\" d=\"", number);
    for (size_t i = 0; i < line->count; i++)
        fprintf(to, "%c%.1f %.1f", i ? 'L' : 'M', x_of(x, line->x[i]), y_of(y, line->y[i]));
    fprintf(to, "\"/>\n");
}

static void draw_legend(FILE *to, const bb_plot *plot)
{
    for (size_t i = 0; i < plot->count; i++) {
        double x = inner.right + 22, y = inner.top + 14 + 22 * (double)i;
        fprintf(to, "<path class=\"line line%zu\" d=\"M%.1f %.1fh28\"/>\n", i, x, y);
        fprintf(to, "<text class=\"legend\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 36, y + 4, plot->lines[i].name);
    }
}

void bb_plot_draw(FILE *to, const bb_plot *plot)
{
    BB_CHECK(plot->count <= BB_PLOT_LINES_MAX);
    bb_axis x = widened(plot->x), y = widened(plot->y);
    fprintf(to, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", BB_PLOT_WIDTH, BB_PLOT_HEIGHT,
            plot->title);
    draw_axes(to, &x, &y);
    for (size_t i = plot->count; i-- > 0;) /* the first lies on top */
        draw_line(to, plot, &x, &y, i);
    draw_legend(to, plot);
    fprintf(to, "</svg>\n");
}
