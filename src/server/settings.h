/* settings.h - everything about one busbard that people can set, in one struct.
 *
 * What      Plain values, filled by config.h from the YAML file and the command line. option.c has one row for each of
 *           them: name in the file, type, bounds and help. Defaults stand in bb_settings_init, and nowhere else.
 * Memory    The listeners and log.file are malloc'ed and belong to the struct; the overrides are borrowed.
 * Threads   A struct that several threads read is not changed any more: reloading makes a new one. */
#ifndef BB_SERVER_SETTINGS_H
#define BB_SERVER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "broker/limits.h"
#include "loop/sender.h"
#include "server/log.h"

enum {
    BB_LISTENERS_MAX = 64,
    BB_ADDRESS_MAX = 64, /* an IPv6 address, '%' and the name of an interface, with the terminating zero */
    BB_WORKERS_MAX = 64,
    BB_ENDPOINT_TEXT_MAX = BB_ADDRESS_MAX + sizeof("[]:65535"),
};

/* One address that we accept connections on. */
typedef struct bb_listener_settings {
    char address[BB_ADDRESS_MAX]; /* numeric, without brackets: "127.0.0.1", "::", "fe80::1%eth0" */
    uint16_t port;                /* 0: any free one */
    bool optional;                /* a machine that cannot open it still starts (the default [::1] without IPv6) */
} bb_listener_settings;

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

/* "127.0.0.1:1883" or "[::1]:1883" with a terminating zero; returns `text`. */
char *bb_listener_text(const bb_listener_settings *listener, char text[BB_ENDPOINT_TEXT_MAX]);

#endif
