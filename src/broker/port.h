/* port.h - what the broker asks of its shell: the other workers, the retained messages, randomness, and an ear for
 * facts.
 *
 * Every function is called on the broker's own thread. A unit test or the simulator gives its own port. Link output and
 * deadlines need no call: output is gathered in the links' chains (bb_broker_take_dirty), deadlines in the broker's
 * wheel (bb_broker_next_deadline). */
#ifndef BB_BROKER_PORT_H
#define BB_BROKER_PORT_H

#include "auth/auth.h"
#include "base/time.h"
#include "broker/change.h"
#include "message/message.h"
#include "topic/topic.h"

struct bb_link;

/* A fact for the log. Texts and spans live for the call. */
typedef enum bb_fact_kind {
    BB_FACT_CONNECTED,    /* a client connected */
    BB_FACT_DISCONNECTED, /* a connected client's link ended; status says why */
    BB_FACT_REFUSED,      /* a link ended before it was connected; status says why */
    BB_FACT_PUBLISH_REFUSED,
    BB_FACT_SUBSCRIBE_REFUSED,
    BB_FACT_SUBSCRIPTION_ENDED, /* it was allowed once, and is not any more */
    BB_FACT_DROPPED,            /* a message did not reach a session; status says why */
    BB_FACT_SESSION_ENDED,      /* status says why */
} bb_fact_kind;

typedef struct bb_fact {
    bb_fact_kind kind;
    bb_status status;
    const struct bb_link *link; /* may be NULL */
    bb_span client_id;          /* may be empty */
    bb_span topic;              /* topic name or filter, where one is concerned */
    const bb_fault *fault;      /* where in the packet, or NULL */
    uint64_t count;             /* DROPPED: how many */
    const bb_rules *rules;      /* the access rules denied it; else NULL */
    const bb_rule *rule;        /* and this one decided; NULL: none matches */
} bb_fact;

/* Called under a shard's lock for each retained message; copy what you keep. False: enough for now. */
typedef bool bb_port_visit(void *context, const bb_content *content);

/* A wildcard walk over the retained messages of all shards. */
typedef struct bb_port_walk bb_port_walk;

typedef struct bb_port {
    void *shell;
    uint64_t (*random)(void *shell);
    void (*fact)(void *shell, const bb_fact *fact);
    /* Where the client of this link is, and which listener it came through; NULL: unknown. */
    void (*peer)(void *shell, const struct bb_link *link, bb_identity *out);
    void (*change)(void *shell, const bb_change *change); /* NULL: nothing has to survive */

    /* The other workers. Room for `size` bytes of one post to `worker`, written at once and then committed; NULL: no
     * memory. Posts to one worker arrive in order, as calls of bb_broker_take_post. */
    void *(*post_reserve)(void *shell, unsigned worker, size_t size);
    void (*post_commit)(void *shell, unsigned worker, size_t size);

    /* Retained messages. Every read and write of a topic happens under its shard's lock, in one order for all workers.
     * Before the lock is let go, posts made so far are pushed to their workers, and what others posted here is taken;
     * the call to `drain` that follows hands exactly that to bb_broker_take_post. So a subscriber never ends on a value
     * that was superseded. */
    bb_status (*retain_store)(void *shell, const bb_content *content, void **ticket); /* locks, whatever it returns */
    void (*retain_unlock)(void *shell, void *ticket);                                 /* pushes, takes, unlocks */
    void (*retain_read)(void *shell, bb_span topic, uint64_t topic_hash, bb_time now, bb_port_visit *visit,
                        void *context);
    bb_port_walk *(*walk_open)(void *shell);
    /* Visit further messages that match; true when the walk is over. BB_E_NO_MEMORY ends it too, with `status`. */
    bool (*walk_step)(void *shell, bb_port_walk *walk, bb_span filter, bb_time now, bb_port_visit *visit, void *context,
                      bb_status *status);
    void (*walk_close)(void *shell, bb_port_walk *walk);
    void (*drain)(void *shell);
    /* With every shard's lock held once: what other workers posted here for interest that this one has taken back is
     * with the next `drain` then, and nothing of it is on its way any more. */
    void (*catch_up)(void *shell);
} bb_port;

#endif
