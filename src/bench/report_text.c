#include "bench/label.h"
#include "bench/report.h"

enum { VALUE_MAX = 256, LABEL_WIDTH = 46 };

const char *bb_verdict_text(const bb_bench_result *result)
{
    switch (result->verdict) {
    case BB_BENCH_LOST:
        return "LOST: messages or connections that must not be lost were";
    case BB_BENCH_WRONG:
        return "WRONG: everything came, but not as it should have";
    default:
        return "all as it should be";
    }
}

static bool has_any(const bb_bench_result *result, bb_label_group group)
{
    for (size_t i = 0; i < bb_label_count; i++)
        if (bb_labels[i].group == group && bb_bench_figures_find(&result->figures, bb_labels[i].name))
            return true;
    return false;
}

static void print_group(FILE *to, const bb_bench_result *result, bb_label_group group)
{
    if (!has_any(result, group))
        return;
    fprintf(to, "\n%s\n", bb_label_group_text(group));
    for (size_t i = 0; i < bb_label_count; i++) {
        const bb_bench_figure *figure = bb_bench_figures_find(&result->figures, bb_labels[i].name);
        if (bb_labels[i].group != group || !figure)
            continue;
        char room[VALUE_MAX];
        bb_text value = bb_text_on(room, sizeof room);
        bb_label_put(&bb_labels[i], figure, &value);
        fprintf(to, "  %-*s %.*s\n", LABEL_WIDTH, bb_labels[i].text, (int)value.len, value.at);
    }
}

void bb_report_text(FILE *to, const bb_bench_result *result)
{
    const bb_bench_figure *scenario = bb_bench_figures_find(&result->figures, "scenario");
    fprintf(to, "busbar bench %s: %s\n", scenario->text, bb_verdict_text(result));
    for (unsigned group = 0; group < BB_LABEL_GROUPS; group++)
        print_group(to, result, group);
}
