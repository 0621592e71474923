#include "transport/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

static const char *text_of(int result)
{
    switch (result) {
    case EAI_NONAME:
        return "there is no host of this name";
    case EAI_AGAIN:
        return "the name cannot be looked up now (the name server does not answer)";
    case EAI_SYSTEM:
        return strerror(errno);
    default:
        return gai_strerror(result);
    }
}

static size_t copy(const struct addrinfo *found, uint16_t port, bb_address *out, size_t max)
{
    size_t n = 0;
    for (const struct addrinfo *at = found; at && n < max; at = at->ai_next) {
        struct sockaddr_storage system = {0};
        if (at->ai_addrlen > sizeof system)
            continue;
        memcpy(&system, at->ai_addr, at->ai_addrlen);
        bb_address_from_system(&system, &out[n]);
        out[n].port = port;
        n += out[n].family != BB_FAMILY_NONE;
    }
    return n;
}

size_t bb_resolve(const char *host, uint16_t port, bb_address *out, size_t max, bb_text *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, NULL, &hints, &found);
    size_t n = result ? 0 : copy(found, port, out, max);
    if (!result)
        freeaddrinfo(found);
    if (!n) {
        bb_text_puts(error, host);
        bb_text_puts(error, ": ");
        bb_text_puts(error, result ? text_of(result) : "this host has no IP address");
    }
    return n;
}

bool bb_resolve_digits(const char *host, uint16_t port, bb_address *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    size_t n = copy(found, port, out, 1);
    freeaddrinfo(found);
    return n == 1;
}
