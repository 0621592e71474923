/* stop.h - Ctrl-C and its relatives, as something that can be waited for.
 *
 * SIGINT, SIGTERM and SIGHUP ask the command to come to its end; the same signal a second time ends the process at
 * once. State of the process: there is one set of signals. */
#ifndef BB_TOOL_STOP_H
#define BB_TOOL_STOP_H

#include <stdbool.h>

/* From now on signals are noted. Returns a descriptor that becomes readable when one comes, and stays so; -1: the
 * system has none left. Calling it again gives the same one. */
int bb_stop_fd(void);

bool bb_stop_requested(void);

#endif
