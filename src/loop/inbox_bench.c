/* What it costs to hand items to another thread: CPU time of both threads for each item of 66 bytes, by the number of
 * items in a push. The poster never waits, the reader sleeps whenever it can.
 *
 *     inbox_bench [items in millions] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "loop/inbox.h"

enum { ITEM_BYTES = 66, PENDING_MAX = 4 * 1024 * 1024 };

static void *alloc(void *context, size_t size)
{
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

typedef struct bench {
    bb_mem poster_mem, reader_mem;
    bb_batch_pool pool;
    bb_loop loop;
    bb_inbox inbox;
    uint64_t items;
    uint32_t in_a_push;
} bench;

static void *post_all(void *context)
{
    bench *b = context;
    bb_outbox outbox;
    bb_inbox *to = &b->inbox;
    BB_CHECK(bb_outbox_init(&outbox, &b->pool, 0, &to, 1));
    for (uint64_t i = 0; i < b->items; i++) {
        uint8_t *at = bb_outbox_reserve(&outbox, 0, ITEM_BYTES);
        BB_CHECK(at);
        memset(at, (int)i, ITEM_BYTES);
        bb_outbox_commit(&outbox, 0, 1, ITEM_BYTES);
        if ((i + 1) % b->in_a_push)
            continue;
        bb_outbox_flush_all(&outbox);
        while (bb_inbox_bytes(&b->inbox) > PENDING_MAX) { /* a broker would slow its publishers here */
            struct timespec pause = {.tv_nsec = 50000};
            nanosleep(&pause, NULL);
        }
    }
    bb_outbox_flush_all(&outbox);
    bb_outbox_deinit(&outbox);
    return NULL;
}

static uint64_t read_all(bench *b)
{
    uint64_t sum = 0, seen = 0;
    while (seen < b->items) {
        if (bb_inbox_sleep(&b->inbox))
            bb_loop_wait(&b->loop, BB_NEVER);
        bb_inbox_awake(&b->inbox);
        for (bb_batch *batch = bb_inbox_take(&b->inbox), *next; batch; batch = next) {
            next = batch->next;
            for (bb_item *item = bb_batch_first(batch); item; item = bb_batch_after(batch, item), seen++)
                sum += item->bytes[0];
            bb_batch_done(batch);
        }
    }
    return sum;
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void run(uint64_t items, uint32_t in_a_push)
{
    static bench b;
    b = (bench){.poster_mem = {alloc, release, NULL, 0},
                .reader_mem = {alloc, release, NULL, 0},
                .items = items,
                .in_a_push = in_a_push};
    bb_batch_pool_init(&b.pool, &b.poster_mem);
    BB_CHECK(bb_loop_init(&b.loop, &b.reader_mem) == BB_OK);
    bb_inbox_init(&b.inbox, &b.loop);
    double start = cpu_ns();
    pthread_t poster;
    BB_CHECK(pthread_create(&poster, NULL, post_all, &b) == 0);
    uint64_t sum = read_all(&b);
    pthread_join(poster, NULL);
    printf("%4u items a push: %6.1f ns of CPU an item (%llu)\n", in_a_push, (cpu_ns() - start) / (double)items,
           (unsigned long long)sum);
    bb_inbox_deinit(&b.inbox);
    bb_batch_pool_deinit(&b.pool);
    bb_loop_deinit(&b.loop);
}

int main(int argc, char **argv)
{
    uint64_t items = (argc > 1 ? strtoull(argv[1], NULL, 10) : 4) * 1000000;
    static const uint32_t pushes[] = {1, 8, 64, 512};
    for (size_t i = 0; i < sizeof pushes / sizeof *pushes; i++)
        run(pushes[i] == 1 ? items / 4 : items, pushes[i]);
    return 0;
}
