#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "topic/testing.h"
#include "topic/topic.h"

static const bb_seed seed = {0x0123456789abcdef, 0xfedcba9876543210};

static bb_filter_key key_of(const char *text)
{
    bb_filter filter;
    assert_int_equal(bb_filter_parse(bb_span_text(text), 65535, 65535, &filter), BB_OK);
    return bb_filter_key_of(&filter, &seed);
}

/* ---- The index beside a list that is searched from end to end. */

enum { SUBSCRIPTIONS = 600, OWNERS = 12 };

typedef struct list_row {
    bb_subscription *subscription; /* NULL: free */
    bb_filter filter;
    char text[80];
    int owner;
    int seen;
} list_row;

typedef struct index_and_list {
    bb_mem mem;
    bb_index *index;
    uint64_t dice;
    uint32_t levels;
    list_row rows[SUBSCRIPTIONS];
    bb_subscription *owned[OWNERS];
    int count;
} index_and_list;

static list_row *row_of(index_and_list *both, const bb_filter *filter, int owner)
{
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        list_row *row = &both->rows[i];
        if (row->subscription && row->owner == owner && bb_span_equal(row->filter.text, filter->text) &&
            bb_span_equal(row->filter.group, filter->group))
            return row;
    }
    return NULL;
}

static bool is_alone(index_and_list *both, const list_row *row)
{
    int others = 0;
    for (int i = 0; i < OWNERS; i++)
        others += row_of(both, &row->filter, i) != NULL;
    return others == 1;
}

static void check_view(const list_row *row)
{
    bb_filter view;
    bb_subscription_filter(row->subscription, &view);
    assert_true(bb_span_equal(view.text, row->filter.text));
    assert_true(bb_span_equal(view.group, row->filter.group));
    assert_int_equal(view.wildcard, row->filter.wildcard);
    assert_int_equal(bb_subscription_group(row->subscription) != NULL, row->filter.group.len > 0);
}

static void add_one(index_and_list *both, list_row *row)
{
    static const char *const shares[] = {"", "", "", "$share/g/", "$share/hh/"};
    const char *share = shares[testing_random(&both->dice) % 5];
    strcpy(row->text, share);
    bb_span text = testing_text(&both->dice, both->levels, true, row->text + strlen(share));
    bb_filter filter;
    bb_index_added added;
    int owner = (int)(testing_random(&both->dice) % OWNERS);
    assert_int_equal(bb_filter_parse(bb_span_of(row->text, strlen(share) + text.len), 99, 99, &filter), BB_OK);

    list_row *old = row_of(both, &filter, owner);
    bb_filter_key key = bb_filter_key_of(&filter, &seed);
    bb_index_prefetch(both->index, &key);
    bb_subscription *found = bb_index_find(both->index, &key, &both->owned[owner], both->owned[owner]);
    assert_ptr_equal(found, old ? old->subscription : NULL);
    found = bb_index_add(both->index, &key, &both->owned[owner], &both->owned[owner], &added);
    assert_non_null(found);
    if (old) {
        assert_ptr_equal(found, old->subscription);
        assert_int_equal(added, BB_INDEX_OLD);
        return;
    }
    row->filter = filter;
    row->owner = owner;
    row->subscription = found;
    both->count++;
    assert_int_equal(added, is_alone(both, row) ? BB_INDEX_FIRST : BB_INDEX_NEW);
    check_view(row);
}

static void remove_one(index_and_list *both, list_row *row)
{
    check_view(row);
    bool alone = is_alone(both, row), last;
    uint64_t hash = bb_group_hash(&row->filter, &seed);
    if (row->filter.group.len)
        assert_ptr_equal(bb_index_group(both->index, hash), bb_subscription_group(row->subscription));
    bb_index_remove(both->index, row->subscription, &last);
    assert_int_equal(last, alone);
    if (row->filter.group.len)
        assert_int_equal(bb_index_group(both->index, hash) == NULL, last);
    row->subscription = NULL;
    both->count--;
}

static list_row *row_with(index_and_list *both, const bb_subscription *subscription)
{
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        if (both->rows[i].subscription == subscription)
            return &both->rows[i];
    }
    fail();
    return NULL;
}

static void see(index_and_list *both, bb_subscribers *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        assert_ptr_equal(set->members[i]->set, set);
        assert_int_equal(set->members[i]->position, i);
        row_with(both, set->members[i])->seen++;
    }
}

static void visit(void *context, bb_subscribers *subscribers, bb_group *groups)
{
    see(context, subscribers);
    for (bb_group *group = groups; group; group = group->next)
        see(context, &group->subscribers);
}

static void match_one(index_and_list *both)
{
    char buffer[80];
    bb_span topic = testing_text(&both->dice, both->levels, false, buffer);
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        both->rows[i].seen = 0;
    bb_index_match(both->index, topic, visit, both);
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        const list_row *row = &both->rows[i];
        bool expected = row->subscription && testing_matches(row->filter.text, topic);
        assert_int_equal(row->seen, expected);
    }
}

static void play(uint32_t levels, int rounds)
{
    index_and_list *both = calloc(1, sizeof(*both));
    both->mem = testing_mem();
    both->index = bb_index_new(&both->mem, &seed);
    both->dice = levels;
    both->levels = levels;
    int64_t bytes_empty = atomic_load(&both->mem.bytes_now);
    for (int i = 0; i < rounds; i++) {
        /* The list fills for some hundred rounds, then empties. */
        bool filling = i / 800 % 2 == 0;
        list_row *row = &both->rows[testing_random(&both->dice) % SUBSCRIPTIONS];
        if (row->subscription && (!filling || i % 5 == 0))
            remove_one(both, row);
        else if (!row->subscription && (filling || i % 5 == 0))
            add_one(both, row);
        match_one(both);
        assert_int_equal(bb_index_count(both->index), both->count);
    }
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        if (both->rows[i].subscription)
            remove_one(both, &both->rows[i]);
    }
    assert_int_equal(atomic_load(&both->mem.bytes_now), bytes_empty);
    bb_index_free(both->index);
    assert_int_equal(atomic_load(&both->mem.bytes_now), 0);
    free(both);
}

static void agrees_with_a_list_while_shapes_suffice(void **state)
{
    play(3, 8000);
}

static void agrees_with_a_list_beyond_32_shapes(void **state)
{
    play(7, 8000);
}

/* ---- Single rules. */

typedef struct match_count {
    uint32_t filters, members;
} match_count;

static void count(void *context, bb_subscribers *subscribers, bb_group *groups)
{
    match_count *counting = context;
    counting->filters++;
    counting->members += subscribers->count;
}

static match_count matches_of(const bb_index *index, const char *topic)
{
    match_count counting = {0};
    bb_index_match(index, bb_span_text(topic), count, &counting);
    return counting;
}

/* Many owners of one filter, gone in another order: the array of members stays dense. */
static void one_filter_with_many_subscribers(void **state)
{
    enum { MANY = 5000 };
    bb_mem mem = testing_mem();
    bb_index *index = bb_index_new(&mem, &seed);
    bb_filter_key key = key_of("a/+");
    static bb_subscription *owned[MANY], *made[MANY];
    bb_index_added added;
    bool last;
    for (int i = 0; i < MANY; i++) {
        made[i] = bb_index_add(index, &key, &owned[i], &owned[i], &added);
        assert_non_null(made[i]);
        assert_int_equal(added, i == 0 ? BB_INDEX_FIRST : BB_INDEX_NEW);
    }
    assert_int_equal(matches_of(index, "a/b").members, MANY);
    for (int i = 0; i < MANY; i++) {
        int k = i * 7 % MANY;
        bb_index_remove(index, made[k], &last);
        assert_null(owned[k]);
        assert_int_equal(last, i == MANY - 1);
        assert_int_equal(matches_of(index, "a/b").members, MANY - 1 - i);
    }
    bb_index_free(index);
    assert_int_equal(atomic_load(&mem.bytes_now), 0);
}

/* Deeper than a shape describes, and as deep as the protocol allows. */
static void deep_filters(void **state)
{
    enum { DEPTH = 32767 };
    bb_mem mem = testing_mem();
    bb_index *index = bb_index_new(&mem, &seed);
    char *plus = malloc(2 * DEPTH), *exact = malloc(2 * DEPTH), *topic = malloc(2 * DEPTH);
    for (int i = 0; i < DEPTH; i++) {
        plus[2 * i] = '+';
        exact[2 * i] = topic[2 * i] = 'x';
        plus[2 * i + 1] = exact[2 * i + 1] = topic[2 * i + 1] = i + 1 < DEPTH ? '/' : 0;
    }
    static const char *const others[] = {"#", "x/+/#", "x/+/x"};
    bb_subscription *owned = NULL;
    bb_index_added added;
    bool last;
    bb_filter_key keys[] = {key_of(plus), key_of(exact), key_of(others[0]), key_of(others[1]), key_of(others[2])};
    for (int i = 0; i < 5; i++)
        assert_non_null(bb_index_add(index, &keys[i], &owned, &owned, &added));
    assert_int_equal(matches_of(index, topic).filters, 4);
    assert_int_equal(matches_of(index, "x/y/x").filters, 3);
    while (owned)
        bb_index_remove(index, owned, &last);
    bb_index_free(index);
    assert_int_equal(atomic_load(&mem.bytes_now), 0);
    free(plus);
    free(exact);
    free(topic);
}

/* A shape that goes makes room for another, while filters that came meanwhile stay in the trie. */
static void slots_of_shapes_are_used_again(void **state)
{
    bb_mem mem = testing_mem();
    bb_index *index = bb_index_new(&mem, &seed);
    bb_subscription *owned = NULL, *made[64];
    bb_index_added added;
    bool last;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            char text[32];
            size_t len = 0;
            for (uint32_t bit = 0; bit < 6; bit++) {
                text[len++] = i >> bit & 1 ? '+' : 'x';
                text[len++] = '/';
            }
            text[len - 1] = 0;
            bb_filter_key key = key_of(text);
            made[i] = bb_index_add(index, &key, &owned, &owned, &added);
            assert_non_null(made[i]);
        }
        assert_int_equal(matches_of(index, "x/x/x/x/x/x").filters, 64);
        assert_int_equal(matches_of(index, "x/x/x/x/x/y").filters, 32);
        for (uint32_t i = 0; i < 64; i++) {
            bb_index_remove(index, made[round % 2 ? 63 - i : i], &last);
            assert_int_equal(matches_of(index, "x/x/x/x/x/x").filters, 63 - i);
        }
    }
    bb_index_free(index);
}

/* ---- No memory: nothing changes, nothing leaks. */

static int allocations_left;

static void *scarce_alloc(void *context, size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void no_memory_changes_nothing(void **state)
{
    static const char *const texts[] = {"a/b", "a/+", "$share/g/a/b", "$share/h/a/b", "+/+/#"};
    bb_mem mem = testing_mem();
    mem.alloc = scarce_alloc;
    for (int budget = 0; budget < 24; budget++) {
        allocations_left = 1;
        bb_index *index = bb_index_new(&mem, &seed);
        allocations_left = budget;
        bb_subscription *owned[2] = {NULL, NULL};
        int made = 0;
        for (int i = 0; i < 10; i++) {
            bb_filter_key key = key_of(texts[i / 2]);
            bb_index_added added;
            made += bb_index_add(index, &key, &owned[i % 2], &owned[i % 2], &added) != NULL;
        }
        assert_int_equal(bb_index_count(index), made);
        for (int i = 0; i < 2; i++) {
            bool last;
            while (owned[i])
                bb_index_remove(index, owned[i], &last);
        }
        bb_index_free(index);
        assert_int_equal(atomic_load(&mem.bytes_now), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list_while_shapes_suffice),
        cmocka_unit_test(agrees_with_a_list_beyond_32_shapes),
        cmocka_unit_test(one_filter_with_many_subscribers),
        cmocka_unit_test(deep_filters),
        cmocka_unit_test(slots_of_shapes_are_used_again),
        cmocka_unit_test(no_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
