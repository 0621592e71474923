/* stats.h - what one worker has counted. The worker adds, anyone may read: relaxed atomics, no sums of several are
 * exact. */
#ifndef BB_BROKER_STATS_H
#define BB_BROKER_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/reason.h"

/* name: text for people */
#define BB_STATS_MAP(X)                                          \
    X(links, "links open now, connected or not")                 \
    X(connected, "sessions with a link now")                     \
    X(sessions, "sessions now")                                  \
    X(subscriptions, "subscriptions now, shared ones included")  \
    X(shared_subscriptions, "shared subscriptions now")          \
    X(queued_messages, "messages waiting in queues now")         \
    X(queued_bytes, "bytes of messages waiting in queues now")   \
    X(inflight, "messages sent and not yet acknowledged now")    \
    X(connects, "links accepted since the start")                \
    X(clients, "clients connected since the start")              \
    X(expired_sessions, "sessions that expired since the start") \
    X(packets_in, "packets received")                            \
    X(packets_out, "packets sent")                               \
    X(bytes_in, "bytes received")                                \
    X(bytes_out, "bytes sent")                                   \
    X(publishes_in, "PUBLISH packets received")                  \
    X(publishes_out, "PUBLISH packets sent")                     \
    X(publish_bytes_in, "payload bytes received")                \
    X(publish_bytes_out, "payload bytes sent")                   \
    X(posts_out, "messages handed to other workers")             \
    X(route_hits, "topics whose route was cached")               \
    X(route_misses, "topics whose route had to be found")

typedef struct bb_stats {
#define X(name, text) _Atomic uint64_t name;
    BB_STATS_MAP(X)
#undef X
    _Atomic uint64_t dropped[BB_STATUS_COUNT]; /* publishes that did not reach a subscriber, by reason */
    _Atomic uint64_t refused[BB_STATUS_COUNT]; /* packets and links that were refused or ended, by reason */
} bb_stats;

static inline void bb_count(_Atomic uint64_t *counter, int64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + (uint64_t)n, memory_order_relaxed);
}

static inline uint64_t bb_counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
