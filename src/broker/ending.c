/* ending.c - how links, sessions and wills end. Spec: MQTT 5.0 3.1.2.5, 3.1.2.11.2, 3.14, 4.13. */
#include "broker/internal.h"

/* ---- Wills. */

/* Publish the will and forget it. Its expiry counts from now [MQTT-3.3.2-6]. */
static void publish_will(bb_broker *broker, bb_session *session)
{
    bb_session_will *will = session->will;
    const bb_identity author = bb_author_of(session);
    session->will = NULL;
    bb_changed(broker, &(bb_change){.kind = BB_CHANGE_SESSION, .session = session});
    bb_content content = bb_message_content(will->message);
    if (will->expiry_s != UINT32_MAX)
        content.expires = bb_time_after_s(broker->now, will->expiry_s);
    bool reached;
    bb_verdict verdict;
    bb_status status = bb_ask_will(broker, &author, &content, &verdict);
    if (status == BB_OK)
        status = bb_publish_content(broker, &content, &reached);
    if (status == BB_E_NOT_AUTHORIZED)
        bb_dropped_denied(broker, session, content.topic, &verdict);
    else if (status != BB_OK)
        bb_dropped(broker, session, content.topic, status, 1);
    bb_session_will_free(will, broker->mem);
}

/* ---- Sessions. */

static void arm_session_timer(bb_broker *broker, bb_session *session)
{
    bb_time due = session->expires;
    if (session->will && session->will->due < due)
        due = session->will->due;
    bb_timer_set(&broker->session_wheel, &session->timer, due);
}

static void drop_queue(bb_broker *broker, bb_session *session, bb_queue *queue, bb_status why)
{
    bb_delivery delivery;
    bb_count(&broker->stats.queued_messages, -(int64_t)queue->count);
    bb_count(&broker->stats.queued_bytes, -(int64_t)queue->bytes);
    bb_dropped(broker, session, BB_SPAN_NONE, why, queue->count);
    while (bb_queue_pop(queue, broker->mem, &delivery))
        bb_delivery_drop(&delivery, broker->mem);
}

/* Everything that the session holds goes, its will first. Shared messages that it never got go to other members. */
void bb_session_end(bb_broker *broker, bb_session *session, bb_status why)
{
    BB_CHECK(!session->link);
    bool stopping = why == BB_E_SHUTTING_DOWN; /* the process ends: nobody is left to tell */
    if (session->will && !stopping)
        publish_will(broker, session);
    session->has_shared &= !stopping;
    /* Walks and the queue first, once for all: bb_unsubscribe would go through them for each subscription. */
    bb_retained_forget(broker, session);
    bb_shared_give_back(broker, session, 0, true);
    session->has_shared = false;
    while (session->subscriptions)
        bb_unsubscribe(broker, session, session->subscriptions);
    bb_timer_cancel(&session->timer);
    drop_queue(broker, session, &session->queue, why);
    drop_queue(broker, session, &session->queue_qos0, why);
    bb_count(&broker->stats.inflight, -(int64_t)session->inflight.count);
    bb_dropped(broker, session, BB_SPAN_NONE, why, session->inflight.count);
    bb_changed(broker, &(bb_change){.kind = BB_CHANGE_ENDED, .session = session});
    bb_map_remove(&broker->sessions, &session->node);
    bb_count(&broker->stats.sessions, -1);
    atomic_fetch_sub_explicit(broker->sessions_all, 1, memory_order_relaxed);
    bb_session_free(session, broker->mem);
}

/* The client is away: keep the session for as long as it was granted. */
static void leave(bb_broker *broker, bb_session *session, bb_status why)
{
    bool regular = why == BB_E_BY_CLIENT;
    session->link = NULL;
    bb_count(&broker->stats.connected, -1);
    bb_shared_presence(broker, session, false); /* before anything counts on where members are */
    bb_session_suspend(session, broker->mem);
    bb_inflight_trim(&session->inflight, broker->mem);
    if (regular)
        bb_session_set_will(session, broker->mem, NULL); /* [MQTT-3.14.4-3] */
    if (session->expiry_s == 0) {
        bb_session_end(broker, session, BB_E_SESSION_ENDED);
        return;
    }
    bb_changed(broker, &(bb_change){.kind = BB_CHANGE_SESSION, .session = session});
    session->expires =
        session->expiry_s == BB_EXPIRY_NEVER ? BB_NEVER : bb_time_after_s(broker->now, session->expiry_s);
    if (session->will && session->will->delay_s)
        session->will->due = bb_time_after_s(broker->now, session->will->delay_s);
    else if (session->will)
        publish_will(broker, session);
    bb_shared_give_back(broker, session, 0, false);
    if (!broker->limits.queue_qos0_offline)
        drop_queue(broker, session, &session->queue_qos0, BB_E_OFFLINE_QOS0);
    arm_session_timer(broker, session);
}

void bb_session_timer(bb_broker *broker, bb_session *session)
{
    if (session->expires <= broker->now) {
        bb_fact fact = {
            .kind = BB_FACT_SESSION_ENDED, .status = BB_E_SESSION_EXPIRED, .client_id = bb_session_client_id(session)};
        broker->port.fact(broker->port.shell, &fact);
        bb_count(&broker->stats.expired_sessions, 1);
        bb_session_end(broker, session, BB_E_SESSION_EXPIRED);
        return;
    }
    if (session->will && session->will->due <= broker->now)
        publish_will(broker, session);
    arm_session_timer(broker, session);
}

/* The client is here (again): what it is owed starts to flow, the oldest first. */
void bb_session_returned(bb_broker *broker, bb_session *session, bb_link *link)
{
    bb_timer_cancel(&session->timer);
    if (!bb_session_resume(session, broker->mem)) {
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
        return;
    }
    bb_pump(broker, session);
}

/* ---- Links. */

/* The link is over, without a word to the client: its session goes its way. */
void bb_link_end(bb_broker *broker, bb_link *link, bb_status why, const bb_fault *fault)
{
    bb_session *session = link->session;
    bool connected = link->state == BB_LINK_CONNECTED;
    bb_fact_of(broker, connected ? BB_FACT_DISCONNECTED : BB_FACT_REFUSED, link, why, BB_SPAN_NONE, fault);
    bb_count(&broker->stats.refused[why], 1);
    link->state = BB_LINK_ENDED;
    link->reason = (uint8_t)why;
    link->session = NULL;
    bb_timer_cancel(&link->timer);
    bb_incoming_clear(broker, link);
    if (link->more)
        bb_list_remove(&link->more->withholding); /* nothing follows the last packet */
    bb_link_dirty(broker, link);
    if (session)
        leave(broker, session, why);
}

static void send_disconnect(bb_broker *broker, bb_link *link, bb_status why)
{
    uint8_t properties[BB_REASON_STRING_MAX], packet[BB_REASON_STRING_MAX + 16];
    bb_property_writer w = {properties, 0, sizeof properties, false};
    bb_property_put_bytes(&w, 0x1F, bb_span_text(bb_status_text(why)));
    size_t n =
        bb_disconnect_encode(packet, sizeof packet, BB_DISCONNECT, bb_status_code(why), bb_span_of(properties, w.len));
    if (n > link->packet_bytes_max) /* [MQTT-3.14.2-3] */
        n = bb_disconnect_encode(packet, sizeof packet, BB_DISCONNECT, bb_status_code(why), BB_SPAN_NONE);
    if (n <= link->packet_bytes_max)
        (void)bb_link_put(broker, link, packet, n);
}

/* End a link for a reason of ours or a fault of its client. 5.0 clients that are connected are told. */
void bb_link_fail(bb_broker *broker, bb_link *link, bb_status why, const bb_fault *fault)
{
    if (link->state == BB_LINK_ENDED)
        return;
    if (link->state == BB_LINK_CONNECTED && link->version == BB_MQTT_5)
        send_disconnect(broker, link, why);
    bb_link_end(broker, link, why, fault);
}

void bb_handle_disconnect(bb_broker *broker, bb_link *link, bb_span body)
{
    enum { NORMAL = 0x00 };
    bb_disconnect packet;
    bb_fault fault;
    bb_status status = bb_disconnect_decode(BB_DISCONNECT, body, link->version, true, &packet, &fault);
    bb_session *session = link->session;
    if (status != BB_OK) {
        bb_link_fail(broker, link, status, &fault);
        return;
    }
    if (session && packet.properties.present & BB_HAS(session_expiry_s)) {
        uint32_t asked = packet.properties.session_expiry_s;
        if (session->expiry_s == 0 && asked != 0) {
            bb_link_fail(broker, link, BB_E_PROTOCOL, &(bb_fault){BB_E_PROTOCOL, 0, "MQTT-3.1.2.11.2"});
            return;
        }
        session->expiry_s = asked < broker->limits.session_expiry_max_s ? asked : broker->limits.session_expiry_max_s;
    }
    /* Any other reason than a normal end means: publish the will [MQTT-3.14.4-3]. */
    bb_link_end(broker, link, packet.code == NORMAL ? BB_E_BY_CLIENT : BB_E_BY_CLIENT_WITH_WILL, NULL);
}
