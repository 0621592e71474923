/* http_request.h - the request for a WebSocket, as a server reads and answers it: RFC 6455, 4.2. Private to this
 * folder.
 *
 * What      Pure text. A request is refused unless it does all that the standard demands, and is for MQTT; the response
 *           then says so in its status and in a text for people. */
#ifndef BB_TRANSPORT_HTTP_REQUEST_H
#define BB_TRANSPORT_HTTP_REQUEST_H

#include "base/check.h"
#include "base/reason.h"
#include "transport/websocket.h"

enum {
    BB_REQUEST_MAX = 8192,          /* bytes of a request, and so of all of its headers */
    BB_REQUEST_RESPONSE_MAX = 1024, /* that any response fits into */
};

/* What the first bytes of a connection are, if they are no HTTP request: words for people; NULL: they may be one. */
const char *bb_request_foreign(bb_span bytes);

/* Answer a whole request. BB_OK: `response` accepts it. Else `response` refuses it, and `error` has why. */
BB_MUST_USE bb_status bb_request_answer(bb_span request, const bb_websocket_rules *rules, bb_text *response,
                                        bb_text *error);

#endif
