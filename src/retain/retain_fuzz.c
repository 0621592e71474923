/* retain_fuzz.c - the input is a list of steps, a byte and a text each: messages stored and deleted, walks that rest
 * and go on, sweeps; checked against a list. */
#include "retain/testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct play {
    bb_mem mem;
    bb_retain retain;
    naive list;
    bb_retain_cursor cursor;
    naive_walk walk;
    uint8_t filter[NAIVE_TOPIC_MAX];
    uint32_t step;
    bb_time now;
} play;

static void store(play *p, bb_span topic, unsigned options)
{
    naive_entry *entry = naive_find(&p->list, topic);
    if (!entry)
        return;
    bool deletes = (options & 7) == 0;
    both_set(&p->retain, &p->mem, entry, deletes ? 0 : p->step, options & 8 ? p->now + options : BB_NEVER, p->step);
    entry->changed = p->step;
}

/* Begin a walk that rests between steps. */
static void begin(play *p, bb_span text)
{
    bb_filter filter;
    if (bb_filter_parse(text, 16, NAIVE_TOPIC_MAX, &filter) != BB_OK || filter.group.len)
        return;
    bb_retain_cursor_deinit(&p->cursor, &p->mem);
    memcpy(p->filter, text.data, text.len);
    p->walk = (naive_walk){.list = &p->list, .filter = bb_span_of(p->filter, text.len)};
}

static void go_on(play *p, unsigned options)
{
    if (!p->walk.filter.len)
        return;
    p->walk.left = 1 + options % 4;
    if (bb_retain_walk(&p->retain, &p->mem, p->walk.filter, &p->cursor, p->now, 1 + options, naive_visit, &p->walk) ==
        BB_RETAIN_DONE) {
        bb_retain_cursor_deinit(&p->cursor, &p->mem);
        p->walk.last_len = 0;
    }
}

/* A whole walk at once: exactly what matches is seen. */
static void walk_all(play *p, bb_span text)
{
    bb_filter filter;
    if (bb_filter_parse(text, 16, NAIVE_TOPIC_MAX, &filter) != BB_OK || filter.group.len)
        return;
    bb_retain_cursor cursor = {0};
    naive_walk walk = {.list = &p->list, .filter = filter.text, .left = UINT32_MAX};
    for (unsigned i = 0; i < p->list.count; i++)
        p->list.entries[i].seen = 0;
    BB_CHECK(bb_retain_walk(&p->retain, &p->mem, filter.text, &cursor, p->now, UINT32_MAX, naive_visit, &walk) ==
             BB_RETAIN_DONE);
    bb_retain_cursor_deinit(&cursor, &p->mem);
    for (unsigned i = 0; i < p->list.count; i++) {
        const naive_entry *entry = &p->list.entries[i];
        BB_CHECK(entry->seen ==
                 (naive_alive(entry, p->now) && bb_filter_matches(filter.text, naive_topic(entry)) ? 1 : 0));
    }
}

static void sweep(play *p)
{
    bb_retain_cursor cursor = {0};
    uint64_t removed = 0, expected = 0;
    for (unsigned i = 0; i < p->list.count; i++)
        if (p->list.entries[i].stored && p->list.entries[i].expires <= p->now) {
            p->list.entries[i].stored = false;
            expected++;
        }
    while (bb_retain_sweep(&p->retain, &p->mem, &cursor, p->now, 2, &removed) == BB_RETAIN_STOPPED)
        ;
    BB_CHECK(removed == expected);
    bb_retain_cursor_deinit(&cursor, &p->mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static play p;
    p = (play){.mem = testing_mem()};
    while (size > 1) {
        unsigned what = *data++;
        size--;
        const uint8_t *end = memchr(data, '\n', size);
        bb_span text = bb_span_of(data, end ? (size_t)(end - data) : size);
        data += text.len + (end != NULL);
        size -= text.len + (end != NULL);
        p.step++;
        bool topic = text.len <= NAIVE_TOPIC_MAX && bb_topic_check(text, 16, NAIVE_TOPIC_MAX) == BB_OK;
        if (what % 8 < 4 && topic)
            store(&p, text, what >> 3);
        else if (what % 8 == 4)
            begin(&p, text);
        else if (what % 8 == 5)
            go_on(&p, what >> 3);
        else if (what % 8 == 6)
            walk_all(&p, text);
        else if (what % 16 == 7)
            sweep(&p);
        else
            p.now += what;
    }
    both_agree(&p.retain, &p.list, p.now);
    bb_retain_cursor_deinit(&p.cursor, &p.mem);
    bb_retain_clear(&p.retain, &p.mem);
    BB_CHECK(p.mem.bytes_now == 0);
    return 0;
}
