/* One io_uring_enter for many sends.
 *
 * Every send has MSG_DONTWAIT, so it is done or refused while io_uring_submit_and_wait runs: nothing is ever under way
 * between two calls, and there is nothing to cancel and no buffer to keep alive. */
#include <errno.h>
#include <liburing.h>

#include "loop/sender_inside.h"

enum { RING_ENTRIES = 256 };

struct bb_uring {
    struct io_uring ring;
    struct msghdr messages[RING_ENTRIES]; /* of the sends with several spans */
};

/* SUBMIT_ALL: one refused entry does not stop the rest. Both flags came with Linux 5.18 and 5.19. */
static const unsigned ring_flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN;

static const char *text_of(int error)
{
    switch (error) {
    case EPERM:
    case EACCES:
        return "io_uring is forbidden here (a container's seccomp profile, or kernel.io_uring_disabled)";
    case ENOSYS:
        return "this kernel has no io_uring";
    case EINVAL:
        return "this kernel's io_uring is too old (Linux 5.19 is needed)";
    case ENOMEM:
        return "no memory for io_uring (or the limit on locked memory is too low)";
    case EMFILE:
    case ENFILE:
        return "no file descriptors left for io_uring";
    default:
        return "io_uring could not be set up";
    }
}

bb_uring *bb_uring_open(bb_mem *mem, const char **why_not)
{
    bb_uring *uring = bb_mem_alloc_zeroed(mem, sizeof *uring);
    int failed = uring ? io_uring_queue_init(RING_ENTRIES, &uring->ring, ring_flags) : -ENOMEM;
    if (failed) {
        bb_mem_free(mem, uring, sizeof *uring);
        *why_not = text_of(-failed);
        return NULL;
    }
    return uring;
}

void bb_uring_close(bb_uring *uring, bb_mem *mem)
{
    io_uring_queue_exit(&uring->ring);
    bb_mem_free(mem, uring, sizeof *uring);
}

static void prepare(struct io_uring_sqe *entry, bb_send *send, struct msghdr *message)
{
    const unsigned flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (send->spans_now == 1) {
        io_uring_prep_send(entry, send->fd, send->spans->data, send->spans->len, (int)flags);
    } else {
        *message = (struct msghdr){0};
        message->msg_iov = bb_send_vector(send, &message->msg_iovlen);
        io_uring_prep_sendmsg(entry, send->fd, message, flags);
    }
    io_uring_sqe_set_data(entry, send);
    send->result = BB_SEND_PENDING;
}

/* Take the results that have come; returns how many. */
static size_t reap(struct io_uring *ring)
{
    size_t reaped = 0;
    unsigned head;
    struct io_uring_cqe *entry;
    io_uring_for_each_cqe(ring, head, entry)
    {
        bb_send *send = io_uring_cqe_get_data(entry);
        send->result = entry->res;
        reaped++;
    }
    io_uring_cq_advance(ring, (unsigned)reaped);
    return reaped;
}

static bool run_part(bb_uring *uring, bb_send *sends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        prepare(io_uring_get_sqe(&uring->ring), &sends[i], &uring->messages[i]);
    for (size_t left = n; left;) {
        int submitted = io_uring_submit_and_wait(&uring->ring, (unsigned)left);
        size_t reaped = reap(&uring->ring);
        if (submitted < 0 && submitted != -EINTR)
            return false; /* what was submitted is done, and reaped above: it must not be sent twice */
        left -= reaped;
    }
    return true;
}

bool bb_uring_run(bb_uring *uring, bb_send *sends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sends[i].result = BB_SEND_PENDING;
    for (size_t at = 0; at < n; at += RING_ENTRIES)
        if (!run_part(uring, sends + at, n - at < RING_ENTRIES ? n - at : RING_ENTRIES))
            return false;
    return true;
}
