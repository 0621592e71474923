#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/sender.h"

static void *alloc(void *context, size_t size)
{
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

static bb_mem mem = {alloc, release, NULL, 0};

enum { LINKS = 300 }; /* more than one ring takes */

typedef struct pairs {
    int ours[LINKS], theirs[LINKS];
} pairs;

static void open_pairs(pairs *p)
{
    for (size_t i = 0; i < LINKS; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        p->ours[i] = fds[0];
        p->theirs[i] = fds[1];
    }
}

static void close_pairs(pairs *p)
{
    for (size_t i = 0; i < LINKS; i++) {
        close(p->ours[i]);
        close(p->theirs[i]);
    }
}

/* Link i gets "abc" as one span when i is even, as three when it is odd. */
static void send_to_many(bb_sender *sender, size_t n)
{
    static const bb_span whole[] = {{(const uint8_t *)"abc", 3}};
    static const bb_span parts[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, {(const uint8_t *)"c", 1}};
    pairs p;
    open_pairs(&p);
    bb_send sends[LINKS];
    for (size_t i = 0; i < n; i++)
        sends[i] = (bb_send){.spans = i % 2 ? parts : whole, .spans_now = i % 2 ? 3 : 1, .fd = p.ours[i]};
    bb_sender_run(sender, sends, n);
    for (size_t i = 0; i < n; i++) {
        char got[8];
        assert_int_equal(sends[i].result, 3);
        assert_int_equal(read(p.theirs[i], got, sizeof got), 3);
        assert_memory_equal(got, "abc", 3);
    }
    close_pairs(&p);
}

/* A link whose peer is gone, one that is full, one that is no socket: each has its own result, the others go on. */
static void send_to_troubled_ones(bb_sender *sender)
{
    static uint8_t filling[1 << 20];
    const bb_span much = bb_span_of(filling, sizeof filling), byte = BB_SPAN_LITERAL("x");
    pairs p;
    open_pairs(&p);
    close(p.theirs[1]);
    p.theirs[1] = dup(p.ours[0]);
    bb_send sends[BB_SENDER_BATCH_MIN];
    for (size_t i = 0; i < BB_SENDER_BATCH_MIN; i++)
        sends[i] = (bb_send){.spans = i == 2 ? &much : &byte, .spans_now = 1, .fd = i == 3 ? -1 : p.ours[i]};
    bb_sender_run(sender, sends, BB_SENDER_BATCH_MIN);
    assert_int_equal(sends[0].result, 1);
    assert_int_equal(sends[1].result, -EPIPE); /* and no signal */
    assert_in_range(sends[2].result, 1, sizeof filling - 1);
    assert_int_equal(sends[3].result, -EBADF);
    for (size_t i = 4; i < BB_SENDER_BATCH_MIN; i++)
        assert_int_equal(sends[i].result, 1);
    for (size_t i = 0; i < BB_SENDER_BATCH_MIN; i++)
        sends[i] = (bb_send){.spans = &much, .spans_now = 1, .fd = p.ours[2]};
    bb_sender_run(sender, sends, BB_SENDER_BATCH_MIN);
    assert_int_equal(sends[BB_SENDER_BATCH_MIN - 1].result, -EAGAIN);
    close_pairs(&p);
}

static void one_by_one(void **state)
{
    bb_sender sender;
    bb_sender_init(&sender, &mem, BB_URING_OFF);
    assert_false(bb_sender_batches(&sender));
    assert_non_null(sender.why_not);
    send_to_many(&sender, LINKS);
    send_to_troubled_ones(&sender);
    bb_sender_deinit(&sender);
}

static void all_at_once_where_the_kernel_allows_it(void **state)
{
    bb_sender sender;
    bb_sender_init(&sender, &mem, BB_URING_AUTO);
    assert_true(bb_sender_batches(&sender) == (sender.why_not == NULL));
    if (!bb_sender_batches(&sender))
        print_message("no io_uring: %s\n", sender.why_not);
    send_to_many(&sender, 0);
    send_to_many(&sender, BB_SENDER_BATCH_MIN - 1);
    send_to_many(&sender, BB_SENDER_BATCH_MIN);
    send_to_many(&sender, LINKS);
    send_to_troubled_ones(&sender);
    bb_sender_deinit(&sender);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_by_one),
        cmocka_unit_test(all_at_once_where_the_kernel_allows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
