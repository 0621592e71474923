/* accept.h - how one worker takes connections from the listeners. Private part of server.
 *
 * What      Every worker watches every listener; the kernel wakes one of them for a connection. When no file
 *           descriptors are left, clients wait, and are asked for again after a while.
 * Threads   The worker. */
#ifndef BB_SERVER_ACCEPT_H
#define BB_SERVER_ACCEPT_H

#include "server/worker.h"

/* Watch the listeners that are new, forget those that are closed. False: no memory, or none of the kernel's; what could
 * be watched is. */
BB_MUST_USE bool bb_acceptors_update(bb_worker *worker);

/* Forget them all. */
void bb_acceptors_stop(bb_worker *worker);

/* Try again those that ran out of file descriptors, if it is time. */
void bb_acceptors_again(bb_worker *worker, bb_time now);

#endif
