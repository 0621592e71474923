/* bench.h - a load generator that checks what it measures: drives a broker with known traffic and accounts for each
 * message.
 *
 * What      A scenario (bb_bench_plan names them) is played by threads, each with its own event loop and its own share
 *           of the connections: a lane. Each message carries its source, its number and the time of its sending, so
 *           that one that is lost, repeated, out of order, astray or damaged is found. The result is a list of figures,
 *           percentiles and a timeline, which report.h writes as text, JSON or a page of HTML.
 * Load      QoS 1 and 2: at most `window` unacknowledged messages for each publisher. Every QoS: at most `backlog`
 *           messages for each publisher that have not reached all of their receivers; so a broker is never measured by
 *           how much it drops or queues. `rate` publishes by the clock instead.
 * Used by   tool.
 * Memory    From malloc, before the load begins; nothing is allocated for a message.
 * Threads   bb_bench_run starts its own and has joined them when it returns.
 * Start at  bb_bench_run in bench.c, then traffic.c and lane.h; docs/bench.md explains the figures. */
#ifndef BB_BENCH_BENCH_H
#define BB_BENCH_BENCH_H

#include "base/text.h"
#include "bench/figures.h"
#include "bench/target.h"
#include "bench/timeline.h"
#include "wire/wire.h"

/* name, word, publishers, subscribers, messages (where it takes no time), window, what it is for people */
#define BB_SCENARIO_MAP(X)                                                                                      \
    X(PUB, "pub", 100, 0, 0, 50, "clients publish, each to a topic of its own; nobody need subscribe")          \
    X(SUB, "sub", 100, 1, 0, 0, "clients receive what `busbar bench pub` publishes elsewhere")                  \
    X(PAIRS, "pairs", 100, 100, 0, 20, "clients publish to a topic each, each with one subscriber")             \
    X(FANIN, "fanin", 100, 1, 0, 50, "many clients publish to one topic, few receive it")                       \
    X(FANOUT, "fanout", 1, 1000, 0, 20, "few clients publish to one topic, many receive it")                    \
    X(SHARED, "shared", 100, 10, 0, 20, "many clients publish, the members of one shared subscription receive") \
    X(WILDCARD, "wildcard", 100, 200, 0, 20, "each message reaches four clients by filters of four shapes")     \
    X(CONNECT, "connect", 0, 100, 0, 0, "clients connect and disconnect, over and over")                        \
    X(IDLE, "idle", 0, 10000, 0, 0, "clients connect, subscribe and do nothing")                                \
    X(RETAINED, "retained", 1, 1, 100000, 100, "messages are retained, then fetched by new subscribers")        \
    X(OFFLINE, "offline", 10, 100, 1000, 20, "messages are kept for clients that are away, then fetched")

typedef enum bb_scenario {
#define X(name, word, pubs, subs, count, window, text) BB_SCENARIO_##name,
    BB_SCENARIO_MAP(X)
#undef X
        BB_SCENARIO_COUNT
} bb_scenario;

typedef enum bb_offline_phase { BB_OFFLINE_BOTH, BB_OFFLINE_STORE, BB_OFFLINE_FETCH } bb_offline_phase;

enum {
    BB_BENCH_PAYLOAD_MIN = 16, /* source, number, time of sending */
    BB_BENCH_THREADS_MAX = 64,
    BB_BENCH_UNSET = UINT32_MAX, /* of `window`, `backlog` and `sub_qos`: the default of the scenario */
};

typedef struct bb_bench_options {
    uint8_t scenario; /* bb_scenario */
    uint8_t version;  /* BB_MQTT_311 or BB_MQTT_5 */
    uint8_t qos;      /* of what is published */
    uint32_t sub_qos; /* of the subscriptions; unset: as `qos` */
    uint32_t threads;
    uint32_t pubs, subs; /* connections of each kind; 0: the default of the scenario */
    uint32_t size;       /* bytes of a payload */
    uint32_t count;      /* messages of each publisher (retained: topics; offline: for each session; connect: how
                          * often in all). 0: the default of the scenario, where no time is given */
    uint64_t time_us;    /* how long, in place of how many; 0: not given */
    double rate;         /* messages published a second, by all publishers together; 0: as fast as they are received */
    uint64_t warmup_us;  /* with a rate: latencies of the first messages are not counted */
    uint32_t window, backlog; /* backlog 0: no bound */
    uint32_t at_once;         /* connections that are being opened at a time */
    uint64_t ramp_us;         /* opening connections is spread over this time; 0: as fast as they are accepted */
    uint32_t addresses;       /* spread connections over so many local addresses from 127.0.0.1 on; 0: what is needed */
    uint32_t keep_alive_s;
    uint64_t timeout_us;                   /* without any progress, before giving up */
    uint32_t sites, ders, points, filters; /* wildcard; filters: at least so many subscriptions */
    uint64_t hold_us;                      /* idle */
    uint32_t repeat;                       /* retained: how many subscribers, one after the other */
    bool no_clear;                         /* retained: leave the messages in the broker */
    uint8_t phase;                         /* offline: bb_offline_phase */
    bool keep;                             /* offline: leave the sessions in the broker */
    uint32_t broker_pid;                   /* read its CPU time and memory from /proc; 0: not */
    const char *client_id;                 /* the start of all client ids */
    const char *tag;                       /* told in the results, to find a run again; may be NULL */
    bool progress;                         /* a line on stderr, twice a second */
} bb_bench_options;

/* Fill what is unset, and check what depends on each other. False with what is wrong in `error`, for people. */
BB_MUST_USE bool bb_bench_complete(bb_bench_options *options, bb_text *error);

/* The scenario's word ("pairs"), and what it is. */
const char *bb_scenario_word(bb_scenario scenario);
const char *bb_scenario_text(bb_scenario scenario);

typedef enum bb_bench_verdict {
    BB_BENCH_GOOD,
    BB_BENCH_LOST,  /* a message that must not be lost was, or a connection */
    BB_BENCH_WRONG, /* all came, but out of order, astray, damaged or refused; or repeated at QoS 2 */
} bb_bench_verdict;

typedef struct bb_bench_result {
    bb_bench_figures figures;
    bb_timeline *timeline; /* of the traffic */
    bb_histogram latency;  /* from publish to arrival (pub: to its acknowledgement; connect: to CONNACK) */
    bb_bench_verdict verdict;
} bb_bench_result;

typedef enum bb_bench_end {
    BB_BENCH_PLAYED,
    BB_BENCH_NOT_REACHED, /* no connection, or the system refused what a run needs */
    BB_BENCH_REFUSED,     /* the broker refused connections */
} bb_bench_end;

/* Play the scenario with completed options. Where it could not be played, `error` says why and there are no figures. A
 * broker that loses messages is a result. */
BB_MUST_USE bb_bench_end bb_bench_run(const bb_bench_options *options, const bb_bench_target *target,
                                      bb_bench_result *result, bb_text *error);
void bb_bench_result_deinit(bb_bench_result *result);

#endif
