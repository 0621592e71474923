/* shared.c - shared subscriptions: one member of each group gets the message. Spec: MQTT 5.0 4.8.2.
 *
 * The publisher's worker picks the worker, by the number of members there; that worker picks the member. In a first
 * round only a member that can take the message now will do, and a worker without one passes it on; `tried` keeps it
 * from going in circles. In the second round (`settle`) any member will: one that is here but busy, then one that is
 * away. */
#include "broker/internal.h"

/* ---- Choosing a member. */

typedef enum readiness { ABSENT, AWAY, BUSY, READY } readiness;

static readiness readiness_of(const bb_broker *broker, const bb_session *session, uint8_t qos)
{
    const bb_limits *limits = &broker->limits;
    bool queue_full = session->queue.count + session->queue_qos0.count >= limits->queue_messages_max;
    if (session->link) {
        if (bb_session_can_take(broker, session) && (qos || !session->queue_qos0.count))
            return READY;
        return queue_full ? ABSENT : BUSY;
    }
    if (queue_full || (qos == 0 && !limits->queue_qos0_offline))
        return ABSENT;
    return AWAY;
}

static uint32_t first_of(const bb_broker *broker, bb_group *group, const bb_content *content)
{
    switch (broker->limits.shared_strategy) {
    case BB_SHARED_STICKY:
        return group->turn % group->subscribers.count;
    case BB_SHARED_HASH:
        return (uint32_t)(bb_hash_mix(content->publisher, group->hash) % group->subscribers.count);
    default:
        return ++group->turn % group->subscribers.count;
    }
}

/* The best member, starting with the one whose turn it is; NULL: none can take it at all. Never `except`. */
static bb_subscription *choose(bb_broker *broker, bb_group *group, const bb_content *content, const bb_session *except,
                               readiness *how)
{
    if (!group->subscribers.count)
        return NULL;
    uint32_t first = first_of(broker, group, content), count = group->subscribers.count;
    bb_subscription *best = NULL;
    readiness best_is = ABSENT;
    for (uint32_t i = 0; i < count && best_is != READY; i++) {
        bb_subscription *member = group->subscribers.members[(first + i) % count];
        const bb_session *session = member->owner;
        readiness is =
            session == except ? ABSENT : readiness_of(broker, session, bb_qos_min(content->qos, (uint8_t)member->qos));
        if (is > best_is) {
            best = member;
            *how = best_is = is;
            if (is == READY || broker->limits.shared_strategy == BB_SHARED_STICKY)
                group->turn = (first + i) % count;
        }
    }
    return best;
}

/* To the best member that is at least as ready as `least`; never to `except`. False: there is none. */
static bool give(bb_broker *broker, bb_group *group, bb_source *source, readiness least, const bb_session *except)
{
    readiness is = ABSENT;
    bb_subscription *member = choose(broker, group, source->content, except, &is);
    if (!member || is < least)
        return false;
    uint32_t id = member->id;
    uint8_t qos = bb_qos_min(source->content->qos, (uint8_t)member->qos);
    /* Only what may have to move to another member must know where it came from. */
    bb_origin origin = qos ? bb_origin_new(broker->mem, &id, id != 0, group->hash) : bb_origin_single(id);
    (void)bb_deliver(broker, member->owner, source, qos, source->content->retain && member->retain_as_published,
                     origin);
    if (qos)
        bb_origin_unref(origin, broker->mem);
    ((bb_session *)member->owner)->has_shared |= qos > 0;
    return true;
}

/* ---- Choosing a worker. */

static int choose_worker(bb_broker *broker, const uint32_t *members, uint64_t tried, uint64_t draw)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < broker->workers; w++)
        sum += tried >> w & 1 ? 0 : members[w];
    if (!sum)
        return -1;
    draw %= sum;
    for (unsigned w = 0;; w++) {
        uint64_t here = tried >> w & 1 ? 0 : members[w];
        if (draw < here)
            return (int)w;
        draw -= here;
    }
}

static uint64_t draw_for(bb_broker *broker, const bb_content *content, uint64_t hash)
{
    switch (broker->limits.shared_strategy) {
    case BB_SHARED_STICKY:
        return 0;
    case BB_SHARED_HASH:
        return bb_hash_mix(content->publisher, hash) >> 32;
    default:
        return broker->shared_turn++;
    }
}

/* The next worker to ask. In the second round, and when no worker has members that are here, those that are away count.
 */
static int next_worker(bb_broker *broker, const bb_route_group *group, uint64_t tried, bool settle, uint64_t draw)
{
    int worker = choose_worker(broker, group->online, tried, draw);
    return worker < 0 && settle ? choose_worker(broker, group->away, tried, draw) : worker;
}

/* Hand a group's message to a worker that was not tried. False: nobody takes it. */
static bool dispatch_group(bb_broker *broker, const bb_route_group *group, bb_source *source, uint64_t tried,
                           bool settle)
{
    uint64_t draw = draw_for(broker, source->content, group->hash);
    for (;;) {
        int worker = next_worker(broker, group, tried, settle, draw);
        if (worker < 0 && settle)
            return false;
        if (worker < 0) {
            settle = true;
            tried = 0;
            continue;
        }
        tried |= 1ull << worker;
        if ((unsigned)worker != broker->worker) {
            bb_post_group post = {group->hash, tried, settle};
            return bb_post(broker, (unsigned)worker, source->content, &post);
        }
        bb_group *own = bb_index_group(broker->index, group->hash);
        if (own && give(broker, own, source, settle ? AWAY : READY, NULL))
            return true;
    }
}

/* For every group that the route names. */
void bb_shared_dispatch(bb_broker *broker, const bb_route *route, bb_source *source)
{
    for (uint32_t i = 0; i < route->groups_count; i++) {
        const bb_route_group *group = &route->groups[i];
        bool given =
            group->own ? give(broker, group->own, source, AWAY, NULL) : dispatch_group(broker, group, source, 0, false);
        if (!given)
            bb_dropped(broker, NULL, source->content->topic, BB_E_NO_MEMBER, 1);
    }
}

/* A message for a group that another worker chose this one for; without a member that takes it, it goes on. */
void bb_shared_deliver(bb_broker *broker, const bb_post_group *group, bb_source *source)
{
    bb_group *own = bb_index_group(broker->index, group->hash);
    if (own && give(broker, own, source, group->settle ? AWAY : READY, NULL))
        return;
    const bb_route *route = bb_route_find(broker, source->content->topic, source->content->topic_hash);
    for (uint32_t i = 0; route && i < route->groups_count; i++)
        if (route->groups[i].hash == group->hash &&
            dispatch_group(broker, &route->groups[i], source, group->tried, group->settle))
            return;
    bb_dropped(broker, NULL, source->content->topic, BB_E_NO_MEMBER, 1);
}

/* ---- Members come and go. */

/* Tell the other workers how many members of a group that they know of are here and away. */
void bb_shared_tell(bb_broker *broker, const bb_filter *filter, const bb_group *group)
{
    if (!broker->interest)
        return;
    bool told = bb_interest_group(broker->interest, broker->mem, filter, group->hash, broker->worker, group->online,
                                  group->away);
    BB_CHECK(told); /* the group is in the table already, so no memory is needed */
}

/* The client of `session` is here now, or away: its groups count it so. */
void bb_shared_presence(bb_broker *broker, bb_session *session, bool online)
{
    for (bb_subscription *s = session->subscriptions; s; s = s->next) {
        bb_group *group = bb_subscription_group(s);
        if (!group)
            continue;
        bb_filter filter;
        bb_subscription_filter(s, &filter);
        group->online += online ? 1u : -1u;
        group->away += online ? -1u : 1u;
        bb_shared_tell(broker, &filter, group);
    }
}

/* Find another member for a delivery that `session` has not been sent. */
static bool move_on(bb_broker *broker, bb_session *session, const bb_delivery *delivery, uint64_t hash)
{
    bb_content content = bb_message_content(delivery->message);
    bb_source source = {&content, bb_message_ref(delivery->message)};
    bb_group *own = bb_index_group(broker->index, hash);
    bool given = own && give(broker, own, &source, BUSY, session);
    if (!given && broker->interest) {
        const bb_route *route = bb_route_find(broker, content.topic, content.topic_hash);
        for (uint32_t i = 0; route && !given && i < route->groups_count; i++)
            if (route->groups[i].hash == hash &&
                choose_worker(broker, route->groups[i].online, 1ull << broker->worker, 0) >= 0)
                given = dispatch_group(broker, &route->groups[i], &source, 1ull << broker->worker, false);
    }
    bb_source_done(broker, &source);
    return given;
}

static bool concerns(const bb_delivery *delivery, uint64_t only)
{
    uint64_t hash = bb_origin_group(delivery->origin);
    return hash && (!only || hash == only);
}

/* What was never sent. Once around the queue, so the order of what stays is kept. */
static void give_back_queued(bb_broker *broker, bb_session *session, uint64_t only)
{
    bb_delivery delivery;
    for (uint32_t left = session->queue.count; left; left--) {
        uint64_t bytes = session->queue.bytes;
        (void)bb_queue_pop(&session->queue, broker->mem, &delivery);
        bytes -= session->queue.bytes;
        bool moved = concerns(&delivery, only) && move_on(broker, session, &delivery, bb_origin_group(delivery.origin));
        if (!moved && bb_queue_push(&session->queue, broker->mem, &delivery))
            continue;
        bb_count(&broker->stats.queued_messages, -1);
        bb_count(&broker->stats.queued_bytes, -(int64_t)bytes);
        if (!moved)
            bb_dropped(broker, session, bb_message_content(delivery.message).topic, BB_E_NO_MEMORY, 1);
        bb_changed_delivery(broker, BB_CHANGE_SETTLED, session, &delivery);
        bb_delivery_drop(&delivery, broker->mem);
    }
}

/* QoS 1 messages that were sent and not acknowledged, when the session ends; QoS 2 ones must not go to anybody else
 * [MQTT-4.8.2-5]. */
static void give_back_inflight(bb_broker *broker, bb_session *session)
{
    bb_inflight *inflight = &session->inflight;
    for (uint32_t i = 0; i < inflight->slots_count;) {
        bb_delivery *slot = &inflight->slots[i];
        if (!slot->packet_id || slot->qos != 1 || !concerns(slot, 0) ||
            !move_on(broker, session, slot, bb_origin_group(slot->origin))) {
            i++;
            continue;
        }
        bb_delivery moved = bb_inflight_take(inflight, slot); /* another may have taken this slot: look at it again */
        bb_count(&broker->stats.inflight, -1);
        bb_changed_delivery(broker, BB_CHANGE_SETTLED, session, &moved);
        bb_delivery_drop(&moved, broker->mem);
    }
}

/* Messages of shared subscriptions that `session` will not get any more go to members that are here: they are added
 * there before they are gone here. */
void bb_shared_give_back(bb_broker *broker, bb_session *session, uint64_t only, bool ending)
{
    if (!session->has_shared)
        return;
    give_back_queued(broker, session, only);
    if (ending)
        give_back_inflight(broker, session);
}
