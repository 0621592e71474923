/* link.h - the broker's side of one transport connection: what its CONNECT said, and what is on its way out.
 *
 * What      Embedded in the shell's connection object. An idle link owns no memory beside this struct; what only some
 * links need (aliases, a payload that is still arriving, an authentication exchange) is in bb_link_more. Threads   The
 * worker that owns the connection. Before CONNECT a link may move to another worker as a whole. */
#ifndef BB_BROKER_LINK_H
#define BB_BROKER_LINK_H

#include "base/chain.h"
#include "base/timer.h"
#include "session/session.h"

typedef struct bb_link_more bb_link_more;

typedef enum bb_link_state {
    BB_LINK_NEW,            /* no CONNECT yet */
    BB_LINK_AUTHENTICATING, /* AUTH packets go back and forth before CONNACK */
    BB_LINK_CONNECTED,
    BB_LINK_ENDED, /* nothing is read any more; when `out` is sent the shell closes */
} bb_link_state;

typedef struct bb_link {
    bb_chain out;
    bb_session *session;       /* while CONNECTED */
    bb_link_more *more;        /* NULL until needed */
    bb_list dirty;             /* in the broker's list of links with output */
    bb_timer timer;            /* time for CONNECT, then keep alive */
    bb_time heard;             /* when the last bytes came */
    uint32_t keep_alive_ms;    /* one and a half times the keep alive; 0: none */
    uint32_t packet_bytes_max; /* that the client accepts */
    uint32_t answers;          /* bytes of `out` that answer the client, since there was room for more */
    uint16_t window;           /* most QoS 1 and 2 in flight to the client on this link */
    uint16_t window_now;       /* sent on this link and not completed */
    uint16_t inbound_now;      /* QoS 1 and 2 from the client that we have not answered in full */
    uint16_t inbound_max;      /* the receive maximum that its CONNACK told */
    uint16_t alias_max_in;     /* likewise, topic aliases that the client may use */
    uint16_t alias_max_out;    /* topic aliases that we may use */
    uint8_t version;           /* bb_version; 0 before CONNECT */
    uint8_t state;             /* bb_link_state */
    uint8_t reason;            /* bb_status: why it ended */
    bool problem_info : 1;     /* reason strings are welcome */
    bool held : 1;             /* the shell does not read it at the moment: its silence is ours */
    bool broken : 1;           /* memory ran out in the middle of its output: it ends when it is looked at next */
} bb_link;

#endif
