/* label.h - how figures are called and written for people: the table that the text and the page are made from.
 *
 * What      One row for each figure that people are shown, in the order in which they are, in groups. Programs find all
 *           figures by their own names in the JSON.
 * Start at  the table in label.c. */
#ifndef BB_BENCH_LABEL_H
#define BB_BENCH_LABEL_H

#include "base/text.h"
#include "bench/figures.h"

typedef enum bb_bench_unit {
    BB_BENCH_UNIT_NONE,  /* a text, or a plain number */
    BB_BENCH_UNIT_COUNT, /* 1,234,567 */
    BB_BENCH_UNIT_S,
    BB_BENCH_UNIT_US, /* microseconds; shown in the unit that fits */
    BB_BENCH_UNIT_PER_S,
    BB_BENCH_UNIT_CORES,
    BB_BENCH_UNIT_BYTES,
    BB_BENCH_UNIT_KB, /* shown in the unit that fits */
    BB_BENCH_UNIT_MQTT,
} bb_bench_unit;

typedef enum bb_label_group {
    BB_LABEL_RUN, /* what was run */
    BB_LABEL_MESSAGES,
    BB_LABEL_SPEED,
    BB_LABEL_LATENCY,
    BB_LABEL_BROKER,
    BB_LABEL_OWN,
    BB_LABEL_GROUPS
} bb_label_group;

typedef struct bb_label {
    const char *name; /* of the figure */
    bb_label_group group;
    bb_bench_unit unit;
    bool is_fault; /* anything but 0 is one */
    const char *text;
} bb_label;

extern const bb_label bb_labels[];
extern const size_t bb_label_count;

/* The row of a figure, or NULL. */
const bb_label *bb_label_find(const char *name);

/* The title of a group. */
const char *bb_label_group_text(bb_label_group group);

/* Append the value with its unit. */
void bb_label_put(const bb_label *label, const bb_bench_figure *figure, bb_text *text);

/* Append a time: "284 µs", "8.98 ms", "1.20 s". */
void bb_label_put_us(double us, bb_text *text);

#endif
