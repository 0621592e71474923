/* resolve.h - from the name of a host to its addresses.
 *
 * What      The system's own look-up (hosts file, DNS). Addresses in digits are understood without it.
 * Threads   It BLOCKS, for seconds when a DNS server does not answer: never call it on a loop that serves others. */
#ifndef BB_TRANSPORT_RESOLVE_H
#define BB_TRANSPORT_RESOLVE_H

#include "base/check.h"
#include "base/text.h"
#include "transport/address.h"

enum { BB_RESOLVE_MAX = 16 }; /* addresses of one name that are worth trying */

/* The addresses of `host` (zero-terminated), in the order in which they should be tried, at most `max`. Returns how
 * many; 0 on failure, with "HOST: what is wrong" appended to `error`. */
BB_MUST_USE size_t bb_resolve(const char *host, uint16_t port, bb_address *out, size_t max, bb_text *error);

/* The address that `host` says in digits; false when it is a name. Never blocks. */
BB_MUST_USE bool bb_resolve_digits(const char *host, uint16_t port, bb_address *out);

#endif
