#include "transport/http_request.h"

#include <strings.h>

#include "base/printable.h"
#include "transport/http_text.h"
#include "transport/http_upgrade.h"
#include "transport/websocket_inside.h"

const char *bb_request_foreign(bb_span bytes)
{
    enum { MQTT_CONNECT = 0x10, TLS_HANDSHAKE = 0x16 };
    if (!bytes.len || (bytes.data[0] >= 'A' && bytes.data[0] <= 'Z'))
        return NULL;
    switch (bytes.data[0]) {
    case MQTT_CONNECT:
        return "the client speaks MQTT without WebSocket";
    case TLS_HANDSHAKE:
        return "the client speaks TLS, and this listener has none";
    default:
        return "the client does not speak HTTP";
    }
}

/* --- what a request says */

typedef struct request {
    bb_span path, key, version, origin;
    unsigned hosts;
    bool upgrade, connection, mqtt, mqtt31;
} request;

/* "GET /path?query HTTP/1.1" */
static bool read_request_line(bb_span line, request *out)
{
    static const char method[] = "GET ", version[] = " HTTP/1.1";
    enum { METHOD = sizeof method - 1, VERSION = sizeof version - 1 };
    if (line.len < METHOD + 1 + VERSION || memcmp(line.data, method, METHOD) != 0 ||
        memcmp(line.data + line.len - VERSION, version, VERSION) != 0)
        return false;
    bb_span target = bb_span_of(line.data + METHOD, line.len - METHOD - VERSION);
    if (target.data[0] != '/' || memchr(target.data, ' ', target.len))
        return false;
    const uint8_t *query = memchr(target.data, '?', target.len);
    out->path = bb_span_of(target.data, query ? (size_t)(query - target.data) : target.len);
    return true;
}

/* Keep a value that may be there once. */
static bool keep(bb_span *into, bb_span value)
{
    bool first = !into->data;
    *into = value;
    return first;
}

static bool read_header(bb_span line, request *out)
{
    bb_span name, value;
    if (!bb_http_header(line, &name, &value))
        return false;
    if (bb_http_text_equal(name, "Host"))
        return out->hosts++ == 0;
    if (bb_http_text_equal(name, "Upgrade"))
        out->upgrade |= bb_http_list_has(value, "websocket");
    else if (bb_http_text_equal(name, "Connection"))
        out->connection |= bb_http_list_has(value, "upgrade");
    else if (bb_http_text_equal(name, "Sec-WebSocket-Key"))
        return keep(&out->key, value);
    else if (bb_http_text_equal(name, "Sec-WebSocket-Version"))
        return keep(&out->version, value);
    else if (bb_http_text_equal(name, "Origin"))
        return keep(&out->origin, value);
    else if (bb_http_text_equal(name, "Sec-WebSocket-Protocol")) {
        out->mqtt |= bb_http_list_has(value, "mqtt");
        out->mqtt31 |= bb_http_list_has(value, "mqttv3.1");
    }
    return true;
}

static bool read_request(bb_span head, request *out)
{
    if (!read_request_line(bb_http_take_line(&head), out))
        return false;
    for (bb_span line = bb_http_take_line(&head); line.len; line = bb_http_take_line(&head))
        if (!read_header(line, out))
            return false;
    return out->hosts == 1;
}

/* 16 bytes in base64 */
static bool is_key(bb_span key)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.len != BB_UPGRADE_KEY_TEXT || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!key.data[i] || !strchr(letters, key.data[i]))
            return false;
    return true;
}

/* Only browsers send an origin, and they are who this protects. */
static bool is_origin_allowed(const bb_websocket_rules *rules, bb_span origin)
{
    bb_span left = rules->origins ? bb_span_text(rules->origins) : BB_SPAN_NONE;
    if (!rules->origins || !origin.data)
        return true;
    while (left.len) {
        const uint8_t *end = memchr(left.data, '\n', left.len);
        bb_span one = bb_span_of(left.data, end ? (size_t)(end - left.data) : left.len);
        if (one.len == origin.len && strncasecmp((const char *)one.data, (const char *)origin.data, one.len) == 0)
            return true;
        left = bb_span_from(left, end ? one.len + 1 : one.len);
    }
    return false;
}

/* --- answers */

/* The text is for whoever looks at it in a browser or a terminal. */
static bb_status refuse(bb_text *response, bb_text *error, bb_status why, const char *status, const char *text)
{
    bb_text_puts(response, "HTTP/1.1 ");
    bb_text_puts(response, status);
    bb_text_puts(response, "\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
    bb_text_put_u64(response, strlen(text) + 1);
    bb_text_puts(response, strncmp(status, "426", 3) == 0
                               ? "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
                               : "\r\n\r\n");
    bb_text_puts(response, text);
    bb_text_puts(response, "\n");
    bb_text_puts(error, text);
    return why;
}

/* Append what the client sent, made harmless, behind the reason. */
static bb_status naming(bb_text *error, bb_status why, bb_span sent)
{
    char shown[80];
    size_t len = bb_printable(shown, sizeof shown, sent, BB_PRINTABLE_TEXT, NULL);
    bb_text_puts(error, ", not ");
    bb_text_put(error, bb_span_of(shown, len));
    return why;
}

static bb_status accept_it(const request *got, bb_text *response)
{
    char proof[BB_UPGRADE_ACCEPT_TEXT + 1];
    bb_upgrade_accept(got->key, proof);
    bb_text_puts(response, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: ");
    bb_text_puts(response, proof);
    bb_text_puts(response, "\r\nSec-WebSocket-Protocol: "); /* [MQTT-6.0.0-4] */
    bb_text_puts(response, got->mqtt ? "mqtt" : "mqttv3.1");
    bb_text_puts(response, "\r\n\r\n");
    return BB_OK;
}

bb_status bb_request_answer(bb_span head, const bb_websocket_rules *rules, bb_text *response, bb_text *error)
{
    request got = {0};
    if (!read_request(head, &got))
        return refuse(response, error, BB_E_NOT_WEBSOCKET, "400 Bad Request",
                      "the request is not a valid GET of HTTP/1.1");
    if (!got.upgrade || !got.connection)
        return refuse(response, error, BB_E_NOT_WEBSOCKET, "426 Upgrade Required",
                      "this port speaks MQTT over WebSocket, and the request asks for a page");
    if (!bb_span_equal(got.version, BB_SPAN_LITERAL("13")))
        return refuse(response, error, BB_E_NOT_WEBSOCKET, "426 Upgrade Required",
                      "the version of WebSocket (Sec-WebSocket-Version) must be 13");
    if (!is_key(got.key))
        return refuse(response, error, BB_E_NOT_WEBSOCKET, "400 Bad Request",
                      "Sec-WebSocket-Key must be 16 bytes in base64");
    if (rules->path && !bb_span_equal(got.path, bb_span_text(rules->path)))
        return naming(error,
                      refuse(response, error, BB_E_WEB_PATH, "404 Not Found", "MQTT is served at another path here"),
                      got.path);
    if (!is_origin_allowed(rules, got.origin))
        return naming(
            error,
            refuse(response, error, BB_E_ORIGIN, "403 Forbidden", "only pages of certain origins may connect here"),
            got.origin);
    if (!got.mqtt && !got.mqtt31) /* [MQTT-6.0.0-3] */
        return refuse(response, error, BB_E_SUBPROTOCOL, "400 Bad Request",
                      "the client must offer the subprotocol mqtt: Sec-WebSocket-Protocol: mqtt");
    return accept_it(&got, response);
}
