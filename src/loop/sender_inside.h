/* sender_inside.h - inside the loop folder: the two ways of sending, between which sender.c chooses.
 *
 * sender_plain.c has the one; sender_uring.c the other, or sender_no_uring.c in its place where there is no liburing.
 */
#ifndef BB_LOOP_SENDER_INSIDE_H
#define BB_LOOP_SENDER_INSIDE_H

#include "loop/sender.h"

typedef struct bb_uring bb_uring;

/* A ring, or NULL and the reason in `why_not` (static text). */
bb_uring *bb_uring_open(bb_mem *mem, const char **why_not);
void bb_uring_close(bb_uring *uring, bb_mem *mem);

/* Send all of `sends` and fill in their results. False when the ring broke half-way: those that were not sent then have
 * the result BB_SEND_PENDING, and the ring can only be closed. */
BB_MUST_USE bool bb_uring_run(bb_uring *uring, bb_send *sends, size_t n);

#define BB_SEND_PENDING ((ssize_t)INT64_MIN)

/* A bb_span is the system's iovec but for its const: a list of the one is passed as a list of the other. */
struct iovec *bb_send_vector(const bb_send *send, size_t *n);

#endif
