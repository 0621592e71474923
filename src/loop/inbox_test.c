#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/inbox.h"

static void *alloc(void *context, size_t size)
{
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

/* A poster and a reader in one thread. */
typedef struct fixture {
    bb_mem mem;
    bb_loop loop;
    bb_inbox inbox;
    bb_batch_pool pool;
    bb_outbox outbox;
} fixture;

static void set_up(fixture *f)
{
    *f = (fixture){.mem = {alloc, release, NULL, 0}};
    assert_int_equal(bb_loop_init(&f->loop, &f->mem), BB_OK);
    bb_inbox_init(&f->inbox, &f->loop);
    bb_batch_pool_init(&f->pool, &f->mem);
    assert_true(bb_outbox_init(&f->outbox, &f->pool, 7, (bb_inbox *[]){NULL, &f->inbox}, 2));
}

static void tear_down(fixture *f)
{
    bb_inbox_deinit(&f->inbox);
    bb_outbox_deinit(&f->outbox);
    bb_batch_pool_deinit(&f->pool);
    bb_loop_deinit(&f->loop);
    assert_int_equal(f->mem.bytes_now, 0);
    assert_int_equal(bb_inbox_bytes(&f->inbox), 0);
}

/* How often the loop was woken since the last call. */
static uint64_t wakes(fixture *f)
{
    uint64_t count = 0;
    return read(f->loop.wake_fd, &count, sizeof count) == sizeof count ? count : 0;
}

static void items_arrive_whole_and_in_order(void **state)
{
    fixture f;
    set_up(&f);
    static uint8_t large[50000];
    memset(large, 'L', sizeof large);
    assert_true(bb_outbox_post(&f.outbox, 1, 10, BB_SPAN_LITERAL("one")));
    assert_true(bb_outbox_post(&f.outbox, 1, 11, BB_SPAN_NONE));
    assert_true(bb_outbox_post(&f.outbox, 1, 12, bb_span_of(large, sizeof large)));
    assert_true(bb_outbox_post(&f.outbox, 1, 13, BB_SPAN_LITERAL("after the large one")));
    assert_null(bb_inbox_take(&f.inbox)); /* nothing goes before the flush */
    bb_outbox_flush_all(&f.outbox);
    assert_true(bb_inbox_bytes(&f.inbox) > (int64_t)sizeof large);

    static const uint32_t sizes[] = {3, 0, 50000, 19};
    uint32_t seen = 0;
    for (bb_batch *batch = bb_inbox_take(&f.inbox), *next; batch; batch = next) {
        next = batch->next;
        assert_int_equal(batch->from, 7);
        for (bb_item *item = bb_batch_first(batch); item; item = bb_batch_after(batch, item), seen++) {
            assert_int_equal(item->kind, 10 + seen);
            assert_int_equal(item->size, sizes[seen]);
            assert_int_equal((uintptr_t)item->bytes % 8, 0);
        }
        bb_batch_done(batch);
    }
    assert_int_equal(seen, 4);
    assert_int_equal(bb_inbox_bytes(&f.inbox), 0);
    tear_down(&f);
}

static void less_may_be_committed_than_was_reserved(void **state)
{
    fixture f;
    set_up(&f);
    uint8_t *at = bb_outbox_reserve(&f.outbox, 1, 1000);
    memcpy(at, "short", 5);
    bb_outbox_commit(&f.outbox, 1, 1, 5);
    assert_non_null(bb_outbox_reserve(&f.outbox, 1, 1000)); /* never committed: as if it had not been */
    bb_outbox_flush_all(&f.outbox);
    bb_batch *batch = bb_inbox_take(&f.inbox);
    bb_item *item = bb_batch_first(batch);
    assert_int_equal(item->size, 5);
    assert_memory_equal(item->bytes, "short", 5);
    assert_null(bb_batch_after(batch, item));
    bb_batch_done(batch);
    tear_down(&f);
}

static void only_a_sleeping_worker_is_woken_and_only_once(void **state)
{
    fixture f;
    set_up(&f);
    assert_true(bb_outbox_post(&f.outbox, 1, 1, BB_SPAN_NONE));
    bb_outbox_flush_all(&f.outbox);
    assert_int_equal(wakes(&f), 0);
    assert_false(bb_inbox_sleep(&f.inbox)); /* something is there */
    bb_batch_done(bb_inbox_take(&f.inbox));
    assert_true(bb_inbox_sleep(&f.inbox));
    assert_null(bb_inbox_take(&f.inbox)); /* taking is being awake */
    assert_true(bb_inbox_sleep(&f.inbox));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(bb_outbox_post(&f.outbox, 1, 1, BB_SPAN_NONE));
        bb_outbox_flush(&f.outbox, 1);
    }
    assert_int_equal(wakes(&f), 1);
    bb_inbox_awake(&f.inbox); /* must not lose what came meanwhile */
    unsigned batches = 0;
    for (bb_batch *batch = bb_inbox_take(&f.inbox), *next; batch; batch = next, batches++) {
        next = batch->next;
        bb_batch_done(batch);
    }
    assert_int_equal(batches, 3);
    bb_outbox_flush_all(&f.outbox);
    tear_down(&f);
}

static void full_batches_do_not_wait_for_the_end_of_the_tick(void **state)
{
    fixture f;
    set_up(&f);
    static uint8_t kilobyte[1024];
    for (unsigned i = 0; i < 1000; i++)
        assert_true(bb_outbox_post(&f.outbox, 1, i, bb_span_of(kilobyte, sizeof kilobyte)));
    assert_true(bb_inbox_bytes(&f.inbox) > 900 * 1024);
    bb_outbox_flush_all(&f.outbox);
    uint32_t seen = 0;
    for (bb_batch *batch = bb_inbox_take(&f.inbox), *next; batch; batch = next) {
        next = batch->next;
        for (bb_item *item = bb_batch_first(batch); item; item = bb_batch_after(batch, item))
            assert_int_equal(item->kind, seen++);
        bb_batch_done(batch);
    }
    assert_int_equal(seen, 1000);
    bb_outbox_flush_all(&f.outbox); /* takes them back */
    assert_int_equal(f.pool.lent, 0);
    assert_true(f.pool.free_now <= BB_BATCH_POOL_KEEPS);
    tear_down(&f);
}

static void what_was_never_read_is_given_back(void **state)
{
    fixture f;
    set_up(&f);
    assert_true(bb_outbox_post(&f.outbox, 1, 1, BB_SPAN_LITERAL("unread")));
    bb_outbox_flush_all(&f.outbox);
    tear_down(&f);
}

/* --- several threads that post, one that reads and sleeps whenever it can: nothing is lost, nothing overtakes */

enum { POSTERS = 3, ITEMS = 30000 };

typedef struct poster {
    bb_mem mem;
    bb_batch_pool pool;
    bb_inbox *to;
    uint32_t number;
} poster;

static void *post_all(void *context)
{
    poster *self = context;
    bb_outbox outbox;
    BB_CHECK(bb_outbox_init(&outbox, &self->pool, self->number, &self->to, 1));
    uint32_t random = self->number + 1;
    for (uint32_t i = 0; i < ITEMS; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t size = random >> 20 & 127;
        uint8_t *at = bb_outbox_reserve(&outbox, 0, size);
        BB_CHECK(at);
        memset(at, (int)(i & 0xff), size);
        bb_outbox_commit(&outbox, 0, i, size);
        if ((random >> 28) % 4 == 0)
            bb_outbox_flush_all(&outbox);
    }
    bb_outbox_flush_all(&outbox);
    bb_outbox_deinit(&outbox);
    return NULL;
}

static void read_batch(bb_batch *batch, uint32_t *expected)
{
    for (bb_item *item = bb_batch_first(batch); item; item = bb_batch_after(batch, item)) {
        assert_int_equal(item->kind, expected[batch->from]++);
        for (uint32_t i = 0; i < item->size; i++)
            assert_true(item->bytes[i] == (item->kind & 0xff));
    }
}

static void nothing_is_lost_between_threads_and_no_wake_up_either(void **state)
{
    bb_mem mem = {alloc, release, NULL, 0};
    bb_loop loop;
    bb_inbox inbox;
    static poster posters[POSTERS];
    pthread_t threads[POSTERS];
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    bb_inbox_init(&inbox, &loop);
    for (uint32_t i = 0; i < POSTERS; i++) {
        posters[i] = (poster){.mem = {alloc, release, NULL, 0}, .to = &inbox, .number = i};
        bb_batch_pool_init(&posters[i].pool, &posters[i].mem);
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    uint32_t expected[POSTERS] = {0};
    while (expected[0] + expected[1] + expected[2] < POSTERS * ITEMS) {
        if (bb_inbox_sleep(&inbox))
            bb_loop_wait(&loop, BB_NEVER); /* a lost wake-up would hang here */
        bb_inbox_awake(&inbox);
        for (bb_batch *batch = bb_inbox_take(&inbox), *next; batch; batch = next) {
            next = batch->next;
            read_batch(batch, expected);
            bb_batch_done(batch);
        }
    }
    assert_int_equal(bb_inbox_bytes(&inbox), 0);
    bb_inbox_deinit(&inbox);
    for (uint32_t i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        bb_batch_pool_deinit(&posters[i].pool);
        assert_int_equal(posters[i].mem.bytes_now, 0);
    }
    bb_loop_deinit(&loop);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_arrive_whole_and_in_order),
        cmocka_unit_test(less_may_be_committed_than_was_reserved),
        cmocka_unit_test(only_a_sleeping_worker_is_woken_and_only_once),
        cmocka_unit_test(full_batches_do_not_wait_for_the_end_of_the_tick),
        cmocka_unit_test(what_was_never_read_is_given_back),
        cmocka_unit_test(nothing_is_lost_between_threads_and_no_wake_up_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
