/* broker.h - the decisions: packets and time in, effects out.
 *
 * What      One worker's broker: its sessions, its subscription index, its deadlines. It never touches a socket, a
 * clock or a thread; the shell feeds it and carries out what it decides. Used by   server (one for each worker), tests,
 * the simulator, the fuzzer. Memory    From the bb_mem handed in. Limits on it are enforced here (memory pressure,
 * BB_E_NO_MEMORY). Threads   One broker belongs to one thread. Brokers of one process share interest and retained
 * messages (port.h). Start at  bb_broker_receive; the journey of a PUBLISH is publish.c, route.c, deliver.c. */
#ifndef BB_BROKER_BROKER_H
#define BB_BROKER_BROKER_H

#include "auth/auth.h"
#include "broker/limits.h"
#include "broker/link.h"
#include "broker/port.h"
#include "broker/stats.h"

typedef struct bb_broker bb_broker;

/* What a broker is made with. Everything is borrowed and outlives it. */
typedef struct bb_broker_options {
    bb_mem *mem;
    const bb_limits *limits;
    const bb_auth *auth;
    const bb_seed *seed; /* the same for all workers */
    const bb_port *port;
    bb_interest *interest;                     /* shared by all workers; NULL when there is one worker */
    _Atomic int64_t *sessions_all, *links_all; /* counted over all workers, for the limits */
    unsigned worker, workers;
} bb_broker_options;

BB_MUST_USE bb_broker *bb_broker_new(const bb_broker_options *options, bb_time now);
void bb_broker_free(bb_broker *broker); /* its links must be gone */

/* New settings hold from now on. */
void bb_broker_set_limits(bb_broker *broker, const bb_limits *limits);
/* Sessions whose clients are here are judged by new access rules at once, others when their clients return. The rules
 * must stay until they are replaced. */
void bb_broker_set_auth(bb_broker *broker, const bb_auth *auth, bb_time now);

/* ---- Links. */

/* A link was accepted. It is zeroed here; the shell keeps it in place until bb_broker_link_closed. */
void bb_broker_link_open(bb_broker *broker, bb_link *link, bb_time now);

typedef enum bb_receive {
    BB_RECEIVE_MORE,  /* all whole packets are done; call again with the rest when more bytes have come */
    BB_RECEIVE_AGAIN, /* the turn was long: call again with the rest after others had theirs */
    BB_RECEIVE_MOVE,  /* CONNECT names a session of another worker: detach, hand over with all bytes from `used` on */
    BB_RECEIVE_ENDED, /* the link is over: send what is in `out`, then close */
} bb_receive;

/* Handle what `bytes` (a packet boundary or the middle of a large payload at its start) holds. `used`: how many bytes
 * are done with; the shell keeps the rest and passes it again with what comes after it. */
bb_receive bb_broker_receive(bb_broker *broker, bb_link *link, bb_span bytes, bb_time now, size_t *used,
                             unsigned *home);

/* While a large payload arrives: where its next bytes may be read to directly, without a copy. False: no such payload
 * is under way (or there is no memory): read into a buffer and call bb_broker_receive. After reading `n` bytes there,
 * call bb_broker_received_direct. */
bool bb_broker_receive_direct(bb_broker *broker, bb_link *link, uint8_t **at, size_t *room);
bb_receive bb_broker_received_direct(bb_broker *broker, bb_link *link, size_t n, bb_time now);

/* Take a link that is NEW out of this broker (its timer), and into another one. */
void bb_broker_link_detach(bb_broker *broker, bb_link *link);
void bb_broker_link_attach(bb_broker *broker, bb_link *link, bb_time now);

/* The transport ended (BB_E_LINK_LOST: the peer closed; BB_E_LINK_ERROR) or a link that the broker ended has been sent
 * and closed. The session goes its way; nothing of the link is used any more. */
void bb_broker_link_closed(bb_broker *broker, bb_link *link, bb_status why, bb_time now);

/* End a link from outside: BB_E_SHUTTING_DOWN, BB_E_ADMIN. DISCONNECT is sent to 5.0 clients. */
void bb_broker_link_end(bb_broker *broker, bb_link *link, bb_status why, bb_time now);

/* The next link with output or one that ended, or NULL; each link is given once until it is dirty again. */
bb_link *bb_broker_take_dirty(bb_broker *broker);

/* The one that would be given last as things stand, or NULL; to be compared only, it may be gone by then. */
bb_link *bb_broker_last_dirty(const bb_broker *broker);

/* Give `link` once more to bb_broker_take_dirty: not all of its output could be sent in one go. */
void bb_broker_link_again(bb_broker *broker, bb_link *link);

/* Bytes of a link's chain were sent: go on with what waits for room. */
void bb_broker_link_sent(bb_broker *broker, bb_link *link, bb_time now);

bb_chunk_pool *bb_broker_chunks(bb_broker *broker);

/* ---- Time. */

/* Everything that is due at `now`: keep alive, expiry, delayed wills. */
void bb_broker_tick(bb_broker *broker, bb_time now);
bb_time bb_broker_next_deadline(const bb_broker *broker);

/* Retained walks that go on: a bounded piece of work for each call; true when there is more to do now. */
bool bb_broker_work(bb_broker *broker, bb_time now);
bool bb_broker_has_work(const bb_broker *broker);

/* ---- Other workers. */
void bb_broker_take_post(bb_broker *broker, const void *post, size_t size, bb_time now);
/* This post is the one after next, or (`soon`) the next one to be taken: ask for the memory that it will need. Posts
 * come many at a time, and on a broker of many topics each waits for places that no cache holds. */
void bb_broker_expect_post(const bb_broker *broker, const void *post, bool soon);
/* The post is thrown away unread (the process ends): give back what it holds. */
void bb_broker_drop_post(bb_broker *broker, const void *post, size_t size);

/* ---- Memory. */
typedef enum bb_pressure {
    BB_PRESSURE_NONE,
    BB_PRESSURE_HIGH, /* above the watermark: acknowledgements to publishers wait, the shell reads more slowly */
    BB_PRESSURE_FULL, /* at the limit: publishes are refused */
} bb_pressure;
void bb_broker_set_pressure(bb_broker *broker, bb_pressure pressure, bb_time now);

/* Does this link owe us acknowledgements? It must always be read, or memory would never drain. */
bool bb_link_owes(const bb_link *link);

/* Is its output full of answers that the client does not read? It must not be read until it is not: nothing else bounds
 * what it may ask for. */
bool bb_link_is_stuffed(const bb_broker *broker, const bb_link *link);

/* Is a large payload on its way in on this link? */
bool bb_link_receives_large(const bb_link *link);

/* ---- What is counted, and $SYS. */
void bb_count_bytes_in(bb_broker *broker, size_t bytes);
void bb_count_bytes_out(bb_broker *broker, size_t bytes);
const bb_stats *bb_broker_stats(const bb_broker *broker);
uint64_t bb_broker_subscriptions(const bb_broker *broker);

/* The client id of a connected link; empty before CONNECT. */
bb_span bb_link_client_id(const bb_link *link);

/* Publish a retained message of the broker itself ($SYS). */
void bb_broker_publish_own(bb_broker *broker, bb_span topic, bb_span payload, bb_time now);

#endif
