#include "server/endpoint.h"

#include <arpa/inet.h>

static bool copy_address(bb_span text, char address[BB_ADDRESS_MAX])
{
    if (text.len == 0 || text.len >= BB_ADDRESS_MAX || memchr(text.data, '\0', text.len))
        return false;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return true;
}

/* The name of an interface may follow an IPv6 address after '%'. */
static bool is_numeric_address(const char *address)
{
    char plain[BB_ADDRESS_MAX];
    struct in6_addr parsed;
    size_t len = strcspn(address, "%");
    bool scoped = address[len] == '%';
    if (scoped && address[len + 1] == '\0')
        return false;
    memcpy(plain, address, len);
    plain[len] = '\0';
    return inet_pton(AF_INET6, plain, &parsed) == 1 || (!scoped && inet_pton(AF_INET, plain, &parsed) == 1);
}

bool bb_endpoint_parse_address(bb_span value, char address[BB_ADDRESS_MAX], const char **hint)
{
    char text[BB_ADDRESS_MAX];
    bool bracketed = value.len > 2 && value.data[0] == '[' && value.data[value.len - 1] == ']';
    if (bracketed)
        value = bb_span_of(value.data + 1, value.len - 2);
    if (bb_span_equal(value, BB_SPAN_LITERAL("*"))) {
        *hint = "for all addresses of this machine write 0.0.0.0 (IPv4) or :: (IPv6)";
        return false;
    }
    if (!copy_address(value, text) || !is_numeric_address(text)) {
        *hint = "names are not looked up: for this machine only write 127.0.0.1 or ::1, for everybody 0.0.0.0 or ::";
        return false;
    }
    memcpy(address, text, sizeof text);
    return true;
}

/* Cut `text` at the colon before the port. Without a port, `port` is empty. */
static bool split_endpoint(bb_span text, bb_span *address, bb_span *port, const char **hint)
{
    const uint8_t *bracket = text.len && text.data[0] == '[' ? memchr(text.data, ']', text.len) : NULL;
    size_t end = bracket ? (size_t)(bracket - text.data) + 1 : 0;
    const uint8_t *colon = text.len > end ? memchr(text.data + end, ':', text.len - end) : NULL;
    size_t cut = colon ? (size_t)(colon - text.data) : text.len;
    bb_span rest = colon ? bb_span_from(text, cut + 1) : BB_SPAN_NONE;
    if (!bracket && rest.len && memchr(rest.data, ':', rest.len)) {
        *hint = "an IPv6 address needs brackets: [::1]:1883";
        return false;
    }
    if (bracket && cut != end)
        return false;
    *address = bb_span_of(text.data, cut);
    *port = rest;
    return !colon || rest.len > 0;
}

static bool parse_port(bb_span text, uint16_t *out)
{
    uint32_t port = 0;
    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

bool bb_endpoint_parse(bb_span text, char address[BB_ADDRESS_MAX], uint16_t *port, const char **hint)
{
    bb_span address_text, port_text;
    uint16_t number = *port;
    if (parse_port(text, &number)) {
        *hint =
            "an address must come before the port: 127.0.0.1:1883 for this machine only, 0.0.0.0:1883 for everybody";
        return false;
    }
    char parsed[BB_ADDRESS_MAX];
    if (!split_endpoint(text, &address_text, &port_text, hint) ||
        !bb_endpoint_parse_address(address_text, parsed, hint))
        return false;
    if (port_text.len && !parse_port(port_text, &number)) {
        *hint = "the port is a number from 0 to 65535";
        return false;
    }
    memcpy(address, parsed, sizeof parsed);
    *port = number;
    return true;
}
