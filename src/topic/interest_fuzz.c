/* interest_fuzz.c - the input is a list of steps, a byte and a text each: entering, leaving and looking up; nobody who
 * holds a filter that matches is ever left out. */
#include "topic/testing.h"
#include "topic/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 128, DESTINATIONS = 3 };

typedef struct listed {
    bb_filter filter;
    unsigned destination;
    bool seen;
} listed;

typedef struct play {
    bb_mem mem;
    bb_interest *interest;
    listed list[ENTRIES];
    unsigned count;
} play_state;

static const bb_seed seed = {0x0123456789abcdef, 0xfedcba9876543210};

static void see(void *context, const bb_interest_group_hit *hit)
{
    play_state *play = context;
    for (unsigned i = 0; i < play->count; i++) {
        listed *entry = &play->list[i];
        if (entry->filter.group.len == 0 || bb_group_hash(&entry->filter, &seed) != hit->hash)
            continue;
        BB_CHECK(!entry->seen && hit->online[entry->destination] == 2 && hit->away[entry->destination] == 1);
        entry->seen = true;
    }
}

static void look_up(play_state *play, bb_span topic)
{
    for (unsigned i = 0; i < play->count; i++)
        play->list[i].seen = false;
    uint64_t set = bb_interest_lookup(play->interest, topic, see, play);
    for (unsigned i = 0; i < play->count; i++) {
        const listed *entry = &play->list[i];
        if (testing_matches(entry->filter.text, topic))
            BB_CHECK(entry->filter.group.len ? entry->seen : set >> entry->destination & 1);
    }
}

static void enter(play_state *play, const bb_filter *filter, unsigned destination, bool in)
{
    bb_filter_key key = bb_filter_key_of(filter, &seed);
    if (filter->group.len)
        BB_CHECK(bb_interest_group(play->interest, &play->mem, filter, bb_group_hash(filter, &seed), destination,
                                   in ? 2 : 0, in));
    else if (in)
        BB_CHECK(bb_interest_add(play->interest, &play->mem, &key, destination));
    else
        bb_interest_remove(play->interest, &play->mem, &key, destination);
}

static void remove_at(play_state *play, unsigned i)
{
    enter(play, &play->list[i].filter, play->list[i].destination, false);
    play->list[i] = play->list[--play->count];
}

static void add_or_remove(play_state *play, const bb_filter *filter, unsigned destination)
{
    for (unsigned i = 0; i < play->count; i++) {
        if (play->list[i].destination == destination && bb_span_equal(play->list[i].filter.text, filter->text) &&
            bb_span_equal(play->list[i].filter.group, filter->group)) {
            remove_at(play, i);
            return;
        }
    }
    if (play->count == ENTRIES)
        return;
    enter(play, filter, destination, true);
    play->list[play->count++] = (listed){*filter, destination, false};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play_state play = {.mem = testing_mem()};
    play.interest = bb_interest_new(&play.mem, &seed, DESTINATIONS, (bb_locks){NULL, NULL, NULL});
    int64_t bytes_empty = atomic_load(&play.mem.bytes_now);
    while (size > 1) {
        const uint8_t *end = memchr(data + 1, 0, size - 1);
        bb_span text = bb_span_of(data + 1, end ? (size_t)(end - data - 1) : size - 1);
        bb_filter filter;
        if (data[0] & 1 && bb_topic_check(text, 200, 1000) == BB_OK)
            look_up(&play, text);
        else if (bb_filter_parse(text, 200, 1000, &filter) == BB_OK)
            add_or_remove(&play, &filter, data[0] / 2 % DESTINATIONS);
        if (!end)
            break;
        size -= (size_t)(end + 1 - data);
        data = end + 1;
    }
    while (play.count)
        remove_at(&play, play.count - 1);
    BB_CHECK(atomic_load(&play.mem.bytes_now) == bytes_empty);
    bb_interest_free(play.interest, &play.mem);
    return 0;
}
