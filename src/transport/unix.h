/* unix.h - a stream over a Unix socket: a path of this machine instead of an address.
 *
 * Errors    In words, with the path.
 * Threads   A listener may be accepted from by several threads. */
#ifndef BB_TRANSPORT_UNIX_H
#define BB_TRANSPORT_UNIX_H

#include <sys/stat.h>

#include "base/check.h"
#include "base/text.h"
#include "transport/tcp.h"
#include "transport/transport.h"

enum { BB_UNIX_PATH_MAX = 107 }; /* bytes; sockaddr_un has no room for more */

/* Connect to the socket at `path`, a zero-terminated one; one that starts with '@' is in Linux's abstract space. The
 * transport is open at once. On failure appends "PATH: what is wrong" to `error`, returns false and leaves `out`
 * untouched. */
BB_MUST_USE bool bb_unix_connect(const char *path, bb_transport *out, bb_text *error);

typedef struct bb_unix_listener {
    int fd;
    dev_t device; /* of the file that was made: another one at its path is not ours to remove */
    ino_t inode;
} bb_unix_listener;

/* Listen at `path`, for whom the permissions `mode` (0660, for instance) let write to the file. A socket that lies
 * there and that nobody listens on is replaced; anything else that lies there is not touched. On failure appends "PATH:
 * what is wrong" to `error`, returns false and leaves `out` untouched. */
BB_MUST_USE bool bb_unix_listen(const char *path, mode_t mode, bb_unix_listener *out, bb_text *error);

/* Change who may connect. */
BB_MUST_USE bool bb_unix_listener_allow(bb_unix_listener *listener, const char *path, mode_t mode, bb_text *error);

/* Remove its file, which `path` names as for bb_unix_listen, if it is still there. */
void bb_unix_listener_remove(const bb_unix_listener *listener, const char *path);

/* Close it and remove its file, which `path` names as for bb_unix_listen. */
void bb_unix_listener_close(bb_unix_listener *listener, const char *path);

/* Take one waiting connection. `out` and `peer` (a process) are written on BB_ACCEPT_OK only. */
BB_MUST_USE bb_accept bb_unix_accept(const bb_unix_listener *listener, bb_transport *out, bb_address *peer);

#endif
