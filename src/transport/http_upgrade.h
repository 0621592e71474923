/* http_upgrade.h - the request and the response that begin a WebSocket: RFC 6455, 4. Private to this folder.
 *
 * What      Pure text. A response is refused unless it does all that the standard demands. */
#ifndef BB_TRANSPORT_HTTP_UPGRADE_H
#define BB_TRANSPORT_HTTP_UPGRADE_H

#include "base/check.h"
#include "base/span.h"
#include "base/text.h"
#include "transport/websocket.h"

enum {
    BB_UPGRADE_KEY_BYTES = 16,
    BB_UPGRADE_KEY_TEXT = 24,    /* characters of the key in base64 */
    BB_UPGRADE_ACCEPT_TEXT = 28, /* and of the proof that a server has read it */
    BB_UPGRADE_REQUEST_MAX = 4096 + 253 + 512,
    BB_UPGRADE_RESPONSE_MAX = 8192, /* bytes of a response, and so of all of its headers */
};

/* Write the request for `peer` with the key, which is 16 random bytes in base64. */
void bb_upgrade_put_request(bb_text *text, const bb_websocket_peer *peer, bb_span key);

/* 16 bytes in base64, and the proof for such a text. */
void bb_upgrade_key(const uint8_t bytes[BB_UPGRADE_KEY_BYTES], char out[BB_UPGRADE_KEY_TEXT + 1]);
void bb_upgrade_accept(bb_span key, char out[BB_UPGRADE_ACCEPT_TEXT + 1]);

/* The length of the response that `bytes` begin with, its empty line included; 0: it is not whole yet. */
size_t bb_upgrade_response_length(bb_span bytes);

/* Whether `bytes` can be the beginning of a response at all. */
bool bb_upgrade_is_http(bb_span bytes);

/* Whether the server agrees. `response` is whole. If not, appends why, for people, to `error`. */
BB_MUST_USE bool bb_upgrade_check(bb_span response, bb_span key, bb_text *error);

#endif
