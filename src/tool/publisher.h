/* publisher.h - publishes message after message on one connection, whatever their size, and waits for what is owed.
 *
 * What      Keeps at most so many messages unacknowledged, streams payloads piece by piece, and turns refusals into
 *           messages and an exit code. The caller gives one message at a time and calls bb_publisher_step until it is
 *           on its way.
 * Used by   pub, request, respond. */
#ifndef BB_TOOL_PUBLISHER_H
#define BB_TOOL_PUBLISHER_H

#include "tool/connection.h"
#include "tool/payload.h"

typedef struct bb_publisher {
    bb_connection *connection;
    uint32_t inflight_max;
    uint64_t begun, owed; /* messages given to the client; those of them that are not acknowledged */
    int code;             /* an exit code: the last refusal */
    uint64_t progress;    /* grows with every byte and message that the client takes */
    bool busy;            /* a message is on its way into the client */
    bool streaming;       /* and its payload is given piece by piece */
    bb_client_message message;
    bb_payload *payload;
    uint32_t offset;
} bb_publisher;

/* Begin one message; not while busy. `payload` and what `message` points to must live until it is no longer busy. */
void bb_publisher_begin(bb_publisher *publisher, const bb_client_message *message, bb_payload *payload);

/* Go on as far as possible now. True: the message is on its way, or was given up (see `code`). False: call it again
 * after bb_connection_next, which sends and so makes room: at once where there was progress, else after a wait. */
bool bb_publisher_step(bb_publisher *publisher);

/* An event of the connection that concerns messages; others are ignored. */
void bb_publisher_take(bb_publisher *publisher, const bb_client_event *event);

#endif
