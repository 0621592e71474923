/* subscribe.c - SUBSCRIBE and UNSUBSCRIBE. Spec: MQTT 5.0 3.8 to 3.11, 4.7, 4.8.
 *
 * The order matters: own index, then interest, then the generations, and only then retained messages and SUBACK. So a
 * publisher anywhere that sees the SUBACK's effect also sees the subscription. */
#include "broker/internal.h"

/* What one filter of a SUBSCRIBE leads to. */
typedef struct subscribing {
    bb_filter_entry entry;
    bb_status status;
    bb_verdict verdict; /* of the access rules */
    bb_filter_key key;  /* while the status is BB_OK */
    bb_subscription *subscription;
    bool existed;
} subscribing;

static bb_status check(bb_broker *broker, bb_link *link, subscribing *s, uint32_t id, bb_filter *out)
{
    const bb_limits *limits = &broker->limits;
    bb_status status = bb_filter_parse(s->entry.filter, limits->topic_levels_max, limits->topic_bytes_max, out);
    if (status != BB_OK)
        return status;
    if (out->group.len && !limits->shared_available)
        return BB_E_SHARED_UNSUPPORTED;
    if (out->wildcard && !limits->wildcard_available)
        return BB_E_WILDCARD_UNSUPPORTED;
    if (id && !limits->subscription_id_available)
        return BB_E_SUBSCRIPTION_ID_UNSUPPORTED;
    return bb_ask_subscribe(broker, link, out->text, &s->verdict);
}

/* What can be known before the first filter is added; asks for the memory that adding it will read. */
static void prepare(bb_broker *broker, bb_link *link, uint32_t id, subscribing *s)
{
    bb_filter filter;
    s->status = check(broker, link, s, id, &filter);
    if (s->status != BB_OK)
        return;
    s->key = bb_filter_key_of(&filter, &broker->seed);
    bb_index_prefetch(broker->index, &s->key);
    if (broker->interest)
        bb_interest_prefetch(broker->interest, &s->key);
}

/* A group has one member more; the other workers choose by their number. False: no memory, nothing has changed. */
static bool announce_member(bb_broker *broker, bb_group *group, const bb_filter *filter)
{
    group->online++;
    if (!broker->interest || bb_interest_group(broker->interest, broker->mem, filter, group->hash, broker->worker,
                                               group->online, group->away))
        return true;
    group->online--;
    return false;
}

/* Tell the other workers what this one wants now. False: no memory, nothing has changed. */
static bool announce(bb_broker *broker, const subscribing *s, bool first)
{
    bb_group *group = bb_subscription_group(s->subscription);
    if (group)
        return announce_member(broker, group, &s->key.filter);
    return !first || !broker->interest || bb_interest_add(broker->interest, broker->mem, &s->key, broker->worker);
}

/* Find the subscription or add it. */
static bb_status take(bb_broker *broker, bb_session *session, subscribing *s)
{
    bb_index_added added;
    bool last, full = session->subscriptions_now >= broker->limits.subscriptions_max;
    if (full && !bb_index_find(broker->index, &s->key, session, session->subscriptions))
        return BB_E_TOO_MANY_SUBSCRIPTIONS;
    s->subscription = bb_index_add(broker->index, &s->key, session, &session->subscriptions, &added);
    if (!s->subscription)
        return BB_E_NO_MEMORY;
    s->existed = added == BB_INDEX_OLD;
    if (s->existed)
        return BB_OK;
    if (!announce(broker, s, added == BB_INDEX_FIRST)) {
        bb_index_remove(broker->index, s->subscription, &last);
        return BB_E_NO_MEMORY;
    }
    session->subscriptions_now++;
    bb_count(&broker->stats.subscriptions, 1);
    bb_count(&broker->stats.shared_subscriptions, s->key.filter.group.len != 0);
    return BB_OK;
}

/* One filter: find or add, set its options. The same filter again replaces them [MQTT-3.8.4-3]. */
static void subscribe_one(bb_broker *broker, bb_link *link, uint32_t id, subscribing *s)
{
    if (s->status == BB_OK)
        s->status = take(broker, link->session, s);
    if (s->status != BB_OK) {
        bb_count(&broker->stats.refused[s->status], 1);
        bb_fact_denied(broker, BB_FACT_SUBSCRIBE_REFUSED, link, s->status, s->entry.filter, &s->verdict);
        return;
    }
    s->subscription->id = id & BB_SUBSCRIPTION_ID_MAX;
    s->subscription->qos = bb_qos_min(bb_qos_min(s->entry.qos, s->verdict.qos_max), broker->limits.qos_max) & 3;
    s->subscription->no_local = s->entry.no_local;
    s->subscription->retain_as_published = s->entry.retain_as_published;
    bb_generations_bump(&broker->generations, &s->key);
    bb_changed(broker,
               &(bb_change){.kind = BB_CHANGE_SUBSCRIBED, .session = link->session, .subscription = s->subscription});
}

/* SUBACK and UNSUBACK know no "topic name invalid": a filter that is too long or too deep is an invalid filter there.
 */
static uint8_t filter_code(bb_status status)
{
    bool topic = status == BB_E_TOPIC_INVALID || status == BB_E_TOPIC_DEEP || status == BB_E_TOPIC_LONG;
    return bb_status_code(topic ? BB_E_FILTER_INVALID : status);
}

static uint8_t code_of(const bb_link *link, const subscribing *s)
{
    if (s->status == BB_OK)
        return (uint8_t)s->subscription->qos;
    return link->version == BB_MQTT_5 ? filter_code(s->status) : 0x80;
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
    if (s->status != BB_OK || s->key.filter.group.len)
        return false; /* a shared subscription gets none (4.8.2) */
    return s->entry.retain_handling == ALWAYS || (s->entry.retain_handling == IF_NEW && !s->existed);
}

/* What came of a SUBSCRIBE: for each filter its code, and its subscription if that waits for retained messages. */
typedef struct outcome {
    bb_subscription **retained; /* NULL for a filter that gets none */
    uint8_t *codes;
    uint32_t count;
} outcome;

static size_t outcome_size(uint32_t count)
{
    return (size_t)count * (sizeof(bb_subscription *) + 1);
}

static bool outcome_init(bb_broker *broker, uint32_t count, outcome *out)
{
    bb_subscription **retained = bb_mem_alloc(broker->mem, outcome_size(count));
    if (!retained)
        return false;
    *out = (outcome){retained, (uint8_t *)(retained + count), count};
    return true;
}

static void outcome_deinit(bb_broker *broker, outcome *of)
{
    bb_mem_free(broker->mem, of->retained, outcome_size(of->count));
}

/* Some filters at a time: while the first is added, the memory that the others need is on its way. */
static void subscribe_all(bb_broker *broker, bb_link *link, const bb_subscribe *packet, outcome *out)
{
    enum { AT_A_TIME = 16 };
    subscribing run[AT_A_TIME];
    uint32_t id = packet->properties.present & BB_HAS(subscription_id) ? packet->properties.subscription_id : 0;
    bb_span entries = packet->entries;
    for (uint32_t done = 0, n; done < out->count; done += n) {
        for (n = 0; n < AT_A_TIME && bb_filter_next(BB_SUBSCRIBE, &entries, &run[n].entry); n++)
            prepare(broker, link, id, &run[n]);
        for (uint32_t i = 0; i < n; i++) {
            subscribe_one(broker, link, id, &run[i]);
            out->codes[done + i] = code_of(link, &run[i]);
            out->retained[done + i] = wants_retained(&run[i]) ? run[i].subscription : NULL;
        }
        broker->work += n;
    }
}

/* Posts for interest that was taken back may lie in the inbox, while what came after them was not posted here. They
 * must not meet a new subscription: it would end on a retained value that was deleted meanwhile. */
static void leave_behind_what_is_late(bb_broker *broker)
{
    if (BB_LIKELY(!broker->interest_left))
        return;
    broker->interest_left = false;
    broker->port.catch_up(broker->port.shell);
    broker->port.drain(broker->port.shell);
}

static void send_retained(bb_broker *broker, bb_session *session, const outcome *of)
{
    for (uint32_t i = 0; i < of->count; i++) {
        if (!of->retained[i])
            continue;
        bb_filter filter;
        bb_subscription_filter(of->retained[i], &filter);
        bb_retained_for(broker, session, &filter, of->retained[i]);
    }
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
    outcome all;
    if (!outcome_init(broker, count_entries(BB_SUBSCRIBE, packet.entries), &all)) {
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
        return;
    }
    leave_behind_what_is_late(broker);
    subscribe_all(broker, link, &packet, &all);
    bool answered = answer(broker, link, BB_SUBACK, packet.packet_id, bb_span_of(all.codes, all.count));
    if (answered)
        send_retained(broker, link->session, &all);
    outcome_deinit(broker, &all);
    if (!answered)
        bb_link_fail(broker, link, BB_E_NO_MEMORY, NULL);
}

/* ---- UNSUBSCRIBE. */

/* Nobody here wants what this filter brings any more. Posts for it may be on their way. */
static void leave(bb_broker *broker, const bb_filter_key *key)
{
    bb_interest_remove(broker->interest, broker->mem, key, broker->worker);
    broker->interest_left = true;
}

/* Remove one subscription. Messages that it has brought already stay; those of its group that wait go to other members.
 */
void bb_unsubscribe(bb_broker *broker, bb_session *session, bb_subscription *subscription)
{
    bb_filter filter;
    bool last;
    bb_group *group = bb_subscription_group(subscription);
    bb_subscription_filter(subscription, &filter);
    bb_filter_key key = bb_filter_key_of(&filter, &broker->seed);
    uint64_t hash = group ? group->hash : 0;
    bb_changed(broker, &(bb_change){.kind = BB_CHANGE_UNSUBSCRIBED, .session = session, .subscription = subscription});
    if (!group)
        bb_retained_unsubscribed(broker, session, &filter);
    if (group && session->link)
        group->online--;
    else if (group)
        group->away--;
    bb_generations_bump(&broker->generations, &key);
    if (group)
        bb_shared_tell(broker, &filter, group);
    else if (broker->interest && subscription->set->count == 1)
        leave(broker, &key);
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
        bb_filter_key key = bb_filter_key_of(&filter, &broker->seed);
        found = bb_index_find(broker->index, &key, link->session, link->session->subscriptions);
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
