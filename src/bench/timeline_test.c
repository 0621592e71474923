#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/timeline.h"

enum { SLOT_NS = 1000, START_NS = 500 };

static bb_timeline *started(void)
{
    bb_timeline *timeline = calloc(1, sizeof *timeline);
    assert_non_null(timeline);
    bb_timeline_start(timeline, START_NS, SLOT_NS);
    return timeline;
}

static void what_happens_at_a_time_is_in_its_slot(void **state)
{
    bb_timeline *timeline = started();
    assert_ptr_equal(bb_timeline_slot(timeline, START_NS), &timeline->slots[0]);
    assert_ptr_equal(bb_timeline_slot(timeline, START_NS + SLOT_NS - 1), &timeline->slots[0]);
    assert_ptr_equal(bb_timeline_slot(timeline, START_NS + 7 * SLOT_NS), &timeline->slots[7]);
    assert_int_equal(timeline->used, 8);
    free(timeline);
}

static void fill(bb_timeline *timeline, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        bb_slot *slot = bb_timeline_slot(timeline, START_NS + (uint64_t)i * SLOT_NS);
        slot->received++;
        bb_histogram_add(&slot->latency, i);
    }
}

static void a_longer_run_has_longer_slots_and_loses_nothing(void **state)
{
    bb_timeline *timeline = started();
    fill(timeline, 4 * BB_TIMELINE_SLOTS + 1);
    assert_int_equal(timeline->slot_ns, 8 * SLOT_NS);
    assert_int_equal(timeline->used, BB_TIMELINE_SLOTS / 2 + 1);
    uint64_t received = 0, latencies = 0;
    for (unsigned i = 0; i < BB_TIMELINE_SLOTS; i++) {
        assert_int_equal(timeline->slots[i].received, i < BB_TIMELINE_SLOTS / 2 ? 8 : i == BB_TIMELINE_SLOTS / 2);
        received += timeline->slots[i].received;
        latencies += timeline->slots[i].latency.total;
    }
    assert_int_equal(received, 4 * BB_TIMELINE_SLOTS + 1);
    assert_int_equal(latencies, received);
    free(timeline);
}

static void slots_of_different_lengths_are_merged(void **state)
{
    bb_timeline *fine = started(), *coarse = started();
    fill(fine, 100);
    fill(coarse, 2 * BB_TIMELINE_SLOTS);
    bb_timeline_merge(fine, coarse);
    assert_int_equal(fine->slot_ns, 2 * SLOT_NS);
    assert_int_equal(fine->used, BB_TIMELINE_SLOTS);
    assert_int_equal(fine->slots[49].received, 4);
    assert_int_equal(fine->slots[50].received, 2);
    free(fine);
    free(coarse);
}

static void starting_anew_forgets(void **state)
{
    bb_timeline *timeline = started();
    fill(timeline, 10);
    bb_timeline_start(timeline, 2 * START_NS, SLOT_NS);
    assert_int_equal(timeline->used, 0);
    assert_int_equal(bb_timeline_slot(timeline, 2 * START_NS)->received, 0);
    free(timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happens_at_a_time_is_in_its_slot),
        cmocka_unit_test(a_longer_run_has_longer_slots_and_loses_nothing),
        cmocka_unit_test(slots_of_different_lengths_are_merged),
        cmocka_unit_test(starting_anew_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
