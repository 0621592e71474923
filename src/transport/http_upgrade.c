#include "transport/http_upgrade.h"

#include <openssl/evp.h>

#include "base/printable.h"
#include "transport/http_text.h"

/* --- the request */

void bb_upgrade_key(const uint8_t bytes[BB_UPGRADE_KEY_BYTES], char out[BB_UPGRADE_KEY_TEXT + 1])
{
    EVP_EncodeBlock((unsigned char *)out, bytes, BB_UPGRADE_KEY_BYTES);
}

void bb_upgrade_accept(bb_span key, char out[BB_UPGRADE_ACCEPT_TEXT + 1])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    uint8_t joined[BB_UPGRADE_KEY_TEXT + sizeof magic - 1], hash[EVP_MAX_MD_SIZE];
    BB_CHECK(key.len == BB_UPGRADE_KEY_TEXT);
    memcpy(joined, key.data, key.len);
    memcpy(joined + key.len, magic, sizeof magic - 1);
    out[0] = 0; /* where a policy forbids SHA-1 no server can prove anything */
    if (EVP_Digest(joined, sizeof joined, hash, NULL, EVP_sha1(), NULL) == 1)
        EVP_EncodeBlock((unsigned char *)out, hash, 20);
}

void bb_upgrade_put_request(bb_text *text, const bb_websocket_peer *peer, bb_span key)
{
    bool ipv6 = strchr(peer->host, ':') != NULL;
    bb_text_puts(text, "GET ");
    bb_text_puts(text, peer->path);
    bb_text_puts(text, ipv6 ? " HTTP/1.1\r\nHost: [" : " HTTP/1.1\r\nHost: ");
    bb_text_puts(text, peer->host);
    bb_text_puts(text, ipv6 ? "]" : "");
    if (!peer->standard_port) {
        bb_text_puts(text, ":");
        bb_text_put_u64(text, peer->port);
    }
    bb_text_puts(text, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: ");
    bb_text_put(text, key);
    bb_text_puts(text, "\r\n\r\n");
}

/* --- the response */

size_t bb_upgrade_response_length(bb_span bytes)
{
    return bb_http_head_length(bytes);
}

bool bb_upgrade_is_http(bb_span bytes)
{
    static const char begin[] = "HTTP/1.1 ";
    size_t len = bytes.len < sizeof begin - 1 ? bytes.len : sizeof begin - 1;
    return len == 0 || memcmp(bytes.data, begin, len) == 0;
}

/* What the headers said; each may be there once. */
typedef struct answer {
    bb_span upgrade, connection, accept, protocol, extensions;
} answer;

/* Keep the value of a header that matters. False: it is no header, or one that may not be there twice. */
static bool read_header(bb_span line, answer *out)
{
    bb_span name, value;
    if (!bb_http_header(line, &name, &value))
        return false;
    const struct {
        const char *name;
        bb_span *into;
    } rows[] = {
        {"Upgrade", &out->upgrade},
        {"Connection", &out->connection},
        {"Sec-WebSocket-Accept", &out->accept},
        {"Sec-WebSocket-Protocol", &out->protocol},
        {"Sec-WebSocket-Extensions", &out->extensions},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!bb_http_text_equal(name, rows[i].name))
            continue;
        if (rows[i].into->data)
            return false;
        *rows[i].into = value;
    }
    return true;
}

static bool refuse(bb_text *error, const char *why)
{
    bb_text_puts(error, why);
    return false;
}

static bool check_status(bb_span line, bb_text *error)
{
    bb_span status = bb_span_from(line, sizeof "HTTP/1.1 " - 1);
    if (status.len >= 3 && memcmp(status.data, "101", 3) == 0 && (status.len == 3 || status.data[3] == ' '))
        return true;
    char shown[80];
    size_t len = bb_printable(shown, sizeof shown, status, BB_PRINTABLE_TEXT, NULL);
    bb_text_puts(error, "the server does not offer a WebSocket here; it answered: ");
    bb_text_put(error, bb_span_of(shown, len));
    return false;
}

static bool check_answer(const answer *got, bb_span key, bb_text *error)
{
    char accept[BB_UPGRADE_ACCEPT_TEXT + 1];
    bb_upgrade_accept(key, accept);
    if (!bb_http_text_equal(got->upgrade, "websocket") || !bb_http_list_has(got->connection, "upgrade"))
        return refuse(error, "the server's response does not upgrade to WebSocket");
    if (got->accept.len != BB_UPGRADE_ACCEPT_TEXT || memcmp(got->accept.data, accept, BB_UPGRADE_ACCEPT_TEXT) != 0)
        return refuse(error, "the server's response is not to our request (Sec-WebSocket-Accept is wrong)");
    if (!bb_span_equal(got->protocol, BB_SPAN_LITERAL("mqtt"))) /* [MQTT-6.0.0-4] */
        return refuse(error, "the server's WebSocket is not for MQTT (it does not select the subprotocol mqtt)");
    if (got->extensions.len)
        return refuse(error, "the server's response selects a WebSocket extension that nobody asked for");
    return true;
}

bool bb_upgrade_check(bb_span response, bb_span key, bb_text *error)
{
    answer got = {0};
    bb_span rest = response;
    bb_span status = bb_http_take_line(&rest);
    if (status.len < sizeof "HTTP/1.1 " - 1 || !bb_upgrade_is_http(status))
        return refuse(error, "the server does not speak HTTP/1.1 on this port");
    if (!check_status(status, error))
        return false;
    for (bb_span line = bb_http_take_line(&rest); line.len; line = bb_http_take_line(&rest)) {
        if (!read_header(line, &got))
            return refuse(error, "the server's response to the WebSocket request is not valid HTTP");
    }
    return check_answer(&got, key, error);
}
