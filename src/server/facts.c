/* facts.c - what the brokers tell, as lines of the log. Everything a peer can cause at will is limited in rate. */
#include "server/inside.h"

enum { RULE_TEXT_MAX = 256 }; /* "FILE:LINE"; of a longer path the log shows the start */

static const char *version_name(uint8_t version)
{
    switch (version) {
    case BB_MQTT_31:
        return "3.1";
    case BB_MQTT_311:
        return "3.1.1";
    case BB_MQTT_5:
        return "5.0";
    default:
        return "none";
    }
}

static bb_span peer_text(const bb_link *link, char *buffer, size_t cap)
{
    bb_text text = bb_text_on(buffer, cap);
    bb_address_put(&bb_connection_of(link)->peer, &text);
    return bb_text_span(&text);
}

enum { PAIRS_MAX = 16 };

typedef struct filter_texts {
    char certificate[256], detail[512];
} filter_texts;

/* Who it is by TLS, and what was wrong where something was. */
static size_t put_filter_facts(const bb_connection *c, bb_fact_kind kind, filter_texts *texts, bb_kv *pairs, size_t n)
{
    const bb_transport *transport = &c->transport;
    bb_text certificate = bb_text_on(texts->certificate, sizeof texts->certificate);
    bb_text detail = bb_text_on(texts->detail, sizeof texts->detail);
    if (kind == BB_FACT_CONNECTED && bb_tls_version(transport)) {
        pairs[n++] = BB_KV_TEXT("tls", bb_tls_version(transport));
        pairs[n++] = BB_KV_TEXT("cipher", bb_tls_cipher(transport));
        pairs[n++] = BB_KV_BOOL("resumed", bb_tls_resumed(transport));
    }
    if (kind == BB_FACT_CONNECTED && bb_tls_peer_subject(transport, &certificate))
        pairs[n++] = BB_KV_SPAN("certificate", bb_text_span(&certificate));
    if (c->trouble) {
        bb_transport_explain(transport, c->trouble, &detail);
        pairs[n++] = BB_KV_SPAN("detail", bb_text_span(&detail));
    }
    return n;
}

/* Which access rule denied it: "busbard.yaml:12"; where it was none of them: nothing. */
static bb_kv decided_by(const bb_fact *fact, char *buffer, size_t cap)
{
    if (!fact->rules)
        return BB_KV_END;
    if (!fact->rule)
        return BB_KV_TEXT("rule", "no rule matches");
    bb_text text = bb_text_on(buffer, cap);
    bb_text_put(&text, bb_rules_file(fact->rules));
    bb_text_puts(&text, ":");
    bb_text_put_u64(&text, fact->rule->line);
    return BB_KV_SPAN("rule", bb_text_span(&text));
}

static void link_fact(bb_log *log, bb_log_level level, const char *event, const bb_fact *fact)
{
    char peer[BB_ADDRESS_TEXT_MAX], rule[RULE_TEXT_MAX];
    const bb_link *link = fact->link;
    const bb_connection *connection = bb_connection_of(link);
    bb_kv pairs[PAIRS_MAX];
    filter_texts texts;
    size_t n = 0;
    if (!bb_log_enabled(log, level) || !bb_log_admit(log, level, event))
        return;
    pairs[n++] = BB_KV_SPAN("client", fact->client_id);
    pairs[n++] = BB_KV_SPAN("peer", peer_text(link, peer, sizeof peer));
    pairs[n++] = BB_KV_TEXT("mqtt", version_name(link->version));
    pairs[n++] = BB_KV_REASON(fact->status);
    pairs[n++] = BB_KV_TEXT("text", bb_status_text(fact->status));
    if (fact->fault && fact->fault->clause) {
        pairs[n++] = BB_KV_TEXT("clause", fact->fault->clause);
        pairs[n++] = BB_KV_U64("offset", fact->fault->offset);
    }
    pairs[n++] = BB_KV_TEXT("listener", connection->listener->text);
    if (fact->rules)
        pairs[n++] = decided_by(fact, rule, sizeof rule);
    if (connection->filtered)
        n = put_filter_facts(connection, fact->kind, &texts, pairs, n);
    bb_log_write(log, level, event, pairs, n);
}

static const char *foreign_words(bb_span bytes)
{
    static const struct {
        const char *begins, *words;
    } known[] = {
        {"GET ", "HTTP: a browser or a WebSocket client needs a listener with protocol ws"},
        {"POST ", "HTTP"},
        {"HEAD ", "HTTP"},
        {"\x16\x03", "TLS: such a client needs a listener with protocol tls"},
        {"PROXY ", "the PROXY protocol of a load balancer"},
        {"SSH-", "SSH"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t len = strlen(known[i].begins);
        if (bytes.len >= len && memcmp(bytes.data, known[i].begins, len) == 0)
            return known[i].words;
    }
    return NULL;
}

void bb_server_foreign(bb_server *server, const bb_connection *connection, bb_span bytes)
{
    const char *words = foreign_words(bytes);
    char peer[BB_ADDRESS_TEXT_MAX];
    if (words)
        bb_log_limited(server->log, BB_LOG_INFO, "client.foreign",
                       BB_KV_SPAN("peer", peer_text(&connection->link, peer, sizeof peer)),
                       BB_KV_TEXT("listener", connection->listener->text), BB_KV_TEXT("speaks", words), BB_KV_END);
}

static void topic_fact(bb_log *log, bb_log_level level, const char *event, const bb_fact *fact)
{
    char rule[RULE_TEXT_MAX];
    bb_log_limited(log, level, event, BB_KV_SPAN("client", fact->client_id), BB_KV_SPAN("topic", fact->topic),
                   BB_KV_REASON(fact->status), BB_KV_TEXT("text", bb_status_text(fact->status)),
                   BB_KV_U64("count", fact->count), decided_by(fact, rule, sizeof rule), BB_KV_END);
}

void bb_server_fact(bb_server *server, const bb_fact *fact)
{
    bb_log *log = server->log;
    switch (fact->kind) {
    case BB_FACT_CONNECTED:
        link_fact(log, BB_LOG_INFO, "client.connected", fact);
        return;
    case BB_FACT_DISCONNECTED:
        link_fact(log, BB_LOG_INFO, "client.disconnected", fact);
        return;
    case BB_FACT_REFUSED:
        link_fact(log, BB_LOG_WARNING, "client.refused", fact);
        return;
    case BB_FACT_PUBLISH_REFUSED:
        topic_fact(log, BB_LOG_WARNING, "publish.refused", fact);
        return;
    case BB_FACT_SUBSCRIBE_REFUSED:
        topic_fact(log, BB_LOG_WARNING, "subscribe.refused", fact);
        return;
    case BB_FACT_SUBSCRIPTION_ENDED:
        topic_fact(log, BB_LOG_WARNING, "subscription.ended", fact);
        return;
    case BB_FACT_DROPPED:
        topic_fact(log, BB_LOG_WARNING, "message.dropped", fact);
        return;
    case BB_FACT_SESSION_ENDED:
        topic_fact(log, BB_LOG_INFO, "session.ended", fact);
        return;
    }
}
