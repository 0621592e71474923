/* address.h - where a peer is: an IP address and a port, or a process of this machine; small enough to be kept for each
 * connection.
 *
 * Text      ADDRESS:PORT with a numeric IPv4 address, or [ADDRESS]:PORT with an IPv6 one. Names are not looked up. */
#ifndef BB_TRANSPORT_ADDRESS_H
#define BB_TRANSPORT_ADDRESS_H

#include "base/check.h"
#include "base/span.h"
#include "base/text.h"

struct sockaddr_storage;

typedef enum bb_family {
    BB_FAMILY_NONE,
    BB_FAMILY_IPV4,
    BB_FAMILY_IPV6,
    BB_FAMILY_PROCESS, /* the other end of a Unix socket, as it was when it connected */
} bb_family;

typedef struct bb_process {
    uint32_t pid, uid, gid;
} bb_process;

typedef struct bb_address {
    union {
        uint8_t ip[16]; /* network order; IPv4 uses the first four */
        bb_process process;
    };
    uint16_t port;  /* host order */
    uint8_t family; /* bb_family */
    uint8_t unused;
} bb_address;

enum { BB_ADDRESS_TEXT_MAX = 56 }; /* bytes that the text of any address fits into */

/* Returns NULL, or what is wrong with `text`, for people (static text); `out` is then untouched. Port 0 is valid: when
 * listening, the system picks one. */
BB_MUST_USE const char *bb_address_parse(bb_span text, bb_address *out);

/* Append the text of `address`; "unknown" for BB_FAMILY_NONE. */
void bb_address_put(const bb_address *address, bb_text *text);

/* Its 16 bytes as an IPv6 address, ::ffff:a.b.c.d for IPv4; zeros where there is none. */
void bb_address_ip(const bb_address *address, uint8_t ip[16]);

/* To and from the system's form. An IPv4 address mapped into IPv6 comes out as IPv4; other families as BB_FAMILY_NONE.
 */
size_t bb_address_to_system(const bb_address *address, struct sockaddr_storage *out);
void bb_address_from_system(const struct sockaddr_storage *system, bb_address *out);

#endif
