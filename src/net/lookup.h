/* lookup.h - look up the name of a host without holding up the loop that asks. Private to this folder.
 *
 * What      The system's getaddrinfo waits for name servers, so it runs in a thread of its own, one for each look-up; a
 *           descriptor tells when it has ended. A look-up that nobody waits for any more ends by itself.
 * Memory    From malloc.
 * Threads   The owner's calls belong to one thread. The other one blocks all signals. */
#ifndef BB_NET_LOOKUP_H
#define BB_NET_LOOKUP_H

#include "transport/resolve.h"

typedef struct bb_lookup bb_lookup;

/* Begin to look up `host` (zero-terminated, at most 253 bytes). NULL: the system gives no thread, memory or descriptor.
 */
BB_MUST_USE bb_lookup *bb_lookup_begin(const char *host, uint16_t port);

/* Becomes readable when it has ended. */
int bb_lookup_fd(const bb_lookup *lookup);

bool bb_lookup_has_ended(const bb_lookup *lookup);

/* Take the result of one that has ended, and give it back: how many of the BB_RESOLVE_MAX addresses in `out` there are;
 * 0: none, and why is appended to `error`. */
BB_MUST_USE size_t bb_lookup_finish(bb_lookup *lookup, bb_address *out, bb_text *error);

/* Do not wait any more. NULL is allowed. */
void bb_lookup_cancel(bb_lookup *lookup);

#endif
