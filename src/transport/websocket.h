/* websocket.h - MQTT in WebSocket frames (RFC 6455): a filter that is put on top of TCP or TLS and owns it, on either
 * side.
 *
 * What      The HTTP upgrade, then binary frames. What the user of the transport sends and gets is the stream of bytes
 *           inside; frames, fragments, pings and the closing handshake are this file's matter.
 * Strict    A response that is not exactly an acceptance of "mqtt" is refused, and so are text frames
 *           [MQTT-6.0.0-1], and frames that break RFC 6455. Frames and responses are bounded.
 * Sending   Bytes count as sent when the transport below has taken the frame that holds them, so nothing lies here
 *           without anyone knowing.
 * Memory    Some 1 KB for each connection that is idle, up to 33 KB more while bytes are on their way, from the bb_mem
 *           that was given; wslay allocates some 8 KB for itself.
 * Threads   A connection belongs to one. */
#ifndef BB_TRANSPORT_WEBSOCKET_H
#define BB_TRANSPORT_WEBSOCKET_H

#include "base/check.h"
#include "base/mem.h"
#include "transport/transport.h"

typedef struct bb_websocket_peer {
    const char *host; /* as it was dialled, without brackets */
    uint16_t port;
    bool standard_port; /* of the scheme: then HTTP's Host does without it */
    const char *path;   /* with its query, ready for the line of a request: at most 4096 bytes, no spaces */
} bb_websocket_peer;

/* Put WebSocket on top of `lower`, which need not be open yet. On success `out` owns `lower`; on failure
 * (BB_E_NO_MEMORY) it stays the caller's. `out` may be the same object as `lower`. `peer` is borrowed for the call. */
BB_MUST_USE bb_status bb_websocket_client(const bb_websocket_peer *peer, bb_mem *mem, const bb_transport *lower,
                                          bb_transport *out);

/* Which requests a server accepts. Made once, counted, and not changed any more. */
typedef struct bb_websocket_rules bb_websocket_rules;

/* `path`: the one at which MQTT is served; NULL: any. `origins`: those whose pages may connect, a line for each, such
 * as "https://example.org"; NULL: all. NULL when there is no memory. */
BB_MUST_USE bb_websocket_rules *bb_websocket_rules_new(const char *path, const char *origins);
bb_websocket_rules *bb_websocket_rules_ref(bb_websocket_rules *rules);
void bb_websocket_rules_unref(bb_websocket_rules *rules); /* NULL is allowed */

/* The server's side, on top of what was accepted; otherwise as bb_websocket_client. It holds a reference to `rules`. */
BB_MUST_USE bb_status bb_websocket_server(bb_websocket_rules *rules, bb_mem *mem, const bb_transport *lower,
                                          bb_transport *out);

#endif
