/* lane.h - one thread of the load: its event loop, and all that its share of the connections does.
 *
 * What      Clients are dealt to lanes by their index, publisher i and subscriber i to the same one. The main thread
 *           gives all lanes one job after the other (open these clients, publish, say goodbye), waits for them, and
 *           watches their progress meanwhile.
 *           The loop is edge-triggered like the broker's, but waits in nanoseconds: a rate of 5,000 a second leaves
 *           200 µs between two messages. It reads a connection until it is drained, into a buffer that all share,
 *           parses in place, and writes what a turn has for a connection with one call, from a buffer that all share.
 *           Only the part of a packet whose rest has not come, and bytes that the socket did not take, are kept with
 *           the connection.
 * Threads   A lane's fields belong to its thread, except `progress` and `credits` (written by it, read by all), and
 *           `bell_*` (for whoever wakes it). Clients, publishers and sources belong to the lane that they were dealt
 * to. Start at  bb_lane_turn in lane.c; client.c opens and closes, publish.c sends, receive.c takes in. */
#ifndef BB_BENCH_LANE_H
#define BB_BENCH_LANE_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/ledger.h"
#include "bench/plan.h"
#include "bench/timeline.h"
#include "transport/dial.h"

enum {
    BB_LANE_READ_BYTES = 256 << 10,  /* of one read */
    BB_LANE_WRITE_BYTES = 128 << 10, /* what has gathered is written when it is this much */
    BB_LANE_PACKET_ROOM = 64 << 10,  /* for a packet's bytes beside its payload */
    BB_LANE_EVENTS = 1024,           /* of one turn */
    BB_SOURCE_HEAD_MAX = 50,         /* for topics of up to 38 bytes, which those of plan.h never exceed */
};

typedef struct bb_bench bb_bench;
typedef struct bb_lane bb_lane;

typedef enum bb_client_state {
    BB_CLIENT_AWAY,        /* not connected: never was, or in good order not any more */
    BB_CLIENT_OPENING,     /* the transport is being opened */
    BB_CLIENT_OPEN,        /* it was at once: the next event lets us speak */
    BB_CLIENT_CONNECTING,  /* CONNECT is sent */
    BB_CLIENT_SUBSCRIBING, /* SUBSCRIBE is sent */
    BB_CLIENT_UP,
    BB_CLIENT_LEAVING, /* DISCONNECT is sent: the broker is to close */
    BB_CLIENT_LOST,    /* ended by the broker or the network */
} bb_client_state;

typedef struct bb_bytes {
    uint8_t *at;
    uint32_t from, to, cap; /* in use are the bytes from..to-1 */
} bb_bytes;

typedef struct bb_bench_publisher bb_bench_publisher;

typedef struct bb_bench_client {
    bb_transport transport;
    bb_dial *dial;                 /* while it is being opened */
    size_t watched;                /* of the dial: the address whose socket is watched */
    bb_bench_publisher *publisher; /* NULL: it subscribes */
    bb_bytes part, unsent;
    uint64_t since_ns; /* when the present state, or connection, began */
    uint32_t index;    /* among the publishers, or among the subscribers */
    uint32_t serial;   /* among all; picks the local address */
    uint32_t next_filter;
    uint16_t subscribe_id;
    uint8_t state; /* bb_client_state */
    bool session_present;
    bool ponged;
    bool reads_again; /* it is in its lane's list of those that were not read to the end */
} bb_bench_client;

/* What a publisher waits for, by packet identifier. */
typedef enum bb_exchange { BB_EXCHANGE_FREE, BB_EXCHANGE_FIRST, BB_EXCHANGE_COMP } bb_exchange;

typedef struct bb_identifier {
    uint64_t sent_ns;
    uint16_t next; /* of the queue of free ones */
    uint8_t state; /* bb_exchange: FIRST awaits PUBACK or PUBREC, COMP awaits PUBCOMP */
} bb_identifier;

struct bb_bench_publisher {
    bb_bench_client *client;
    bb_lane *lane;
    uint64_t sent, target; /* messages */
    uint64_t owed;         /* with a rate: due but not sent */
    uint32_t in_flight, window;
    uint32_t source, source_from, source_to; /* the next to publish for, of those that are its own */
    bb_identifier *identifiers;              /* NULL with QoS 0; see bb_bench_publisher_init */
    uint16_t identifiers_max;                /* they go from 1 to this */
    uint16_t free_first, free_last;          /* the queue of free ones: used in turn, never empty */
    bool is_ready;                           /* it is in its lane's list */
};

/* One cache line: there may be as many sources as a broker has topics, each message needs one, and the broker that is
 * measured wants the cache for itself. */
typedef struct bb_source {
    _Alignas(64) _Atomic uint32_t next; /* the number of its next message; what is received is checked against it */
    uint32_t publisher;
    uint16_t head_len;
    uint16_t topic_at;                /* where in `head` the topic and its length are */
    uint16_t id_at;                   /* where the packet identifier follows it; it is filled in each time */
    uint8_t head[BB_SOURCE_HEAD_MAX]; /* of all of its PUBLISH packets: what comes before the payload */
} bb_source;

static_assert(sizeof(bb_source) == 64, "one cache line");

/* What a lane has counted; sums over the lanes are the figures. */
#define BB_TALLY_MAP(X)                                                      \
    X(sent)                                                                  \
    X(acked)                                                                 \
    X(received) /* PUBLISH packets */                                        \
    X(unique)   /* messages that came for the first time */                  \
    X(duplicated)                                                            \
    X(reordered) /* came after a later one of the same stream */             \
    X(corrupt)   /* length or content is not what was sent */                \
    X(misrouted) /* came to somebody who did not ask for it */               \
    X(alien)     /* not from a busbar bench */                               \
    X(refused)   /* subscriptions and messages that the broker said no to */ \
    X(protocol)  /* packets that cannot be */                                \
    X(lost_clients)                                                          \
    X(failed_opens) /* of them: never got their CONNACK */                   \
    X(never_closed) /* the broker did not close after DISCONNECT */          \
    X(disconnects)  /* DISCONNECT packets of the broker */                   \
    X(cycles_started)                                                        \
    X(cycles)                                                                \
    X(pings)                                                                 \
    X(bytes_received) /* of the transport's payload */                       \
    X(reads)                                                                 \
    X(writes)

typedef struct bb_tally {
#define X(name) uint64_t name;
    BB_TALLY_MAP(X)
#undef X
} bb_tally;

/* What the main thread looks at while a job runs; written once a turn. */
typedef struct bb_progress {
    _Atomic uint64_t sent, acked, unique, received, cycles, up, moves; /* moves: grows whenever something succeeded */
    _Atomic bool idle; /* nothing is in flight, unsent, or yet to be published */
} bb_progress;

typedef void (*bb_job)(bb_lane *lane);

struct bb_lane {
    bb_bench *bench;
    uint32_t number;
    int epoll_fd;
    pthread_t thread;
    uint64_t now_ns;

    uint8_t *input, *output; /* shared by its connections */
    uint32_t input_cap, output_cap, output_len;
    bb_mem mem; /* of the transports */

    bb_bench_client **again; /* those that have more to read than their share of a turn */
    uint32_t again_count;
    bb_bench_publisher **ready; /* those that may be able to publish */
    uint32_t ready_count, publishers;
    uint32_t in_flight, blocked; /* exchanges; clients with unsent bytes */
    uint32_t open_targets;       /* publishers that are up and have not sent all that they shall */
    double due;                  /* with a rate: messages that the clock has allowed */
    uint64_t scheduled;          /* of them: dealt to publishers */
    uint32_t next_owed;          /* publisher that the next one goes to */
    uint64_t lag_max_ns;         /* how late the clock of the rate was looked at */

    uint32_t up, pending, leaving; /* clients in these states; pending: on their way up */
    uint32_t ping_at;              /* the client to ping next */
    uint64_t ping_from_ns;         /* when it is time */

    bb_ledger ledger;
    bb_seen *seen; /* for each source, of a shared subscription; else NULL */
    bb_timeline *timeline;
    bb_slot *slot; /* of now_ns */
    uint64_t slot_end_ns, last_received_ns, counts_from_ns;
    bb_tally tally;

    _Atomic uint64_t *credits; /* for each publisher of all lanes: deliveries that have arrived here */
    bool *rings;               /* for each other lane: it has publishers that may go on, wake it */
    bool any_rings;
    int bell_fd; /* an eventfd */
    _Atomic bool bell_rung;
    bb_progress progress;
};

/* The whole run, shared by the lanes: fixed while a job runs, except `stop` and `finish`. */
struct bb_bench {
    const bb_bench_options *options;
    const bb_bench_target *target;
    bb_plan plan;
    bb_bench_client *clients; /* publishers first */
    bb_bench_publisher *publishers;
    bb_source *sources;
    uint8_t *filler; /* what payloads consist of behind their header: see bb_bench_filler */
    bb_lane *lanes;
    uint32_t lane_count, client_count;

    /* of the present job */
    uint32_t from, to; /* clients */
    bool clean;        /* clients that are opened start clean, and leave nothing behind */
    bool subscribes;   /* and subscribe when they are up, unless their session was there */
    bool empty;        /* payloads are empty: retained messages are cleared */
    uint64_t start_ns, end_ns;
    _Atomic bool stop;    /* publish no more */
    _Atomic bool finish;  /* end the job */
    _Atomic bool failed;  /* the run is over, `note` says why */
    _Atomic bool refused; /* the broker has refused a connection */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t begun, ended;
    bb_job job; /* NULL: the lanes end */
    uint64_t jobs;
    uint32_t running; /* lanes that have not done the job */
    char note[BB_DIAL_ERROR_MAX];
    size_t note_len;
};

/* Make clients, publishers, sources and lanes of the plan; but no threads. False when there is no memory; whatever
 * comes out, it must be given back. `options`, `target`, `plan` and `lane_count` are set before. */
BB_MUST_USE bool bb_bench_init(bb_bench *bench);
void bb_bench_deinit(bb_bench *bench);

uint64_t bb_bench_clock_ns(void);

/* Payloads differ in what follows their header, by the number of the message, so that one that is mixed from two is
 * found: at this place begins what belongs to `number`. */
enum { BB_BENCH_FILLER_PERIOD = 26 };
static inline const uint8_t *bb_bench_filler(const bb_bench *bench, uint32_t number)
{
    return bench->filler + number % BB_BENCH_FILLER_PERIOD;
}

static inline bb_lane *bb_bench_lane_of(bb_bench *bench, uint32_t index)
{
    return &bench->lanes[index % bench->lane_count];
}

/* Keep what went wrong with a connection, for people; the first is kept. Any thread. */
void bb_bench_note(bb_bench *bench, bb_span why);

/* The run cannot go on because of the system: note why, and end the job. Any thread. */
void bb_bench_fail(bb_bench *bench, const char *what, int error);

/* ---- lane.c */
/* False when the system has no memory or files for it. */
BB_MUST_USE bool bb_lane_init(bb_lane *lane, bb_bench *bench, uint32_t number);
void bb_lane_deinit(bb_lane *lane);

/* Wait for events until a time at the latest, and handle them. */
void bb_lane_turn(bb_lane *lane, uint64_t until_ns);

/* Write what has gathered for this client, or what its socket did not take earlier. */
void bb_lane_flush(bb_lane *lane, bb_bench_client *client);
void bb_lane_flush_unsent(bb_lane *lane, bb_bench_client *client);

/* Room for `len` more bytes for this client, at most BB_LANE_PACKET_ROOM and a payload; the writer adds what it has
 * written to output_len. */
static inline uint8_t *bb_lane_room(bb_lane *lane, bb_bench_client *client, uint32_t len)
{
    if (BB_UNLIKELY(lane->output_len + len > lane->output_cap))
        bb_lane_flush(lane, client);
    return lane->output + lane->output_len;
}

/* Begin the timeline and the count of deliveries anew. */
void bb_lane_begin(bb_lane *lane);

/* ---- client.c: jobs, and what happens to a connection */
void bb_job_open(bb_lane *lane);  /* clients from..to-1 come up, until all are or nothing moves any more */
void bb_job_leave(bb_lane *lane); /* they say goodbye, and the broker closes */
void bb_job_cycle(bb_lane *lane); /* they connect and disconnect again and again */
void bb_job_rest(bb_lane *lane);  /* handle what comes, until `finish` or end_ns */

void bb_client_open(bb_lane *lane, bb_bench_client *client);
void bb_client_deinit(bb_bench_client *client);
void bb_client_event(bb_lane *lane, bb_bench_client *client, uint32_t events); /* of epoll */
void bb_client_lost(bb_lane *lane, bb_bench_client *client);
void bb_client_leave(bb_lane *lane, bb_bench_client *client);
void bb_client_ping(bb_lane *lane, bb_bench_client *client);
void bb_client_ping_some(bb_lane *lane);

/* CONNACK and SUBACK have come: `body` is what follows the fixed header. */
void bb_client_connack(bb_lane *lane, bb_bench_client *client, bb_span body);
void bb_client_suback(bb_lane *lane, bb_bench_client *client, bb_span body);

/* ---- publish.c */
void bb_job_publish(bb_lane *lane);
void bb_job_barrier(bb_lane *lane); /* a PINGREQ of each publisher is answered: what it sent before was read */

BB_MUST_USE bool bb_bench_publisher_init(bb_bench_publisher *publisher, bb_bench *bench, uint32_t number);
void bb_bench_publisher_ready(bb_bench_publisher *publisher); /* it may be able to send more now */
void bb_bench_publisher_down(bb_bench_publisher *publisher);  /* its connection is gone */
void bb_bench_publisher_ack(bb_lane *lane, bb_bench_publisher *publisher, uint8_t type, bb_span body);
void bb_source_init(bb_source *source, const bb_bench *bench, uint32_t number, bool retain);

/* ---- receive.c */
/* Read and handle what has come: until the connection is drained, or ends if it has hung up, or has had its share. */
void bb_client_read(bb_lane *lane, bb_bench_client *client, bool hung_up);

#endif
