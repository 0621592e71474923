#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/plan.h"

static bb_bench_options options_of(bb_scenario scenario)
{
    bb_bench_options options = {.scenario = (uint8_t)scenario,
                                .version = BB_MQTT_311,
                                .qos = 1,
                                .sub_qos = BB_BENCH_UNSET,
                                .window = BB_BENCH_UNSET,
                                .backlog = BB_BENCH_UNSET,
                                .threads = 1,
                                .size = 64,
                                .repeat = 1,
                                .sites = 100,
                                .ders = 10,
                                .points = 10};
    return options;
}

static void complete(bb_bench_options *options)
{
    char room[256];
    bb_text error = bb_text_on(room, sizeof room);
    assert_true(bb_bench_complete(options, &error));
    assert_int_equal(error.len, 0);
}

static bb_plan plan_of(bb_bench_options options)
{
    char room[256];
    bb_text error = bb_text_on(room, sizeof room);
    bb_plan plan;
    complete(&options);
    assert_true(bb_plan_init(&plan, &options, &error));
    return plan;
}

static void assert_refused(bb_bench_options options, const char *why)
{
    char room[256] = "";
    bb_text error = bb_text_on(room, sizeof room - 1);
    assert_false(bb_bench_complete(&options, &error));
    assert_non_null(strstr(room, why));
}

static bool is_level_end(char c)
{
    return c == 0 || c == '/';
}

/* What MQTT says about + and #, for the filters of this module. */
static bool matches(const char *filter, const char *topic)
{
    if (strncmp(filter, "$share/bench/", 13) == 0)
        filter += 13;
    while (*filter && strcmp(filter, "#") != 0) {
        if (*filter == '+') {
            filter++;
            while (!is_level_end(*topic))
                topic++;
        } else if (*filter++ != *topic++) {
            return false;
        }
    }
    return *filter == '#' || *topic == 0;
}

static const char *topic_text(const bb_plan *plan, uint32_t source)
{
    static char room[BB_PLAN_TOPIC_MAX + 1];
    bb_text text = bb_text_on(room, BB_PLAN_TOPIC_MAX);
    bb_plan_topic(plan, source, &text);
    assert_false(text.cut);
    room[text.len] = 0;
    return room;
}

static unsigned matching_filters(const bb_plan *plan, uint32_t sub, const char *topic)
{
    unsigned matching = 0;
    for (uint32_t k = 0;; k++) {
        char room[BB_PLAN_TOPIC_MAX + 1];
        bb_text text = bb_text_on(room, BB_PLAN_TOPIC_MAX);
        if (!bb_plan_filter(plan, sub, k, &text))
            return matching;
        assert_false(text.cut);
        room[text.len] = 0;
        matching += matches(room, topic);
    }
}

/* Subscribers get the messages of a source by as many filters as streams say that they expect it, and all of them
 * together as often as the publisher is told. */
static void assert_filters_agree_with_streams(const bb_plan *plan, uint32_t source_step)
{
    for (uint32_t source = 0; source < plan->sources; source += source_step) {
        const char *topic = topic_text(plan, source);
        unsigned receivers = 0;
        for (uint32_t sub = 0; sub < plan->subs; sub++) {
            uint32_t stream;
            bool expects = bb_plan_stream(plan, sub, source, &stream);
            assert_int_equal(matching_filters(plan, sub, topic), expects);
            assert_true(!expects || stream < plan->streams);
            receivers += expects;
        }
        if (plan->deliveries && !plan->shares)
            assert_int_equal(receivers, plan->deliveries);
    }
}

static void each_message_reaches_whom_it_should(void **state)
{
    const bb_scenario scenarios[] = {BB_SCENARIO_PAIRS, BB_SCENARIO_FANIN,   BB_SCENARIO_FANOUT,
                                     BB_SCENARIO_SUB,   BB_SCENARIO_OFFLINE, BB_SCENARIO_SHARED};
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        bb_plan plan = plan_of(options_of(scenarios[i]));
        assert_filters_agree_with_streams(&plan, 7);
    }
}

static void wildcard_reaches_four(void **state)
{
    bb_bench_options options = options_of(BB_SCENARIO_WILDCARD);
    options.sites = 13;
    options.ders = 5;
    options.points = 7;
    options.pubs = 13;
    options.subs = 41;
    bb_plan plan = plan_of(options);
    assert_int_equal(plan.sources, 13 * 5 * 7);
    assert_int_equal(plan.deliveries, 4);
    assert_filters_agree_with_streams(&plan, 1);
    assert_int_equal(bb_plan_filters(&plan), 13 * 5 * 7 + 13 * 5 + 5 * 7 + 13);
}

static void wildcard_can_have_more_filters(void **state)
{
    bb_bench_options options = options_of(BB_SCENARIO_WILDCARD);
    options.filters = 20000;
    bb_plan plan = plan_of(options);
    assert_int_equal(bb_plan_filters(&plan), 20000);
    assert_int_equal(plan.sources, 10000);
}

static void publishers_share_all_sources_evenly(void **state)
{
    bb_bench_options options = options_of(BB_SCENARIO_WILDCARD);
    options.pubs = 7;
    bb_plan plan = plan_of(options);
    uint32_t from, to, last = 0;
    for (uint32_t pub = 0; pub < plan.pubs; pub++) {
        bb_plan_sources_of(&plan, pub, &from, &to);
        assert_int_equal(from, last);
        assert_in_range(to - from, plan.sources / 7, plan.sources / 7 + 1);
        last = to;
    }
    assert_int_equal(last, plan.sources);
}

static void unset_options_are_filled(void **state)
{
    bb_bench_options options = options_of(BB_SCENARIO_PAIRS);
    complete(&options);
    assert_int_equal(options.pubs, 100);
    assert_int_equal(options.window, 20);
    assert_int_equal(options.backlog, 20);
    assert_int_equal(options.sub_qos, 1);
    options = options_of(BB_SCENARIO_PAIRS);
    options.pubs = 7;
    options.backlog = 0;
    options.sub_qos = 0;
    complete(&options);
    assert_int_equal(options.subs, 7);
    assert_int_equal(options.backlog, 0);
    assert_int_equal(options.sub_qos, 0);
}

static void offline_has_at_least_qos_1(void **state)
{
    bb_bench_options options = options_of(BB_SCENARIO_OFFLINE);
    options.qos = 0;
    complete(&options);
    assert_int_equal(options.qos, 1);
    assert_int_equal(options.sub_qos, 1);
}

static void what_cannot_be_is_refused(void **state)
{
    bb_bench_options options = options_of(BB_SCENARIO_PAIRS);
    options.size = 15;
    assert_refused(options, "at least 16 bytes");
    options = options_of(BB_SCENARIO_PAIRS);
    options.window = 65535;
    assert_refused(options, "65534");
    options = options_of(BB_SCENARIO_PAIRS);
    options.window = 0;
    assert_refused(options, "at least 1");
    options = options_of(BB_SCENARIO_FANIN);
    options.pubs = options.subs = 70000;
    assert_refused(options, "4,294,967,296");
    options = options_of(BB_SCENARIO_WILDCARD);
    options.subs = 3;
    assert_refused(options, "at least 4 subscribers");
    options = options_of(BB_SCENARIO_WILDCARD);
    options.pubs = 101;
    assert_refused(options, "as many sites");
    options = options_of(BB_SCENARIO_RETAINED);
    options.time_us = 1;
    assert_refused(options, "no time");
    options = options_of(BB_SCENARIO_SUB);
    options.count = 1;
    assert_refused(options, "takes a time");
    options = options_of(BB_SCENARIO_PAIRS);
    options.count = options.time_us = 1;
    assert_refused(options, "only one of them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_reaches_whom_it_should),
        cmocka_unit_test(wildcard_reaches_four),
        cmocka_unit_test(wildcard_can_have_more_filters),
        cmocka_unit_test(publishers_share_all_sources_evenly),
        cmocka_unit_test(unset_options_are_filled),
        cmocka_unit_test(offline_has_at_least_qos_1),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
