/* load.c - what is in the table, for those who start with it, and for sessions that come back. */
#include <errno.h>

#include "store/rows.h"
#include "store/store_inside.h"

uint32_t bb_store_left_s(const bb_store *store, uint64_t deadline_ms)
{
    uint64_t now = bb_store_clock_ms(store);
    if (deadline_ms == UINT64_MAX)
        return UINT32_MAX;
    uint64_t left_s = deadline_ms > now ? (deadline_ms - now + 999) / 1000 : 0;
    return left_s < UINT32_MAX ? (uint32_t)left_s : UINT32_MAX - 1;
}

typedef struct loading {
    bb_store *store;
    bb_txn *txn;
    const bb_store_visitor *visitor;
    bool stop;
} loading;

static uint32_t left_of(const loading *l, const bb_session_row *row, uint32_t seconds)
{
    if (seconds == UINT32_MAX || row->left_ms == UINT64_MAX)
        return seconds;
    return bb_store_left_s(l->store, row->left_ms + (uint64_t)seconds * 1000);
}

/* The rows of these kinds that begin with the number of a session. */
static int each_of(loading *l, bb_rows rows, uint64_t session, int (*take)(loading *, uint64_t, bb_span, bb_span))
{
    bb_key from = bb_key_number(session);
    bb_span key, value;
    int failed = l->txn->table->seek(l->txn, rows, bb_key_span(&from), &key, &value);
    while (!failed && !l->stop && key.len >= 8 && memcmp(key.data, from.bytes, 8) == 0) {
        failed = take(l, session, key, value);
        if (!failed)
            failed = l->txn->table->next(l->txn, rows, &key, &value);
    }
    return failed == ENOENT ? 0 : failed;
}

static int give_subscription(loading *l, uint64_t session, bb_span key, bb_span value)
{
    bb_record record;
    if (!bb_row_record(value, 0, &record) || record.kind != BB_RECORD_SUBSCRIBED)
        return EBADMSG;
    l->stop = !l->visitor->subscription(l->visitor->context, &record);
    return 0;
}

static int give_inbound(loading *l, uint64_t session, bb_span key, bb_span value)
{
    if (key.len != 10)
        return EBADMSG;
    l->stop = !l->visitor->inbound(l->visitor->context, session, (uint16_t)bb_get_be(key.data + 8, 2));
    return 0;
}

static int give_session(loading *l, uint64_t session, bb_span value)
{
    bb_session_row row;
    bb_tally tally = {.next = 1};
    bb_key key = bb_key_number(session);
    bb_span counted;
    if (!bb_session_row_take(value, &row))
        return EBADMSG;
    int failed = l->txn->table->get(l->txn, BB_ROWS_TALLY, bb_key_span(&key), &counted);
    if (failed && failed != ENOENT)
        return failed;
    if (!failed && !bb_tally_take(counted, &tally))
        return EBADMSG;
    bb_stored_session out = {
        .record = &row.record,
        .connected = row.left_ms == UINT64_MAX,
        .expiry_left_s = left_of(l, &row, row.expiry_left_s),
        .will_left_s = left_of(l, &row, row.will_left_s),
        .queued = tally.count,
        .queued_bytes = tally.bytes,
        .sequence_next = tally.next,
    };
    l->stop = l->visitor->session && !l->visitor->session(l->visitor->context, &out);
    failed = l->visitor->subscription ? each_of(l, BB_ROWS_SUBSCRIPTION, session, give_subscription) : 0;
    if (!failed && l->visitor->inbound)
        failed = each_of(l, BB_ROWS_INBOUND, session, give_inbound);
    return failed;
}

static int give_sessions(loading *l)
{
    bb_span key, value;
    int failed = l->txn->table->seek(l->txn, BB_ROWS_SESSION, BB_SPAN_NONE, &key, &value);
    while (!failed && !l->stop) {
        if (key.len != 8)
            return EBADMSG;
        failed = give_session(l, bb_get_be(key.data, 8), value);
        if (!failed)
            failed = l->txn->table->next(l->txn, BB_ROWS_SESSION, &key, &value);
    }
    return failed == ENOENT ? 0 : failed;
}

static int give_retained(loading *l)
{
    enum { HEAD = 16 };
    bb_span key, value;
    int failed = l->txn->table->seek(l->txn, BB_ROWS_RETAINED, BB_SPAN_NONE, &key, &value);
    while (!failed && !l->stop) {
        bb_record record;
        if (!bb_row_record(value, HEAD, &record))
            return EBADMSG;
        uint32_t left_s = bb_store_left_s(l->store, bb_get_be(value.data + 8, 8));
        l->stop = !l->visitor->retained(l->visitor->context, &record, left_s);
        failed = l->txn->table->next(l->txn, BB_ROWS_RETAINED, &key, &value);
    }
    return failed == ENOENT ? 0 : failed;
}

bb_store_status bb_store_load(bb_store *store, const bb_store_visitor *visitor, bb_store_error *error)
{
    loading l = {.store = store, .visitor = visitor};
    if (!store->table)
        return BB_STORE_OK;
    int failed = store->table->begin(store->table, false, &l.txn);
    if (!failed) {
        failed = give_sessions(&l);
        if (!failed && !l.stop && visitor->retained)
            failed = give_retained(&l);
        store->table->abort(l.txn);
    }
    return failed ? bb_store_fail_system(error, failed, "read", "the table") : BB_STORE_OK;
}

/* --- a queue */

typedef struct queue_walk {
    bb_store *store;
    const bb_queue_reading *reading;
    bb_txn *txn;
    uint64_t rows, bytes;
} queue_walk;

/* The message of a row, with its payload from wherever it is; `payload` is to be freed when it is not NULL. */
static int find_message(queue_walk *w, uint64_t number, bb_stored_delivery *out, bb_record *record, uint8_t **payload)
{
    bb_key key = bb_key_number(number);
    bb_span value;
    int failed = w->txn->table->get(w->txn, BB_ROWS_MESSAGE, bb_key_span(&key), &value);
    if (failed)
        return failed == ENOENT ? EBADMSG : failed;
    if (!bb_row_record(value, 8, record))
        return EBADMSG;
    out->message = record;
    out->expiry_left_s = bb_store_left_s(w->store, bb_get_be(value.data, 8));
    out->payload = record->payload;
    if (!record->payload_file)
        return 0;
    *payload = bb_mem_alloc(&w->store->read_mem, record->payload_size + 1);
    if (!*payload)
        return ENOMEM;
    out->payload = bb_span_of(*payload, record->payload_size);
    return bb_store_read_payload(w->store, record->payload_file, record->payload_size, *payload);
}

static int give_delivery(queue_walk *w, const bb_queue_row *row)
{
    bb_stored_delivery out = {
        .owed = row->owed, .phase = (bb_stored_phase)row->phase, .expiry_left_s = UINT32_MAX, .payload = BB_SPAN_NONE};
    bb_record record = {0};
    uint8_t *payload = NULL;
    int failed = row->message ? find_message(w, row->message, &out, &record, &payload) : 0;
    if (!failed)
        w->reading->delivery(w->reading->context, &out);
    bb_mem_free(&w->store->read_mem, payload, record.payload_size + 1);
    w->rows++;
    w->bytes += row->bytes;
    return failed;
}

static int walk_queue(queue_walk *w, uint64_t *more_from)
{
    bb_key from = bb_key_pair(w->reading->session, w->reading->from);
    bb_span key, value;
    int failed = w->txn->table->seek(w->txn, BB_ROWS_QUEUE, bb_key_span(&from), &key, &value);
    while (!failed && key.len == 16 && memcmp(key.data, from.bytes, 8) == 0) {
        bb_queue_row row;
        if (!bb_queue_row_take(value, &row))
            return EBADMSG;
        if (w->rows >= w->reading->rows_max || (w->rows > 0 && w->bytes + row.bytes > w->reading->bytes_max)) {
            *more_from = row.owed.sequence;
            return 0;
        }
        failed = give_delivery(w, &row);
        if (!failed)
            failed = w->txn->table->next(w->txn, BB_ROWS_QUEUE, &key, &value);
    }
    return failed == ENOENT ? 0 : failed;
}

void bb_store_answer_queue(bb_store *store, const bb_queue_reading *reading)
{
    queue_walk w = {.store = store, .reading = reading};
    uint64_t more_from = 0;
    int failed = store->table ? store->table->begin(store->table, false, &w.txn) : 0;
    if (store->table && !failed) {
        failed = walk_queue(&w, &more_from);
        store->table->abort(w.txn);
    }
    bb_store_error error;
    reading->done(reading->context, failed ? 0 : more_from,
                  failed ? bb_store_fail_system(&error, failed, "read", "a queue") : BB_STORE_OK);
}
