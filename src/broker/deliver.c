/* deliver.c - from a message to one session: onto its link now, into its queue for later, or dropped for a reason.
 *
 * The order that must hold is that of one topic and QoS. So a QoS 1 or 2 message goes straight to the link only while
 * nothing waits in the queue before it, and a QoS 0 message only while no QoS 0 message waits; QoS 0 may overtake the
 * others, since a full window must not hold it up [MQTT-4.9.0-3]. Spec: MQTT 5.0 4.3, 4.4, 4.6, 4.9. */
#include "broker/internal.h"

bb_message *bb_source_message(bb_broker *broker, bb_source *source)
{
    if (!source->message)
        source->message = bb_message_new(broker->mem, source->content);
    return source->message;
}

void bb_source_done(bb_broker *broker, bb_source *source)
{
    if (source->message)
        bb_message_unref(source->message, broker->mem);
    source->message = NULL;
}

/* ---- Topic aliases towards a client: the first topics get one each, and keep it. */

static uint16_t find_alias(const bb_link_more *more, const bb_content *content)
{
    for (uint16_t i = 0; more && i < more->alias_out_count; i++)
        if (more->alias_out[i].hash == content->topic_hash && more->alias_out[i].len == content->topic.len &&
            !memcmp(more->alias_out[i].topic, content->topic.data, content->topic.len))
            return (uint16_t)(i + 1);
    return 0;
}

/* The alias that a further topic would get; 0: none is left, or it would save nothing. */
static uint16_t free_alias(const bb_link *link, const bb_content *content)
{
    uint16_t used = link->more ? link->more->alias_out_count : 0;
    return used < link->alias_max_out && content->topic.len > 3 ? (uint16_t)(used + 1) : 0;
}

static bool keep_alias(bb_broker *broker, bb_link *link, const bb_content *content)
{
    bb_link_more *more;
    if (bb_more_of(broker, link, &more) != BB_OK)
        return false;
    if (!more->alias_out) {
        more->alias_out = bb_mem_alloc_zeroed(broker->mem, link->alias_max_out * sizeof *more->alias_out);
        if (!more->alias_out)
            return false;
        more->alias_out_cap = link->alias_max_out;
    }
    uint8_t *topic = bb_mem_alloc(broker->mem, content->topic.len);
    if (!topic)
        return false;
    memcpy(topic, content->topic.data, content->topic.len);
    more->alias_out[more->alias_out_count++] =
        (struct bb_alias){topic, (uint16_t)content->topic.len, content->topic_hash};
    return true;
}

/* ---- Writing a PUBLISH. */

/* What a PUBLISH says beside its content. */
typedef struct writing {
    uint8_t qos;
    bool retain, dup, fresh; /* fresh: not sent before, so an alias may stand for the topic */
    uint16_t packet_id;
    bb_origin origin;
} writing;

static bool write_payload(bb_broker *broker, bb_link *link, const bb_content *content, uint8_t *at, size_t head_size)
{
    if (content->blob) {
        bb_chain_commit(&link->out, head_size);
        return bb_chain_append_blob(&link->out, &broker->chunks, content->blob);
    }
    if (content->payload.len)
        memcpy(at + head_size, content->payload.data, content->payload.len);
    bb_chain_commit(&link->out, head_size + content->payload.len);
    return true;
}

/* BB_E_TOO_LARGE_FOR_CLIENT, BB_E_NO_MEMORY: nothing was written. */
static bb_status write_publish(bb_broker *broker, bb_link *link, const bb_content *content, const writing *w)
{
    uint32_t single;
    bb_publish_head head = {
        .qos = w->qos,
        .retain = w->retain,
        .dup = w->dup,
        .packet_id = w->packet_id,
        .topic = content->topic,
        .payload_len = bb_content_payload_len(content),
    };
    uint16_t new_alias = 0;
    if (link->version == BB_MQTT_5) {
        head.properties = content->properties;
        head.expiry_at = content->expiry_at;
        if (content->expiry_at)
            head.expiry_s = bb_content_expiry_left_s(content, broker->now);
        head.ids = bb_origin_ids(w->origin, &single, &head.ids_count);
        if (link->alias_max_out && w->fresh) {
            head.alias = find_alias(link->more, content);
            if (head.alias)
                head.topic = BB_SPAN_NONE;
            else
                head.alias = new_alias = free_alias(link, content);
        }
    }
    size_t head_size, size = bb_publish_size(link->version, &head, &head_size);
    if (BB_UNLIKELY(size > link->packet_bytes_max) && new_alias) { /* without one it may fit */
        head.alias = new_alias = 0;
        size = bb_publish_size(link->version, &head, &head_size);
    }
    if (size > link->packet_bytes_max) /* [MQTT-3.1.2-24, 3.1.2-25]; SIZE_MAX is more than anybody accepts */
        return BB_E_TOO_LARGE_FOR_CLIENT;
    uint8_t *at = bb_chain_reserve(&link->out, &broker->chunks, head_size + content->payload.len);
    if (!at)
        return BB_E_NO_MEMORY;
    /* An alias is given only in a packet that is sent for certain. */
    if (new_alias && !keep_alias(broker, link, content)) {
        head.alias = 0;
        (void)bb_publish_size(link->version, &head, &head_size);
    }
    (void)bb_publish_encode(at, link->version, &head);
    if (!write_payload(broker, link, content, at, head_size)) {
        bb_link_break(broker, link); /* the head is out: the link cannot go on */
        return BB_OK;
    }
    bb_link_dirty(broker, link);
    bb_count(&broker->stats.packets_out, 1);
    bb_count(&broker->stats.publishes_out, 1);
    bb_count(&broker->stats.publish_bytes_out, (int64_t)head.payload_len);
    return BB_OK;
}

/* ---- Can it go now? */

static bool has_room(const bb_broker *broker, const bb_link *link)
{
    return link->out.bytes < broker->limits.output_bytes_max && BB_LIKELY(!link->broken);
}

static bool window_open(const bb_link *link)
{
    return link->window_now < link->window;
}

bool bb_session_can_take(const bb_broker *broker, const bb_session *session)
{
    const bb_link *link = session->link;
    return link && link->state == BB_LINK_CONNECTED && has_room(broker, link) && window_open(link) &&
           !session->queue.count && !session->resend;
}

/* Send a QoS 1 or 2 delivery: give it an identifier, put it into the window, write it. On success the window has taken
 * over what the delivery holds. */
static bb_status send_counted(bb_broker *broker, bb_session *session, const bb_content *content, bb_delivery *delivery)
{
    bb_link *link = session->link;
    bb_status status = bb_session_send(session, broker->mem, delivery);
    if (status != BB_OK)
        return status;
    writing w = {delivery->qos, delivery->retain, false, true, delivery->packet_id, delivery->origin};
    status = write_publish(broker, link, content, &w);
    if (status != BB_OK) {
        (void)bb_inflight_take(&session->inflight, bb_inflight_find(&session->inflight, delivery->packet_id));
        delivery->packet_id = 0;
        return status;
    }
    link->window_now++;
    bb_count(&broker->stats.inflight, 1);
    bb_changed_delivery(broker, BB_CHANGE_SENT, session, delivery);
    return BB_OK;
}

static bb_status enqueue(bb_broker *broker, bb_session *session, const bb_delivery *delivery)
{
    bb_session_limits limits = {broker->limits.queue_messages_max, broker->limits.queue_bytes_max};
    uint32_t gone = 0;
    uint32_t count = session->queue.count + session->queue_qos0.count;
    uint64_t bytes = session->queue.bytes + session->queue_qos0.bytes;
    bb_status status;
    if (delivery->qos) {
        status = bb_session_enqueue(session, broker->mem, &limits, broker->now, delivery, &gone);
        bb_dropped(broker, session, BB_SPAN_NONE, BB_E_EXPIRED, gone);
    } else {
        status = bb_session_enqueue_qos0(session, broker->mem, &limits, delivery, &gone);
        bb_dropped(broker, session, BB_SPAN_NONE, BB_E_SLOW_QOS0, gone);
    }
    bb_count(&broker->stats.queued_messages, (int64_t)(session->queue.count + session->queue_qos0.count) - count);
    bb_count(&broker->stats.queued_bytes, (int64_t)(session->queue.bytes + session->queue_qos0.bytes - bytes));
    if (status == BB_OK && delivery->qos)
        bb_changed_delivery(broker, BB_CHANGE_OWED, session, delivery);
    return status;
}

/* ---- Delivery. */

static bb_status deliver_qos0(bb_broker *broker, bb_session *session, bb_source *source, bool retain, bb_origin origin)
{
    bb_link *link = session->link;
    if (link && has_room(broker, link) && !session->queue_qos0.count) {
        writing w = {.retain = retain, .fresh = true, .origin = origin};
        return write_publish(broker, link, source->content, &w);
    }
    if (!link && !broker->limits.queue_qos0_offline)
        return BB_E_OFFLINE_QOS0;
    bb_message *message = bb_source_message(broker, source);
    if (!message)
        return BB_E_NO_MEMORY;
    bb_delivery delivery = {.message = bb_message_ref(message), .origin = bb_origin_ref(origin), .retain = retain};
    bb_status status = enqueue(broker, session, &delivery);
    if (status != BB_OK)
        bb_delivery_drop(&delivery, broker->mem);
    return status;
}

static bb_status deliver_counted(bb_broker *broker, bb_session *session, bb_source *source, uint8_t qos, bool retain,
                                 bb_origin origin)
{
    bb_message *message = bb_source_message(broker, source);
    if (!message)
        return BB_E_NO_MEMORY;
    bb_delivery delivery = {
        .message = bb_message_ref(message), .origin = bb_origin_ref(origin), .qos = qos, .retain = retain};
    bb_status status = bb_session_can_take(broker, session) ? send_counted(broker, session, source->content, &delivery)
                                                            : enqueue(broker, session, &delivery);
    if (status != BB_OK)
        bb_delivery_drop(&delivery, broker->mem);
    return status;
}

bool bb_deliver(bb_broker *broker, bb_session *session, bb_source *source, uint8_t qos, bool retain, bb_origin origin)
{
    broker->work++;
    bb_status status = qos ? deliver_counted(broker, session, source, qos, retain, origin)
                           : deliver_qos0(broker, session, source, retain, origin);
    if (BB_LIKELY(status == BB_OK))
        return true;
    bb_dropped(broker, session, source->content->topic, status, 1);
    return false;
}

/* One subscription alone. No Local compares client ids [MQTT-3.8.3-3]. */
static void deliver_single(bb_broker *broker, const bb_subscription *s, bb_source *source)
{
    bb_session *session = s->owner;
    const bb_content *content = source->content;
    if (BB_UNLIKELY(s->no_local && content->publisher == session->node.hash))
        return;
    (void)bb_deliver(broker, session, source, bb_qos_min(content->qos, (uint8_t)s->qos),
                     content->retain && s->retain_as_published, bb_origin_single(s->id));
}

/* Several subscriptions of one session: one copy, the highest QoS, all identifiers [MQTT-3.3.4-2, 3.3.4-4]. */
static void deliver_merged(bb_broker *broker, const bb_target *target, bb_source *source)
{
    uint32_t ids[BB_ORIGIN_IDS_MAX], ids_count = 0;
    const bb_content *content = source->content;
    uint8_t qos = 0;
    bool retain = false, wanted = false;
    for (uint32_t i = 0; i < target->count; i++) {
        const bb_subscription *s = target->subscriptions[i];
        if (s->no_local && content->publisher == target->session->node.hash)
            continue;
        wanted = true;
        qos = s->qos > qos ? (uint8_t)s->qos : qos;
        retain |= s->retain_as_published;
        if (s->id && ids_count < BB_ORIGIN_IDS_MAX)
            ids[ids_count++] = s->id;
    }
    if (!wanted)
        return;
    bb_origin origin = bb_origin_new(broker->mem, ids, ids_count, 0);
    (void)bb_deliver(broker, target->session, source, bb_qos_min(content->qos, qos), content->retain && retain, origin);
    bb_origin_unref(origin, broker->mem);
}

/* To all ordinary subscriptions of this worker. */
void bb_deliver_route(bb_broker *broker, const bb_route *route, bb_source *source)
{
    if (route->set)
        for (uint32_t i = 0; i < route->set->count; i++)
            deliver_single(broker, route->set->members[i], source);
    for (uint32_t i = 0; i < route->targets_count; i++) {
        const bb_target *target = &route->targets[i];
        if (target->count == 1)
            deliver_single(broker, target->subscriptions[0], source);
        else
            deliver_merged(broker, target, source);
    }
}

/* ---- What waits, goes on. */

static bool send_pubrel(bb_broker *broker, bb_link *link, uint16_t packet_id)
{
    uint8_t packet[8];
    size_t n = bb_ack_encode(packet, sizeof packet, BB_PUBREL, link->version, packet_id, 0, BB_SPAN_NONE);
    return bb_link_put(broker, link, packet, n);
}

/* It does not go out again: its place is free. */
static void forget(bb_broker *broker, bb_session *session, bb_delivery *delivery)
{
    bb_delivery gone = bb_inflight_take(&session->inflight, delivery);
    bb_changed_delivery(broker, BB_CHANGE_SETTLED, session, &gone);
    bb_count(&broker->stats.inflight, -1);
    bb_delivery_drop(&gone, broker->mem);
}

/* A delivery of an earlier link, again [MQTT-4.4.0-1]. What cannot be sent any more frees its place. */
static void resend(bb_broker *broker, bb_session *session, bb_delivery *delivery)
{
    bb_link *link = session->link;
    bb_status status = BB_OK;
    if (BB_UNLIKELY(session->doubtful) && delivery->message &&
        !bb_may_receive(broker, session, bb_message_content(delivery->message).topic)) {
        forget(broker, session, delivery);
        return;
    }
    if (delivery->state == BB_DELIVERY_RELEASED) {
        status = send_pubrel(broker, link, delivery->packet_id) ? BB_OK : BB_E_NO_MEMORY;
    } else {
        bb_content content = bb_message_content(delivery->message);
        writing w = {delivery->qos, delivery->retain, true, false, delivery->packet_id, delivery->origin};
        /* A QoS 2 exchange that has begun goes on, expired or not [MQTT-4.3.3-7]. */
        status = delivery->qos == 1 && bb_content_expired(&content, broker->now)
                     ? BB_E_EXPIRED
                     : write_publish(broker, link, &content, &w);
    }
    if (status == BB_E_NO_MEMORY) { /* it stays in flight, for the next link */
        bb_link_break(broker, link);
        return;
    }
    if (status == BB_OK) {
        link->window_now++;
        return;
    }
    bb_dropped(broker, session, delivery->message ? bb_message_content(delivery->message).topic : BB_SPAN_NONE, status,
               1);
    forget(broker, session, delivery);
}

/* Take the oldest delivery of a queue and send it, unless it has expired or does not fit. */
static void send_queued(bb_broker *broker, bb_session *session, bb_queue *queue)
{
    bb_delivery delivery;
    uint64_t bytes = queue->bytes;
    (void)bb_queue_pop(queue, broker->mem, &delivery);
    bb_count(&broker->stats.queued_messages, -1);
    bb_count(&broker->stats.queued_bytes, (int64_t)(queue->bytes - bytes));
    bb_content content = bb_message_content(delivery.message);
    bb_status status = BB_E_EXPIRED;
    if (BB_UNLIKELY(session->doubtful) && !bb_may_receive(broker, session, content.topic)) {
        status = BB_OK; /* told and counted */
    } else if (!bb_content_expired(&content, broker->now) && delivery.qos) {
        status = send_counted(broker, session, &content, &delivery);
        if (status == BB_OK)
            return;
    } else if (!bb_content_expired(&content, broker->now)) {
        writing w = {.retain = delivery.retain, .fresh = true, .origin = delivery.origin};
        status = write_publish(broker, session->link, &content, &w);
    }
    if (status != BB_OK)
        bb_dropped(broker, session, content.topic, status, 1);
    if (delivery.qos)
        bb_changed_delivery(broker, BB_CHANGE_SETTLED, session, &delivery);
    bb_delivery_drop(&delivery, broker->mem);
}

/* Send as much of what waits as window and link allow: first again what an earlier link did not get acknowledged, then
 * what is queued, then retained messages of new subscriptions. */
void bb_pump(bb_broker *broker, bb_session *session)
{
    bb_link *link = session->link;
    if (!link)
        return;
    while (session->resend && window_open(link) && has_room(broker, link)) {
        bb_delivery *delivery = bb_session_resend_next(session, broker->mem);
        if (delivery)
            resend(broker, session, delivery);
    }
    while (!session->resend && session->queue.count && window_open(link) && has_room(broker, link))
        send_queued(broker, session, &session->queue);
    while (session->queue_qos0.count && has_room(broker, link))
        send_queued(broker, session, &session->queue_qos0);
    if (!session->resend && !session->queue.count && !session->queue_qos0.count)
        session->doubtful = false;
    bb_retained_resume(broker, session);
}

/* ---- Acknowledgements from a subscriber. */

static void finish(bb_broker *broker, bb_link *link, bb_delivery *delivery, uint8_t code)
{
    bb_session *session = link->session;
    bb_delivery done = bb_inflight_take(&session->inflight, delivery);
    bb_changed_delivery(broker, BB_CHANGE_SETTLED, session, &done);
    if (!done.resend && link->window_now)
        link->window_now--;
    bb_count(&broker->stats.inflight, -1);
    if (code >= 0x80)
        bb_dropped(broker, session, done.message ? bb_message_content(done.message).topic : BB_SPAN_NONE,
                   BB_E_SUBSCRIBER_REFUSED, 1);
    bb_delivery_drop(&done, broker->mem);
    if (session->queue.count || session->resend || session->walks)
        bb_pump(broker, session);
}

static void release(bb_broker *broker, bb_link *link, bb_delivery *delivery)
{
    if (delivery->message)
        bb_message_unref(delivery->message, broker->mem);
    delivery->message = NULL;
    delivery->state = BB_DELIVERY_RELEASED;
    bb_changed_delivery(broker, BB_CHANGE_RELEASED, link->session, delivery);
    if (delivery->resend) { /* it had not been sent again yet; its PUBREL goes now and counts as that */
        delivery->resend = 0;
        link->window_now++;
    }
    if (!send_pubrel(broker, link, delivery->packet_id))
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
}

/* PUBACK, PUBREC or PUBCOMP. One for an identifier that is not in flight is not an error: it may be late. */
void bb_handle_ack(bb_broker *broker, bb_link *link, bb_packet_type type, const bb_ack *ack)
{
    bb_session *session = link->session;
    bb_delivery *delivery = bb_inflight_find(&session->inflight, ack->packet_id);
    if (!delivery) {
        if (type == BB_PUBREC && ack->code < 0x80 && !send_pubrel(broker, link, ack->packet_id))
            bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
        return;
    }
    bool released = delivery->state == BB_DELIVERY_RELEASED;
    if (type == BB_PUBACK && delivery->qos == 1)
        finish(broker, link, delivery, ack->code);
    else if (type == BB_PUBREC && delivery->qos == 2 && ack->code >= 0x80 && !released)
        finish(broker, link, delivery, ack->code); /* the exchange ends here, without PUBREL [MQTT-4.3.3-4] */
    else if (type == BB_PUBREC && delivery->qos == 2)
        release(broker, link, delivery);
    else if (type == BB_PUBCOMP && delivery->qos == 2 && released)
        finish(broker, link, delivery, 0);
    else
        bb_link_fail(broker, link, BB_E_PROTOCOL, &(bb_fault){BB_E_PROTOCOL, 0, "MQTT-4.3"});
}
