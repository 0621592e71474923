#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "retain/testing.h"

static const bb_retain_limits no_limits = {UINT64_MAX, UINT64_MAX};

static uint32_t dice(uint64_t *state, uint32_t sides)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33) % sides;
}

/* Levels that share prefixes, are empty, or stand next to '/' in the order of bytes. */
static const char *const words[] = {"a", "b", "", "ab", "a!", "a0", "a.", "!", "0", "abc", "\xC3\xA4"};
enum { WORDS = sizeof words / sizeof *words };

static bb_span random_topic(uint64_t *state, char text[NAIVE_TOPIC_MAX])
{
    size_t len = 0;
    unsigned levels = 1 + dice(state, 4);
    if (dice(state, 8) == 0)
        text[len++] = '$';
    for (unsigned i = 0; i < levels; i++) {
        const char *word = words[dice(state, WORDS)];
        if (i)
            text[len++] = '/';
        memcpy(text + len, word, strlen(word));
        len += strlen(word);
    }
    if (!len)
        text[len++] = '/';
    return bb_span_of(text, len);
}

static bb_span random_filter(uint64_t *state, char text[NAIVE_TOPIC_MAX])
{
    size_t len = 0;
    unsigned levels = 1 + dice(state, 4);
    for (unsigned i = 0; i < levels; i++) {
        unsigned kind = dice(state, 5);
        const char *word = kind < 2 ? "+" : kind == 2 && i + 1 == levels ? "#" : words[dice(state, WORDS)];
        if (!i && kind == 4)
            word = "$";
        if (i)
            text[len++] = '/';
        memcpy(text + len, word, strlen(word));
        len += strlen(word);
    }
    if (!len)
        text[len++] = '#';
    return bb_span_of(text, len);
}

/* Walk once without a change in between: exactly what matches is visited, each once. */
static void walk_is_complete(const bb_retain *retain, bb_mem *mem, naive *list, bb_span filter, uint64_t *state,
                             bb_time now)
{
    bb_retain_cursor cursor = {0};
    naive_walk walk = {.list = list, .filter = filter};
    for (unsigned i = 0; i < list->count; i++)
        list->entries[i].seen = 0;
    bb_retain_walked walked;
    do {
        walk.left = 1 + dice(state, 5);
        walked = bb_retain_walk(retain, mem, filter, &cursor, now, 1 + dice(state, 9), naive_visit, &walk);
    } while (walked == BB_RETAIN_STOPPED);
    assert_int_equal(walked, BB_RETAIN_DONE);
    bb_retain_cursor_deinit(&cursor, mem);
    for (unsigned i = 0; i < list->count; i++) {
        const naive_entry *entry = &list->entries[i];
        bool wanted = naive_alive(entry, now) && bb_filter_matches(filter, naive_topic(entry));
        assert_int_equal(entry->seen, wanted);
    }
}

static void it_agrees_with_a_list(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        char text[NAIVE_TOPIC_MAX];
        bb_mem mem = testing_mem();
        bb_retain retain = {0};
        naive *list = test_calloc(1, sizeof *list);
        for (unsigned step = 1; step <= 300; step++) {
            naive_entry *entry = naive_find(list, random_topic(&random, text));
            if (entry)
                both_set(&retain, &mem, entry, dice(&random, 3) ? step : 0,
                         dice(&random, 6) ? BB_NEVER : dice(&random, 100), step);
            if (step % 10 == 0)
                walk_is_complete(&retain, &mem, list, random_filter(&random, text), &random, dice(&random, 100));
        }
        both_agree(&retain, list, 50);
        bb_retain_clear(&retain, &mem);
        assert_int_equal(retain.count, 0);
        assert_int_equal(mem.bytes_now, 0);
        test_free(list);
    }
}

/* While a walk rests, messages are stored and deleted: what did not change is visited exactly once all the same. */
static void a_walk_goes_on_whatever_changes_meanwhile(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        char text[NAIVE_TOPIC_MAX], filter_text[NAIVE_TOPIC_MAX];
        bb_mem mem = testing_mem();
        bb_retain retain = {0};
        naive *list = test_calloc(1, sizeof *list);
        uint32_t step = 1;
        for (; step <= 80; step++)
            both_set(&retain, &mem, naive_find(list, random_topic(&random, text)), step, BB_NEVER, step);
        bb_retain_cursor cursor = {0};
        naive_walk walk = {.list = list, .filter = random_filter(&random, filter_text)};
        uint32_t begin = step;
        do {
            walk.left = 1;
            for (unsigned i = 0; i < 2; i++, step++) {
                naive_entry *entry = naive_find(list, random_topic(&random, text));
                both_set(&retain, &mem, entry, dice(&random, 2) ? step : 0, BB_NEVER, step);
                entry->changed = step;
            }
        } while (bb_retain_walk(&retain, &mem, walk.filter, &cursor, 0, 1 + dice(&random, 6), naive_visit, &walk) ==
                     BB_RETAIN_STOPPED &&
                 list->count < NAIVE_MAX - 2);
        for (unsigned i = 0; i < list->count; i++) {
            const naive_entry *entry = &list->entries[i];
            bool wanted = entry->stored && bb_filter_matches(walk.filter, naive_topic(entry));
            assert_true(entry->seen <= 1);
            if (entry->changed < begin && list->count < NAIVE_MAX - 2)
                assert_int_equal(entry->seen, wanted);
        }
        bb_retain_cursor_deinit(&cursor, &mem);
        bb_retain_clear(&retain, &mem);
        assert_int_equal(mem.bytes_now, 0);
        test_free(list);
    }
}

static void a_sweep_deletes_what_has_expired(void **state)
{
    uint64_t random = 7, removed = 0;
    char text[NAIVE_TOPIC_MAX];
    bb_mem mem = testing_mem();
    bb_retain retain = {0};
    naive *list = test_calloc(1, sizeof *list);
    for (uint32_t step = 1; step <= 150; step++)
        both_set(&retain, &mem, naive_find(list, random_topic(&random, text)), step,
                 dice(&random, 2) ? BB_NEVER : dice(&random, 100), step);
    uint64_t before = retain.count;
    bb_retain_cursor cursor = {0};
    while (bb_retain_sweep(&retain, &mem, &cursor, 50, 3, &removed) == BB_RETAIN_STOPPED)
        ;
    assert_true(removed > 0 && retain.count == before - removed);
    for (unsigned i = 0; i < list->count; i++)
        if (list->entries[i].expires <= 50)
            list->entries[i].stored = false;
    both_agree(&retain, list, 0);
    bb_retain_cursor_deinit(&cursor, &mem);
    bb_retain_clear(&retain, &mem);
    assert_int_equal(mem.bytes_now, 0);
    test_free(list);
}

static bb_content content_of(const char *topic, const char *payload)
{
    return (bb_content){.topic = bb_span_text(topic), .payload = bb_span_text(payload), .expires = BB_NEVER};
}

static void limits_hold_and_deleting_is_always_allowed(void **state)
{
    bb_mem mem = testing_mem();
    bb_retain retain = {0};
    bb_retain_limits limits = {.count_max = 2, .bytes_max = 10};
    bb_content a = content_of("a", "1234"), b = content_of("b", "12"), c = content_of("c", "1");
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &a, 1), BB_OK);
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &b, 2), BB_OK);
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &c, 3), BB_E_TOO_MANY_RETAINED);
    b.payload = BB_SPAN_LITERAL("1234");
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &b, 4), BB_OK);
    b.payload = BB_SPAN_LITERAL("12345");
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &b, 5), BB_E_TOO_MANY_RETAINED);
    assert_int_equal(retain.bytes, 10);
    a.payload = BB_SPAN_NONE;
    limits = (bb_retain_limits){0};
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &a, 6), BB_OK);
    assert_int_equal(bb_retain_set(&retain, &mem, &limits, &a, 7), BB_OK); /* there is none any more */
    assert_int_equal(retain.count, 1);
    bb_retain_clear(&retain, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static unsigned allocations_left;

static void *failing_alloc(void *context, size_t size)
{
    return allocations_left-- ? malloc(size) : NULL;
}

static void without_memory_nothing_changes(void **state)
{
    bb_mem mem = {.alloc = failing_alloc, .release = testing_release};
    bb_retain retain = {0};
    bb_content a = content_of("a", "1"), b = content_of("b", "2"), out;
    allocations_left = 100;
    assert_int_equal(bb_retain_set(&retain, &mem, &no_limits, &a, 1), BB_OK);
    for (unsigned n = 0; n < 3; n++) {
        allocations_left = n;
        assert_int_equal(bb_retain_set(&retain, &mem, &no_limits, &b, 2 + n), BB_E_NO_MEMORY);
        assert_int_equal(retain.count, 1);
        assert_false(bb_retain_get(&retain, b.topic, 0, &out));
    }
    naive list = {0};
    naive_walk walk = {.list = &list, .filter = BB_SPAN_LITERAL("a/#"), .left = 9};
    bb_retain_cursor cursor = {0};
    allocations_left = 0;
    assert_int_equal(bb_retain_walk(&retain, &mem, walk.filter, &cursor, 0, 9, naive_visit, &walk),
                     BB_RETAIN_NO_MEMORY);
    bb_retain_clear(&retain, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_list),
        cmocka_unit_test(a_walk_goes_on_whatever_changes_meanwhile),
        cmocka_unit_test(a_sweep_deletes_what_has_expired),
        cmocka_unit_test(limits_hold_and_deleting_is_always_allowed),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
