#include "tool/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/printable.h"

/* The one piece of state that belongs to the process and not to a command: how its messages begin. */
static struct {
    const char *command;
    bool quiet, paused;
} speaker;

void bb_say_as(const char *command)
{
    speaker.command = command;
}

void bb_say_quiet(void)
{
    speaker.quiet = true;
}

void bb_say_pause(bool pause)
{
    speaker.paused = pause;
}

void bb_say(const char *format, ...)
{
    if (speaker.quiet || speaker.paused)
        return;
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr);
    fprintf(stderr, "busbar%s%s: ", speaker.command ? " " : "", speaker.command ? speaker.command : "");
    vfprintf(stderr, format, arguments);
    putc('\n', stderr);
    funlockfile(stderr);
    va_end(arguments);
}

const char *bb_say_shown(bb_span bytes, char text[BB_SAY_SHOWN_MAX])
{
    bool whole;
    size_t len = bb_printable(text, BB_SAY_SHOWN_MAX - sizeof "...", bytes, BB_PRINTABLE_TEXT, &whole);
    memcpy(text + len, whole ? "" : "...", whole ? 1 : sizeof "...");
    return text;
}
