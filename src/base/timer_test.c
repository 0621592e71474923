#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/timer.h"

static void a_timer_fires_once_within_a_tick(void **state)
{
    bb_wheel wheel;
    bb_timer timer = {0};
    bb_wheel_init(&wheel, 1000);
    assert_true(bb_wheel_next(&wheel) == BB_NEVER);
    bb_timer_set(&wheel, &timer, 1500);
    assert_true(bb_timer_is_set(&timer));
    assert_null(bb_wheel_expire(&wheel, 1499));
    assert_ptr_equal(bb_wheel_expire(&wheel, 1500 + BB_WHEEL_TICK), &timer);
    assert_false(bb_timer_is_set(&timer));
    assert_null(bb_wheel_expire(&wheel, 1500 + BB_WHEEL_TICK));
    assert_true(bb_wheel_next(&wheel) == BB_NEVER);
}

static void a_cancelled_timer_is_forgotten(void **state)
{
    bb_wheel wheel;
    bb_timer timer = {0};
    bb_wheel_init(&wheel, 0);
    bb_timer_set(&wheel, &timer, 100000);
    bb_timer_cancel(&timer);
    bb_timer_cancel(&timer);
    assert_null(bb_wheel_expire(&wheel, 100000)); /* where it stood, the wheel learns that nothing is left */
    assert_true(bb_wheel_next(&wheel) == BB_NEVER);
    bb_timer_set(&wheel, &timer, 200000);
    bb_timer_set(&wheel, &timer, BB_NEVER);
    assert_null(bb_wheel_expire(&wheel, 300000));
}

static void a_timer_that_is_set_anew_when_it_fires_waits_for_the_next_tick(void **state)
{
    bb_wheel wheel;
    bb_timer timer = {0};
    bb_wheel_init(&wheel, 0);
    bb_timer_set(&wheel, &timer, 16);
    assert_ptr_equal(bb_wheel_expire(&wheel, 32), &timer);
    bb_timer_set(&wheel, &timer, 5);
    assert_null(bb_wheel_expire(&wheel, 32));
    assert_true(bb_wheel_next(&wheel) == 48);
    assert_ptr_equal(bb_wheel_expire(&wheel, 48), &timer);
}

static void deadlines_beyond_the_wheel_wait_in_the_last_level(void **state)
{
    const bb_time century = 100ull * 365 * 24 * 3600 * 1000;
    bb_wheel wheel;
    bb_timer timer = {0};
    bb_wheel_init(&wheel, 12345);
    bb_timer_set(&wheel, &timer, century);
    assert_null(bb_wheel_expire(&wheel, century / 2));
    assert_null(bb_wheel_expire(&wheel, century - 1));
    assert_ptr_equal(bb_wheel_expire(&wheel, century + BB_WHEEL_TICK), &timer);
}

/* --- against a naive list, with a clock that sometimes jumps far */

enum { TIMERS = 300, STEPS = 3000 };

static bb_time random_time(uint64_t *seed, bool far)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    unsigned bits = (unsigned)(*seed >> 59) % (far ? 32 : 12);
    return (*seed >> 20) & ((1ull << bits) - 1);
}

static bb_time up_to_tick(bb_time time)
{
    return (time + BB_WHEEL_TICK - 1) / BB_WHEEL_TICK * BB_WHEEL_TICK;
}

/* Every timer that fires was due and was set before the call; when nothing more fires, no timer is overdue. */
static void expire_and_compare(bb_wheel *wheel, bb_timer *timers, bb_time *deadlines, bb_time now)
{
    for (bb_timer *timer; (timer = bb_wheel_expire(wheel, now));) {
        size_t i = (size_t)(timer - timers);
        assert_true(deadlines[i] <= now);
        deadlines[i] = BB_NEVER;
    }
    bb_time next = BB_NEVER;
    for (size_t i = 0; i < TIMERS; i++) {
        assert_true(bb_timer_is_set(&timers[i]) == (deadlines[i] != BB_NEVER));
        if (deadlines[i] == BB_NEVER)
            continue;
        assert_true(up_to_tick(deadlines[i]) > now);
        next = up_to_tick(deadlines[i]) < next ? up_to_tick(deadlines[i]) : next;
    }
    assert_true(bb_wheel_next(wheel) <= next);
    assert_true(bb_wheel_next(wheel) > now || bb_wheel_next(wheel) == BB_NEVER);
}

static void the_wheel_agrees_with_a_naive_list(void **state)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        bb_wheel wheel;
        static bb_timer timers[TIMERS];
        static bb_time deadlines[TIMERS];
        memset(timers, 0, sizeof timers);
        for (size_t i = 0; i < TIMERS; i++)
            deadlines[i] = BB_NEVER;
        uint64_t random = seed * 977;
        bb_time now = random_time(&random, true);
        bb_wheel_init(&wheel, now);
        for (size_t step = 0; step < STEPS; step++) {
            size_t i = random_time(&random, true) % TIMERS;
            if (step % 5 == 0) {
                bb_timer_cancel(&timers[i]);
                deadlines[i] = BB_NEVER;
            } else {
                deadlines[i] = now + 1 + random_time(&random, true);
                bb_timer_set(&wheel, &timers[i], deadlines[i]);
            }
            if (step % 3)
                continue;
            now += random_time(&random, step % 50 == 0);
            expire_and_compare(&wheel, timers, deadlines, now);
        }
        while (bb_wheel_next(&wheel) != BB_NEVER) { /* driven as a loop drives it, it comes to an end */
            now = bb_wheel_next(&wheel);
            expire_and_compare(&wheel, timers, deadlines, now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once_within_a_tick),
        cmocka_unit_test(a_cancelled_timer_is_forgotten),
        cmocka_unit_test(a_timer_that_is_set_anew_when_it_fires_waits_for_the_next_tick),
        cmocka_unit_test(deadlines_beyond_the_wheel_wait_in_the_last_level),
        cmocka_unit_test(the_wheel_agrees_with_a_naive_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
