/* sender.h - send what a tick has produced for many sockets, with as few system calls as the kernel allows.
 *
 * What      A list of sends goes in, each with its spans; each comes back with its result. Nothing blocks and nothing
 * stays under way: when bb_sender_run returns, the bytes are the kernel's or they were refused, and the spans are the
 *           caller's again. With io_uring all of a list goes with one system call, which takes a fifth to a third off
 * the CPU of a fan-out; without it (containers often forbid it) the sender loops over send and sendmsg. Files sender.c
 * decides, sender_plain.c loops, sender_uring.c batches; sender_no_uring.c stands in for it where liburing was not
 * there at build time. Threads   A sender belongs to one thread; it may be made by another before that thread starts.
 */
#ifndef BB_LOOP_SENDER_H
#define BB_LOOP_SENDER_H

#include <sys/types.h>

#include "base/mem.h"
#include "base/span.h"

enum {
    BB_SEND_SPANS_MAX = 64,  /* spans of one send that are looked at; a caller with more sends again */
    BB_SENDER_BATCH_MIN = 8, /* fewer sends than this go one by one */
};

typedef enum bb_uring_mode { BB_URING_AUTO, BB_URING_ON, BB_URING_OFF } bb_uring_mode;

typedef struct bb_send {
    const bb_span *spans;
    uint32_t spans_now; /* 1 to BB_SEND_SPANS_MAX */
    int fd;
    ssize_t result; /* out: bytes that were taken (perhaps not all), or minus an errno; -EAGAIN when there is no room */
    void *owner;    /* the caller's */
} bb_send;

typedef struct bb_sender {
    bb_mem *mem;
    struct bb_uring *uring; /* NULL: one by one */
    const char *why_not;    /* why there is no io_uring, for people; NULL when there is */
} bb_sender;

/* Always gives a sender that works. With BB_URING_ON too it is the caller who refuses to start when why_not is set. */
void bb_sender_init(bb_sender *sender, bb_mem *mem, bb_uring_mode mode);
void bb_sender_deinit(bb_sender *sender);

static inline bool bb_sender_batches(const bb_sender *sender)
{
    return sender->uring != NULL;
}

/* Send this one, by send or sendmsg, without a sender. */
void bb_send_one(bb_send *send);

/* Send the first `n` of `sends` and fill in their results. */
void bb_sender_run(bb_sender *sender, bb_send *sends, size_t n);

#endif
