/* screen.h - the whole terminal as a page that is drawn again and again, and given back as it was.
 *
 * What      The second page of the terminal, no cursor, keys without Return. However the process ends, the terminal is
 *           given back: also by a signal that kills it, and while it is stopped (Ctrl-Z).
 * Threads   State of the process: there is one terminal. */
#ifndef BB_TOOL_SCREEN_H
#define BB_TOOL_SCREEN_H

#include "base/span.h"

typedef struct bb_screen_size {
    unsigned rows, columns;
} bb_screen_size;

/* Take the terminal. False: standard input or output is none. */
bool bb_screen_open(void);

/* Give it back; twice does nothing. */
void bb_screen_close(void);

bb_screen_size bb_screen_size_now(void);

/* Has the size changed, or did we come back from a stop, since this was asked last? */
bool bb_screen_changed(void);

/* Show a page: lines that end with \n, of which as many are shown as fit. */
void bb_screen_draw(bb_span page);

/* A key that was pressed, or 0. Standard input must be readable. */
char bb_screen_key(void);

#endif
