/* target.h - the broker that the load goes to, and how a connection to it is opened.
 *
 * Memory    What it points to is the caller's and must live as long as the run.
 * Threads   Not changed during a run, so all lanes use one. */
#ifndef BB_BENCH_TARGET_H
#define BB_BENCH_TARGET_H

#include "transport/dial.h"

typedef struct bb_bench_target {
    const char *url;      /* for people: without the password */
    bb_dial_options dial; /* of every connection */
    uint32_t spread; /* connections come from so many addresses: 127.0.0.1, 127.0.0.2 ...; 1: the system's choice */
    bb_span user_name, password; /* data NULL: none */
} bb_bench_target;

/* The options of connection number `serial`; `from` holds its own address, and lives as long as they are used. */
void bb_bench_target_options(const bb_bench_target *target, uint32_t serial, bb_address *from, bb_dial_options *out);

/* Whether all addresses are of this machine's loopback in IPv4, where every one of 127.0.0.0/8 can be a client's. */
bool bb_bench_target_is_loopback(const bb_bench_target *target);

#endif
