/* access.c - asking the access rules: for a PUBLISH, a will, a SUBSCRIBE, and again when the rules or the client
 * change.
 *
 * What the rules say to one client (bb_access) hangs on its link and is made when it is first asked for; it is made
 * anew when the rules have changed. With no rules none of this is reached. */
#include "broker/internal.h"

bb_identity bb_link_identity(const bb_broker *broker, const bb_link *link)
{
    bb_identity identity = {.client_id = bb_link_client_id(link)};
    if (link->more)
        identity.user_name = bb_span_of(link->more->user_name, link->more->user_name_len);
    if (broker->port.peer)
        broker->port.peer(broker->port.shell, link, &identity);
    return identity;
}

/* What the rules of today say to the client of this link; NULL: no memory. */
static bb_access *access_of(bb_broker *broker, bb_link *link)
{
    bb_link_more *more;
    if (bb_more_of(broker, link, &more) != BB_OK)
        return NULL;
    if (BB_LIKELY(more->access && bb_access_rules(more->access) == broker->auth.rules))
        return more->access;
    bb_identity who = bb_link_identity(broker, link);
    bb_access_free(more->access, broker->mem);
    more->access = bb_access_new(broker->mem, broker->auth.rules, &who);
    return more->access;
}

bb_status bb_ask_publish(bb_broker *broker, bb_link *link, const bb_publishing *what, bb_verdict *verdict)
{
    *verdict = (bb_verdict){.allowed = false};
    bb_access *access = access_of(broker, link);
    if (!access)
        return BB_E_NO_MEMORY;
    *verdict = bb_access_publish(access, what);
    return verdict->allowed ? BB_OK : BB_E_NOT_AUTHORIZED;
}

bb_status bb_ask_subscribe(bb_broker *broker, bb_link *link, bb_span filter, bb_verdict *verdict)
{
    *verdict = (bb_verdict){.allowed = true, .qos_max = 2};
    if (BB_LIKELY(!broker->auth.rules))
        return BB_OK;
    const bb_access *access = access_of(broker, link);
    if (!access)
        return BB_E_NO_MEMORY;
    *verdict = bb_access_subscribe(access, filter);
    return verdict->allowed ? BB_OK : BB_E_NOT_AUTHORIZED;
}

bool bb_may_receive(bb_broker *broker, bb_session *session, bb_span topic)
{
    bb_verdict verdict;
    bb_status status = bb_ask_subscribe(broker, session->link, topic, &verdict);
    if (status == BB_E_NOT_AUTHORIZED)
        bb_dropped_denied(broker, session, topic, &verdict);
    else if (status != BB_OK)
        bb_dropped(broker, session, topic, status, 1);
    return status == BB_OK;
}

void bb_dropped_denied(bb_broker *broker, const bb_session *session, bb_span topic, const bb_verdict *verdict)
{
    bb_count(&broker->stats.dropped[BB_E_NOT_AUTHORIZED], 1);
    bb_fact fact = {
        .kind = BB_FACT_DROPPED,
        .status = BB_E_NOT_AUTHORIZED,
        .client_id = bb_session_client_id(session),
        .topic = topic,
        .count = 1,
        .rules = broker->auth.rules,
        .rule = verdict->rule,
    };
    broker->port.fact(broker->port.shell, &fact);
}

/* ---- Wills: their author may be gone when they are published. */

bb_status bb_ask_will(bb_broker *broker, const bb_identity *who, const bb_content *content, bb_verdict *verdict)
{
    *verdict = (bb_verdict){.allowed = true};
    if (bb_auth_reserved(content->topic))
        return BB_E_SYS_TOPIC;
    if (!broker->auth.rules)
        return BB_OK;
    bb_access *access = bb_access_new(broker->mem, broker->auth.rules, who);
    if (!access)
        return BB_E_NO_MEMORY;
    const bb_publishing what = {.topic = content->topic,
                                .topic_hash = content->topic_hash,
                                .qos = content->qos,
                                .retain = content->retain,
                                .will = true};
    *verdict = bb_access_publish(access, &what);
    bb_access_free(access, broker->mem);
    return verdict->allowed ? BB_OK : BB_E_NOT_AUTHORIZED;
}

/* An identity in one block, its texts behind it. */
bool bb_author_keep(bb_broker *broker, const bb_identity *who, bb_session_will *will)
{
    size_t size = sizeof *who + who->user_name.len + who->listener.len;
    bb_identity *author = bb_mem_alloc(broker->mem, size);
    if (!author)
        return false;
    bb_text text = bb_text_on((char *)(author + 1), size - sizeof *who);
    *author = *who;
    author->client_id = BB_SPAN_NONE; /* the session's */
    author->user_name = bb_span_of(text.at, who->user_name.len);
    bb_text_put(&text, who->user_name);
    author->listener = bb_span_of(text.at + text.len, who->listener.len);
    bb_text_put(&text, who->listener);
    will->author = author;
    will->author_size = size;
    return true;
}

bb_identity bb_author_of(const bb_session *session)
{
    bb_identity who = {.client_id = BB_SPAN_NONE};
    if (session->will->author)
        who = *(const bb_identity *)session->will->author;
    who.client_id = bb_session_client_id(session);
    return who;
}

/* ---- Again: the rules have changed, or the session has come to somebody else. */

/* What the verdicts on this session's subscriptions depend on. */
static uint64_t judged_by(const bb_broker *broker, const bb_link *link)
{
    if (!broker->auth.rules)
        return 0;
    bb_identity who = bb_link_identity(broker, link);
    uint64_t sum = bb_rules_digest(broker->auth.rules);
    sum = bb_hash_mix(sum, bb_hash(who.user_name, &broker->seed));
    sum = bb_hash_mix(sum, bb_hash(who.listener, &broker->seed));
    return bb_hash_mix(sum, bb_hash(bb_span_of(who.ip, sizeof who.ip), &broker->seed)) | 1;
}

static void review_one(bb_broker *broker, bb_session *session, bb_subscription *s)
{
    bb_filter filter;
    bb_verdict verdict;
    bb_subscription_filter(s, &filter);
    bb_status status = bb_ask_subscribe(broker, session->link, filter.text, &verdict);
    if (status != BB_OK) {
        bb_fact_denied(broker, BB_FACT_SUBSCRIPTION_ENDED, session->link, status, filter.text, &verdict);
        bb_unsubscribe(broker, session, s);
    } else if (s->qos > verdict.qos_max) {
        s->qos = verdict.qos_max & 3;
        bb_changed(broker, &(bb_change){.kind = BB_CHANGE_SUBSCRIBED, .session = session, .subscription = s});
    }
}

void bb_access_review(bb_broker *broker, bb_session *session)
{
    uint64_t judged = judged_by(broker, session->link);
    if (judged == session->judged)
        return;
    session->judged = judged;
    if (!judged)
        return;
    session->doubtful = true; /* what waits for it was meant for what it was allowed before */
    for (bb_subscription *s = session->subscriptions, *next; s; s = next) {
        next = s->next;
        review_one(broker, session, s);
    }
}

static void review_node(void *context, bb_map_node *node)
{
    bb_broker *broker = context;
    bb_session *session = BB_CONTAINER_OF(node, bb_session, node);
    bb_link *link = session->link;
    if (!link)
        return; /* when its client returns */
    if (link->more && link->more->access) {
        bb_access_free(link->more->access, broker->mem);
        link->more->access = NULL;
    }
    bb_access_review(broker, session);
}

void bb_broker_set_auth(bb_broker *broker, const bb_auth *auth, bb_time now)
{
    bool changed = broker->auth.rules != auth->rules;
    broker->now = now;
    broker->auth = *auth;
    if (changed)
        bb_map_each(&broker->sessions, review_node, broker);
}
