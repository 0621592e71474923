/* subscribe.c - SUBSCRIBE and UNSUBSCRIBE. Spec: MQTT 5.0 3.8 to 3.11, 4.7, 4.8.
 *
 * The order matters: own index, then interest, then the generations, and only then retained messages and SUBACK. So a
 * publisher anywhere that sees the SUBACK's effect also sees the subscription. */
#include "broker/internal.h"

/* What one filter of a SUBSCRIBE leads to. */
typedef struct subscribing {
    bb_filter filter;
    bb_filter_entry entry;
    uint32_t id;
    bb_subscription *subscription;
    bool existed;
} subscribing;

static bb_status check(const bb_broker *broker, const bb_link *link, subscribing *s)
{
    const bb_limits *limits = &broker->limits;
    bb_status status = bb_filter_parse(s->entry.filter, limits->topic_levels_max, limits->topic_bytes_max, &s->filter);
    if (status != BB_OK)
        return status;
    if (s->filter.group.len && !limits->shared_available)
        return BB_E_SHARED_UNSUPPORTED;
    if (s->filter.wildcard && !limits->wildcard_available)
        return BB_E_WILDCARD_UNSUPPORTED;
    if (s->id && !limits->subscription_id_available)
        return BB_E_SUBSCRIPTION_ID_UNSUPPORTED;
    bb_identity identity = bb_link_identity(link);
    return bb_auth_subscribe(&broker->auth, &identity, s->filter.text);
}

/* Tell the other workers that this one wants `filter` now. */
static bool announce(bb_broker *broker, const bb_subscription *subscription, const bb_filter *filter, bool first)
{
    bb_group *group = bb_subscription_group(subscription);
    if (group)
        group->online++;
    if (!broker->interest)
        return true;
    if (group)
        return bb_interest_group(broker->interest, broker->mem, filter, group->hash, broker->worker, group->online,
                                 group->away);
    return !first || bb_interest_add(broker->interest, broker->mem, filter->text, broker->worker);
}

static bb_status add(bb_broker *broker, bb_session *session, subscribing *s)
{
    bool first, last;
    if (session->subscriptions_now >= broker->limits.subscriptions_max)
        return BB_E_TOO_MANY_SUBSCRIPTIONS;
    s->subscription = bb_index_add(broker->index, &s->filter, session, &session->subscriptions, &first);
    if (!s->subscription)
        return BB_E_NO_MEMORY;
    if (!announce(broker, s->subscription, &s->filter, first)) {
        bb_index_remove(broker->index, s->subscription, &last);
        return BB_E_NO_MEMORY;
    }
    session->subscriptions_now++;
    bb_count(&broker->stats.subscriptions, 1);
    bb_count(&broker->stats.shared_subscriptions, s->filter.group.len != 0);
    return BB_OK;
}

/* One filter: find or add, set its options. The same filter again replaces them [MQTT-3.8.4-3]. */
static bb_status subscribe_one(bb_broker *broker, bb_link *link, subscribing *s)
{
    bb_session *session = link->session;
    bb_status status = check(broker, link, s);
    if (status != BB_OK)
        return status;
    s->subscription = bb_index_find(broker->index, &s->filter, session, session->subscriptions);
    s->existed = s->subscription != NULL;
    if (!s->existed && (status = add(broker, session, s)) != BB_OK)
        return status;
    s->subscription->id = s->id & BB_SUBSCRIPTION_ID_MAX;
    s->subscription->qos = bb_qos_min(s->entry.qos, broker->limits.qos_max) & 3;
    s->subscription->no_local = s->entry.no_local;
    s->subscription->retain_as_published = s->entry.retain_as_published;
    bb_generations_bump(&broker->generations, s->filter.text, &broker->seed);
    return BB_OK;
}

/* SUBACK and UNSUBACK know no "topic name invalid": a filter that is too long or too deep is an invalid filter there.
 */
static uint8_t filter_code(bb_status status)
{
    bool topic = status == BB_E_TOPIC_INVALID || status == BB_E_TOPIC_DEEP || status == BB_E_TOPIC_LONG;
    return bb_status_code(topic ? BB_E_FILTER_INVALID : status);
}

static uint8_t code_of(const bb_link *link, bb_status status, const subscribing *s)
{
    if (status == BB_OK)
        return (uint8_t)s->subscription->qos;
    return link->version == BB_MQTT_5 ? filter_code(status) : 0x80;
}

static uint32_t count_entries(bb_packet_type type, bb_span entries)
{
    bb_filter_entry entry;
    uint32_t count = 0;
    while (bb_filter_next(type, &entries, &entry))
        count++;
    return count;
}

/* Send a SUBACK or UNSUBACK with `codes`; false: no memory. */
static bool answer(bb_broker *broker, bb_link *link, bb_packet_type type, uint16_t packet_id, bb_span codes)
{
    size_t cap = codes.len + 16;
    uint8_t *packet = bb_mem_alloc(broker->mem, cap);
    if (!packet)
        return false;
    size_t n = bb_suback_encode(packet, cap, type, link->version, packet_id, codes);
    bool sent = n && bb_link_put(broker, link, packet, n);
    bb_mem_free(broker->mem, packet, cap);
    return sent;
}

static bool shared_with_no_local(bb_span entries)
{
    static const char prefix[] = "$share/";
    bb_filter_entry entry;
    while (bb_filter_next(BB_SUBSCRIBE, &entries, &entry))
        if (entry.no_local && entry.filter.len >= sizeof prefix - 1 &&
            !memcmp(entry.filter.data, prefix, sizeof prefix - 1))
            return true;
    return false;
}

static bool wants_retained(const subscribing *s)
{
    enum { ALWAYS = 0, IF_NEW = 1 };
    if (s->filter.group.len)
        return false; /* a shared subscription gets none (4.8.2) */
    return s->entry.retain_handling == ALWAYS || (s->entry.retain_handling == IF_NEW && !s->existed);
}

void bb_handle_subscribe(bb_broker *broker, bb_link *link, bb_span body)
{
    bb_subscribe packet;
    bb_fault fault;
    bb_status status = bb_subscribe_decode(BB_SUBSCRIBE, body, link->version, &packet, &fault);
    if (status == BB_OK && shared_with_no_local(packet.entries))
        status = bb_fault_set(&fault, BB_E_PROTOCOL, 0, "MQTT-3.8.3-4");
    if (status != BB_OK) {
        bb_link_fail(broker, link, status, &fault);
        return;
    }
    uint32_t count = count_entries(BB_SUBSCRIBE, packet.entries), i = 0;
    uint32_t id = packet.properties.present & BB_HAS(subscription_id) ? packet.properties.subscription_id : 0;
    uint8_t *codes = bb_mem_alloc(broker->mem, count * 2);
    if (!codes) {
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
        return;
    }
    uint8_t *existed = codes + count;
    subscribing s;
    for (bb_span entries = packet.entries; bb_filter_next(BB_SUBSCRIBE, &entries, &s.entry); i++, broker->work++) {
        s.id = id;
        s.existed = false;
        status = subscribe_one(broker, link, &s);
        codes[i] = code_of(link, status, &s);
        existed[i] = s.existed;
        if (status != BB_OK) {
            bb_count(&broker->stats.refused[status], 1);
            bb_fact_of(broker, BB_FACT_SUBSCRIBE_REFUSED, link, status, s.entry.filter, NULL);
        }
    }
    bool answered = answer(broker, link, BB_SUBACK, packet.packet_id, bb_span_of(codes, count));
    i = 0;
    for (bb_span entries = packet.entries; answered && bb_filter_next(BB_SUBSCRIBE, &entries, &s.entry); i++) {
        if (codes[i] >= 0x80)
            continue;
        s.existed = existed[i];
        status = bb_filter_parse(s.entry.filter, UINT32_MAX, UINT32_MAX, &s.filter);
        s.subscription = bb_index_find(broker->index, &s.filter, link->session, link->session->subscriptions);
        if (status == BB_OK && s.subscription && wants_retained(&s))
            bb_retained_for(broker, link->session, &s.filter, s.subscription);
    }
    bb_mem_free(broker->mem, codes, count * 2);
    if (!answered)
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
}

/* ---- UNSUBSCRIBE. */

/* Remove one subscription. Messages that it has brought already stay; those of its group that wait go to other members.
 */
void bb_unsubscribe(bb_broker *broker, bb_session *session, bb_subscription *subscription)
{
    bb_filter filter;
    bool last;
    bb_group *group = bb_subscription_group(subscription);
    bb_subscription_filter(subscription, &filter);
    uint64_t hash = group ? group->hash : 0;
    if (!group)
        bb_retained_unsubscribed(broker, session, &filter);
    if (group && session->link)
        group->online--;
    else if (group)
        group->away--;
    bb_generations_bump(&broker->generations, filter.text, &broker->seed);
    if (group)
        bb_shared_tell(broker, &filter, group);
    else if (broker->interest && subscription->set->count == 1)
        bb_interest_remove(broker->interest, broker->mem, filter.text, broker->worker);
    bb_index_remove(broker->index, subscription, &last);
    session->subscriptions_now--;
    bb_count(&broker->stats.subscriptions, -1);
    bb_count(&broker->stats.shared_subscriptions, -(hash != 0));
    if (hash)
        bb_shared_give_back(broker, session, hash, false);
}

void bb_handle_unsubscribe(bb_broker *broker, bb_link *link, bb_span body)
{
    enum { NO_SUBSCRIPTION_EXISTED = 0x11 };
    bb_subscribe packet;
    bb_fault fault;
    bb_status status = bb_subscribe_decode(BB_UNSUBSCRIBE, body, link->version, &packet, &fault);
    if (status != BB_OK) {
        bb_link_fail(broker, link, status, &fault);
        return;
    }
    uint32_t count = count_entries(BB_UNSUBSCRIBE, packet.entries), i = 0;
    uint8_t *codes = bb_mem_alloc(broker->mem, count);
    if (!codes) {
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
        return;
    }
    bb_filter_entry entry;
    for (bb_span entries = packet.entries; bb_filter_next(BB_UNSUBSCRIBE, &entries, &entry); i++, broker->work++) {
        bb_filter filter;
        bb_subscription *found = NULL;
        codes[i] = filter_code(bb_filter_parse(entry.filter, UINT32_MAX, UINT32_MAX, &filter));
        if (codes[i])
            continue;
        found = bb_index_find(broker->index, &filter, link->session, link->session->subscriptions);
        if (found)
            bb_unsubscribe(broker, link->session, found);
        else
            codes[i] = NO_SUBSCRIPTION_EXISTED;
    }
    bool answered = answer(broker, link, BB_UNSUBACK, packet.packet_id, bb_span_of(codes, count));
    bb_mem_free(broker->mem, codes, count);
    if (!answered)
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
}
