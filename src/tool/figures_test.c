#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tool/figures.h"

static bb_figures figures;

static void take(const char *name, const char *value)
{
    char topic[128];
    bb_text text = bb_text_on(topic, sizeof topic);
    bb_text_puts(&text, "$SYS/broker/");
    bb_text_puts(&text, name);
    bb_figures_take(&figures, bb_text_span(&text), bb_span_text(value));
}

static const bb_figure *row(const char *key)
{
    for (size_t i = 0; i < BB_FIGURES; i++)
        if (strcmp(figures.rows[i].key, key) == 0)
            return &figures.rows[i];
    fail();
    return NULL;
}

/* Two rounds, ten seconds apart; what comes between is in `take`. */
static int begin(void **state)
{
    bb_figures_init(&figures);
    take("uptime", "100 seconds");
    take("clients/connected", "3");
    take("publish/messages/received", "1000");
    bb_figures_end_round(&figures);
    return 0;
}

static void counters_become_rates(void **state)
{
    take("uptime", "110 seconds");
    assert_true(figures.round_began);
    take("publish/messages/received", "1500");
    bb_figures_end_round(&figures);
    assert_false(figures.round_began);
    assert_true(row("messages_in")->now == 50);
    assert_true(row("clients")->now == 3);
    assert_int_equal(row("messages_in")->count, 1);
}

static void what_does_not_come_has_not_changed(void **state)
{
    take("uptime", "110");
    bb_figures_end_round(&figures);
    assert_true(row("messages_in")->now == 0);
    assert_true(row("clients")->now == 3);
}

static void a_broker_that_starts_anew_has_no_negative_rates(void **state)
{
    take("uptime", "5 seconds");
    take("publish/messages/received", "10");
    bb_figures_end_round(&figures);
    assert_int_equal(row("messages_in")->count, 0);
    take("uptime", "15 seconds");
    take("publish/messages/received", "20");
    bb_figures_end_round(&figures);
    assert_true(row("messages_in")->now == 1);
}

static void the_better_of_two_topics_counts(void **state)
{
    take("heap/current", "7");
    take("memory/resident", "1000");
    take("heap/current", "8");
    take("uptime", "101");
    bb_figures_end_round(&figures);
    assert_true(row("memory")->now == 1000);
}

static void drops_are_told_by_reason(void **state)
{
    take("uptime", "110");
    take("publish/messages/dropped/queue_messages", "30");
    bb_figures_end_round(&figures);
    assert_int_equal(figures.reasons_count, 1);
    assert_string_equal(figures.reasons[0].key, "queue_messages");
    assert_string_equal(figures.reasons[0].name, "queue messages");
    assert_true(figures.reasons[0].now == 3); /* it was not there before: all of it is new */
}

static void what_is_no_figure_is_ignored(void **state)
{
    bb_figures before = figures;
    take("clients/connected", "many");
    take("clients/connected", "-1");
    take("clients/connected", "");
    take("no/such/figure", "1");
    take("publish/messages/dropped/", "1");
    take("version", "\033[2J");
    bb_figures_take(&figures, BB_SPAN_LITERAL("other/topic"), BB_SPAN_LITERAL("1"));
    assert_memory_equal(&before, &figures, sizeof before);
}

static void a_broker_can_name_more_reasons_than_there_is_room_for(void **state)
{
    char name[] = "publish/messages/dropped/aa";
    for (unsigned i = 0; i < 2 * BB_FIGURES_REASONS_MAX; i++) {
        name[sizeof name - 2] = (char)('a' + i % 26);
        name[sizeof name - 3] = (char)('a' + i / 26);
        take(name, "1");
    }
    assert_int_equal(figures.reasons_count, BB_FIGURES_REASONS_MAX);
}

static void the_history_keeps_the_newest(void **state)
{
    for (unsigned i = 1; i <= BB_FIGURES_HISTORY + 10; i++) {
        char seconds[24];
        bb_text text = bb_text_on(seconds, sizeof seconds - 1);
        bb_text_put_u64(&text, 100 + i);
        seconds[text.len] = '\0';
        take("uptime", seconds);
        take("clients/connected", seconds);
        bb_figures_end_round(&figures);
    }
    assert_int_equal(row("clients")->count, BB_FIGURES_HISTORY);
    assert_true(row("clients")->history[BB_FIGURES_HISTORY - 1] == 110 + BB_FIGURES_HISTORY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(counters_become_rates),
        TEST(what_does_not_come_has_not_changed),
        TEST(a_broker_that_starts_anew_has_no_negative_rates),
        TEST(the_better_of_two_topics_counts),
        TEST(drops_are_told_by_reason),
        TEST(what_is_no_figure_is_ignored),
        TEST(a_broker_can_name_more_reasons_than_there_is_room_for),
        TEST(the_history_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
