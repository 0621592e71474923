/* retained.c - retained messages for a new subscription. Spec: MQTT 5.0 3.3.1.3, 3.8.3.1.
 *
 * A filter without wildcards is one look-up. A wildcard filter is a walk over the store: it goes on piece by piece
 * while the session can take messages, so that it neither holds up the loop nor overflows a queue. What a piece finds
 * is copied under the store's lock and delivered after it, behind everything that was posted here before (port.h says
 * why). */
#include "broker/internal.h"

enum {
    PIECE = 64,         /* messages of one piece */
    WALKS_AGAIN = 1000, /* more walks than subscriptions: the same filters again before the first walks are over */
};

/* What one piece found. */
typedef struct piece {
    bb_broker *broker;
    bb_message *messages[PIECE];
    unsigned count, room;
    bool failed;
} piece;

static bool keep(void *context, const bb_content *content)
{
    piece *p = context;
    bb_message *copy = bb_message_new(p->broker->mem, content);
    if (!copy) {
        p->failed = true;
        return false;
    }
    p->messages[p->count++] = copy;
    return p->count < p->room;
}

/* How a subscription gets its retained messages. */
typedef struct terms {
    uint8_t qos;
    bool no_local;
    uint32_t id;
} terms;

static void deliver_piece(bb_broker *broker, bb_session *session, const terms *t, piece *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        bb_content content = bb_message_content(p->messages[i]);
        bb_source source = {&content, p->messages[i]};
        /* What the client published itself is not for it [MQTT-3.8.3-3]. */
        if (!(t->no_local && content.publisher == session->node.hash))
            (void)bb_deliver(broker, session, &source, bb_qos_min(content.qos, t->qos), true, bb_origin_single(t->id));
        bb_source_done(broker, &source);
    }
    if (p->failed)
        bb_dropped(broker, session, BB_SPAN_NONE, BB_E_NO_MEMORY, 1);
}

/* ---- Walks. */

static bool can_go_on(const bb_broker *broker, const bb_session *session)
{
    return bb_session_can_take(broker, session) && !session->queue_qos0.count;
}

/* Into the session's list, in front: there stand those that wait. */
static void put_first(bb_retained_walk *walk)
{
    bb_retained_walk **first = &walk->session->walks;
    walk->place = first;
    walk->next = *first;
    if (*first)
        (*first)->place = &walk->next;
    *first = walk;
    walk->session->walks_now++;
}

static void take_out(bb_retained_walk *walk)
{
    *walk->place = walk->next;
    if (walk->next)
        walk->next->place = walk->place;
    walk->session->walks_now--;
}

static void end_walk(bb_broker *broker, bb_retained_walk *walk)
{
    take_out(walk);
    bb_list_remove(&walk->link);
    broker->port.walk_close(broker->port.shell, walk->walk);
    bb_mem_free(broker->mem, walk, sizeof *walk + walk->filter_len);
}

/* One piece of a walk; it ends here when there is no more. */
static void step(bb_broker *broker, bb_retained_walk *walk)
{
    const bb_link *link = walk->session->link;
    piece p = {.broker = broker, .room = PIECE};
    unsigned window = (unsigned)(link->window - link->window_now);
    if (walk->qos && window < p.room)
        p.room = window;
    bb_status status = BB_OK;
    terms t = {walk->qos, walk->no_local, walk->id};
    bb_session *session = walk->session;
    bool over = broker->port.walk_step(broker->port.shell, walk->walk, bb_span_of(walk->filter, walk->filter_len),
                                       broker->now, keep, &p, &status);
    if (status != BB_OK)
        bb_dropped(broker, session, bb_span_of(walk->filter, walk->filter_len), status, 1);
    if (over)
        end_walk(broker, walk);
    broker->port.drain(broker->port.shell);
    deliver_piece(broker, session, &t, &p);
}

bool bb_broker_work(bb_broker *broker, bb_time now)
{
    broker->now = now;
    for (unsigned pieces = 0; pieces < 16 && !bb_list_empty(&broker->walks); pieces++) {
        bb_retained_walk *walk = BB_CONTAINER_OF(broker->walks.next, bb_retained_walk, link);
        bb_list_remove(&walk->link);
        if (!can_go_on(broker, walk->session)) { /* bb_retained_resume puts it back when there is room */
            take_out(walk);
            put_first(walk);
            continue;
        }
        bb_list_append(&broker->walks, &walk->link);
        step(broker, walk);
    }
    return !bb_list_empty(&broker->walks);
}

bool bb_broker_has_work(const bb_broker *broker)
{
    return !bb_list_empty(&broker->walks);
}

void bb_retained_resume(bb_broker *broker, bb_session *session)
{
    if (!session->walks || !can_go_on(broker, session))
        return;
    for (bb_retained_walk *walk = session->walks; walk && !bb_list_linked(&walk->link); walk = walk->next)
        bb_list_append(&broker->walks, &walk->link);
}

/* Nothing more may be added for a subscription that is gone [MQTT-3.10.4-1]. */
void bb_retained_unsubscribed(bb_broker *broker, bb_session *session, const bb_filter *filter)
{
    for (bb_retained_walk *walk = session->walks, *next; walk; walk = next) {
        next = walk->next;
        if (bb_span_equal(bb_span_of(walk->filter, walk->filter_len), filter->text))
            end_walk(broker, walk);
    }
}

void bb_retained_forget(bb_broker *broker, bb_session *session)
{
    while (session->walks)
        end_walk(broker, session->walks);
}

/* ---- A new subscription. */

static void start_walk(bb_broker *broker, bb_session *session, const bb_filter *filter,
                       const bb_subscription *subscription)
{
    size_t size = sizeof(bb_retained_walk) + filter->text.len;
    if (session->walks_now >= session->subscriptions_now + WALKS_AGAIN) {
        bb_dropped(broker, session, filter->text, BB_E_QUEUE_MESSAGES, 1);
        return;
    }
    bb_retained_walk *walk = bb_mem_alloc_zeroed(broker->mem, size);
    bb_port_walk *port_walk = walk ? broker->port.walk_open(broker->port.shell) : NULL;
    if (!port_walk) {
        bb_mem_free(broker->mem, walk, size);
        bb_dropped(broker, session, filter->text, BB_E_NO_MEMORY, 1);
        return;
    }
    walk->session = session;
    walk->walk = port_walk;
    walk->id = subscription->id;
    walk->qos = (uint8_t)subscription->qos;
    walk->no_local = subscription->no_local;
    walk->filter_len = (uint16_t)filter->text.len;
    memcpy(walk->filter, filter->text.data, filter->text.len);
    put_first(walk); /* as one that waits: so all of them stand in front */
    bb_retained_resume(broker, session);
}

void bb_retained_for(bb_broker *broker, bb_session *session, const bb_filter *filter,
                     const bb_subscription *subscription)
{
    if (!broker->limits.retain_available)
        return;
    if (filter->wildcard) {
        start_walk(broker, session, filter, subscription);
        return;
    }
    piece p = {.broker = broker, .room = 1};
    terms t = {(uint8_t)subscription->qos, subscription->no_local, subscription->id};
    broker->port.retain_read(broker->port.shell, filter->text, bb_hash(filter->text, &broker->seed), broker->now, keep,
                             &p);
    broker->port.drain(broker->port.shell);
    deliver_piece(broker, session, &t, &p);
}
