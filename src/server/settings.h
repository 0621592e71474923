/* settings.h - everything about one busbard that people can set, in one struct.
 *
 * What      Plain values, filled by config.h from the YAML file and the command line. option.c has one row for each of
 *           them: name in the file, type, bounds and help. Defaults stand in bb_settings_init, and nowhere else.
 * Memory    The listeners, their texts and log.file are malloc'ed and belong to the struct; the overrides are borrowed.
 * Threads   A struct that several threads read is not changed any more: reloading makes a new one. */
#ifndef BB_SERVER_SETTINGS_H
#define BB_SERVER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/check.h"
#include "base/span.h"
#include "broker/limits.h"
#include "loop/sender.h"
#include "server/log.h"

enum {
    BB_LISTENERS_MAX = 64,
    BB_ADDRESS_MAX = 64, /* an IPv6 address, '%' and the name of an interface, with the terminating zero */
    BB_WORKERS_MAX = 64,
    BB_ENDPOINT_TEXT_MAX = 144, /* the text of any listener: unix:// and a path, or an address with its port */
};

typedef enum bb_protocol {
    BB_PROTOCOL_TCP,
    BB_PROTOCOL_TLS,
    BB_PROTOCOL_WS,
    BB_PROTOCOL_WSS,
    BB_PROTOCOL_UNIX,
    BB_PROTOCOLS /* how many there are */
} bb_protocol;

/* One place that we accept connections at. Texts are NULL where nothing was given. */
typedef struct bb_listener_settings {
    uint32_t protocol;            /* bb_protocol */
    char address[BB_ADDRESS_MAX]; /* numeric, without brackets: "127.0.0.1", "::", "fe80::1%eth0"; not of unix */
    uint16_t port;                /* 0: any free one */
    bool optional;                /* a machine that cannot open it still starts (the default [::1] without IPv6) */
    uint32_t connections_max;     /* 0: only limits.connections holds */

    char *path;    /* unix: the socket's file; ws, wss: the path that is asked for, NULL: any */
    uint32_t mode; /* unix: permissions of the file */
    char *origins; /* ws, wss: whose pages may connect, a line for each; NULL: all */

    char *certificates;          /* tls, wss: files, a line for each; the first is for clients that name no server */
    char *keys;                  /* as many files, in the same order; NULL: in the files of the certificates */
    uint32_t tls_minimum;        /* bb_tls_minimum */
    char *ciphers, *suites;      /* of TLS 1.2 and of 1.3, in OpenSSL's notation; NULL: today's good ones */
    char *groups;                /* for the key exchange, likewise */
    uint32_t client_certificate; /* bb_tls_client_certificate */
    char *client_ca;             /* file: who may issue certificates of clients */
    bool resumption;             /* clients may resume a TLS session with a ticket */
} bb_listener_settings;

typedef enum bb_tls_minimum { BB_TLS_MINIMUM_1_2, BB_TLS_MINIMUM_1_3 } bb_tls_minimum;

typedef struct bb_tcp_settings {
    uint32_t keep_idle_s;     /* silence before the first probe; 0: no probes */
    uint32_t keep_interval_s; /* between two probes */
    uint32_t keep_count;      /* unanswered probes before the connection counts as dead */
    uint32_t user_timeout_ms; /* unacknowledged data for so long: dead; 0: as the system does it */
} bb_tcp_settings;

/* One value from the command line: it wins over the file, also when the file is read again. */
typedef struct bb_override {
    const char *option; /* how the user wrote it, for messages: "--workers" */
    const char *key;    /* key of the table: "workers"; several of "listeners" add up */
    const char *value;
} bb_override;

typedef struct bb_settings {
    bb_listener_settings *listeners; /* never empty */
    size_t listener_count;
    bool listeners_are_default; /* neither the file nor the command line names any */
    uint32_t workers;           /* 0: as many as there are cores for us; see bb_settings_workers */
    bb_uring_mode io_uring;
    bool anonymous;              /* clients without a user name may connect */
    bb_rules *rules;             /* who may do what, counted; NULL: everybody may everything */
    uint32_t shutdown_timeout_s; /* for clients to take leave */
    uint32_t sys_interval_s;     /* between two rounds of $SYS; 0: no $SYS */
    bb_limits limits;
    bb_tcp_settings tcp;
    bb_log_options log;
    const bb_override *overrides; /* borrowed: what the command line said, for reading the file again */
    size_t override_count;
} bb_settings;

/* The defaults. False when there is no memory; nothing is to be freed then. */
BB_MUST_USE bool bb_settings_init(bb_settings *settings);
void bb_settings_deinit(bb_settings *settings);

/* A deep copy. False when there is no memory; `out` is then untouched. */
BB_MUST_USE bool bb_settings_copy(const bb_settings *settings, bb_settings *out);

/* How many workers to start: settings->workers, or the number of cores that this process may use. */
unsigned bb_settings_workers(const bb_settings *settings);

/* The defaults of a listener for this protocol. */
void bb_listener_init(bb_listener_settings *listener, bb_protocol protocol);
void bb_listener_deinit(bb_listener_settings *listener);

/* A deep copy. False when there is no memory; `out` is then untouched. */
BB_MUST_USE bool bb_listener_copy(const bb_listener_settings *listener, bb_listener_settings *out);

/* "127.0.0.1:1883", "tls://[::1]:8883", "unix:///run/busbard.sock" with a terminating zero; returns `text`. */
char *bb_listener_text(const bb_listener_settings *listener, char text[BB_ENDPOINT_TEXT_MAX]);

/* "tcp", "tls", ... and the port that is usual for it. */
const char *bb_protocol_name(bb_protocol protocol);
uint16_t bb_protocol_port(bb_protocol protocol);

/* The same place: one may not be opened twice. */
bool bb_listener_same_place(const bb_listener_settings *a, const bb_listener_settings *b);

/* Take the next line off the front of `lines`; false when there is none. */
bool bb_take_line(bb_span *lines, bb_span *line);

#endif
