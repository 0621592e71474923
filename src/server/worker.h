/* worker.h - one worker: a thread, its event loop, its broker, and all links of the clients whose sessions are at home
 * here.
 *
 * Threads   Every field of a bb_worker belongs to the thread that holds `turn` (its own, or while it sleeps one that
 * has a message for it), and `loop` to its own thread alone, except `inbox` (any thread may push), `mem`'s count and
 * the broker's statistics (any thread may read), and the two flags that the server sets. Life Made by bb_worker_init,
 * started by bb_worker_start, freed after its thread has been joined. Private   Part of server. */
#ifndef BB_SERVER_WORKER_H
#define BB_SERVER_WORKER_H

#include <pthread.h>

#include "broker/broker.h"
#include "loop/inbox.h"
#include "loop/loop.h"
#include "loop/sender.h"
#include "server/retained.h"
#include "server/settings.h"
#include "transport/transport.h"

enum {
    BB_READ_BYTES = 256 * 1024, /* the one read buffer of a worker */
    BB_SENDS_MAX = 512,         /* links that are sent to with one call */
    BB_SPANS_MAX = 2048,
};

/* What workers put into each other's inboxes. */
typedef enum bb_item_kind {
    BB_ITEM_POST,       /* a message: bb_broker_take_post */
    BB_ITEM_CONNECTION, /* a connection moves to the home of its session */
} bb_item_kind;

typedef struct bb_server bb_server;

typedef struct bb_worker {
    bb_server *server;
    unsigned number;
    pthread_t thread;
    pthread_mutex_t turn; /* held by whoever does this worker's work: its own thread, but while it waits for events */
    bb_mem mem;
    bb_loop loop;
    bb_inbox inbox;
    bb_batch_pool batches;
    bb_outbox outbox;
    uint64_t asleep;    /* workers that were found asleep by a push of this turn, one bit each */
    uint32_t posts_now; /* posts of this turn */
    bb_sender sender;
    bb_broker *broker;
    bb_list acceptors;                              /* of bb_acceptor, in accept.c */
    bb_time accept_again;                           /* when no file descriptors were left: try then; BB_NEVER */
    bb_list connections, lingering, paused, giants; /* of bb_connection */
    bb_list arrivals;                               /* connections that moved here and were not looked at yet */
    uint64_t opening_us;                            /* that went into handshakes in this turn */
    bb_time resume_at;                              /* while memory is short: when paused connections are read again */
    bb_batch *pending, *pending_last;               /* taken from the inbox, not done */
    bb_item *pending_item;
    bb_pressure pressure;
    uint32_t settings_seen;
    bb_rules *rules; /* that its broker goes by, counted */
    bb_limits limits;
    uint32_t sys_interval_s;
    bool stopping;
    bb_time stop_at;
    bb_time sys_next, sweep_next;
    unsigned sweep_shard;
    bb_retain_cursor sweep_cursor;
    bb_send sends[BB_SENDS_MAX];
    bb_span spans[BB_SPANS_MAX];
    uint64_t random[4];
    uint8_t buffer[BB_READ_BYTES];
} bb_worker;

BB_MUST_USE bool bb_worker_init(bb_worker *worker, bb_server *server, unsigned number);
/* The second half, when every worker's inbox exists. */
BB_MUST_USE bool bb_worker_connect(bb_worker *worker);
BB_MUST_USE bool bb_worker_start(bb_worker *worker);
/* After all threads have ended, for each worker: what is still on its way is dropped, links are closed. Then, for each:
 * deinit; the batches go back to the pools at the very end. */
void bb_worker_settle(bb_worker *worker);
void bb_worker_deinit(bb_worker *worker);

/* Something has changed that the worker looks at in its next turn. Any thread. */
void bb_worker_wake(bb_worker *worker);

#endif
