/* url.h - where a server is, in one line of text.
 *
 *     mqtt://user:password@host:1883/        MQTT over TCP                     port 1883 unless said otherwise
 *     mqtts://host/                          over TLS                          8883
 *     ws://host/path  wss://host/path        over WebSocket, and over TLS      80, 443
 *     unix:/run/busbar.sock                  over a Unix socket                (unix://user:password@/run/busbar.sock)
 *
 * User, password and path may hold any byte but zero, percent-encoded where it would be taken for something else: %40
 * is an @, %2F a /. IPv6 addresses stand in brackets: mqtt://[::1]:1883. */
#ifndef BUSBAR_URL_H
#define BUSBAR_URL_H

#include <busbar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BB_URL_MAX = 4096,      /* bytes of a URL */
    BB_URL_ERROR_MAX = 256, /* bytes that the longest error fits into, with its zero */
    BB_URL_HOST_MAX = 253
};

typedef enum bb_url_scheme { BB_URL_MQTT, BB_URL_MQTTS, BB_URL_WS, BB_URL_WSS, BB_URL_UNIX } bb_url_scheme;

/* A URL taken apart. The texts are zero-terminated and lie in `memory`: do not copy the struct. */
typedef struct bb_url {
    bb_url_scheme scheme;
    uint16_t port;        /* 0 with unix: */
    const char *host;     /* without brackets; empty with unix: */
    const char *user;     /* NULL: none was given; an empty one is not the same */
    const char *password; /* NULL: none */
    /* What stands from the first slash on. ws, wss: for the request, still percent-encoded and with its query; "/"
     * where there is nothing. unix: the path of the socket. mqtt, mqtts: means nothing to the connection; without
     * percent signs, and may be empty. */
    const char *path;
    char memory[BB_URL_MAX + 8]; /* private */
} bb_url;

/* Take `text` apart. On failure returns false, with what is wrong at which character, zero-terminated, in `error` of
 * `size` bytes (it never repeats a password); `out` is then not to be used. */
BB_API bool bb_url_parse(const char *text, bb_url *out, char *error, size_t size);

/* Whether the connection is encrypted, and whether it is a WebSocket. */
BB_API bool bb_url_is_tls(const bb_url *url);
BB_API bool bb_url_is_websocket(const bb_url *url);

#ifdef __cplusplus
}
#endif

#endif
