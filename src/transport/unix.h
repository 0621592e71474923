/* unix.h - a stream over a Unix socket: a path of this machine instead of an address.
 *
 * Errors    In words, with the path. */
#ifndef BB_TRANSPORT_UNIX_H
#define BB_TRANSPORT_UNIX_H

#include "base/check.h"
#include "base/text.h"
#include "transport/transport.h"

enum { BB_UNIX_PATH_MAX = 107 }; /* bytes; sockaddr_un has no room for more */

/* Connect to the socket at `path`, a zero-terminated one; one that starts with '@' is in Linux's abstract space. The
 * transport is open at once. On failure appends "PATH: what is wrong" to `error`, returns false and leaves `out`
 * untouched. */
BB_MUST_USE bool bb_unix_connect(const char *path, bb_transport *out, bb_text *error);

#endif
