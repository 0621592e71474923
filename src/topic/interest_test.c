#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>

#include "topic/testing.h"
#include "topic/topic.h"

static const bb_seed seed = {0x0123456789abcdef, 0xfedcba9876543210};
static const bb_locks no_locks = {NULL, NULL, NULL};

static bb_interest *interest_new(bb_mem *mem, unsigned destinations, bb_locks locks)
{
    bb_interest *interest = bb_interest_new(mem, &seed, destinations, locks);
    assert_non_null(interest);
    return interest;
}

static bb_filter_key key_of(bb_span text)
{
    bb_filter filter;
    assert_int_equal(bb_filter_parse(text, 99, 99, &filter), BB_OK);
    return bb_filter_key_of(&filter, &seed);
}

static bool add(bb_interest *interest, bb_mem *mem, bb_span filter, unsigned destination)
{
    bb_filter_key key = key_of(filter);
    return bb_interest_add(interest, mem, &key, destination);
}

static void leave(bb_interest *interest, bb_mem *mem, bb_span filter, unsigned destination)
{
    bb_filter_key key = key_of(filter);
    bb_interest_remove(interest, mem, &key, destination);
}

static uint64_t lookup(bb_interest *interest, const char *topic)
{
    return bb_interest_lookup(interest, bb_span_text(topic), NULL, NULL);
}

/* ---- Interest beside a list that is searched from end to end. */

enum { ENTRIES = 400, DESTINATIONS = 3, FINE_SHAPES = 28 };

typedef struct list_entry {
    bool used;
    char text[64];
    bb_filter filter;
    unsigned destination;
    uint32_t online, away; /* of a group */
} list_entry;

typedef struct interest_and_list {
    bb_mem mem;
    bb_interest *interest;
    uint64_t dice;
    uint32_t levels;
    list_entry entries[ENTRIES];
} interest_and_list;

static bool is_listed(interest_and_list *both, const list_entry *wanted)
{
    for (int i = 0; i < ENTRIES; i++) {
        const list_entry *entry = &both->entries[i];
        if (entry->used && entry->destination == wanted->destination &&
            bb_span_equal(entry->filter.text, wanted->filter.text) &&
            bb_span_equal(entry->filter.group, wanted->filter.group))
            return true;
    }
    return false;
}

static bb_topic_key key_of_some_match(const list_entry *entry)
{
    char topic[64];
    size_t len = 0;
    for (size_t i = 0; i < entry->filter.text.len; i++) {
        uint8_t c = entry->filter.text.data[i];
        topic[len++] = (char)(c == '+' || c == '#' ? 'q' : c);
    }
    return bb_topic_key_of(bb_span_of(topic, len), &seed);
}

/* Whatever happens to a filter, the generation of what it matches moves. */
static void change(interest_and_list *both, list_entry *entry, bool come)
{
    bb_filter_key filter = bb_filter_key_of(&entry->filter, &seed);
    const bb_generations *generations = bb_interest_generations(both->interest);
    bb_topic_key key = key_of_some_match(entry);
    uint64_t before = bb_generations_sum(generations, &key);
    if (entry->filter.group.len) {
        entry->online = come ? testing_random(&both->dice) % 3 : 0;
        entry->away = come ? 3 - entry->online : 0;
        assert_true(bb_interest_group(both->interest, &both->mem, &entry->filter, bb_group_hash(&entry->filter, &seed),
                                      entry->destination, entry->online, entry->away));
    } else if (come) {
        assert_true(bb_interest_add(both->interest, &both->mem, &filter, entry->destination));
    } else {
        bb_interest_remove(both->interest, &both->mem, &filter, entry->destination);
    }
    assert_true(bb_generations_sum(generations, &key) > before);
    entry->used = come;
}

static void add_one(interest_and_list *both, list_entry *entry)
{
    static const char *const shares[] = {"", "", "", "$share/g/", "$share/hh/"};
    const char *share = shares[testing_random(&both->dice) % 5];
    strcpy(entry->text, share);
    bb_span text = testing_text(&both->dice, both->levels, true, entry->text + strlen(share));
    bb_span whole = bb_span_of(entry->text, strlen(share) + text.len);
    assert_int_equal(bb_filter_parse(whole, 99, 99, &entry->filter), BB_OK);
    entry->destination = testing_random(&both->dice) % DESTINATIONS;
    if (!is_listed(both, entry))
        change(both, entry, true);
}

typedef struct seen_groups {
    interest_and_list *both;
    uint64_t hashes[256];
    int count;
} seen_groups;

static void see_group(void *context, const bb_interest_group_hit *hit)
{
    seen_groups *seen = context;
    for (int i = 0; i < seen->count; i++)
        assert_true(seen->hashes[i] != hit->hash);
    assert_true(seen->count < 256);
    seen->hashes[seen->count++] = hit->hash;

    uint32_t online[DESTINATIONS] = {0}, away[DESTINATIONS] = {0};
    for (int i = 0; i < ENTRIES; i++) {
        const list_entry *entry = &seen->both->entries[i];
        if (!entry->used || !entry->filter.group.len || bb_group_hash(&entry->filter, &seed) != hit->hash)
            continue;
        online[entry->destination] += entry->online;
        away[entry->destination] += entry->away;
    }
    assert_memory_equal(online, hit->online, sizeof(online));
    assert_memory_equal(away, hit->away, sizeof(away));
}

static bool was_seen(const seen_groups *seen, uint64_t hash)
{
    for (int i = 0; i < seen->count; i++) {
        if (seen->hashes[i] == hash)
            return true;
    }
    return false;
}

/* Nobody is ever left out; while the shapes suffice nobody is named in vain either. */
static void lookup_one(interest_and_list *both, bool exactly)
{
    char buffer[64];
    bb_span topic = testing_text(&both->dice, both->levels, false, buffer);
    seen_groups seen = {.both = both};
    uint64_t set = bb_interest_lookup(both->interest, topic, see_group, &seen), expected = 0;
    for (int i = 0; i < ENTRIES; i++) {
        const list_entry *entry = &both->entries[i];
        if (!entry->used || !testing_matches(entry->filter.text, topic))
            continue;
        if (entry->filter.group.len)
            assert_true(was_seen(&seen, bb_group_hash(&entry->filter, &seed)));
        else
            expected |= 1ull << entry->destination;
    }
    assert_int_equal(set & expected, expected);
    if (exactly)
        assert_int_equal(set, expected);
}

static void play(uint32_t levels, int rounds, bool exactly)
{
    interest_and_list *both = calloc(1, sizeof(*both));
    both->mem = testing_mem();
    both->interest = interest_new(&both->mem, DESTINATIONS, no_locks);
    both->dice = levels;
    both->levels = levels;
    int64_t bytes_empty = atomic_load(&both->mem.bytes_now);
    for (int i = 0; i < rounds; i++) {
        bool filling = i / 800 % 2 == 0;
        list_entry *entry = &both->entries[testing_random(&both->dice) % ENTRIES];
        if (entry->used && (!filling || i % 5 == 0))
            change(both, entry, false);
        else if (!entry->used && (filling || i % 5 == 0))
            add_one(both, entry);
        else if (entry->used && entry->filter.group.len)
            change(both, entry, true); /* other numbers */
        lookup_one(both, exactly);
    }
    for (int i = 0; i < ENTRIES; i++) {
        if (both->entries[i].used)
            change(both, &both->entries[i], false);
    }
    assert_int_equal(atomic_load(&both->mem.bytes_now), bytes_empty);
    bb_interest_free(both->interest, &both->mem);
    assert_int_equal(atomic_load(&both->mem.bytes_now), 0);
    free(both);
}

static void agrees_with_a_list_while_shapes_suffice(void **state)
{
    play(3, 16000, true);
}

static void leaves_nobody_out_beyond_the_shapes(void **state)
{
    play(7, 16000, false);
}

/* A coarse entry goes as it came, although its own shape would have room by then, and although somebody holds the very
 * filter that stands for it. */
static void a_coarse_filter_leaves_as_it_came(void **state)
{
    bb_mem mem = testing_mem();
    bb_interest *interest = interest_new(&mem, 2, no_locks);
    char shapes[FINE_SHAPES][16];
    for (int i = 0; i < FINE_SHAPES; i++) {
        for (int bit = 0; bit < 5; bit++) {
            shapes[i][2 * bit] = (i + 1) >> bit & 1 ? '+' : 'x';
            shapes[i][2 * bit + 1] = bit < 4 ? '/' : 0;
        }
        assert_true(add(interest, &mem, bb_span_text(shapes[i]), 1));
    }
    assert_true(add(interest, &mem, BB_SPAN_LITERAL("a/b/+"), 0));
    assert_true(add(interest, &mem, BB_SPAN_LITERAL("a/b/#"), 0));
    assert_int_equal(lookup(interest, "a/b/c/d"), 1);
    leave(interest, &mem, bb_span_text(shapes[3]), 1);
    leave(interest, &mem, BB_SPAN_LITERAL("a/b/+"), 0);
    assert_int_equal(lookup(interest, "a/b/c/d"), 1);
    assert_true(add(interest, &mem, BB_SPAN_LITERAL("a/b/+"), 0));
    leave(interest, &mem, BB_SPAN_LITERAL("a/b/#"), 0);
    assert_int_equal(lookup(interest, "a/b/c/d"), 0);
    assert_int_equal(lookup(interest, "a/b/c"), 1);
    bb_interest_free(interest, &mem);
    assert_int_equal(atomic_load(&mem.bytes_now), 0);
}

static void all_destinations_have_a_bit(void **state)
{
    bb_mem mem = testing_mem();
    bb_interest *interest = interest_new(&mem, BB_DESTINATIONS_MAX, no_locks);
    for (unsigned i = 0; i < BB_DESTINATIONS_MAX; i++) {
        assert_true(add(interest, &mem, BB_SPAN_LITERAL("a/+"), i));
        assert_true(lookup(interest, "a/b") >> i == 1);
    }
    for (unsigned i = 0; i < BB_DESTINATIONS_MAX; i++) {
        leave(interest, &mem, BB_SPAN_LITERAL("a/+"), i);
        assert_false(lookup(interest, "a/b") >> i & 1);
    }
    bb_interest_free(interest, &mem);
}

/* ---- Many threads. */

enum { THREADS = 4, ROUNDS = 4000 };

typedef struct lock_set {
    pthread_mutex_t mutexes[BB_INTEREST_STRIPES];
} lock_set;

static void lock_one(void *context, unsigned stripe)
{
    pthread_mutex_lock(&((lock_set *)context)->mutexes[stripe]);
}

static void unlock_one(void *context, unsigned stripe)
{
    pthread_mutex_unlock(&((lock_set *)context)->mutexes[stripe]);
}

typedef struct worker {
    pthread_t thread;
    bb_interest *interest;
    bb_mem mem;
    unsigned destination;
    int missed;
} worker;

static void count_groups(void *context, const bb_interest_group_hit *hit)
{
    ++*(int *)context;
}

/* Whoever has entered a filter sees itself, whatever the others do; so does the group that it is in. */
static void *subscribe_and_look(void *context)
{
    worker *self = context;
    uint64_t dice = self->destination + 1;
    for (int i = 0; i < ROUNDS; i++) {
        char text[64], topic[64];
        bb_span filter = testing_text(&dice, 6, true, text);
        size_t len = 0;
        for (size_t k = 0; k < filter.len; k++)
            topic[len++] = filter.data[k] == '+' || filter.data[k] == '#' ? 'b' : text[k];
        bb_filter_key key = key_of(filter);
        bb_filter shared = {.text = filter, .group = BB_SPAN_LITERAL("g"), .wildcard = key.filter.wildcard};
        uint64_t hash = bb_group_hash(&shared, &seed);
        bb_interest_prefetch(self->interest, &key);
        if (!bb_interest_add(self->interest, &self->mem, &key, self->destination) ||
            !bb_interest_group(self->interest, &self->mem, &shared, hash, self->destination, 1, 0))
            abort();
        int groups = 0;
        uint64_t set = bb_interest_lookup(self->interest, bb_span_of(topic, len), count_groups, &groups);
        self->missed += !(set >> self->destination & 1) || groups == 0;
        bb_interest_remove(self->interest, &self->mem, &key, self->destination);
        if (!bb_interest_group(self->interest, &self->mem, &shared, hash, self->destination, 0, 0))
            abort();
    }
    return NULL;
}

static void threads_never_miss_what_they_entered(void **state)
{
    static lock_set locks;
    static worker workers[THREADS];
    bb_mem mem = testing_mem();
    for (int i = 0; i < BB_INTEREST_STRIPES; i++)
        pthread_mutex_init(&locks.mutexes[i], NULL);
    bb_interest *interest = interest_new(&mem, THREADS, (bb_locks){lock_one, unlock_one, &locks});
    int64_t bytes_empty = atomic_load(&mem.bytes_now), bytes_left = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker){.interest = interest, .mem = testing_mem(), .destination = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, subscribe_and_look, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].missed, 0);
        bytes_left += atomic_load(&workers[i].mem.bytes_now);
    }
    assert_int_equal(bytes_left, 0);
    assert_int_equal(atomic_load(&mem.bytes_now), bytes_empty);
    bb_interest_free(interest, &mem);
}

/* One thread publishes and caches by generation, another subscribes: once subscribed, a cached answer without the
 * subscriber must look outdated. */
typedef struct handshake {
    bb_interest *interest;
    bb_mem mem;
    _Atomic uint32_t subscribed, looked;
} handshake;

static void *subscribe_on_and_off(void *context)
{
    handshake *shared = context;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (!add(shared->interest, &shared->mem, BB_SPAN_LITERAL("a/+/c"), 0))
            abort();
        atomic_store_explicit(&shared->subscribed, i, memory_order_release);
        while (atomic_load_explicit(&shared->looked, memory_order_acquire) < i)
            sched_yield();
        leave(shared->interest, &shared->mem, BB_SPAN_LITERAL("a/+/c"), 0);
    }
    return NULL;
}

static void a_cached_answer_is_outdated_once_subscribed(void **state)
{
    static lock_set locks;
    for (int i = 0; i < BB_INTEREST_STRIPES; i++)
        pthread_mutex_init(&locks.mutexes[i], NULL);
    handshake shared = {.mem = testing_mem()};
    bb_mem mem = testing_mem();
    shared.interest = interest_new(&mem, 2, (bb_locks){lock_one, unlock_one, &locks});
    bb_span topic = BB_SPAN_LITERAL("a/b/c");
    bb_topic_key key = bb_topic_key_of(topic, &seed);
    const bb_generations *generations = bb_interest_generations(shared.interest);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, subscribe_on_and_off, &shared), 0);

    uint64_t cached_sum = UINT64_MAX, cached = 0;
    for (uint32_t done = 0; done < ROUNDS;) {
        uint32_t subscribed = atomic_load_explicit(&shared.subscribed, memory_order_acquire);
        uint64_t sum = bb_generations_sum(generations, &key);
        if (sum != cached_sum) {
            cached = bb_interest_lookup(shared.interest, topic, NULL, NULL);
            cached_sum = sum;
        }
        if (subscribed == done) {
            sched_yield();
            continue;
        }
        assert_int_equal(cached, 1);
        done = subscribed;
        atomic_store_explicit(&shared.looked, done, memory_order_release);
    }
    pthread_join(thread, NULL);
    bb_interest_free(shared.interest, &mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list_while_shapes_suffice),
        cmocka_unit_test(leaves_nobody_out_beyond_the_shapes),
        cmocka_unit_test(a_coarse_filter_leaves_as_it_came),
        cmocka_unit_test(all_destinations_have_a_bit),
        cmocka_unit_test(threads_never_miss_what_they_entered),
        cmocka_unit_test(a_cached_answer_is_outdated_once_subscribed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
