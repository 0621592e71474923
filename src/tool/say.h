/* say.h - what the tool tells people on standard error. */
#ifndef BB_TOOL_SAY_H
#define BB_TOOL_SAY_H

#include "base/span.h"

/* The command whose name stands before every message; static text. Set once, before anything is said. */
void bb_say_as(const char *command);

/* From now on, bb_say says nothing. */
void bb_say_quiet(void);

/* Messages are held back while the terminal shows something else, or no longer. */
void bb_say_pause(bool pause);

/* "busbar pub: ..." and a line end. */
__attribute__((format(printf, 1, 2))) void bb_say(const char *format, ...);

/* Bytes that somebody else chose, made harmless for a message and cut to fit, with a terminating zero. */
enum { BB_SAY_SHOWN_MAX = 128 };
const char *bb_say_shown(bb_span bytes, char text[BB_SAY_SHOWN_MAX]);

#endif
