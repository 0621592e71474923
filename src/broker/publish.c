/* publish.c - PUBLISH from a client: check, decide, hand on, answer. Spec: MQTT 5.0 3.3, 4.3, 4.8, 4.9.
 *
 * A packet that is whole is handled in place: topic, properties and payload are spans into the read buffer. A large one
 * whose payload is still on its way is "incoming": its head is kept, its payload grows in a blob as it arrives. */
#include "broker/internal.h"

/* What a PUBLISH asks for, once its alias is resolved. */
typedef struct inbound {
    bb_span topic;
    bb_properties *properties;
    uint8_t qos;
    bool retain;
    uint16_t packet_id;
    size_t payload_len;
    uint64_t topic_hash;
} inbound;

/* ---- Answers. */

/* Acknowledge; while memory is short the answer waits, which slows the publisher down [MQTT-4.9]. */
void bb_ack_publisher(bb_broker *broker, bb_link *link, bb_packet_type type, uint16_t packet_id, uint8_t code,
                      bb_status why)
{
    uint8_t packet[BB_REASON_STRING_MAX + 16];
    bb_link_more *more;
    bb_span reason =
        why != BB_OK && code >= 0x80 && link->problem_info ? bb_span_text(bb_status_text(why)) : BB_SPAN_NONE;
    size_t n = bb_ack_encode(packet, sizeof packet, type, link->version, packet_id, code, reason);
    if (reason.len && n > link->packet_bytes_max) /* [MQTT-3.4.2-2] */
        n = bb_ack_encode(packet, sizeof packet, type, link->version, packet_id, code, BB_SPAN_NONE);
    /* A refusal need not wait, but for those before it: answers keep the order of what they answer [MQTT-4.6.0-2]. */
    bool waits = code < 0x80 || (link->more && link->more->withheld.bytes);
    if (BB_LIKELY(broker->pressure == BB_PRESSURE_NONE) || !waits) {
        if (!bb_link_put(broker, link, packet, n))
            bb_link_break(broker, link);
        return;
    }
    if (bb_more_of(broker, link, &more) != BB_OK || more->withheld.bytes >= broker->limits.output_bytes_max ||
        !bb_chain_append(&more->withheld, &broker->chunks, bb_span_of(packet, n))) {
        bb_link_break(broker, link);
        return;
    }
    if (!bb_list_linked(&more->withholding))
        bb_list_append(&broker->withholding, &more->withholding);
    more->withheld_pubacks += type == BB_PUBACK; /* not answered yet: it counts against the receive maximum */
    link->inbound_now += type == BB_PUBACK;
    bb_count(&broker->stats.packets_out, 1);
}

void bb_release_withheld(bb_broker *broker, bb_link *link)
{
    bb_link_more *more = link->more;
    bb_span span;
    bb_list_remove(&more->withholding);
    while (bb_chain_peek(&more->withheld, &span, 1)) {
        if (link->broken || !bb_chain_append(&link->out, &broker->chunks, span)) {
            bb_link_break(broker, link);
            break;
        }
        bb_chain_consume(&more->withheld, &broker->chunks, span.len);
    }
    /* Less may be left: PUBREL of what an earlier link had sent takes one off, too. */
    link->inbound_now -=
        (uint16_t)(more->withheld_pubacks < link->inbound_now ? more->withheld_pubacks : link->inbound_now);
    more->withheld_pubacks = 0;
    bb_link_dirty(broker, link);
}

/* Faults that end the link; everything else is answered, or dropped at QoS 0. */
static bool ends_link(bb_status status)
{
    switch (status) {
    case BB_E_PROTOCOL:
    case BB_E_MALFORMED:
    case BB_E_TOPIC_ALIAS:
    case BB_E_RECEIVE_MAXIMUM:
    case BB_E_PACKET_TOO_LARGE:
    case BB_E_QOS_UNSUPPORTED:
    case BB_E_RETAIN_UNSUPPORTED:
        return true;
    default:
        return false;
    }
}

static bb_publishing publishing_of(const inbound *in)
{
    return (bb_publishing){.topic = in->topic, .topic_hash = in->topic_hash, .qos = in->qos, .retain = in->retain};
}

static void tell_refused(bb_broker *broker, bb_link *link, const inbound *in, bb_status why, const bb_fault *fault)
{
    bb_verdict verdict;
    const bb_publishing what = publishing_of(in);
    if (why != BB_E_NOT_AUTHORIZED || !broker->auth.rules) {
        bb_fact_of(broker, BB_FACT_PUBLISH_REFUSED, link, why, in->topic, fault);
        return;
    }
    (void)bb_ask_publish(broker, link, &what, &verdict); /* again: to know what decided */
    bb_fact_denied(broker, BB_FACT_PUBLISH_REFUSED, link, why, in->topic, &verdict);
}

/* A publish is refused. 3.1.1 has no way to say so: what the rules forbid is acknowledged and dropped [MQTT-3.3.5-2 of
 * 3.1.1]; for the rest the link is closed, so that the client does not believe it was accepted. */
static void refuse(bb_broker *broker, bb_link *link, const inbound *in, bb_status why, const bb_fault *fault)
{
    bool forbidden = why == BB_E_SYS_TOPIC || why == BB_E_NOT_AUTHORIZED;
    if (in->qos == 2 && !ends_link(why) && bb_packet_ids_has(&link->session->inbound, in->packet_id)) {
        bb_ack_publisher(broker, link, BB_PUBREC, in->packet_id, 0, BB_OK); /* its exchange has begun: too late */
        return;
    }
    tell_refused(broker, link, in, why, fault);
    if (ends_link(why)) {
        bb_link_fail(broker, link, why, fault);
        return;
    }
    bb_count(&broker->stats.dropped[why], 1);
    if (in->qos == 0)
        return;
    bb_packet_type type = in->qos == 1 ? BB_PUBACK : BB_PUBREC;
    if (link->version == BB_MQTT_5) {
        bb_ack_publisher(broker, link, type, in->packet_id, bb_status_code(why), why);
    } else if (!forbidden) {
        bb_link_fail(broker, link, why, fault);
    } else if (in->qos == 1 || bb_packet_ids_add(&link->session->inbound, broker->mem, in->packet_id)) {
        bb_ack_publisher(broker, link, type, in->packet_id, 0, BB_OK);
    } else {
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
    }
}

/* ---- Topic aliases from the client. Spec: 3.3.2.3.4. */

static bb_status remember_alias(bb_broker *broker, bb_link *link, uint16_t alias, bb_span topic)
{
    bb_link_more *more;
    if (bb_more_of(broker, link, &more) != BB_OK)
        return BB_E_NO_MEMORY;
    if (alias > more->alias_in_cap) {
        struct bb_alias *grown =
            bb_mem_resize(broker->mem, more->alias_in, more->alias_in_cap * sizeof *grown, alias * sizeof *grown);
        if (!grown)
            return BB_E_NO_MEMORY;
        memset(grown + more->alias_in_cap, 0, (size_t)(alias - more->alias_in_cap) * sizeof *grown);
        more->alias_in = grown;
        more->alias_in_cap = alias;
    }
    uint8_t *copy = bb_mem_alloc(broker->mem, topic.len);
    if (!copy)
        return BB_E_NO_MEMORY;
    memcpy(copy, topic.data, topic.len);
    struct bb_alias *slot = &more->alias_in[alias - 1];
    bb_mem_free(broker->mem, slot->topic, slot->len);
    *slot = (struct bb_alias){copy, (uint16_t)topic.len, 0};
    return BB_OK;
}

static bb_status resolve_alias(bb_broker *broker, bb_link *link, const bb_publish *p, bb_span *topic)
{
    *topic = p->topic;
    if (BB_LIKELY(!(p->properties.present & BB_HAS(topic_alias))))
        return BB_OK;
    uint16_t alias = p->properties.topic_alias;
    if (alias == 0 || alias > link->alias_max_in)
        return BB_E_TOPIC_ALIAS; /* [MQTT-3.3.2-8, 3.3.2-9] */
    if (p->topic.len)
        return remember_alias(broker, link, alias, p->topic);
    const bb_link_more *more = link->more;
    if (!more || alias > more->alias_in_cap || !more->alias_in[alias - 1].len)
        return BB_E_PROTOCOL;
    *topic = bb_span_of(more->alias_in[alias - 1].topic, more->alias_in[alias - 1].len);
    return BB_OK;
}

/* ---- May it be published? */

static bb_status ask_rules(bb_broker *broker, bb_link *link, const inbound *in)
{
    bb_verdict verdict;
    const bb_publishing what = publishing_of(in);
    return bb_ask_publish(broker, link, &what, &verdict);
}

static bb_status judge(bb_broker *broker, bb_link *link, const inbound *in)
{
    const bb_limits *limits = &broker->limits;
    if (BB_UNLIKELY(in->properties->present & BB_HAS(subscription_id)))
        return BB_E_PROTOCOL; /* [MQTT-3.3.4-6] */
    if (BB_UNLIKELY(in->qos > limits->qos_max))
        return BB_E_QOS_UNSUPPORTED;
    if (BB_UNLIKELY(in->retain && !limits->retain_available))
        return BB_E_RETAIN_UNSUPPORTED;
    if (BB_UNLIKELY(in->payload_len > limits->payload_bytes_max))
        return BB_E_PACKET_TOO_LARGE;
    bb_status status = bb_topic_check(in->topic, limits->topic_levels_max, limits->topic_bytes_max);
    if (BB_UNLIKELY(status != BB_OK))
        return status;
    if (BB_UNLIKELY(bb_auth_reserved(in->topic)))
        return BB_E_SYS_TOPIC;
    if (BB_UNLIKELY(broker->auth.rules != NULL) && (status = ask_rules(broker, link, in)) != BB_OK)
        return status;
    return BB_UNLIKELY(broker->pressure == BB_PRESSURE_FULL) ? BB_E_NO_MEMORY : BB_OK;
}

/* A QoS 2 message that we have already, or one more than the receive maximum allows? */
static bb_status judge_exchange(const bb_broker *broker, const bb_link *link, const inbound *in, bool *repeated)
{
    *repeated = in->qos == 2 && bb_packet_ids_has(&link->session->inbound, in->packet_id);
    if (in->qos == 0 || *repeated)
        return BB_OK;
    if (link->version == BB_MQTT_5 && link->inbound_now >= link->inbound_max)
        return BB_E_RECEIVE_MAXIMUM; /* [MQTT-3.3.4-9] */
    return BB_OK;
}

/* ---- Handing it on. */

static void post_to_others(bb_broker *broker, const bb_route *route, const bb_content *content, bb_status *status)
{
    for (uint64_t left = route->workers; left; left &= left - 1)
        if (!bb_post(broker, (unsigned)__builtin_ctzll(left), content, NULL))
            *status = BB_E_NO_MEMORY;
}

static bool is_wanted(const bb_route *route)
{
    return route->workers || route->set || route->targets_count || route->groups_count;
}

bb_status bb_publish_content(bb_broker *broker, bb_content *content, bool *reached)
{
    bb_status status = BB_OK;
    const bb_route *route;
    *reached = false;
    if (content->retain) {
        /* Under the lock of its topic: the store's order is the order that every worker sees. */
        void *ticket;
        status = broker->port.retain_store(broker->port.shell, content, &ticket);
        if (status == BB_OK && (route = bb_route_find(broker, content->topic, content->topic_hash)) != NULL)
            post_to_others(broker, route, content, &status);
        else if (status == BB_OK)
            status = BB_E_NO_MEMORY;
        broker->port.retain_unlock(broker->port.shell, ticket);
        if (status != BB_OK)
            return status;
        broker->port.drain(broker->port.shell);
    }
    route = bb_route_find(broker, content->topic, content->topic_hash);
    if (!route)
        return BB_E_NO_MEMORY;
    *reached = is_wanted(route);
    if (!*reached)
        return BB_OK;
    bb_source source = {content, NULL};
    if (!content->retain)
        post_to_others(broker, route, content, &status);
    bb_deliver_route(broker, route, &source);
    if (route->groups_count)
        bb_shared_dispatch(broker, route, &source);
    bb_source_done(broker, &source);
    return status;
}

/* The exchange of a QoS 2 message begins: its identifier is kept, and it is handed on. In this order, so that nothing
 * is handed on and then refused because its identifier could not be kept. */
static bb_status begin_exchange(bb_broker *broker, bb_link *link, const inbound *in, bb_content *content, bool *reached)
{
    if (!bb_packet_ids_add(&link->session->inbound, broker->mem, in->packet_id))
        return BB_E_NO_MEMORY;
    bb_status status = bb_publish_content(broker, content, reached);
    if (status != BB_OK)
        (void)bb_packet_ids_remove(&link->session->inbound, broker->mem, in->packet_id);
    return status;
}

/* Publish and answer. */
static void hand_on(bb_broker *broker, bb_link *link, const inbound *in, bb_content *content)
{
    bool reached;
    bb_status status = in->qos == 2 ? begin_exchange(broker, link, in, content, &reached)
                                    : bb_publish_content(broker, content, &reached);
    if (status != BB_OK) {
        refuse(broker, link, in, status, NULL);
        return;
    }
    if (!reached)
        bb_count(&broker->stats.dropped[BB_E_NO_SUBSCRIBERS], 1);
    if (in->qos == 0)
        return;
    if (in->qos == 2) {
        link->inbound_now++;
        bb_changed(broker,
                   &(bb_change){.kind = BB_CHANGE_RECEIVED, .session = link->session, .packet_id = in->packet_id});
    }
    bb_ack_publisher(broker, link, in->qos == 1 ? BB_PUBACK : BB_PUBREC, in->packet_id,
                     reached ? 0 : bb_status_code(BB_E_NO_SUBSCRIBERS), BB_OK);
}

static void fill_content(bb_broker *broker, const bb_link *link, const inbound *in, bb_content *content)
{
    *content = (bb_content){
        .topic = in->topic,
        .expires = BB_NEVER,
        .qos = in->qos,
        .retain = in->retain,
        .topic_hash = in->topic_hash,
        .publisher = link->session->node.hash,
    };
    if (in->properties->present & BB_HAS(message_expiry_s))
        content->expires = bb_time_after_s(broker->now, in->properties->message_expiry_s);
}

/* The properties as they are forwarded: in place, or (without an alias) in a copy of `*copied` bytes to be freed. */
static bool take_properties(bb_broker *broker, const inbound *in, bb_content *content, uint8_t **copy)
{
    const bb_properties *p = in->properties;
    *copy = NULL;
    if (BB_LIKELY(!(p->present & BB_HAS(topic_alias)))) {
        content->properties = p->raw;
        content->expiry_at = p->present & BB_HAS(message_expiry_s) ? p->expiry_at : 0;
        return true;
    }
    *copy = bb_mem_alloc(broker->mem, p->raw.len);
    if (!*copy)
        return false;
    size_t len = bb_properties_forwardable(p, *copy, &content->expiry_at);
    content->properties = bb_span_of(*copy, len);
    return true;
}

static void publish_whole(bb_broker *broker, bb_link *link, const inbound *in, bb_span payload)
{
    bb_content content;
    uint8_t *copy;
    fill_content(broker, link, in, &content);
    content.payload = payload;
    bool ready = take_properties(broker, in, &content, &copy);
    if (ready && payload.len > BB_PAYLOAD_COPY_MAX) {
        content.blob = bb_blob_new(broker->mem);
        ready = content.blob && bb_blob_append(content.blob, broker->mem, payload);
        content.payload = BB_SPAN_NONE;
    }
    if (ready)
        hand_on(broker, link, in, &content);
    else
        refuse(broker, link, in, BB_E_NO_MEMORY, NULL);
    if (content.blob)
        bb_blob_unref(content.blob, broker->mem);
    bb_mem_free(broker->mem, copy, in->properties->raw.len);
}

/* ---- A payload that is still on its way. */

void bb_incoming_clear(bb_broker *broker, bb_link *link)
{
    if (!link->more || !link->more->incoming.active)
        return;
    struct bb_incoming *in = &link->more->incoming;
    if (in->blob)
        bb_blob_unref(in->blob, broker->mem);
    bb_mem_free(broker->mem, in->head, (size_t)in->topic_len + in->properties_len);
    *in = (struct bb_incoming){0};
}

/* Keep the head; what of the payload is there goes into the blob. A refused message is read to its end and forgotten.
 */
static bb_status begin_incoming(bb_broker *broker, bb_link *link, const inbound *in, bb_status refused)
{
    bb_link_more *more;
    if (bb_more_of(broker, link, &more) != BB_OK)
        return BB_E_NO_MEMORY;
    struct bb_incoming *incoming = &more->incoming;
    size_t head_len = in->topic.len + in->properties->raw.len;
    *incoming = (struct bb_incoming){
        .active = true,
        .refused = refused,
        .left = (uint32_t)in->payload_len,
        .packet_id = in->packet_id,
        .qos = in->qos,
        .retain = in->retain,
        .expires = BB_NEVER,
        .topic_len = (uint32_t)in->topic.len,
        .properties_len = (uint32_t)in->properties->raw.len,
        .head = bb_mem_alloc(broker->mem, head_len),
        .blob = refused == BB_OK ? bb_blob_new(broker->mem) : NULL,
    };
    if (!incoming->head || (refused == BB_OK && !incoming->blob)) {
        bb_incoming_clear(broker, link);
        return BB_E_NO_MEMORY;
    }
    memcpy(incoming->head, in->topic.data, in->topic.len);
    uint8_t *properties = incoming->head + in->topic.len;
    size_t kept =
        in->properties->raw.len ? bb_properties_forwardable(in->properties, properties, &incoming->expiry_at) : 0;
    if (kept <
        in->properties->raw.len) { /* without the alias: the block shrinks, so that its size stays what it says */
        uint8_t *shrunk = bb_mem_resize(broker->mem, incoming->head, head_len, in->topic.len + kept);
        if (!shrunk) {
            bb_incoming_clear(broker, link);
            return BB_E_NO_MEMORY;
        }
        incoming->head = shrunk;
        incoming->properties_len = (uint32_t)kept;
    }
    if (in->properties->present & BB_HAS(message_expiry_s))
        incoming->expires = bb_time_after_s(broker->now, in->properties->message_expiry_s);
    return BB_OK;
}

/* All of the payload is here. */
static void finish_incoming(bb_broker *broker, bb_link *link)
{
    struct bb_incoming *incoming = &link->more->incoming;
    bb_properties none = {0};
    inbound in = {
        .topic = bb_span_of(incoming->head, incoming->topic_len),
        .properties = &none,
        .qos = incoming->qos,
        .retain = incoming->retain,
        .packet_id = incoming->packet_id,
    };
    in.topic_hash = bb_hash(in.topic, &broker->seed);
    bb_status status = incoming->refused;
    bool repeated = false;
    if (status == BB_OK)
        status = judge_exchange(broker, link, &in, &repeated);
    bb_count(&broker->stats.packets_in, 1);
    bb_count(&broker->stats.publishes_in, 1);
    if (status != BB_OK) {
        refuse(broker, link, &in, status, NULL);
    } else if (repeated) {
        bb_ack_publisher(broker, link, BB_PUBREC, in.packet_id, 0, BB_OK);
    } else {
        bb_content content;
        fill_content(broker, link, &in, &content);
        content.properties = bb_span_of(incoming->head + incoming->topic_len, incoming->properties_len);
        content.expiry_at = incoming->expiry_at;
        content.expires = incoming->expires;
        content.blob = incoming->blob;
        hand_on(broker, link, &in, &content);
    }
    bb_incoming_clear(broker, link);
}

/* No memory in the middle of a payload: the rest is read and thrown away, and the message refused at its end. */
static void spoil(bb_broker *broker, struct bb_incoming *incoming)
{
    if (incoming->blob)
        bb_blob_unref(incoming->blob, broker->mem);
    incoming->blob = NULL;
    incoming->refused = BB_E_NO_MEMORY;
}

size_t bb_incoming_take(bb_broker *broker, bb_link *link, bb_span bytes)
{
    struct bb_incoming *incoming = &link->more->incoming;
    size_t n = bytes.len < incoming->left ? bytes.len : incoming->left;
    if (incoming->blob && (broker->pressure == BB_PRESSURE_FULL ||
                           !bb_blob_append(incoming->blob, broker->mem, bb_span_of(bytes.data, n))))
        spoil(broker, incoming);
    incoming->left -= (uint32_t)n;
    bb_count(&broker->stats.publish_bytes_in, (int64_t)n);
    if (!incoming->left)
        finish_incoming(broker, link);
    return n;
}

bool bb_broker_receive_direct(bb_broker *broker, bb_link *link, uint8_t **at, size_t *room)
{
    if (!link->more || !link->more->incoming.active || !link->more->incoming.blob ||
        broker->pressure == BB_PRESSURE_FULL)
        return false;
    return bb_blob_reserve(link->more->incoming.blob, broker->mem, link->more->incoming.left, at, room);
}

bb_receive bb_broker_received_direct(bb_broker *broker, bb_link *link, size_t n, bb_time now)
{
    struct bb_incoming *incoming = &link->more->incoming;
    broker->now = now;
    broker->work = 0;
    link->heard = now;
    bb_blob_commit(incoming->blob, n);
    incoming->left -= (uint32_t)n;
    bb_count(&broker->stats.publish_bytes_in, (int64_t)n);
    if (!incoming->left)
        finish_incoming(broker, link);
    return link->state == BB_LINK_ENDED ? BB_RECEIVE_ENDED : BB_RECEIVE_MORE;
}

/* ---- The packet. */

/* False: more of it must come first. */
bool bb_handle_publish(bb_broker *broker, bb_link *link, const bb_header *header, bb_span body, size_t *used)
{
    bool whole = body.len == header->remaining;
    if (!whole && body.len < BB_BLOB_FROM)
        return false; /* what has come is kept as it came: an announced length allocates nothing */
    bb_publish p;
    bb_fault fault = {0};
    inbound in = {0};
    bool repeated = false;
    bb_status status = bb_publish_decode(header, body, link->version, &p, &fault);
    if (status == BB_MORE && !whole)
        return false;
    *used = body.len;
    if (BB_UNLIKELY(status != BB_OK)) {
        bb_link_fail(broker, link, status == BB_MORE ? BB_E_MALFORMED : status, &fault);
        return true;
    }
    in = (inbound){p.topic, &p.properties, p.qos, p.retain, p.packet_id, header->remaining - p.payload_offset, 0};
    status = resolve_alias(broker, link, &p, &in.topic);
    in.topic_hash = bb_hash(in.topic, &broker->seed);
    bb_route_expect(broker, in.topic_hash); /* it comes while the message is judged */
    if (BB_LIKELY(status == BB_OK))
        status = judge(broker, link, &in);
    if (!whole && !ends_link(status)) {
        status = begin_incoming(broker, link, &in, status);
        if (status != BB_OK)
            bb_link_fail(broker, link, status, NULL);
        else
            *used = p.payload_offset + bb_incoming_take(broker, link, p.payload);
        return true;
    }
    bb_count(&broker->stats.packets_in, 1);
    bb_count(&broker->stats.publishes_in, 1);
    bb_count(&broker->stats.publish_bytes_in, (int64_t)p.payload.len);
    if (BB_LIKELY(status == BB_OK))
        status = judge_exchange(broker, link, &in, &repeated);
    if (BB_UNLIKELY(status != BB_OK))
        refuse(broker, link, &in, status, NULL);
    else if (BB_UNLIKELY(repeated)) /* it was handed on when it first came [MQTT-4.3.3-10] */
        bb_ack_publisher(broker, link, BB_PUBREC, in.packet_id, 0, BB_OK);
    else
        publish_whole(broker, link, &in, p.payload);
    return true;
}

/* The client lets go of a QoS 2 message. An identifier that we do not know gets a plain PUBCOMP: it may be a
 * repetition. */
void bb_handle_pubrel(bb_broker *broker, bb_link *link, const bb_ack *ack)
{
    if (bb_packet_ids_remove(&link->session->inbound, broker->mem, ack->packet_id)) {
        link->inbound_now -= link->inbound_now > 0;
        bb_changed(broker,
                   &(bb_change){.kind = BB_CHANGE_FORGOTTEN, .session = link->session, .packet_id = ack->packet_id});
    }
    bb_ack_publisher(broker, link, BB_PUBCOMP, ack->packet_id, 0, BB_OK);
}
