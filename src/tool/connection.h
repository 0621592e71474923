/* connection.h - a connection as commands use it: made from the options of the command line, with its troubles told to
 * people and turned into exit codes.
 *
 * What      bb_net (busbar/net.h) with signals, messages and exit codes around it. A command does
 *
 *               bb_connection_prepare(c, &settings->connection)
 *               ... changes c->options where it needs to ...
 *               code = bb_connection_open(c)              connected, or why not
 *               while (!done) {
 *                   while (bb_connection_next(c, &event))
 *                       handle(&event);
 *                   bb_connection_wait(c, timeout, fd);
 *               }
 *               return bb_connection_close(c, code);
 *
 * Memory    The struct is the caller's; what it points to is freed by bb_connection_close.
 * Threads   One. */
#ifndef BB_TOOL_CONNECTION_H
#define BB_TOOL_CONNECTION_H

#include <busbar/net.h>

#include "tool/connection_options.h"
#include "tool/exit.h"

typedef struct bb_connection {
    const bb_connection_options *asked;
    bb_net_options options;
    bb_net *net;
    bb_client_server server; /* what the broker said when it accepted the last connection */
    char *response_info;     /* and its response information, zero-terminated; NULL: none. malloc'ed */
    bool connected;          /* now */
    bool was_connected;      /* once, at least */
    bool reconnect;          /* the command wants it: set by it after prepare */
    bool ended;              /* no connection, and there will be none; `code` says why */
    int code;                /* an exit code */
    uint32_t turn_events;    /* that bb_connection_next gave in a row */
    bool has_more;           /* it has ended its turn although there may be more */
    uint64_t limit_us;       /* opening gives up at this time of bb_now_us; 0: when the options say */
    bb_client_message will;
    char url[BB_URL_MAX], id[BB_CLIENT_ID_TEXT_MAX];
} bb_connection;

/* Fill `c->options` from what was asked for. `command` is part of client identifiers that are made up. */
void bb_connection_prepare(bb_connection *c, const bb_connection_options *asked, const char *command);

/* Connect. An exit code; what went wrong has been said. Whatever comes out, the connection must be closed. */
int bb_connection_open(bb_connection *c);

/* The next event; false: none for now, or enough of them in a row, after which the next wait does not wait. What
 * concerns the connection itself is said and noted in `c`. */
bool bb_connection_next(bb_connection *c, bb_client_event *event);

/* Wait until there is something to do for the connection, until `fd` (-1: none) is readable, until a signal asks to
 * stop (stop.h), or until `timeout_ms` have passed (-1: no limit). True: `fd` is readable. */
bool bb_connection_wait(bb_connection *c, int timeout_ms, int fd);

/* Say goodbye if there is a connection, and free everything. Returns `code`, or if that is OK, what went wrong with the
 * goodbye. */
int bb_connection_close(bb_connection *c, int code);

/* "not authorized (0x87): go away", with the reason string of `properties`, for a message. */
enum { BB_REFUSAL_MAX = 320 };
const char *bb_refusal_text(uint8_t code, bb_span properties, char text[BB_REFUSAL_MAX]);

/* Milliseconds from now to the point `at_us` of the clock, for a wait; 0 when it has passed, -1 for UINT64_MAX. */
int bb_ms_until(uint64_t at_us);

/* The clock that never goes back, in microseconds. */
uint64_t bb_now_us(void);

#endif
