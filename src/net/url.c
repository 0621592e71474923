#include <arpa/inet.h>

#include <busbar/url.h>

#include "base/span.h"
#include "base/text.h"

typedef struct scheme_row {
    const char *name;
    bb_url_scheme scheme;
    uint16_t port;
} scheme_row;

static const scheme_row schemes[] = {
    {"mqtt", BB_URL_MQTT, 1883}, {"mqtts", BB_URL_MQTTS, 8883}, {"ws", BB_URL_WS, 80},
    {"wss", BB_URL_WSS, 443},    {"unix", BB_URL_UNIX, 0},
};

enum { SCHEMES = sizeof schemes / sizeof *schemes, PORT_DIGITS_MAX = 5, IPV6_TEXT_MAX = 45 };

/* A URL on its way through the parser. */
typedef struct parser {
    bb_span text;
    bb_url *out;
    size_t used; /* of out->memory */
    bb_text error;
} parser;

/* Characters are counted from 1, as people do. */
static bool wrong(parser *p, const uint8_t *at, const char *what)
{
    bb_text_puts(&p->error, "character ");
    bb_text_put_u64(&p->error, (uint64_t)(at - p->text.data) + 1);
    bb_text_puts(&p->error, ": ");
    bb_text_puts(&p->error, what);
    return false;
}

/* --- parts of a text */

static const uint8_t *end_of(bb_span span)
{
    return span.data + span.len;
}

static bb_span between(const uint8_t *from, const uint8_t *to)
{
    return bb_span_of(from, (size_t)(to - from));
}

/* The first byte of `span` that is one of `set`; its end where there is none. */
static const uint8_t *find(bb_span span, const char *set)
{
    const uint8_t *at = span.data;
    while (at < end_of(span) && (*at == 0 || !strchr(set, *at)))
        at++;
    return at;
}

/* The last `byte` of `span`; NULL where there is none. */
static const uint8_t *find_last(bb_span span, uint8_t byte)
{
    return span.len ? memrchr(span.data, byte, span.len) : NULL;
}

static bool starts_with(bb_span span, const char *what)
{
    size_t len = strlen(what);
    return span.len >= len && memcmp(span.data, what, len) == 0;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* --- keeping parts in out->memory: there is room, because no part grows and five zeros are less than is left over */

static const char *keep(parser *p, bb_span bytes)
{
    char *at = p->out->memory + p->used;
    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    at[bytes.len] = 0;
    p->used += bytes.len + 1;
    return at;
}

static bool keep_decoded(parser *p, bb_span part, const char **out)
{
    char *at = p->out->memory + p->used;
    size_t len = 0;
    for (size_t i = 0; i < part.len; i++) {
        uint8_t byte = part.data[i];
        if (byte == '%') {
            bool both = part.len - i > 2;
            int high = both ? hex_digit(part.data[i + 1]) : -1, low = both ? hex_digit(part.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return wrong(p, part.data + i, "a % must be followed by two hexadecimal digits (%25 is a % itself)");
            byte = (uint8_t)(high * 16 + low);
            if (!byte)
                return wrong(p, part.data + i, "a zero byte (%00) is not allowed");
            i += 2;
        }
        at[len++] = (char)byte;
    }
    at[len] = 0;
    p->used += len + 1;
    *out = at;
    return true;
}

/* --- the parts of a URL, from left to right; each takes what is its own off the front of `rest` */

static bool parse_scheme(parser *p, bb_span *rest, const scheme_row **out)
{
    const uint8_t *colon = find(*rest, ":");
    bb_span name = between(rest->data, colon);
    for (const scheme_row *row = schemes; row < schemes + SCHEMES; row++) {
        if (colon < end_of(*rest) && name.len == strlen(row->name) &&
            strncasecmp((const char *)name.data, row->name, name.len) == 0) {
            *out = row;
            p->out->scheme = row->scheme;
            p->out->port = row->port;
            *rest = between(colon + 1, end_of(*rest));
            return true;
        }
    }
    return wrong(p, p->text.data, "must begin with mqtt://, mqtts://, ws://, wss:// or unix:");
}

/* "user", "user:password" or nothing, before the last @. */
static bool parse_user(parser *p, bb_span *authority)
{
    const uint8_t *at = find_last(*authority, '@');
    if (!at)
        return true;
    bb_span user = between(authority->data, at);
    const uint8_t *colon = find(user, ":");
    bb_span password = colon < at ? between(colon + 1, at) : BB_SPAN_NONE;
    *authority = between(at + 1, end_of(*authority));
    return keep_decoded(p, between(user.data, colon), &p->out->user) &&
           (colon == at || keep_decoded(p, password, &p->out->password));
}

static bool parse_port(parser *p, bb_span digits)
{
    unsigned port = 0;
    bool good = digits.len > 0 && digits.len <= PORT_DIGITS_MAX;
    for (size_t i = 0; i < digits.len && good; i++) {
        good = digits.data[i] >= '0' && digits.data[i] <= '9';
        port = port * 10 + (unsigned)(digits.data[i] - '0');
    }
    if (!good || port == 0 || port > UINT16_MAX)
        return wrong(p, digits.data, "the port must be a number from 1 to 65535");
    p->out->port = (uint16_t)port;
    return true;
}

static bool parse_ipv6(parser *p, bb_span text)
{
    uint8_t ip[16];
    char terminated[IPV6_TEXT_MAX + 1];
    if (text.len > IPV6_TEXT_MAX)
        return wrong(p, text.data, "what stands in brackets must be an IPv6 address");
    memcpy(terminated, text.data, text.len);
    terminated[text.len] = 0;
    if (strlen(terminated) != text.len || inet_pton(AF_INET6, terminated, ip) != 1)
        return wrong(p, text.data, "what stands in brackets must be an IPv6 address");
    p->out->host = keep(p, text);
    return true;
}

static bool is_host_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_';
}

static bool parse_name(parser *p, bb_span name)
{
    if (!name.len)
        return wrong(p, name.data, "a host is missing");
    if (name.len > BB_URL_HOST_MAX)
        return wrong(p, name.data, "a host name has at most 253 characters");
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] >= 0x80)
            return wrong(p, name.data + i, "write names with other than ASCII letters in their xn-- form");
        if (!is_host_byte(name.data[i]))
            return wrong(p, name.data + i, "a host name has letters, digits, hyphens and dots only");
    }
    p->out->host = keep(p, name);
    return true;
}

/* "host", "host:port", "[ipv6]" or "[ipv6]:port". */
static bool parse_host(parser *p, bb_span authority)
{
    bool brackets = starts_with(authority, "[");
    const uint8_t *host_end = find(authority, brackets ? "]" : ":");
    if (brackets && host_end == end_of(authority))
        return wrong(p, host_end, "the ] behind an IPv6 address is missing");
    const uint8_t *rest = brackets ? host_end + 1 : host_end;
    if (!brackets && rest < end_of(authority) && memchr(rest + 1, ':', (size_t)(end_of(authority) - rest - 1)))
        return wrong(p, authority.data, "an IPv6 address must stand in brackets: [::1]");
    if (rest < end_of(authority) && *rest != ':')
        return wrong(p, rest, "expected :PORT or the end behind the ]");
    bool host = brackets ? parse_ipv6(p, between(authority.data + 1, host_end))
                         : parse_name(p, between(authority.data, host_end));
    return host && (rest == end_of(authority) || parse_port(p, between(rest + 1, end_of(authority))));
}

/* Goes into the line of an HTTP request as it is. */
static bool parse_request_path(parser *p, bb_span rest)
{
    for (const uint8_t *at = rest.data; at < end_of(rest); at++) {
        if (*at == '#')
            return wrong(p, at, "a fragment (#...) means nothing to a server");
        if (*at <= ' ' || *at >= 0x7F)
            return wrong(p, at, "must be percent-encoded here");
    }
    if (!starts_with(rest, "/")) { /* nothing, or a query alone */
        p->out->path = keep(p, BB_SPAN_LITERAL("/"));
        p->used--;
        keep(p, rest);
    } else {
        p->out->path = keep(p, rest);
    }
    return true;
}

static bool parse_unix(parser *p, bb_span rest)
{
    if (starts_with(rest, "//")) {
        bb_span authority = between(rest.data + 2, find(between(rest.data + 2, end_of(rest)), "/"));
        rest = between(end_of(authority), end_of(rest));
        if (!parse_user(p, &authority))
            return false;
        if (authority.len)
            return wrong(p, authority.data, "a Unix socket has no host: write unix:/path");
    }
    if (!rest.len)
        return wrong(p, rest.data, "the path of the socket is missing");
    p->out->host = "";
    return keep_decoded(p, rest, &p->out->path);
}

static bool parse_rest(parser *p, bb_span rest)
{
    if (!starts_with(rest, "//"))
        return wrong(p, rest.data, "expected //");
    rest = between(rest.data + 2, end_of(rest));
    bb_span authority = between(rest.data, find(rest, "/?"));
    rest = between(end_of(authority), end_of(rest));
    if (!parse_user(p, &authority) || !parse_host(p, authority))
        return false;
    return bb_url_is_websocket(p->out) ? parse_request_path(p, rest) : keep_decoded(p, rest, &p->out->path);
}

static bool parse(parser *p)
{
    const scheme_row *row = NULL;
    bb_span rest = p->text;
    if (p->text.len > BB_URL_MAX)
        return wrong(p, p->text.data + BB_URL_MAX, "a URL has at most 4096 characters");
    if (!parse_scheme(p, &rest, &row))
        return false;
    return row->scheme == BB_URL_UNIX ? parse_unix(p, rest) : parse_rest(p, rest);
}

bool bb_url_parse(const char *text, bb_url *out, char *error, size_t size)
{
    parser p = {.text = bb_span_text(text), .out = out, .error = bb_text_on(error, size ? size - 1 : 0)};
    out->user = out->password = NULL;
    bool good = parse(&p);
    if (size)
        error[p.error.len] = 0;
    return good;
}

bool bb_url_is_tls(const bb_url *url)
{
    return url->scheme == BB_URL_MQTTS || url->scheme == BB_URL_WSS;
}

bool bb_url_is_websocket(const bb_url *url)
{
    return url->scheme == BB_URL_WS || url->scheme == BB_URL_WSS;
}
