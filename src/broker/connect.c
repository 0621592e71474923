/* connect.c - from CONNECT to CONNACK: who is it, does its session exist, who had it before. Spec:
 * MQTT 5.0 3.1, 3.2, 4.12. */
#include "broker/internal.h"

#include "base/text.h"

enum { CONNACK_MAX = 1024 + 65536, ASSIGNED_ID_LEN = 3 + 22 };

/* Everything that one CONNECT decides before it is answered. */
typedef struct request {
    bb_connect connect;
    bb_span client_id; /* assigned or from the packet */
    uint64_t hash;     /* of the client id */
    bool assigned;
    uint32_t expiry_s;     /* as granted */
    uint16_t keep_alive_s; /* as granted */
    bb_span auth_method, auth_data;
    char id_text[ASSIGNED_ID_LEN];
} request;

/* ---- CONNACK. */

static void put_reason(bb_property_writer *w, bb_status why)
{
    if (why != BB_OK)
        bb_property_put_bytes(w, 0x1F, bb_span_text(bb_status_text(why)));
}

/* Answer CONNECT with a refusal, of which the log knows already. */
static void turn_away(bb_broker *broker, bb_link *link, uint8_t version, bb_status why)
{
    uint8_t properties[BB_REASON_STRING_MAX + 8], packet[BB_REASON_STRING_MAX + 32];
    bb_property_writer w = {properties, 0, sizeof properties, false};
    bb_count(&broker->stats.refused[why], 1);
    put_reason(&w, why);
    size_t n =
        bb_connack_encode(packet, sizeof packet, version, false, bb_status_code(why), bb_span_of(properties, w.len));
    if (version == BB_MQTT_5 && link->packet_bytes_max && n > link->packet_bytes_max) /* [MQTT-3.2.2-19] */
        n = bb_connack_encode(packet, sizeof packet, version, false, bb_status_code(why), BB_SPAN_NONE);
    (void)bb_link_put(broker, link, packet, n);
    link->state = BB_LINK_ENDED;
    link->reason = (uint8_t)why;
    bb_timer_cancel(&link->timer);
    bb_link_dirty(broker, link);
}

static void refuse(bb_broker *broker, bb_link *link, uint8_t version, bb_status why, const bb_fault *fault)
{
    bb_fact_of(broker, BB_FACT_REFUSED, link, why, BB_SPAN_NONE, fault);
    turn_away(broker, link, version, why);
}

/* A CONNECT that cannot even be answered, or whose answer is only for one version. */
static void refuse_fault(bb_broker *broker, bb_link *link, const bb_connect *connect, bb_status why,
                         const bb_fault *fault)
{
    uint8_t version = connect->version;
    if (why == BB_E_VERSION) /* a level that we do not know: 3.1.1's code 1 for lower ones, 5.0's 0x84 above */
        version = version > BB_MQTT_5 ? BB_MQTT_5 : BB_MQTT_311;
    bool answer = why == BB_E_VERSION || version == BB_MQTT_5 || (why == BB_E_CLIENT_ID && version >= BB_MQTT_31);
    if (answer && why != BB_E_NOT_MQTT) {
        refuse(broker, link, version, why, fault);
        return;
    }
    bb_fact_of(broker, BB_FACT_REFUSED, link, why, BB_SPAN_NONE, fault);
    bb_count(&broker->stats.refused[why], 1);
    link->state = BB_LINK_ENDED;
    link->reason = (uint8_t)why;
    bb_timer_cancel(&link->timer);
    bb_link_dirty(broker, link);
}

static void put_limits(const bb_limits *limits, bb_property_writer *w)
{
    if (limits->receive_maximum < UINT16_MAX)
        bb_property_put_u16(w, 0x21, limits->receive_maximum);
    if (limits->qos_max < 2)
        bb_property_put_byte(w, 0x24, limits->qos_max);
    if (!limits->retain_available)
        bb_property_put_byte(w, 0x25, 0);
    if (limits->packet_bytes_max < BB_REMAINING_MAX)
        bb_property_put_u32(w, 0x27, limits->packet_bytes_max);
    if (limits->topic_alias_maximum)
        bb_property_put_u16(w, 0x22, limits->topic_alias_maximum);
    if (!limits->wildcard_available)
        bb_property_put_byte(w, 0x28, 0);
    if (!limits->subscription_id_available)
        bb_property_put_byte(w, 0x29, 0);
    if (!limits->shared_available)
        bb_property_put_byte(w, 0x2A, 0);
}

/* Where this client may expect answers to its requests: a topic of its own [MQTT-3.1.2-28]. */
static void put_response_info(const request *r, bb_property_writer *w)
{
    uint8_t text[9 + 256];
    if (r->client_id.len > 256)
        return;
    for (size_t i = 0; i < r->client_id.len; i++)
        if (r->client_id.data[i] == '+' || r->client_id.data[i] == '#' || r->client_id.data[i] == '/')
            return;
    memcpy(text, "response/", 9);
    memcpy(text + 9, r->client_id.data, r->client_id.len);
    bb_property_put_bytes(w, 0x1A, bb_span_of(text, 9 + r->client_id.len));
}

static bb_status accept(bb_broker *broker, bb_link *link, const request *r, bool session_present)
{
    const bb_connect *c = &r->connect;
    uint8_t *buffer = broker->scratch;
    bb_property_writer w = {buffer, 0, sizeof broker->scratch / 2, false};
    if (c->version == BB_MQTT_5) {
        uint32_t asked = c->properties.present & BB_HAS(session_expiry_s) ? c->properties.session_expiry_s : 0;
        if (r->expiry_s != asked)
            bb_property_put_u32(&w, 0x11, r->expiry_s);
        put_limits(&broker->limits, &w);
        if (r->assigned)
            bb_property_put_bytes(&w, 0x12, r->client_id);
        if (r->keep_alive_s != c->keep_alive_s)
            bb_property_put_u16(&w, 0x13, r->keep_alive_s);
        if (c->properties.present & BB_HAS(request_response_info) && c->properties.request_response_info)
            put_response_info(r, &w);
        if (r->auth_method.len) { /* [MQTT-4.12.0-5] */
            bb_property_put_bytes(&w, 0x15, r->auth_method);
            if (r->auth_data.len)
                bb_property_put_bytes(&w, 0x16, r->auth_data);
        }
    }
    uint8_t *packet = buffer + sizeof broker->scratch / 2;
    size_t n = bb_connack_encode(packet, sizeof broker->scratch / 2, c->version, session_present, 0,
                                 bb_span_of(buffer, w.len));
    if (!n || n > link->packet_bytes_max) /* [MQTT-3.1.2-24] */
        return BB_E_TOO_LARGE_FOR_CLIENT;
    return bb_link_put(broker, link, packet, n) ? BB_OK : BB_E_NO_MEMORY;
}

/* ---- What CONNECT asks for, checked. */

/* An id that is at home on this worker, so that the link need not move. */
static void assign_client_id(bb_broker *broker, request *r)
{
    do {
        bb_text text = bb_text_on(r->id_text, sizeof r->id_text);
        bb_text_puts(&text, "bb-");
        bb_text_put_hex(&text, broker->port.random(broker->port.shell), 16);
        bb_text_put_hex(&text, broker->port.random(broker->port.shell), 6);
        r->client_id = bb_text_span(&text);
        r->hash = bb_hash(r->client_id, &broker->seed);
    } while (r->hash % broker->workers != broker->worker);
    r->assigned = true;
}

/* Who sends this CONNECT, as it says itself. */
static bb_identity identity_of(const bb_broker *broker, const bb_link *link, const request *r)
{
    bb_identity who = bb_link_identity(broker, link);
    who.client_id = r->client_id;
    who.user_name = r->connect.user_name;
    return who;
}

static bb_status check_will(bb_broker *broker, const bb_link *link, const request *r, bb_verdict *verdict)
{
    const bb_connect *c = &r->connect;
    if (!c->has_will)
        return BB_OK;
    bb_status status = bb_topic_check(c->will.topic, broker->limits.topic_levels_max, broker->limits.topic_bytes_max);
    if (status != BB_OK)
        return status;
    if (c->will.qos > broker->limits.qos_max)
        return BB_E_QOS_UNSUPPORTED; /* [MQTT-3.2.2-12] */
    if (c->will.retain && !broker->limits.retain_available)
        return BB_E_RETAIN_UNSUPPORTED; /* [MQTT-3.2.2-13] */
    const bb_identity who = identity_of(broker, link, r);
    const bb_content content = {.topic = c->will.topic,
                                .topic_hash = bb_hash(c->will.topic, &broker->seed),
                                .qos = c->will.qos,
                                .retain = c->will.retain};
    return bb_ask_will(broker, &who, &content, verdict);
}

static void grant(const bb_limits *limits, request *r)
{
    const bb_connect *c = &r->connect;
    if (c->version == BB_MQTT_5)
        r->expiry_s = c->properties.present & BB_HAS(session_expiry_s) ? c->properties.session_expiry_s : 0;
    else
        r->expiry_s = c->clean_start ? 0 : BB_EXPIRY_NEVER;
    if (r->expiry_s > limits->session_expiry_max_s)
        r->expiry_s = limits->session_expiry_max_s;
    r->keep_alive_s = c->keep_alive_s;
    uint32_t max = limits->keep_alive_max_s;
    if (max && c->version == BB_MQTT_5 && (!r->keep_alive_s || r->keep_alive_s > max))
        r->keep_alive_s = (uint16_t)(max > UINT16_MAX ? UINT16_MAX : max);
}

static bb_session_will *make_will(bb_broker *broker, const bb_link *link, const request *r)
{
    const bb_will *will = &r->connect.will;
    bb_session_will *made = bb_mem_alloc(broker->mem, sizeof *made);
    if (!made)
        return NULL;
    const bb_properties *p = &will->properties;
    /* Will Delay is not part of the message: it is left out of what is forwarded. */
    uint8_t *properties = will->properties.raw.len ? bb_mem_alloc(broker->mem, p->raw.len) : NULL;
    if (p->raw.len && !properties) {
        bb_mem_free(broker->mem, made, sizeof *made);
        return NULL;
    }
    bb_content content = {
        .topic = will->topic,
        .payload = will->payload,
        .expires = BB_NEVER,
        .qos = will->qos,
        .retain = will->retain,
        .topic_hash = bb_hash(will->topic, &broker->seed),
        .publisher = r->hash,
    };
    content.properties = bb_span_of(properties, bb_will_properties_forwardable(p, properties, &content.expiry_at));
    *made = (bb_session_will){
        .message = bb_message_new(broker->mem, &content),
        .expiry_s = p->present & BB_HAS(message_expiry_s) ? p->message_expiry_s : UINT32_MAX,
        .delay_s = p->present & BB_HAS(will_delay_s) ? p->will_delay_s : 0,
        .due = BB_NEVER,
    };
    bb_mem_free(broker->mem, properties, p->raw.len);
    const bb_identity who = identity_of(broker, link, r);
    if (made->message && bb_author_keep(broker, &who, made))
        return made;
    if (made->message)
        bb_message_unref(made->message, broker->mem);
    bb_mem_free(broker->mem, made, sizeof *made);
    return NULL;
}

/* ---- The session. */

static bb_session *find_session(const bb_broker *broker, bb_span client_id, uint64_t hash)
{
    for (bb_map_node *node = bb_map_first(&broker->sessions, hash); node; node = bb_map_next(node)) {
        bb_session *session = BB_CONTAINER_OF(node, bb_session, node);
        if (bb_span_equal(bb_session_client_id(session), client_id))
            return session;
    }
    return NULL;
}

static bb_session *new_session(bb_broker *broker, const request *r)
{
    bb_session *session = bb_session_new(broker->mem, r->client_id, r->hash);
    if (!session)
        return NULL;
    if (!bb_map_add(&broker->sessions, &session->node, r->hash)) {
        bb_session_free(session, broker->mem);
        return NULL;
    }
    bb_count(&broker->stats.sessions, 1);
    atomic_fetch_add_explicit(broker->sessions_all, 1, memory_order_relaxed);
    return session;
}

/* The session that this CONNECT goes on with, or NULL. Whoever had it before is sent away first [MQTT-3.1.4-3]. */
static bb_session *take_over(bb_broker *broker, const request *r)
{
    bb_session *session = find_session(broker, r->client_id, r->hash);
    if (session && r->connect.clean_start && session->link)
        session->expiry_s = 0; /* the session ends with its link, and its will goes out whatever its delay */
    if (session && session->link) {
        bb_link_fail(broker, session->link, BB_E_TAKEN_OVER, NULL);
        session = find_session(broker, r->client_id, r->hash);
    }
    if (session && r->connect.clean_start) {
        bb_session_end(broker, session, BB_E_SESSION_ENDED);
        session = NULL;
    }
    return session;
}

static bb_status settle_link(bb_broker *broker, bb_link *link, const request *r)
{
    const bb_connect *c = &r->connect;
    const bb_properties *p = &c->properties;
    uint16_t receive_maximum = p->present & BB_HAS(receive_maximum) ? p->receive_maximum : UINT16_MAX;
    bool v5 = c->version == BB_MQTT_5;
    link->version = (uint8_t)c->version;
    link->window = v5 && receive_maximum < broker->limits.inflight_max ? receive_maximum : broker->limits.inflight_max;
    /* What CONNACK says holds for the link, whatever is reloaded later. */
    link->inbound_max = broker->limits.receive_maximum;
    link->alias_max_in = v5 ? broker->limits.topic_alias_maximum : 0;
    if (v5 && p->present & BB_HAS(topic_alias_maximum))
        link->alias_max_out = p->topic_alias_maximum < broker->limits.topic_alias_maximum_out
                                  ? p->topic_alias_maximum
                                  : broker->limits.topic_alias_maximum_out;
    /* 3.1.1's clients have no say in the server's keep alive, so theirs is what counts. */
    link->keep_alive_ms = r->keep_alive_s * 1500u;
    if (!c->has_user_name)
        return BB_OK;
    bb_link_more *more;
    if (bb_more_of(broker, link, &more) != BB_OK)
        return BB_E_NO_MEMORY;
    more->user_name = c->user_name.len ? bb_mem_alloc(broker->mem, c->user_name.len) : NULL;
    if (c->user_name.len && !more->user_name)
        return BB_E_NO_MEMORY;
    if (c->user_name.len)
        memcpy(more->user_name, c->user_name.data, c->user_name.len);
    more->user_name_len = (uint16_t)c->user_name.len;
    return BB_OK;
}

/* Everything is proven and allowed: session, CONNACK, what is owed. */
static void establish(bb_broker *broker, bb_link *link, const request *r)
{
    const bb_connect *c = &r->connect;
    bb_session_will *will = NULL;
    bb_status status = settle_link(broker, link, r);
    if (status == BB_OK && c->has_will && !(will = make_will(broker, link, r)))
        status = BB_E_NO_MEMORY;
    bb_session *session = NULL;
    bool present = false;
    if (status == BB_OK) {
        session = take_over(broker, r);
        present = session != NULL;
        if (!session && atomic_load_explicit(broker->sessions_all, memory_order_relaxed) >= broker->limits.sessions_max)
            status = BB_E_TOO_MANY_SESSIONS;
        else if (!session && !(session = new_session(broker, r)))
            status = BB_E_NO_MEMORY;
    }
    if (status != BB_OK) {
        if (will)
            bb_session_will_free(will, broker->mem);
        refuse(broker, link, link->version, status, NULL);
        return;
    }
    session->expiry_s = r->expiry_s;
    bb_session_set_will(session, broker->mem, will); /* a will that was waiting is replaced [MQTT-3.1.3-9] */
    bb_changed(broker, &(bb_change){.kind = BB_CHANGE_SESSION, .session = session});
    link->session = session;
    session->link = link;
    link->state = BB_LINK_CONNECTED;
    bb_count(&broker->stats.connected, 1);
    bb_count(&broker->stats.clients, 1);
    bb_shared_presence(broker, session, true); /* however the link ends, it is counted as away again then */
    bb_timer_set(&broker->link_wheel, &link->timer, link->keep_alive_ms ? broker->now + link->keep_alive_ms : BB_NEVER);
    status = accept(broker, link, r, present);
    if (status != BB_OK) {
        bb_link_end(broker, link, status, NULL); /* nothing may be sent before CONNACK, DISCONNECT neither */
        return;
    }
    bb_fact_of(broker, BB_FACT_CONNECTED, link, BB_OK, BB_SPAN_NONE, NULL);
    bb_access_review(broker, session); /* it may have been somebody else's, or the rules have changed */
    bb_session_returned(broker, session, link);
}

/* ---- Enhanced authentication. Spec: MQTT 5.0 4.12. */

static void send_auth(bb_broker *broker, bb_link *link, uint8_t code, const char *method, bb_span data)
{
    size_t cap = sizeof broker->scratch / 2;
    bb_property_writer w = {broker->scratch, 0, cap, false};
    bb_property_put_bytes(&w, 0x15, bb_span_text(method));
    if (data.len)
        bb_property_put_bytes(&w, 0x16, data);
    uint8_t *packet = broker->scratch + cap;
    size_t n = bb_disconnect_encode(packet, cap, BB_AUTH, code, bb_span_of(broker->scratch, w.len));
    if (w.full || !n || !bb_link_put(broker, link, packet, n))
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
}

/* One step of the exchange. True: it has succeeded, `reply` holds the last data. */
static bool auth_step(bb_broker *broker, bb_link *link, bb_span data, bb_span *reply)
{
    enum { CONTINUE = 0x18 };
    bb_link_more *more = link->more;
    *reply = BB_SPAN_NONE;
    more->proving = false;
    switch (more->method->step(more->method->context, &more->method_state, data, reply)) {
    case BB_AUTH_SUCCESS:
        return true;
    case BB_AUTH_CONTINUE:
        more->proving = true;
        send_auth(broker, link, CONTINUE, more->method->name, *reply);
        return false;
    default:
        if (link->state == BB_LINK_CONNECTED)
            bb_link_fail(broker, link, BB_E_NOT_AUTHORIZED, &(bb_fault){BB_E_NOT_AUTHORIZED, 0, "MQTT-4.12.1-2"});
        else
            refuse(broker, link, BB_MQTT_5, BB_E_NOT_AUTHORIZED, NULL);
        return false;
    }
}

static void start_auth(bb_broker *broker, bb_link *link, request *r, bb_span body)
{
    bb_link_more *more;
    bb_span reply,
        data = r->connect.properties.present & BB_HAS(auth_data) ? r->connect.properties.auth_data : BB_SPAN_NONE;
    const bb_auth_method *method = bb_auth_method_find(&broker->auth, r->connect.properties.auth_method);
    if (!method) {
        refuse(broker, link, BB_MQTT_5, BB_E_AUTH_METHOD, &(bb_fault){BB_E_AUTH_METHOD, 0, "MQTT-4.12.0-1"});
        return;
    }
    if (bb_more_of(broker, link, &more) != BB_OK) {
        refuse(broker, link, BB_MQTT_5, BB_E_NO_MEMORY, NULL);
        return;
    }
    more->method = method;
    if (auth_step(broker, link, data, &reply)) {
        r->auth_method = r->connect.properties.auth_method;
        r->auth_data = reply;
        establish(broker, link, r);
        return;
    }
    if (link->state == BB_LINK_ENDED)
        return;
    more->connect = bb_mem_alloc(broker->mem, body.len);
    if (!more->connect) {
        refuse(broker, link, BB_MQTT_5, BB_E_NO_MEMORY, NULL);
        return;
    }
    memcpy(more->connect, body.data, body.len);
    more->connect_len = (uint32_t)body.len;
    link->state = BB_LINK_AUTHENTICATING;
    link->version = BB_MQTT_5;
}

static bb_status prepare(bb_broker *broker, request *r)
{
    const bb_connect *c = &r->connect;
    r->client_id = c->client_id;
    if (c->client_id.len)
        r->hash = bb_hash(c->client_id, &broker->seed);
    else if (c->version != BB_MQTT_5 && !c->clean_start)
        return BB_E_CLIENT_ID; /* [MQTT-3.1.3-8] of 3.1.1 */
    else
        assign_client_id(broker, r);
    grant(&broker->limits, r);
    return BB_OK;
}

void bb_handle_connect(bb_broker *broker, bb_link *link, bb_span body, unsigned *home, bool *move)
{
    request r = {0};
    bb_fault fault = {0};
    bb_status status = bb_connect_decode(body, &r.connect, &fault);
    if (status != BB_OK) {
        refuse_fault(broker, link, &r.connect, status == BB_MORE ? BB_E_MALFORMED : status, &fault);
        return;
    }
    const bb_properties *p = &r.connect.properties;
    uint8_t version = (uint8_t)r.connect.version;
    status = prepare(broker, &r);
    if (status == BB_OK && r.hash % broker->workers != broker->worker) {
        *home = (unsigned)(r.hash % broker->workers);
        *move = true;
        return;
    }
    link->packet_bytes_max =
        version == BB_MQTT_5 && p->present & BB_HAS(maximum_packet_size) ? p->maximum_packet_size : UINT32_MAX;
    link->problem_info =
        !(p->present & BB_HAS(request_problem_info)) || version != BB_MQTT_5 || p->request_problem_info;
    if (status == BB_OK &&
        atomic_load_explicit(broker->links_all, memory_order_relaxed) > broker->limits.connections_max)
        status = BB_E_TOO_MANY_CONNECTIONS;
    if (status == BB_OK && broker->pressure == BB_PRESSURE_FULL)
        status = BB_E_NO_MEMORY;
    bb_verdict verdict = {.allowed = false};
    if (status == BB_OK)
        status = check_will(broker, link, &r, &verdict);
    if (status == BB_E_NOT_AUTHORIZED) {
        bb_fact_denied(broker, BB_FACT_REFUSED, link, status, r.connect.will.topic, &verdict);
        turn_away(broker, link, version, status);
        return;
    }
    if (status != BB_OK) {
        refuse(broker, link, version, status, NULL);
        return;
    }
    if (version == BB_MQTT_5 && p->present & BB_HAS(auth_method)) {
        start_auth(broker, link, &r, body);
        return;
    }
    const bb_identity identity = identity_of(broker, link, &r);
    status = bb_auth_connect(&broker->auth, &identity);
    if (status != BB_OK)
        refuse(broker, link, version, status, NULL);
    else
        establish(broker, link, &r);
}

/* The exchange before CONNACK has succeeded: decode the CONNECT that waited for it, and go on where it stopped. */
static void finish_connect(bb_broker *broker, bb_link *link, bb_span reply)
{
    request r = {0};
    bb_link_more *more = link->more;
    bb_status status = bb_connect_decode(bb_span_of(more->connect, more->connect_len), &r.connect, NULL);
    BB_CHECK(status == BB_OK); /* it was good when it came */
    status = prepare(broker, &r);
    BB_CHECK(status == BB_OK);
    r.auth_method = bb_span_text(more->method->name);
    r.auth_data = reply;
    establish(broker, link, &r);
    bb_mem_free(broker->mem, more->connect, more->connect_len);
    more->connect = NULL;
    more->connect_len = 0;
}

void bb_handle_auth(bb_broker *broker, bb_link *link, bb_span body)
{
    enum { SUCCESS = 0x00, CONTINUE = 0x18, RE_AUTHENTICATE = 0x19 };
    bb_disconnect auth;
    bb_fault fault;
    bb_span reply;
    bb_status status = bb_disconnect_decode(BB_AUTH, body, link->version, true, &auth, &fault);
    const bb_link_more *more = link->more;
    bool connected = link->state == BB_LINK_CONNECTED;
    if (status == BB_OK && (!more || !more->method)) /* CONNECT named no method [MQTT-4.12.0-7] */
        status = bb_fault_set(&fault, BB_E_PROTOCOL, 0, "MQTT-4.12.0-7");
    if (status == BB_OK && (!(auth.properties.present & BB_HAS(auth_method)) ||
                            !bb_span_equal(auth.properties.auth_method, bb_span_text(more->method->name))))
        status = bb_fault_set(&fault, BB_E_PROTOCOL, 0, "MQTT-4.12.1-1");
    if (status == BB_OK && auth.code != (more->proving ? CONTINUE : RE_AUTHENTICATE))
        status = bb_fault_set(&fault, BB_E_PROTOCOL, 0, "MQTT-4.12.0-3");
    if (status != BB_OK) {
        if (connected)
            bb_link_fail(broker, link, status, &fault);
        else
            refuse(broker, link, BB_MQTT_5, status, &fault);
        return;
    }
    if (auth.code == RE_AUTHENTICATE && link->more->method_state) {
        link->more->method->end(link->more->method->context, link->more->method_state);
        link->more->method_state = NULL;
    }
    if (!auth_step(broker, link, auth.properties.present & BB_HAS(auth_data) ? auth.properties.auth_data : BB_SPAN_NONE,
                   &reply))
        return;
    if (connected)
        send_auth(broker, link, SUCCESS, link->more->method->name, reply);
    else
        finish_connect(broker, link, reply);
}
