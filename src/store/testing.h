/* testing.h - a model of what the store must keep: it takes records as they are appended, one after the other, and
 * knows nothing of frames, segments and tables. Its text and that of a store are compared. */
#ifndef BB_STORE_TESTING_H
#define BB_STORE_TESTING_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/disk_simulated.h"
#include "store/store.h"
#include "store/table.h"

enum { MODEL_SESSIONS = 6, MODEL_QUEUE = 48, MODEL_TOPICS = 4, MODEL_FILTERS = 5, MODEL_IDS = 8, MODEL_TEXT = 1 << 15 };

typedef struct model_delivery {
    uint64_t sequence, message;
    unsigned phase, packet_id;
} model_delivery;

typedef struct model_session {
    uint64_t number; /* 0: none */
    bool connected;
    uint8_t filters[MODEL_FILTERS]; /* options + 1; 0: not subscribed */
    bool inbound[MODEL_IDS + 1];
    model_delivery queue[MODEL_QUEUE];
    unsigned queued;
} model_session;

typedef struct model {
    model_session sessions[MODEL_SESSIONS];
    struct {
        uint64_t version, message; /* message 0: deleted */
    } topics[MODEL_TOPICS];
} model;

static inline void *testing_take(void *context, size_t size)
{
    return malloc(size);
}

static inline void testing_give(void *context, void *block, size_t size)
{
    free(block);
}

static inline model_session *model_find(model *m, uint64_t number)
{
    for (int i = 0; i < MODEL_SESSIONS && number; i++)
        if (m->sessions[i].number == number)
            return &m->sessions[i];
    return NULL;
}

static inline unsigned model_last_digit(bb_span text)
{
    return text.data[text.len - 1] - '0';
}

/* Messages are numbers, written as the name of their publisher. */
static inline uint64_t model_message(const bb_record *r)
{
    return strtoull((const char *)r->publisher.data, NULL, 10);
}

static inline void model_settle(model *m, uint64_t session, uint64_t sequence, bool all)
{
    model_session *s = model_find(m, session);
    unsigned kept = 0;
    for (unsigned i = 0; s && i < s->queued; i++)
        if (!(s->queue[i].sequence == sequence || (all && s->queue[i].sequence < sequence)))
            s->queue[kept++] = s->queue[i];
    if (s)
        s->queued = kept;
}

static inline void model_owe(model *m, const bb_record *r)
{
    bb_owed owed;
    for (bb_span rest = r->owed; bb_owed_next(&rest, &owed);) {
        model_session *s = model_find(m, owed.session);
        if (!s)
            continue;
        BB_CHECK(s->queued < MODEL_QUEUE);
        s->queue[s->queued++] =
            (model_delivery){owed.sequence, model_message(r), owed.packet_id ? 1 : 0, owed.packet_id};
    }
}

static inline void model_advance(model *m, const bb_record *r, unsigned phase)
{
    model_session *s = model_find(m, r->session);
    for (unsigned i = 0; s && i < s->queued; i++) {
        model_delivery *d = &s->queue[i];
        if (d->sequence != r->sequence || d->phase > phase)
            continue;
        d->phase = phase;
        d->packet_id = (unsigned)r->packet_id;
        if (phase == 2)
            d->message = 0;
    }
}

static inline void model_retain(model *m, const bb_record *r, uint64_t message)
{
    unsigned topic = model_last_digit(r->topic);
    if (r->retain_version > m->topics[topic].version) {
        m->topics[topic].version = r->retain_version;
        m->topics[topic].message = message;
    }
}

static inline void model_apply(model *m, const bb_record *r)
{
    model_session *s = model_find(m, r->session);
    switch (r->kind) {
    case BB_RECORD_PUBLISH:
        model_owe(m, r);
        model_retain(m, r, model_message(r));
        if (s && r->packet_id)
            s->inbound[r->packet_id] = true;
        break;
    case BB_RECORD_MOVED:
        model_owe(m, r);
        model_settle(m, r->from_session, r->from_sequence, false);
        break;
    case BB_RECORD_ACKNOWLEDGED:
    case BB_RECORD_ACKNOWLEDGED_TO:
        model_settle(m, r->session, r->sequence, r->kind == BB_RECORD_ACKNOWLEDGED_TO);
        break;
    case BB_RECORD_SENT:
        model_advance(m, r, 1);
        break;
    case BB_RECORD_RELEASED:
        model_advance(m, r, 2);
        break;
    case BB_RECORD_INBOUND_RELEASED:
        if (s)
            s->inbound[r->packet_id] = false;
        break;
    case BB_RECORD_SESSION:
        for (int i = 0; !s && i < MODEL_SESSIONS; i++)
            s = m->sessions[i].number == 0 ? &m->sessions[i] : NULL;
        BB_CHECK(s);
        s->number = r->session;
        s->connected = true;
        break;
    case BB_RECORD_ENDED:
        if (s)
            *s = (model_session){0};
        break;
    case BB_RECORD_DISCONNECTED:
        if (s)
            s->connected = false;
        break;
    case BB_RECORD_SUBSCRIBED:
    case BB_RECORD_UNSUBSCRIBED:
        if (s)
            s->filters[model_last_digit(r->filter)] =
                r->kind == BB_RECORD_SUBSCRIBED ? (uint8_t)(r->options + 1) : (uint8_t)0;
        break;
    case BB_RECORD_RETAINED_DELETED:
        model_retain(m, r, 0);
        break;
    case BB_RECORD_CLOCK:
        break;
    }
}

/* --- as text: sessions by number, deliveries by sequence */

typedef struct model_text {
    char text[MODEL_TEXT];
    size_t len;
} model_text;

__attribute__((format(printf, 2, 3))) static inline void model_say(model_text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(t->text + t->len, sizeof t->text - t->len, format, arguments);
    va_end(arguments);
    BB_CHECK(len >= 0 && t->len + (size_t)len < sizeof t->text);
    t->len += (size_t)len;
}

static inline void model_say_delivery(model_text *t, uint64_t sequence, uint64_t message, unsigned phase, unsigned id)
{
    model_say(t, "  %llu: message %llu phase %u id %u\n", (unsigned long long)sequence, (unsigned long long)message,
              phase, id);
}

static inline void model_say_session(model_text *t, const model_session *s)
{
    model_say(t, "session %llu%s\n", (unsigned long long)s->number, s->connected ? " connected" : "");
    for (unsigned i = 0; i < MODEL_FILTERS; i++)
        if (s->filters[i])
            model_say(t, "  filter %u options %u\n", i, s->filters[i] - 1u);
    for (unsigned i = 0; i <= MODEL_IDS; i++)
        if (s->inbound[i])
            model_say(t, "  inbound %u\n", i);
    uint64_t last = 0;
    for (unsigned done = 0; done < s->queued; done++) {
        const model_delivery *next = NULL;
        for (unsigned i = 0; i < s->queued; i++)
            if (s->queue[i].sequence > last && (!next || s->queue[i].sequence < next->sequence))
                next = &s->queue[i];
        last = next->sequence;
        model_say_delivery(t, last, next->message, next->phase, next->packet_id);
    }
}

static inline void model_say_all(model_text *t, const model *m)
{
    t->len = 0;
    t->text[0] = '\0';
    uint64_t last = 0;
    for (int round = 0; round < MODEL_SESSIONS; round++) {
        const model_session *next = NULL;
        for (int i = 0; i < MODEL_SESSIONS; i++)
            if (m->sessions[i].number > last && (!next || m->sessions[i].number < next->number))
                next = &m->sessions[i];
        if (!next)
            break;
        last = next->number;
        model_say_session(t, next);
    }
    for (unsigned i = 0; i < MODEL_TOPICS; i++)
        if (m->topics[i].message)
            model_say(t, "topic %u version %llu message %llu\n", i, (unsigned long long)m->topics[i].version,
                      (unsigned long long)m->topics[i].message);
}

/* --- the same of a store */

typedef struct store_text {
    model_text *text;
    bb_store *store;
    uint64_t numbers[64], next[64], queued[64], listed; /* of the sessions */
    uint64_t session, rows, last, more;
} store_text;

static inline void store_text_delivery(void *context, const bb_stored_delivery *d)
{
    store_text *s = context;
    uint64_t message = d->message ? model_message(d->message) : 0;
    BB_CHECK(d->owed.sequence > s->last && d->owed.session == s->session);
    s->last = d->owed.sequence;
    s->rows++;
    if (d->message) {
        BB_CHECK(d->payload.len >= 8 && memcmp(d->payload.data, &message, 8) == 0);
        for (size_t i = 8; i < d->payload.len; i++)
            BB_CHECK(d->payload.data[i] == (uint8_t)message);
    }
    model_say_delivery(s->text, d->owed.sequence, message, d->phase, d->owed.packet_id);
}

static inline void store_text_done(void *context, uint64_t more_from, bb_store_status status)
{
    BB_CHECK(status == BB_STORE_OK);
    ((store_text *)context)->more = more_from;
}

/* The queue of the session that was listed last; what was counted must be true. */
static inline void store_text_queue(store_text *s)
{
    if (!s->listed)
        return;
    s->session = s->numbers[s->listed - 1];
    s->rows = s->last = 0;
    s->more = 1;
    while (s->more) {
        bb_queue_reading reading = {.session = s->session,
                                    .from = s->more,
                                    .rows_max = 3,
                                    .bytes_max = UINT64_MAX,
                                    .context = s,
                                    .delivery = store_text_delivery,
                                    .done = store_text_done};
        s->more = 0;
        BB_CHECK(bb_store_read_queue(s->store, &reading));
        while (bb_store_step_read(s->store))
            ;
    }
    BB_CHECK(s->rows == s->queued[s->listed - 1]);
    BB_CHECK(s->last < s->next[s->listed - 1]);
}

static inline bool store_text_session(void *context, const bb_stored_session *session)
{
    store_text *s = context;
    store_text_queue(s);
    BB_CHECK(s->listed < 64);
    s->numbers[s->listed] = session->record->session;
    s->queued[s->listed] = session->queued;
    BB_CHECK((session->queued_bytes == 0) || session->queued > 0);
    s->next[s->listed++] = session->sequence_next;
    model_say(s->text, "session %llu%s\n", (unsigned long long)session->record->session,
              session->connected ? " connected" : "");
    return true;
}

static inline bool store_text_subscription(void *context, const bb_record *r)
{
    store_text *s = context;
    model_say(s->text, "  filter %u options %u\n", model_last_digit(r->filter), (unsigned)r->options);
    return true;
}

static inline bool store_text_inbound(void *context, uint64_t session, uint16_t packet_id)
{
    model_say(((store_text *)context)->text, "  inbound %u\n", packet_id);
    return true;
}

static inline bool store_text_retained(void *context, const bb_record *r, uint32_t expiry_left_s)
{
    store_text *s = context;
    if (s->session != UINT64_MAX)
        store_text_queue(s);
    s->session = UINT64_MAX;
    model_say(s->text, "topic %u version %llu message %llu\n", model_last_digit(r->topic),
              (unsigned long long)r->retain_version, (unsigned long long)model_message(r));
    return true;
}

static inline void store_say_all(model_text *t, bb_store *store)
{
    store_text s = {.text = t, .store = store};
    bb_store_error error;
    t->len = 0;
    t->text[0] = '\0';
    bb_store_visitor visitor = {&s, store_text_session, store_text_subscription, store_text_inbound,
                                store_text_retained};
    BB_CHECK(bb_store_load(store, &visitor, &error) == BB_STORE_OK);
    if (s.session != UINT64_MAX)
        store_text_queue(&s);
}

#endif
