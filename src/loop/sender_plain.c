#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "loop/sender_inside.h"

static_assert(sizeof(bb_span) == sizeof(struct iovec), "a span is an iovec");
static_assert(offsetof(bb_span, data) == offsetof(struct iovec, iov_base), "a span is an iovec");
static_assert(offsetof(bb_span, len) == offsetof(struct iovec, iov_len), "a span is an iovec");

struct iovec *bb_send_vector(const bb_send *send, size_t *n)
{
    *n = send->spans_now < BB_SEND_SPANS_MAX ? send->spans_now : BB_SEND_SPANS_MAX;
    return (struct iovec *)(uintptr_t)send->spans;
}

static ssize_t send_spans(const bb_send *what)
{
    if (what->spans_now == 1)
        return send(what->fd, what->spans->data, what->spans->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct msghdr message = {0};
    message.msg_iov = bb_send_vector(what, &message.msg_iovlen);
    return sendmsg(what->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void bb_send_one(bb_send *what)
{
    do {
        what->result = send_spans(what);
    } while (what->result < 0 && errno == EINTR);
    if (what->result < 0)
        what->result = -errno;
}
