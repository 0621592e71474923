/* internal.h - what the files of this folder share. Private: others include broker/broker.h.
 *
 *   broker.c     life of a broker, the way of a packet to its handler, links, time
 *   connect.c    CONNECT, AUTH, CONNACK, take-over
 *   ending.c     how links, sessions and wills end
 *   publish.c    PUBLISH from a client, and the acknowledgements to it
 *   route.c      from a topic to those who want it, cached
 *   deliver.c    from a message to one session's link or queue; acknowledgements from it
 *   subscribe.c  SUBSCRIBE, UNSUBSCRIBE
 *   retained.c   retained messages for new subscriptions
 *   shared.c     shared subscriptions
 *   post.c       messages between workers
 *   access.c     what the access rules say */
#ifndef BB_BROKER_INTERNAL_H
#define BB_BROKER_INTERNAL_H

#include "base/text.h"
#include "broker/broker.h"

enum {
    BB_WORK_PER_TURN = 24000, /* of one call of bb_broker_receive, in deliveries of some 50 ns: about a millisecond */
    BB_WORK_PER_PACKET = 4,   /* what a packet counts beside its deliveries */
    BB_BLOB_FROM = 64 * 1024, /* a PUBLISH larger than this is taken in as it arrives */
    BB_CONNECT_BYTES_MAX = 512 * 1024,      /* of a CONNECT: five fields of 64 KB and some properties */
    BB_CONTROL_BYTES_MAX = 4 * 1024 * 1024, /* of any packet but PUBLISH: it is handled whole, in one go */
    BB_REASON_STRING_MAX = 128,
};

/* What another worker must know to find a member of a group for a message. */
typedef struct bb_post_group {
    uint64_t hash;  /* bb_group.hash */
    uint64_t tried; /* workers that had nobody, one bit each */
    bool settle;    /* the second round: any member will do, not only one that can take the message now */
} bb_post_group;

/* What one message is on its way through the sessions of this worker: the message that keeps it is made when the first
 * session needs one. */
typedef struct bb_source {
    const bb_content *content;
    bb_message *message; /* NULL until needed */
} bb_source;

/* One session that gets a copy; several subscriptions of it that match are merged. */
typedef struct bb_target {
    bb_session *session;
    const bb_subscription *const *subscriptions; /* those of this session, count of them */
    uint32_t count;
} bb_target;

typedef struct bb_route_group {
    uint64_t hash;
    bb_group *own;    /* with one worker: the group itself */
    uint32_t *online; /* with several: members for each worker, */
    uint32_t *away;   /* with and without a link */
} bb_route_group;

/* Who wants a topic: an answer of the index and of interest, good while the generations are what they were. */
typedef struct bb_route {
    uint64_t hash;
    bb_topic_key key;
    uint64_t own_sum, shared_sum;
    uint64_t workers;          /* other workers that may have ordinary subscriptions, one bit each */
    const bb_subscribers *set; /* exactly one set matches: its members are the targets */
    bb_target *targets;        /* several match: one for each session; NULL with `set` */
    uint32_t targets_count, groups_count;
    bb_route_group *groups;
    size_t size; /* of this allocation; targets and groups are in it */
    uint32_t topic_len;
    uint8_t *topic;
} bb_route;

/* Routes by the hash of their topic: sets of four, a cache line each. It begins small and doubles while routes that are
 * still good have to make room for others. */
enum {
    BB_ROUTE_WAYS = 4,
    BB_ROUTE_SETS_MIN = 256,
    BB_ROUTE_SETS_MAX = 32768,
    BB_ROUTE_BYTES_MAX = 32 * 1024 * 1024,
};

typedef struct bb_route_set {
    struct bb_route_way {
        uint64_t hash;
        bb_route *route; /* NULL: free */
    } ways[BB_ROUTE_WAYS];
} bb_route_set;

typedef struct bb_route_cache {
    bb_route_set *sets;
    uint32_t sets_count; /* a power of two, or 0 */
    uint32_t displaced;  /* good routes that had to go since it grew last */
    uint32_t turn;       /* which way goes next */
    size_t bytes;        /* of the routes */
    bb_route *lone;      /* one that was not kept, valid until the next look-up */
} bb_route_cache;

/* A wildcard subscription that still walks the retained messages. */
typedef struct bb_retained_walk {
    bb_list link; /* in the broker's list of walks that can go on; unlinked while the session cannot take more */
    struct bb_retained_walk *next, **place; /* of the session, those that wait first; place is who points at this one */
    bb_session *session;
    bb_port_walk *walk;
    uint32_t id;
    uint8_t qos;
    bool no_local;
    uint16_t filter_len;
    uint8_t filter[];
} bb_retained_walk;

/* What only some links need. */
struct bb_link_more {
    /* Topic aliases: index 0 is alias 1. */
    struct bb_alias {
        uint8_t *topic;
        uint16_t len;
        uint64_t hash;
    } * alias_in, *alias_out;
    uint16_t alias_in_count, alias_out_count, alias_in_cap, alias_out_cap;
    /* A large PUBLISH on its way in. */
    struct bb_incoming {
        bool active;
        bb_status refused; /* the payload is read and thrown away */
        uint32_t left;     /* bytes of payload still to come */
        uint16_t packet_id;
        uint8_t qos;
        bool retain;
        bb_time expires;
        uint32_t expiry_at;
        bb_blob *blob;
        uint8_t *head; /* topic, then properties */
        uint32_t topic_len, properties_len;
    } incoming;
    bb_chain withheld;         /* acknowledgements that wait until memory is free, */
    uint32_t withheld_pubacks; /* how many of them are PUBACK */
    bb_list withholding;       /* in the broker's list while there are any, */
    bb_link *link;             /* for this link */
    const bb_auth_method *method;
    void *method_state;
    bool proving;     /* an exchange is under way: the client's turn to answer */
    uint8_t *connect; /* the CONNECT that waits for its authentication */
    uint32_t connect_len;
    uint8_t *user_name;
    uint16_t user_name_len;
    bb_access *access; /* what the rules say to this client; NULL until asked for */
};

struct bb_broker {
    bb_mem *mem;
    bb_limits limits;
    bb_auth auth;
    bb_seed seed;
    bb_port port;
    bb_interest *interest;
    bool interest_left; /* taken back since the last catch_up of the port */
    _Atomic int64_t *sessions_all, *links_all;
    unsigned worker, workers;
    bb_index *index;
    bb_generations generations; /* of our own index */
    bb_map sessions;
    bb_wheel link_wheel, session_wheel;
    bb_chunk_pool chunks;
    bb_list dirty;       /* bb_link with output, or ended */
    bb_list withholding; /* bb_link_more with withheld acknowledgements */
    bb_list walks;       /* bb_retained_walk that can go on */
    bb_pressure pressure;
    bb_time now;          /* of the call at hand */
    uint32_t work;        /* done in the call at hand */
    uint64_t shared_turn; /* of the workers that share groups */
    bb_stats stats;
    bb_route_cache routes;
    uint8_t scratch[66 * 1024]; /* properties on their way into or out of a message */
};

/* broker.c */
bb_status bb_more_of(bb_broker *broker, bb_link *link, bb_link_more **out);
void bb_link_dirty(bb_broker *broker, bb_link *link);
/* Memory ran out where the link cannot be ended at once (its session is in use): end it when its output is looked at.
 */
void bb_link_break(bb_broker *broker, bb_link *link);
bool bb_link_put(bb_broker *broker, bb_link *link, const uint8_t *bytes, size_t n);
void bb_fact_of(bb_broker *broker, bb_fact_kind kind, const bb_link *link, bb_status status, bb_span topic,
                const bb_fault *fault);
/* The same for what the access rules denied, and which of them. */
void bb_fact_denied(bb_broker *broker, bb_fact_kind kind, const bb_link *link, bb_status status, bb_span topic,
                    const bb_verdict *verdict);
void bb_dropped(bb_broker *broker, const bb_session *session, bb_span topic, bb_status why, uint64_t count);

/* Tell of a change of state that has to survive. Nothing else does. */
static inline void bb_changed(bb_broker *broker, const bb_change *change)
{
    if (broker->port.change && (change->session->expiry_s || change->kind == BB_CHANGE_ENDED))
        broker->port.change(broker->port.shell, change);
}

static inline void bb_changed_delivery(bb_broker *broker, bb_change_kind kind, const bb_session *session,
                                       const bb_delivery *delivery)
{
    bb_changed(broker, &(bb_change){.kind = kind, .session = session, .delivery = delivery});
}

/* connect.c */
void bb_handle_connect(bb_broker *broker, bb_link *link, bb_span body, unsigned *home, bool *move);
void bb_handle_auth(bb_broker *broker, bb_link *link, bb_span body);

/* ending.c: a link ends by a fault of its client or a decision of ours. DISCONNECT is sent where it is due. */
void bb_link_fail(bb_broker *broker, bb_link *link, bb_status why, const bb_fault *fault);
void bb_link_end(bb_broker *broker, bb_link *link, bb_status why, const bb_fault *fault);
void bb_handle_disconnect(bb_broker *broker, bb_link *link, bb_span body);
void bb_session_end(bb_broker *broker, bb_session *session, bb_status why);
void bb_session_timer(bb_broker *broker, bb_session *session);
void bb_session_returned(bb_broker *broker, bb_session *session, bb_link *link);

/* publish.c */
bool bb_handle_publish(bb_broker *broker, bb_link *link, const bb_header *header, bb_span body, size_t *used);
size_t bb_incoming_take(bb_broker *broker, bb_link *link, bb_span bytes);
void bb_incoming_clear(bb_broker *broker, bb_link *link);
void bb_handle_pubrel(bb_broker *broker, bb_link *link, const bb_ack *ack);
void bb_ack_publisher(bb_broker *broker, bb_link *link, bb_packet_type type, uint16_t packet_id, uint8_t code,
                      bb_status why);
void bb_release_withheld(bb_broker *broker, bb_link *link);
/* Store if retained, and hand to everyone who wants it. `reached`: somebody may want it. */
bb_status bb_publish_content(bb_broker *broker, bb_content *content, bool *reached);

/* route.c */
const bb_route *bb_route_find(bb_broker *broker, bb_span topic, uint64_t hash);
/* The route of a topic with this hash is wanted soon: bring the place where it is kept near. */
void bb_route_expect(const bb_broker *broker, uint64_t hash);
/* A little later: that place is near now, so the route itself can be brought. */
void bb_route_expect_soon(const bb_broker *broker, uint64_t hash);
void bb_route_clear(bb_broker *broker);

/* deliver.c */
void bb_deliver_route(bb_broker *broker, const bb_route *route, bb_source *source);
/* Deliver to one session. `origin` is borrowed. False: it did not get it (dropped and counted, unless `try_only`). */
bool bb_deliver(bb_broker *broker, bb_session *session, bb_source *source, uint8_t qos, bool retain, bb_origin origin);
bool bb_session_can_take(const bb_broker *broker, const bb_session *session);
void bb_pump(bb_broker *broker, bb_session *session);
void bb_handle_ack(bb_broker *broker, bb_link *link, bb_packet_type type, const bb_ack *ack);
bb_message *bb_source_message(bb_broker *broker, bb_source *source);
void bb_source_done(bb_broker *broker, bb_source *source);

/* subscribe.c */
void bb_handle_subscribe(bb_broker *broker, bb_link *link, bb_span body);
void bb_handle_unsubscribe(bb_broker *broker, bb_link *link, bb_span body);
void bb_unsubscribe(bb_broker *broker, bb_session *session, bb_subscription *subscription);

/* retained.c */
void bb_retained_for(bb_broker *broker, bb_session *session, const bb_filter *filter,
                     const bb_subscription *subscription);
void bb_retained_resume(bb_broker *broker, bb_session *session);
void bb_retained_unsubscribed(bb_broker *broker, bb_session *session, const bb_filter *filter);
void bb_retained_forget(bb_broker *broker, bb_session *session);

/* shared.c */
void bb_shared_deliver(bb_broker *broker, const bb_post_group *group, bb_source *source);
void bb_shared_dispatch(bb_broker *broker, const bb_route *route, bb_source *source);
void bb_shared_presence(bb_broker *broker, bb_session *session, bool online);
void bb_shared_tell(bb_broker *broker, const bb_filter *filter, const bb_group *group);
/* Hand what `session` was not sent for a group (`only`; 0: for any) to members that are here; when the session is
 * `ending`, also the QoS 1 messages that it did not acknowledge. */
void bb_shared_give_back(bb_broker *broker, bb_session *session, uint64_t only, bool ending);

/* post.c: to the ordinary subscriptions of another worker (`group` NULL), or to a member of a group there */
bool bb_post(bb_broker *broker, unsigned worker, const bb_content *content, const bb_post_group *group);

/* access.c: may it? BB_E_NOT_AUTHORIZED, with what decided in `verdict`; BB_E_NO_MEMORY. Publishing is asked about only
 * while there are rules. */
bb_identity bb_link_identity(const bb_broker *broker, const bb_link *link);
bb_status bb_ask_publish(bb_broker *broker, bb_link *link, const bb_publishing *what, bb_verdict *verdict);
bb_status bb_ask_subscribe(bb_broker *broker, bb_link *link, bb_span filter, bb_verdict *verdict);
/* A will, at CONNECT and when it is published. BB_E_SYS_TOPIC, too. */
bb_status bb_ask_will(bb_broker *broker, const bb_identity *who, const bb_content *content, bb_verdict *verdict);
/* Whose will it is: kept with it, and found again. False: no memory. */
bool bb_author_keep(bb_broker *broker, const bb_identity *who, bb_session_will *will);
bb_identity bb_author_of(const bb_session *session);
/* A message is dropped because its client may not publish it (a will) or receive it (one that waited). */
void bb_dropped_denied(bb_broker *broker, const bb_session *session, bb_span topic, const bb_verdict *verdict);
/* What waited while the rules or the client changed: may it still be sent? If not, it is told and counted as dropped.
 */
bool bb_may_receive(bb_broker *broker, bb_session *session, bb_span topic);
/* Judge the subscriptions of a session with a link again, where something has changed. */
void bb_access_review(bb_broker *broker, bb_session *session);

static inline uint8_t bb_qos_min(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

#endif
