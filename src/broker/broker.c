/* broker.c - the life of a broker, and the way of a packet to its handler. */
#include "broker/internal.h"

bb_broker *bb_broker_new(const bb_broker_options *options, bb_time now)
{
    bb_broker *broker = bb_mem_alloc_zeroed(options->mem, sizeof *broker);
    if (!broker)
        return NULL;
    broker->mem = options->mem;
    broker->limits = *options->limits;
    broker->auth = *options->auth;
    broker->seed = *options->seed;
    broker->port = *options->port;
    broker->interest = options->interest;
    broker->sessions_all = options->sessions_all;
    broker->links_all = options->links_all;
    broker->worker = options->worker;
    broker->workers = options->workers;
    broker->now = now;
    broker->index = bb_index_new(broker->mem, &broker->seed);
    if (!broker->index) {
        bb_mem_free(options->mem, broker, sizeof *broker);
        return NULL;
    }
    bb_map_init(&broker->sessions, broker->mem);
    bb_wheel_init(&broker->link_wheel, now);
    bb_wheel_init(&broker->session_wheel, now);
    bb_chunk_pool_init(&broker->chunks, broker->mem);
    bb_list_init(&broker->withholding);
    bb_list_init(&broker->walks);
    bb_list_init(&broker->dirty);
    return broker;
}

static void end_session_node(void *context, bb_map_node *node)
{
    bb_session_end(context, BB_CONTAINER_OF(node, bb_session, node), BB_E_SHUTTING_DOWN);
}

void bb_broker_free(bb_broker *broker)
{
    if (!broker)
        return;
    bb_map_each(&broker->sessions, end_session_node, broker);
    bb_map_deinit(&broker->sessions);
    bb_route_clear(broker);
    bb_index_free(broker->index);
    bb_chunk_pool_deinit(&broker->chunks);
    bb_mem_free(broker->mem, broker, sizeof *broker);
}

void bb_broker_set_limits(bb_broker *broker, const bb_limits *limits)
{
    broker->limits = *limits;
}

/* ---- Facts. */

void bb_fact_of(bb_broker *broker, bb_fact_kind kind, const bb_link *link, bb_status status, bb_span topic,
                const bb_fault *fault)
{
    bb_fact fact = {
        .kind = kind,
        .status = status,
        .link = link,
        .client_id = link ? bb_link_client_id(link) : BB_SPAN_NONE,
        .topic = topic,
        .fault = fault && fault->status == status ? fault : NULL,
        .count = 1,
    };
    broker->port.fact(broker->port.shell, &fact);
}

void bb_fact_denied(bb_broker *broker, bb_fact_kind kind, const bb_link *link, bb_status status, bb_span topic,
                    const bb_verdict *verdict)
{
    bb_fact fact = {
        .kind = kind,
        .status = status,
        .link = link,
        .client_id = link ? bb_link_client_id(link) : BB_SPAN_NONE,
        .topic = topic,
        .count = 1,
        .rules = status == BB_E_NOT_AUTHORIZED ? broker->auth.rules : NULL,
        .rule = verdict->rule,
    };
    broker->port.fact(broker->port.shell, &fact);
}

void bb_dropped(bb_broker *broker, const bb_session *session, bb_span topic, bb_status why, uint64_t count)
{
    if (!count)
        return;
    bb_count(&broker->stats.dropped[why], (int64_t)count);
    bb_fact fact = {
        .kind = BB_FACT_DROPPED,
        .status = why,
        .client_id = session ? bb_session_client_id(session) : BB_SPAN_NONE,
        .topic = topic,
        .count = count,
    };
    broker->port.fact(broker->port.shell, &fact);
}

/* ---- Links. */

void bb_broker_link_open(bb_broker *broker, bb_link *link, bb_time now)
{
    *link = (bb_link){.state = BB_LINK_NEW, .heard = now, .problem_info = true};
    bb_count(&broker->stats.connects, 1);
    bb_broker_link_attach(broker, link, now);
    atomic_fetch_add_explicit(broker->links_all, 1, memory_order_relaxed);
}

void bb_broker_link_attach(bb_broker *broker, bb_link *link, bb_time now)
{
    bb_count(&broker->stats.links, 1);
    bb_timer_set(&broker->link_wheel, &link->timer, bb_time_after_s(link->heard, broker->limits.connect_timeout_s));
    broker->now = now;
}

void bb_broker_link_detach(bb_broker *broker, bb_link *link)
{
    BB_CHECK(link->state == BB_LINK_NEW && !bb_list_linked(&link->dirty) && !link->more);
    bb_count(&broker->stats.links, -1);
    bb_timer_cancel(&link->timer);
}

bb_status bb_more_of(bb_broker *broker, bb_link *link, bb_link_more **out)
{
    if (!link->more) {
        link->more = bb_mem_alloc_zeroed(broker->mem, sizeof *link->more);
        if (link->more)
            link->more->link = link;
    }
    *out = link->more;
    return link->more ? BB_OK : BB_E_NO_MEMORY;
}

static void free_aliases(bb_broker *broker, struct bb_alias *aliases, uint16_t cap)
{
    for (uint16_t i = 0; i < cap; i++)
        bb_mem_free(broker->mem, aliases[i].topic, aliases[i].len);
    bb_mem_free(broker->mem, aliases, cap * sizeof *aliases);
}

static void free_more(bb_broker *broker, bb_link *link)
{
    bb_link_more *more = link->more;
    if (!more)
        return;
    bb_incoming_clear(broker, link);
    free_aliases(broker, more->alias_in, more->alias_in_cap);
    free_aliases(broker, more->alias_out, more->alias_out_cap);
    bb_list_remove(&more->withholding);
    bb_chain_clear(&more->withheld, &broker->chunks);
    if (more->method)
        more->method->end(more->method->context, more->method_state);
    bb_mem_free(broker->mem, more->connect, more->connect_len);
    bb_mem_free(broker->mem, more->user_name, more->user_name_len);
    bb_access_free(more->access, broker->mem);
    bb_mem_free(broker->mem, more, sizeof *more);
    link->more = NULL;
}

void bb_broker_link_closed(bb_broker *broker, bb_link *link, bb_status why, bb_time now)
{
    broker->now = now;
    if (link->state != BB_LINK_ENDED)
        bb_link_end(broker, link, why, NULL);
    bb_list_remove(&link->dirty);
    bb_timer_cancel(&link->timer);
    bb_chain_clear(&link->out, &broker->chunks);
    free_more(broker, link);
    bb_count(&broker->stats.links, -1);
    atomic_fetch_sub_explicit(broker->links_all, 1, memory_order_relaxed);
}

void bb_broker_link_end(bb_broker *broker, bb_link *link, bb_status why, bb_time now)
{
    broker->now = now;
    if (link->state != BB_LINK_ENDED)
        bb_link_fail(broker, link, why, NULL);
}

void bb_link_dirty(bb_broker *broker, bb_link *link)
{
    if (!bb_list_linked(&link->dirty))
        bb_list_append(&broker->dirty, &link->dirty);
}

void bb_link_break(bb_broker *broker, bb_link *link)
{
    link->broken = true;
    bb_link_dirty(broker, link);
}

bb_link *bb_broker_take_dirty(bb_broker *broker)
{
    if (bb_list_empty(&broker->dirty))
        return NULL;
    bb_link *link = BB_CONTAINER_OF(broker->dirty.next, bb_link, dirty);
    bb_list_remove(&link->dirty);
    if (BB_UNLIKELY(link->broken && link->state != BB_LINK_ENDED)) {
        bb_link_end(broker, link, BB_E_NO_MEMORY, NULL);
        bb_list_remove(&link->dirty);
    }
    return link;
}

bb_link *bb_broker_last_dirty(const bb_broker *broker)
{
    return bb_list_empty(&broker->dirty) ? NULL : BB_CONTAINER_OF(broker->dirty.prev, bb_link, dirty);
}

bool bb_link_put(bb_broker *broker, bb_link *link, const uint8_t *bytes, size_t n)
{
    if (link->out.bytes < broker->limits.output_bytes_max)
        link->answers = 0;
    if (BB_UNLIKELY(link->broken) || !bb_chain_append(&link->out, &broker->chunks, bb_span_of(bytes, n)))
        return false;
    link->answers += (uint32_t)n;
    bb_count(&broker->stats.packets_out, 1);
    bb_link_dirty(broker, link);
    return true;
}

bb_chunk_pool *bb_broker_chunks(bb_broker *broker)
{
    return &broker->chunks;
}

bb_span bb_link_client_id(const bb_link *link)
{
    return link->session ? bb_session_client_id(link->session) : BB_SPAN_NONE;
}

bool bb_link_owes(const bb_link *link)
{
    return link->session && link->session->inflight.count > 0;
}

bool bb_link_is_stuffed(const bb_broker *broker, const bb_link *link)
{
    return link->out.bytes >= broker->limits.output_bytes_max && link->answers >= broker->limits.output_bytes_max;
}

void bb_broker_link_again(bb_broker *broker, bb_link *link)
{
    bb_link_dirty(broker, link);
}

void bb_broker_link_sent(bb_broker *broker, bb_link *link, bb_time now)
{
    broker->now = now;
    if (link->session && link->state == BB_LINK_CONNECTED)
        bb_pump(broker, link->session);
}

/* ---- Packets. */

static void handle_ack(bb_broker *broker, bb_link *link, bb_packet_type type, bb_span body)
{
    bb_ack ack;
    bb_fault fault;
    bb_status status = bb_ack_decode(type, body, link->version, &ack, &fault);
    if (status != BB_OK)
        bb_link_fail(broker, link, status, &fault);
    else if (type == BB_PUBREL)
        bb_handle_pubrel(broker, link, &ack);
    else
        bb_handle_ack(broker, link, type, &ack);
}

/* One whole packet, or a PUBLISH of which at least the head is there. `used`: bytes of the body that are done with. */
static void handle_packet(bb_broker *broker, bb_link *link, const bb_header *header, bb_span body)
{
    switch (header->type) {
    case BB_PUBACK:
    case BB_PUBREC:
    case BB_PUBREL:
    case BB_PUBCOMP:
        handle_ack(broker, link, header->type, body);
        return;
    case BB_SUBSCRIBE:
        bb_handle_subscribe(broker, link, body);
        return;
    case BB_UNSUBSCRIBE:
        bb_handle_unsubscribe(broker, link, body);
        return;
    case BB_PINGREQ:
        if (header->remaining)
            bb_link_fail(broker, link, BB_E_MALFORMED, &(bb_fault){BB_E_MALFORMED, 0, "MQTT-3.12"});
        else if (!bb_link_put(broker, link, bb_pingresp, sizeof bb_pingresp))
            bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
        return;
    case BB_DISCONNECT:
        bb_handle_disconnect(broker, link, body);
        return;
    case BB_AUTH:
        bb_handle_auth(broker, link, body);
        return;
    default: /* a second CONNECT, or a packet that only a server sends */
        bb_link_fail(broker, link, BB_E_PROTOCOL,
                     &(bb_fault){BB_E_PROTOCOL, 0, header->type == BB_CONNECT ? "MQTT-3.1.0-2" : NULL});
    }
}

/* May a packet with this header come now, and is it of a size that we take? */
static bb_status admit(const bb_broker *broker, const bb_link *link, const bb_header *header, const char **clause)
{
    size_t size = (size_t)header->size + header->remaining;
    *clause = NULL;
    if (link->state == BB_LINK_NEW) {
        *clause = "MQTT-3.1.0-1";
        if (header->type != BB_CONNECT)
            return BB_E_NOT_MQTT;
        *clause = NULL;
        if (size > BB_CONNECT_BYTES_MAX)
            return BB_E_PACKET_TOO_LARGE;
    }
    if (link->state == BB_LINK_AUTHENTICATING && header->type != BB_AUTH && header->type != BB_DISCONNECT)
        return BB_E_PROTOCOL;
    if (header->type == BB_AUTH && link->version && link->version != BB_MQTT_5)
        return BB_E_MALFORMED;
    if (header->type != BB_PUBLISH && size > BB_CONTROL_BYTES_MAX)
        return BB_E_PACKET_TOO_LARGE;
    return size > broker->limits.packet_bytes_max ? BB_E_PACKET_TOO_LARGE : BB_OK;
}

/* Handle the packet at the start of `bytes`. Returns the bytes done with; 0: it is not complete, or CONNECT moves. */
static size_t one_packet(bb_broker *broker, bb_link *link, bb_span bytes, unsigned *home, bool *move)
{
    bb_header header;
    bb_fault fault = {0};
    const char *clause;
    bb_status status = link->version == BB_MQTT_31 ? bb_header_decode_31(bytes, &header, &fault)
                                                   : bb_header_decode(bytes, &header, &fault);
    if (status == BB_MORE)
        return 0;
    if (status == BB_OK && (status = admit(broker, link, &header, &clause)) != BB_OK)
        (void)bb_fault_set(&fault, status, 0, clause);
    if (status != BB_OK) {
        if (link->state == BB_LINK_NEW && status == BB_E_MALFORMED)
            status = BB_E_NOT_MQTT;
        bb_link_fail(broker, link, status, &fault);
        return 0;
    }
    size_t have = bytes.len - header.size;
    bb_span body = bb_span_of(bytes.data + header.size, have < header.remaining ? have : header.remaining);
    if (header.type == BB_PUBLISH) {
        size_t used = 0;
        if (!bb_handle_publish(broker, link, &header, body, &used))
            return 0;
        return header.size + used;
    }
    if (have < header.remaining)
        return 0;
    bb_count(&broker->stats.packets_in, 1);
    if (link->state == BB_LINK_NEW) {
        bb_handle_connect(broker, link, body, home, move);
        if (*move)
            return 0;
    } else {
        handle_packet(broker, link, &header, body);
    }
    return header.size + header.remaining;
}

bb_receive bb_broker_receive(bb_broker *broker, bb_link *link, bb_span bytes, bb_time now, size_t *used, unsigned *home)
{
    bool move = false;
    size_t done = 0;
    broker->now = now;
    broker->work = 0;
    link->heard = now;
    if (link->more && link->more->incoming.active)
        done = bb_incoming_take(broker, link, bytes);
    while (done < bytes.len && link->state != BB_LINK_ENDED) {
        if (broker->work >= BB_WORK_PER_TURN) {
            *used = done;
            return BB_RECEIVE_AGAIN;
        }
        size_t n = one_packet(broker, link, bb_span_from(bytes, done), home, &move);
        broker->work += BB_WORK_PER_PACKET;
        done += n;
        if (!n)
            break;
    }
    *used = done;
    if (link->state == BB_LINK_ENDED)
        return BB_RECEIVE_ENDED;
    return move ? BB_RECEIVE_MOVE : BB_RECEIVE_MORE;
}

/* ---- Time. */

static void link_due(bb_broker *broker, bb_link *link)
{
    if (link->state == BB_LINK_NEW || link->state == BB_LINK_AUTHENTICATING) {
        bb_link_fail(broker, link, BB_E_CONNECT_TIMEOUT, NULL);
        return;
    }
    /* The deadline is not moved with every packet, only looked at when it comes. */
    bb_time deadline = (link->held ? broker->now : link->heard) + link->keep_alive_ms;
    if (deadline > broker->now) {
        bb_timer_set(&broker->link_wheel, &link->timer, deadline);
        bb_inflight_trim(&link->session->inflight, broker->mem);
        return;
    }
    bb_link_fail(broker, link, BB_E_KEEP_ALIVE, &(bb_fault){BB_E_KEEP_ALIVE, 0, "MQTT-3.1.2-22"});
}

void bb_broker_tick(bb_broker *broker, bb_time now)
{
    broker->now = now;
    bb_timer *timer;
    while ((timer = bb_wheel_expire(&broker->link_wheel, now)) != NULL)
        link_due(broker, BB_CONTAINER_OF(timer, bb_link, timer));
    while ((timer = bb_wheel_expire(&broker->session_wheel, now)) != NULL)
        bb_session_timer(broker, BB_CONTAINER_OF(timer, bb_session, timer));
}

bb_time bb_broker_next_deadline(const bb_broker *broker)
{
    bb_time links = bb_wheel_next(&broker->link_wheel), sessions = bb_wheel_next(&broker->session_wheel);
    return links < sessions ? links : sessions;
}

/* ---- Memory, statistics. */

bool bb_link_receives_large(const bb_link *link)
{
    return link->more && link->more->incoming.active;
}

void bb_count_bytes_in(bb_broker *broker, size_t bytes)
{
    bb_count(&broker->stats.bytes_in, (int64_t)bytes);
}

void bb_count_bytes_out(bb_broker *broker, size_t bytes)
{
    bb_count(&broker->stats.bytes_out, (int64_t)bytes);
}

void bb_broker_set_pressure(bb_broker *broker, bb_pressure pressure, bb_time now)
{
    broker->now = now;
    broker->pressure = pressure;
    if (pressure != BB_PRESSURE_NONE)
        return;
    while (!bb_list_empty(&broker->withholding)) {
        bb_link_more *more = BB_CONTAINER_OF(broker->withholding.next, bb_link_more, withholding);
        bb_release_withheld(broker, more->link);
    }
}

const bb_stats *bb_broker_stats(const bb_broker *broker)
{
    return &broker->stats;
}

void bb_broker_publish_own(bb_broker *broker, bb_span topic, bb_span payload, bb_time now)
{
    bool reached;
    broker->now = now;
    bb_content content = {
        .topic = topic,
        .payload = payload,
        .expires = BB_NEVER,
        .retain = true,
        .topic_hash = bb_hash(topic, &broker->seed),
    };
    bb_status status = bb_publish_content(broker, &content, &reached);
    if (status != BB_OK)
        bb_dropped(broker, NULL, topic, status, 1);
}

uint64_t bb_broker_subscriptions(const bb_broker *broker)
{
    return bb_index_count(broker->index);
}
