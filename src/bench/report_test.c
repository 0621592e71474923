#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "bench/label.h"
#include "bench/plot.h"
#include "bench/report.h"

static bb_bench_result *result;

static int make_result(void **state)
{
    result = calloc(1, sizeof *result);
    result->timeline = calloc(1, sizeof *result->timeline);
    bb_bench_figures_text(&result->figures, "scenario", "pairs");
    bb_bench_figures_text(&result->figures, "tag", "<b>&amp;\"tag\"</b>");
    bb_bench_figures_text(&result->figures, "url", "mqtt://localhost");
    bb_bench_figures_count(&result->figures, "lost", 0);
    bb_bench_figures_count(&result->figures, "reordered", 12345);
    bb_bench_figures_real(&result->figures, "lat_p50_us", 1234.5678, 1);
    bb_bench_figures_truth(&result->figures, "complete", true);
    bb_timeline_start(result->timeline, 0, 1000000);
    for (uint64_t i = 1; i < 2000; i++) {
        bb_slot *slot = bb_timeline_slot(result->timeline, i * 50000);
        slot->received++;
        slot->published++;
        bb_histogram_add(&slot->latency, i * 1000);
        bb_histogram_add(&result->latency, i * 1000);
    }
    return 0;
}

static int drop_result(void **state)
{
    bb_bench_result_deinit(result);
    free(result);
    return 0;
}

static char *text_of(void (*report)(FILE *to, const bb_bench_result *result))
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    report(to, result);
    fclose(to);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static void text_names_what_people_look_for(void **state)
{
    char *text = text_of(bb_report_text);
    assert_has(text, "busbar bench pairs: all as it should be\n");
    assert_has(text, "out of order                                   12,345\n");
    assert_has(text, "50 %                                           1.23 ms\n");
    free(text);
}

static void json_has_every_figure_by_its_name(void **state)
{
    char *text = text_of(bb_report_json);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_int_equal(json_object_size(object), result->figures.count);
    assert_string_equal(json_string_value(json_object_get(object, "tag")), "<b>&amp;\"tag\"</b>");
    assert_int_equal(json_integer_value(json_object_get(object, "reordered")), 12345);
    assert_true(json_real_value(json_object_get(object, "lat_p50_us")) == 1234.6);
    assert_true(json_is_true(json_object_get(object, "complete")));
    assert_int_equal(count_of(text, "\n"), 1);
    json_decref(object);
    free(text);
}

static void write_page(FILE *to, const bb_bench_result *shown)
{
    bb_report_html(to, shown, "busbar bench pairs --tag '<b>&'");
}

static void the_page_needs_nothing_from_elsewhere(void **state)
{
    static const char *const elsewhere[] = {"http", "src=", "href=", "url(", "@import", "<script", "<link"};
    char *page = text_of(write_page);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        assert_int_equal(count_of(page, elsewhere[i]), 0);
    free(page);
}

static void the_page_has_plots_with_axes_units_and_legends(void **state)
{
    char *page = text_of(write_page);
    assert_int_equal(count_of(page, "<svg "), 3);
    assert_has(page, ">messages a second</text>");
    assert_has(page, ">time since the start (s)</text>");
    assert_has(page, ">latency (µs)</text>");
    assert_has(page, ">99.9 %</text>");
    assert_int_equal(count_of(page, "class=\"legend\""), 2 + 3 + 1);
    assert_has(page, "prefers-color-scheme: dark");
    free(page);
}

static void what_others_wrote_is_escaped(void **state)
{
    char *page = text_of(write_page);
    assert_has(page, "&lt;b&gt;&amp;amp;");
    assert_has(page, "busbar bench pairs --tag '&lt;b&gt;&amp;'");
    assert_int_equal(count_of(page, "<b>&"), 0);
    free(page);
}

static void a_run_without_latencies_has_no_plots(void **state)
{
    static const bb_bench_result empty_of = {.verdict = BB_BENCH_LOST};
    static bb_bench_result empty;
    static bb_timeline timeline;
    empty = empty_of;
    empty.timeline = &timeline;
    bb_bench_figures_text(&empty.figures, "scenario", "idle");
    bb_timeline_start(&timeline, 0, 1000);
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    bb_report_html(to, &empty, "busbar bench idle");
    fclose(to);
    assert_int_equal(count_of(text, "<svg "), 0);
    assert_has(text, "LOST");
    free(text);
}

static void assert_shown(const char *name, bb_bench_figure figure, const char *expected)
{
    char room[64] = "";
    bb_text text = bb_text_on(room, sizeof room - 1);
    bb_label_put(bb_label_find(name), &figure, &text);
    assert_string_equal(room, expected);
}

static void values_are_written_for_people(void **state)
{
    assert_shown("lost", (bb_bench_figure){.type = BB_BENCH_FIGURE_COUNT, .count = 1234567}, "1,234,567");
    assert_shown("lost", (bb_bench_figure){.type = BB_BENCH_FIGURE_COUNT, .count = 123}, "123");
    assert_shown("lat_max_us", (bb_bench_figure){.type = BB_BENCH_FIGURE_REAL, .real = 0.3456}, "0.346 µs");
    assert_shown("lat_max_us", (bb_bench_figure){.type = BB_BENCH_FIGURE_REAL, .real = 999.4}, "999 µs");
    assert_shown("lat_max_us", (bb_bench_figure){.type = BB_BENCH_FIGURE_REAL, .real = 999.6}, "1.00 ms");
    assert_shown("lat_max_us", (bb_bench_figure){.type = BB_BENCH_FIGURE_REAL, .real = 12345678}, "12.3 s");
    assert_shown("rss_kb", (bb_bench_figure){.type = BB_BENCH_FIGURE_COUNT, .count = 5284}, "5.16 MB");
    assert_shown("mqtt", (bb_bench_figure){.type = BB_BENCH_FIGURE_COUNT, .count = 4}, "3.1.1");
    assert_shown("msgs_per_s", (bb_bench_figure){.type = BB_BENCH_FIGURE_REAL, .real = 1302279.4},
                 "1,302,279 a second");
}

static void ticks_are_round(void **state)
{
    assert_true(bb_plot_round_up(0.3) == 0.5);
    assert_true(bb_plot_round_up(1) == 1);
    assert_true(bb_plot_round_up(1001) == 2000);
    assert_true(bb_plot_round_up(7) == 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_names_what_people_look_for),
        cmocka_unit_test(json_has_every_figure_by_its_name),
        cmocka_unit_test(the_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(the_page_has_plots_with_axes_units_and_legends),
        cmocka_unit_test(what_others_wrote_is_escaped),
        cmocka_unit_test(a_run_without_latencies_has_no_plots),
        cmocka_unit_test(values_are_written_for_people),
        cmocka_unit_test(ticks_are_round),
    };
    return cmocka_run_group_tests(tests, make_result, drop_result);
}
