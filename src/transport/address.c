#include "transport/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { IPV4_BYTES = 4, IPV6_BYTES = 16, IP_TEXT_MAX = 46 };

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:a.b.c.d */

/* The part of `text` before the port's colon, without brackets; false when the shape is wrong. */
static bool split(bb_span text, bb_span *ip, bb_span *port, bool *brackets)
{
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon < 2) /* no colon, or nothing before it */
        return false;
    *ip = bb_span_of(text.data, colon - 1);
    *port = bb_span_from(text, colon);
    *brackets = ip->len >= 2 && ip->data[0] == '[' && ip->data[ip->len - 1] == ']';
    if (*brackets)
        *ip = bb_span_of(ip->data + 1, ip->len - 2);
    return true;
}

static bool parse_port(bb_span text, uint16_t *out)
{
    unsigned port = 0;
    if (!text.len || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

static bool parse_ip(bb_span text, int system_family, uint8_t *out)
{
    char terminated[IP_TEXT_MAX];
    if (text.len >= sizeof terminated || memchr(text.data, 0, text.len))
        return false;
    memcpy(terminated, text.data, text.len);
    terminated[text.len] = 0;
    return inet_pton(system_family, terminated, out) == 1;
}

const char *bb_address_parse(bb_span text, bb_address *out)
{
    bb_address address = {0};
    bb_span ip, port;
    bool brackets;
    if (!split(text, &ip, &port, &brackets))
        return "must be ADDRESS:PORT or [IPV6-ADDRESS]:PORT";
    if (!parse_port(port, &address.port))
        return "the port must be a number from 0 to 65535";
    address.family = brackets ? BB_FAMILY_IPV6 : BB_FAMILY_IPV4;
    if (!parse_ip(ip, brackets ? AF_INET6 : AF_INET, address.ip)) {
        if (brackets)
            return "what stands in brackets must be an IPv6 address";
        return memchr(ip.data, ':', ip.len) ? "an IPv6 address must stand in brackets: [ADDRESS]:PORT"
                                            : "the address must be an IP address in digits, such as 127.0.0.1 or [::1]";
    }
    *out = address;
    return NULL;
}

static void put_process(const bb_process *process, bb_text *text)
{
    bb_text_puts(text, "pid ");
    bb_text_put_u64(text, process->pid);
    bb_text_puts(text, ", uid ");
    bb_text_put_u64(text, process->uid);
    bb_text_puts(text, ", gid ");
    bb_text_put_u64(text, process->gid);
}

void bb_address_put(const bb_address *address, bb_text *text)
{
    if (address->family == BB_FAMILY_PROCESS) {
        put_process(&address->process, text);
        return;
    }
    if (address->family == BB_FAMILY_NONE) {
        bb_text_puts(text, "unknown");
        return;
    }
    bool v6 = address->family == BB_FAMILY_IPV6;
    char ip[IP_TEXT_MAX] = "";
    inet_ntop(v6 ? AF_INET6 : AF_INET, address->ip, ip, sizeof ip);
    bb_text_puts(text, v6 ? "[" : "");
    bb_text_puts(text, ip);
    bb_text_puts(text, v6 ? "]:" : ":");
    bb_text_put_u64(text, address->port);
}

void bb_address_ip(const bb_address *address, uint8_t ip[16])
{
    memset(ip, 0, IPV6_BYTES);
    if (address->family == BB_FAMILY_IPV6) {
        memcpy(ip, address->ip, IPV6_BYTES);
    } else if (address->family == BB_FAMILY_IPV4) {
        memcpy(ip, mapped_prefix, sizeof mapped_prefix);
        memcpy(ip + sizeof mapped_prefix, address->ip, IPV4_BYTES);
    }
}

size_t bb_address_to_system(const bb_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == BB_FAMILY_IPV6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        memcpy(&v6->sin6_addr, address->ip, IPV6_BYTES);
        return sizeof *v6;
    }
    BB_CHECK(address->family == BB_FAMILY_IPV4);
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address->port);
    memcpy(&v4->sin_addr, address->ip, IPV4_BYTES);
    return sizeof *v4;
}

void bb_address_from_system(const struct sockaddr_storage *system, bb_address *out)
{
    *out = (bb_address){0};
    if (system->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)system;
        out->family = BB_FAMILY_IPV4;
        out->port = ntohs(v4->sin_port);
        memcpy(out->ip, &v4->sin_addr, IPV4_BYTES);
    } else if (system->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)system;
        const uint8_t *ip = (const uint8_t *)&v6->sin6_addr;
        bool mapped = memcmp(ip, mapped_prefix, sizeof mapped_prefix) == 0;
        out->family = mapped ? BB_FAMILY_IPV4 : BB_FAMILY_IPV6;
        out->port = ntohs(v6->sin6_port);
        memcpy(out->ip, mapped ? ip + sizeof mapped_prefix : ip, mapped ? IPV4_BYTES : IPV6_BYTES);
    }
}
