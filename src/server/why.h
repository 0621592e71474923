/* why.h - may this client do that, and which access rule says so? Answered from settings, without a broker.
 *
 * Threads   Pure but for what it prints. */
#ifndef BB_SERVER_WHY_H
#define BB_SERVER_WHY_H

#include <stdio.h>

#include "server/settings.h"

typedef struct bb_why {
    const char *user, *client, *address, *listener; /* NULL: not given */
    const char *action;                             /* "publish" or "subscribe" */
    const char *topic;                              /* or filter */
    const char *qos;                                /* NULL: 0 */
    bool retain, will;
} bb_why;

typedef enum bb_why_answer {
    BB_WHY_ALLOWED,
    BB_WHY_DENIED,
    BB_WHY_WRONG, /* the question makes no sense; `out` says why not */
} bb_why_answer;

/* Print the answer, and the rule, file and line that decide. */
bb_why_answer bb_why_ask(const bb_settings *settings, const bb_why *why, FILE *out);

#endif
