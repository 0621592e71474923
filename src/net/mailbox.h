/* mailbox.h - messages of the blocking style that came while a call waited for something else. Private to this folder.
 *
 * What      A bounded queue of copies.
 * Memory    From malloc, one block for each message or piece of one.
 * Threads   Belongs to its connection. */
#ifndef BB_NET_MAILBOX_H
#define BB_NET_MAILBOX_H

#include <busbar/client.h>

#include "base/check.h"

typedef struct bb_letter bb_letter;

typedef struct bb_mailbox {
    bb_letter *first, *last;
    bb_letter *given; /* was taken last, and lives until the next take */
    size_t bytes_now, bytes_max;
} bb_mailbox;

/* Copy `event` to the end. False: there is no room. An empty mailbox takes any message, unless its limit is 0. */
BB_MUST_USE bool bb_mailbox_put(bb_mailbox *mailbox, const bb_client_message_event *event);

/* Take the first message. False: there is none. `out` lives until the next take or clear. */
BB_MUST_USE bool bb_mailbox_take(bb_mailbox *mailbox, bb_client_message_event *out);

void bb_mailbox_clear(bb_mailbox *mailbox);

#endif
