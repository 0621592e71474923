/* index_fuzz.c - the input is a list of steps, a byte and a text each: adds, removes and matches, checked against a
 * list that is searched from end to end. */
#include "topic/testing.h"
#include "topic/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SUBSCRIPTIONS = 128, OWNERS = 4 };

typedef struct listed {
    bb_subscription *subscription;
    bb_filter filter;
    unsigned owner;
    unsigned seen;
} listed;

typedef struct play {
    bb_index *index;
    listed list[SUBSCRIPTIONS];
    unsigned count;
    bb_subscription *owned[OWNERS];
} play_state;

static const bb_seed seed = {0x0123456789abcdef, 0xfedcba9876543210};

static void see(play_state *play, const bb_subscribers *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        unsigned k = 0;
        while (k < play->count && play->list[k].subscription != set->members[i])
            k++;
        BB_CHECK(k < play->count && set->members[i]->position == i);
        play->list[k].seen++;
    }
}

static void visit(void *context, bb_subscribers *subscribers, bb_group *groups)
{
    see(context, subscribers);
    for (bb_group *group = groups; group; group = group->next)
        see(context, &group->subscribers);
}

static void match(play_state *play, bb_span topic)
{
    for (unsigned i = 0; i < play->count; i++)
        play->list[i].seen = 0;
    bb_index_match(play->index, topic, visit, play);
    for (unsigned i = 0; i < play->count; i++)
        BB_CHECK(play->list[i].seen == testing_matches(play->list[i].filter.text, topic));
}

static bool same_filter(const bb_filter *a, const bb_filter *b)
{
    return bb_span_equal(a->text, b->text) && bb_span_equal(a->group, b->group);
}

static void remove_at(play_state *play, unsigned i)
{
    bb_filter filter = play->list[i].filter;
    bool last;
    bb_index_remove(play->index, play->list[i].subscription, &last);
    play->list[i] = play->list[--play->count];
    for (unsigned k = 0; k < play->count; k++)
        BB_CHECK(!last || !same_filter(&play->list[k].filter, &filter));
}

static void add_or_remove(play_state *play, const bb_filter *filter, unsigned owner)
{
    bb_subscription **owned = &play->owned[owner];
    bb_filter_key key = bb_filter_key_of(filter, &seed);
    bb_subscription *found = bb_index_find(play->index, &key, owned, *owned);
    for (unsigned i = 0; i < play->count; i++) {
        if (play->list[i].owner == owner && same_filter(&play->list[i].filter, filter)) {
            bb_index_added added;
            BB_CHECK(found == play->list[i].subscription);
            BB_CHECK(bb_index_add(play->index, &key, owned, owned, &added) == found && added == BB_INDEX_OLD);
            remove_at(play, i);
            return;
        }
    }
    BB_CHECK(!found);
    if (play->count == SUBSCRIPTIONS)
        return;
    bb_index_added added;
    bb_subscription *made = bb_index_add(play->index, &key, owned, owned, &added);
    BB_CHECK(made && added != BB_INDEX_OLD);
    play->list[play->count++] = (listed){made, *filter, owner, 0};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bb_mem mem = testing_mem();
    play_state play = {.index = bb_index_new(&mem, &seed)};
    while (size > 1) {
        const uint8_t *end = memchr(data + 1, 0, size - 1);
        bb_span text = bb_span_of(data + 1, end ? (size_t)(end - data - 1) : size - 1);
        bb_filter filter;
        if (data[0] & 1 && bb_topic_check(text, 200, 1000) == BB_OK)
            match(&play, text);
        else if (bb_filter_parse(text, 200, 1000, &filter) == BB_OK)
            add_or_remove(&play, &filter, data[0] / 2 % OWNERS);
        if (!end)
            break;
        size -= (size_t)(end + 1 - data);
        data = end + 1;
    }
    while (play.count)
        remove_at(&play, play.count - 1);
    bb_index_free(play.index);
    BB_CHECK(atomic_load(&mem.bytes_now) == 0);
    return 0;
}
