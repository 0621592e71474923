#include "store/spill.h"

#include <errno.h>

#define TRY(call)               \
    do {                        \
        int try_error = (call); \
        if (try_error)          \
            return try_error;   \
    } while (0)

typedef struct tally_change {
    bb_map_node node;
    uint64_t session;
    int64_t count, bytes;
    uint64_t next;
} tally_change;

int bb_spill_init(bb_spill *s, bb_mem *mem, bb_txn *txn, const bb_digest *digest, uint64_t segment)
{
    *s = (bb_spill){.mem = mem, .txn = txn, .digest = digest, .segment = segment};
    bb_map_init(&s->tallies, mem);
    s->message_next = s->session_next = s->file_next = 1;
    TRY(bb_meta_get(txn, BB_META_NEXT_MESSAGE, &s->message_next));
    TRY(bb_meta_get(txn, BB_META_NEXT_SESSION, &s->session_next));
    TRY(bb_meta_get(txn, BB_META_NEXT_FILE, &s->file_next));
    TRY(bb_meta_get(txn, BB_META_HASH, &s->hash));
    TRY(bb_meta_get(txn, BB_META_CLOCK, &s->clock_ms));
    return bb_meta_get(txn, BB_META_WALL, &s->wall_ms);
}

static void free_tally(void *context, bb_map_node *node)
{
    bb_spill *s = context;
    bb_map_remove(&s->tallies, node);
    bb_mem_free(s->mem, BB_CONTAINER_OF(node, tally_change, node), sizeof(tally_change));
}

void bb_spill_deinit(bb_spill *s)
{
    bb_map_each(&s->tallies, free_tally, s);
    bb_map_deinit(&s->tallies);
    bb_mem_free(s->mem, s->files, s->files_cap * sizeof *s->files);
    bb_mem_free(s->mem, s->value, s->value_cap);
}

/* --- small things */

static int get(bb_spill *s, bb_rows rows, const bb_key *key, bb_span *value)
{
    return s->txn->table->get(s->txn, rows, bb_key_span(key), value);
}

static int put(bb_spill *s, bb_rows rows, const bb_key *key, const void *value, size_t len)
{
    return s->txn->table->put(s->txn, rows, bb_key_span(key), bb_span_of(value, len));
}

/* Rows that are not there are fine. */
static int del(bb_spill *s, bb_rows rows, const bb_key *key)
{
    int error = s->txn->table->del(s->txn, rows, bb_key_span(key));
    return error == ENOENT ? 0 : error;
}

static uint64_t after_s(const bb_spill *s, uint32_t seconds)
{
    return seconds == UINT32_MAX ? UINT64_MAX : s->clock_ms + (uint64_t)seconds * 1000;
}

/* `record` encoded behind `head` bytes, in s->value. */
static int encode(bb_spill *s, size_t head, const bb_record *record, size_t *size)
{
    size_t bytes = bb_record_size(record);
    BB_CHECK(bytes > 0);
    if (head + bytes > s->value_cap) {
        size_t cap = (head + bytes) * 2;
        uint8_t *value = bb_mem_alloc(s->mem, cap);
        if (!value)
            return ENOMEM;
        bb_mem_free(s->mem, s->value, s->value_cap);
        s->value = value;
        s->value_cap = cap;
    }
    bb_record_encode(s->value + head, record, bytes);
    *size = head + bytes;
    return 0;
}

static bool has_ended(const bb_spill *s, uint64_t session)
{
    const bb_session_fate *fate = bb_digest_session(s->digest, session);
    return fate && fate->ended;
}

/* --- what is counted */

static int tally(bb_spill *s, uint64_t session, int64_t count, int64_t bytes, uint64_t next)
{
    uint64_t hash = session * UINT64_C(0x9e3779b97f4a7c15);
    bb_map_node *node = bb_map_first(&s->tallies, hash);
    tally_change *change = NULL;
    for (; node && !change; node = bb_map_next(node))
        if (BB_CONTAINER_OF(node, tally_change, node)->session == session)
            change = BB_CONTAINER_OF(node, tally_change, node);
    if (!change) {
        change = bb_mem_alloc_zeroed(s->mem, sizeof *change);
        if (!change)
            return ENOMEM;
        change->session = session;
        if (!bb_map_add(&s->tallies, &change->node, hash)) {
            bb_mem_free(s->mem, change, sizeof *change);
            return ENOMEM;
        }
    }
    change->count += count;
    change->bytes += bytes;
    if (next > change->next)
        change->next = next;
    return 0;
}

static int drop_file(bb_spill *s, uint64_t file)
{
    if (s->files_count == s->files_cap) {
        size_t cap = s->files_cap * 2 + 8;
        uint64_t *files = bb_mem_resize(s->mem, s->files, s->files_cap * sizeof *files, cap * sizeof *files);
        if (!files)
            return ENOMEM;
        s->files = files;
        s->files_cap = cap;
    }
    s->files[s->files_count++] = file;
    return 0;
}

/* One row more or less names what has this key; `left` is how many do then. Where there is no row, `unwritten` do. */
static int count(bb_spill *s, bb_rows rows, uint64_t number, uint64_t unwritten, int64_t change, uint64_t *left)
{
    bb_key key = bb_key_number(number);
    bb_span value;
    uint64_t now = unwritten;
    int error = get(s, rows, &key, &value);
    if (!error && value.len == 8)
        now = bb_get_be(value.data, 8);
    else if (error != ENOENT)
        return error ? error : EBADMSG;
    if (now + (uint64_t)change > now && change < 0)
        return EBADMSG; /* less than none */
    now += (uint64_t)change;
    *left = now;
    if (now == unwritten || now == 0)
        return del(s, rows, &key);
    uint8_t bytes[8];
    bb_put_be(bytes, now, 8);
    return put(s, rows, &key, bytes, sizeof bytes);
}

static int name_file(bb_spill *s, const bb_record *record)
{
    uint64_t left;
    if (!record->payload_file)
        return 0;
    if (record->payload_file >= s->file_next)
        s->file_next = record->payload_file + 1;
    return count(s, BB_ROWS_FILE, record->payload_file, 0, 1, &left);
}

static int unname_file(bb_spill *s, const bb_record *record)
{
    uint64_t left;
    if (!record->payload_file)
        return 0;
    TRY(count(s, BB_ROWS_FILE, record->payload_file, 0, -1, &left));
    return left ? 0 : drop_file(s, record->payload_file);
}

/* --- messages, and who gets them */

static int put_message(bb_spill *s, const bb_record *record, uint64_t *number)
{
    bb_record message = *record;
    message.kind = BB_RECORD_PUBLISH;
    message.owed = BB_SPAN_NONE;
    message.session = message.packet_id = message.retain_version = 0;
    size_t size;
    TRY(encode(s, 8, &message, &size));
    bb_put_be(s->value, after_s(s, record->expiry_s), 8);
    *number = s->message_next++;
    bb_key key = bb_key_number(*number);
    TRY(put(s, BB_ROWS_MESSAGE, &key, s->value, size));
    return name_file(s, record);
}

static int drop_message(bb_spill *s, uint64_t number)
{
    uint64_t left;
    bb_key key = bb_key_number(number);
    bb_span value;
    bb_record message;
    if (!number)
        return 0;
    TRY(count(s, BB_ROWS_REFERENCES, number, 1, -1, &left));
    if (left)
        return 0;
    TRY(get(s, BB_ROWS_MESSAGE, &key, &value));
    if (!bb_row_record(value, 8, &message))
        return EBADMSG;
    TRY(unname_file(s, &message));
    return del(s, BB_ROWS_MESSAGE, &key);
}

/* What of an entry of the list is left to do; false: nothing. */
static bool is_alive(bb_spill *s, const bb_owed *owed, bb_queue_row *row)
{
    const bb_session_fate *session = bb_digest_session(s->digest, owed->session);
    bb_fate *fate = bb_digest_fate(s->digest, owed->session, owed->sequence);
    if (fate)
        fate->met = true;
    if (session && (session->ended || owed->sequence <= session->settled_to))
        return false;
    row->owed = *owed;
    row->phase = owed->packet_id ? BB_PHASE_SENT : BB_PHASE_QUEUED;
    if (!fate)
        return true;
    row->owed.packet_id = fate->packet_id;
    row->phase = fate->state == BB_FATE_RELEASED ? BB_PHASE_RELEASED : BB_PHASE_SENT;
    return fate->state != BB_FATE_SETTLED;
}

static int put_queue_row(bb_spill *s, const bb_queue_row *row)
{
    uint8_t value[BB_QUEUE_HEAD + BB_OWED_BYTES_MAX];
    bb_key key = bb_key_pair(row->owed.session, row->owed.sequence);
    return put(s, BB_ROWS_QUEUE, &key, value, bb_queue_row_put(value, row));
}

static bool was_moved(const bb_spill *s, const bb_owed *owed)
{
    const bb_fate *fate = bb_digest_fate(s->digest, owed->session, owed->sequence);
    return fate && fate->moved;
}

/* `references` counts the rows that name the message; `later` is set when a MOVED that is still to come names it. */
static int owe(bb_spill *s, const bb_record *record, uint64_t *references, bool *later)
{
    bb_owed owed;
    bb_queue_row row = {0};
    uint64_t message = 0, bytes = bb_record_bytes(record), left;
    for (bb_span rest = record->owed; bb_owed_next(&rest, &owed);) {
        if (!has_ended(s, owed.session))
            TRY(tally(s, owed.session, 0, 0, owed.sequence + 1));
        if (!is_alive(s, &owed, &row)) {
            *later = *later || was_moved(s, &owed);
            continue;
        }
        bool released = row.phase == BB_PHASE_RELEASED;
        if (!released && !message)
            TRY(put_message(s, record, &message));
        row.message = released ? 0 : message;
        row.bytes = released ? 0 : bytes;
        *references += !released;
        TRY(put_queue_row(s, &row));
        TRY(tally(s, owed.session, 1, (int64_t)row.bytes, 0));
    }
    return *references > 1 ? count(s, BB_ROWS_REFERENCES, message, 1, (int64_t)*references - 1, &left) : 0;
}

static int remove_queue_row(bb_spill *s, const bb_key *key, bb_span value)
{
    bb_queue_row row;
    if (!bb_queue_row_take(value, &row))
        return EBADMSG;
    TRY(tally(s, row.owed.session, -1, -(int64_t)row.bytes, 0));
    TRY(del(s, BB_ROWS_QUEUE, key));
    return drop_message(s, row.message);
}

static int settle(bb_spill *s, uint64_t session, uint64_t sequence)
{
    bb_fate *fate = bb_digest_fate(s->digest, session, sequence);
    bb_key key = bb_key_pair(session, sequence);
    bb_span value;
    if (has_ended(s, session))
        return 0; /* ENDED takes all of its rows */
    TRY(tally(s, session, 0, 0, sequence + 1));
    if (fate && fate->met)
        return 0;
    int error = get(s, BB_ROWS_QUEUE, &key, &value);
    return error == ENOENT ? 0 : error ? error : remove_queue_row(s, &key, value);
}

static int settle_to(bb_spill *s, uint64_t session, uint64_t sequence)
{
    bb_key from = bb_key_pair(session, 0);
    bb_span key, value;
    if (has_ended(s, session))
        return 0;
    TRY(tally(s, session, 0, 0, sequence + 1));
    for (;;) {
        int error = s->txn->table->seek(s->txn, BB_ROWS_QUEUE, bb_key_span(&from), &key, &value);
        if (error)
            return error == ENOENT ? 0 : error;
        if (key.len != 16 || bb_get_be(key.data, 8) != session || bb_get_be(key.data + 8, 8) > sequence)
            return 0;
        memcpy(from.bytes, key.data, 16);
        TRY(remove_queue_row(s, &from, value));
    }
}

/* SENT or RELEASED of a delivery that is in the table already. */
static int advance(bb_spill *s, const bb_record *r)
{
    bb_fate *fate = bb_digest_fate(s->digest, r->session, r->sequence);
    bb_key key = bb_key_pair(r->session, r->sequence);
    bb_queue_row row;
    bb_span value;
    bool released = r->kind == BB_RECORD_RELEASED;
    if (has_ended(s, r->session) || (fate && (fate->met || fate->state > (released ? BB_FATE_RELEASED : BB_FATE_SENT))))
        return 0;
    int error = get(s, BB_ROWS_QUEUE, &key, &value);
    if (error)
        return error == ENOENT ? 0 : error;
    if (!bb_queue_row_take(value, &row))
        return EBADMSG;
    if (row.phase == BB_PHASE_RELEASED && !released)
        return 0;
    uint64_t message = row.message;
    row.owed.packet_id = (uint16_t)r->packet_id;
    row.phase = released ? BB_PHASE_RELEASED : BB_PHASE_SENT;
    if (!released)
        return put_queue_row(s, &row);
    TRY(tally(s, r->session, 0, -(int64_t)row.bytes, 0));
    row.message = row.bytes = 0;
    TRY(put_queue_row(s, &row));
    return drop_message(s, message);
}

/* --- retained messages */

enum { RETAINED_HEAD = 16 }; /* version, time of expiry */

static int drop_retained(bb_spill *s, const bb_key *key)
{
    bb_span value;
    bb_record message;
    int error = get(s, BB_ROWS_RETAINED, key, &value);
    if (error)
        return error == ENOENT ? 0 : error;
    if (!bb_row_record(value, RETAINED_HEAD, &message))
        return EBADMSG;
    TRY(unname_file(s, &message));
    return del(s, BB_ROWS_RETAINED, key);
}

/* The version that the table knows of a topic, be it of a message or of its deletion; 0: none. */
static int version_in_table(bb_spill *s, const bb_key *key, uint64_t *version)
{
    static const bb_rows both[] = {BB_ROWS_RETAINED, BB_ROWS_GONE};
    *version = 0;
    for (int i = 0; i < 2; i++) {
        bb_span value;
        int error = get(s, both[i], key, &value);
        if (error && error != ENOENT)
            return error;
        if (!error && value.len < 8)
            return EBADMSG;
        if (!error && bb_get_be(value.data, 8) > *version)
            *version = bb_get_be(value.data, 8);
    }
    return 0;
}

static int put_retained(bb_spill *s, const bb_key *key, const bb_record *record)
{
    bb_record message = *record;
    message.owed = BB_SPAN_NONE;
    message.session = message.packet_id = 0;
    size_t size;
    TRY(name_file(s, record)); /* before the old one goes: it may be the same file */
    TRY(drop_retained(s, key));
    TRY(encode(s, RETAINED_HEAD, &message, &size));
    bb_put_be(s->value, record->retain_version, 8);
    bb_put_be(s->value + 8, after_s(s, record->expiry_s), 8);
    TRY(put(s, BB_ROWS_RETAINED, key, s->value, size));
    return del(s, BB_ROWS_GONE, key);
}

/* A version that comes late must not bring a deleted message back: so the deletion is kept for a while. */
static int put_gone(bb_spill *s, const bb_key *key, uint64_t version)
{
    uint8_t value[16];
    bb_put_be(value, version, 8);
    bb_put_be(value + 8, s->segment, 8);
    TRY(drop_retained(s, key));
    return put(s, BB_ROWS_GONE, key, value, sizeof value);
}

static int retain(bb_spill *s, const bb_record *record)
{
    uint64_t version = record->retain_version, known;
    if (!version || version < bb_digest_retained(s->digest, record->topic) || record->topic.len == 0)
        return 0;
    bb_key key = bb_key_text(0, record->topic, s->hash);
    TRY(version_in_table(s, &key, &known));
    if (version <= known)
        return 0;
    bool deletes = record->kind == BB_RECORD_RETAINED_DELETED || (!record->payload.len && !record->payload_file);
    return deletes ? put_gone(s, &key, version) : put_retained(s, &key, record);
}

static int forget_gone(bb_spill *s)
{
    bb_table *table = s->txn->table;
    bb_span key, value;
    bb_key from = {.len = 0};
    while (table->seek(s->txn, BB_ROWS_GONE, bb_key_span(&from), &key, &value) == 0) {
        memcpy(from.bytes, key.data, key.len);
        from.len = key.len;
        if (value.len != 16)
            return EBADMSG;
        if (bb_get_be(value.data + 8, 8) + s->digest->late < s->segment) {
            TRY(del(s, BB_ROWS_GONE, &from));
        } else if (from.len < BB_TABLE_KEY_MAX) {
            from.bytes[from.len++] = 0; /* the next key there can be */
        }
    }
    return 0;
}

/* --- sessions */

static int put_session(bb_spill *s, const bb_record *record)
{
    size_t size;
    bb_key key = bb_key_number(record->session);
    if (record->session >= s->session_next)
        s->session_next = record->session + 1;
    if (has_ended(s, record->session))
        return 0;
    TRY(encode(s, BB_SESSION_HEAD, record, &size));
    bb_put_be(s->value, UINT64_MAX, 8);
    bb_put_be(s->value + 8, record->session_expiry_s, 4);
    bb_put_be(s->value + 12, record->will_delay_s, 4);
    return put(s, BB_ROWS_SESSION, &key, s->value, size);
}

static int leave(bb_spill *s, const bb_record *record)
{
    bb_key key = bb_key_number(record->session);
    bb_session_row row;
    bb_span value;
    size_t size;
    int error = get(s, BB_ROWS_SESSION, &key, &value);
    if (error || has_ended(s, record->session))
        return error == ENOENT ? 0 : error;
    if (!bb_session_row_take(value, &row))
        return EBADMSG;
    TRY(encode(s, BB_SESSION_HEAD, &row.record, &size));
    bb_put_be(s->value, s->clock_ms, 8);
    bb_put_be(s->value + 8, record->session_expiry_s, 4);
    bb_put_be(s->value + 12, record->will_delay_s, 4);
    return put(s, BB_ROWS_SESSION, &key, s->value, size);
}

static int end_session(bb_spill *s, uint64_t session)
{
    static const bb_rows all[] = {BB_ROWS_SESSION, BB_ROWS_SUBSCRIPTION, BB_ROWS_INBOUND, BB_ROWS_QUEUE, BB_ROWS_TALLY};
    bb_key prefix = bb_key_number(session), at;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bb_span key, value;
        int error;
        while ((error = s->txn->table->seek(s->txn, all[i], bb_key_span(&prefix), &key, &value)) == 0 && key.len >= 8 &&
               memcmp(key.data, prefix.bytes, 8) == 0) {
            memcpy(at.bytes, key.data, key.len);
            at.len = key.len;
            bb_queue_row row;
            if (all[i] == BB_ROWS_QUEUE && bb_queue_row_take(value, &row))
                TRY(drop_message(s, row.message));
            TRY(del(s, all[i], &at));
        }
        if (error && error != ENOENT)
            return error;
    }
    return 0;
}

static int put_subscription(bb_spill *s, const bb_record *record)
{
    size_t size;
    bb_key key = bb_key_text(record->session, record->filter, s->hash);
    if (has_ended(s, record->session))
        return 0;
    TRY(encode(s, 0, record, &size));
    return put(s, BB_ROWS_SUBSCRIPTION, &key, s->value, size);
}

static int inbound(bb_spill *s, const bb_record *record, bool taken)
{
    bb_key key = bb_key_inbound(record->session, (uint16_t)record->packet_id);
    if (!record->session || !record->packet_id || has_ended(s, record->session))
        return 0;
    return taken ? put(s, BB_ROWS_INBOUND, &key, "", 0) : del(s, BB_ROWS_INBOUND, &key);
}

/* --- */

/* A payload file that no row came to name. */
static int drop_unnamed(bb_spill *s, const bb_record *record)
{
    bb_key key = bb_key_number(record->payload_file);
    bb_span value;
    if (!record->payload_file)
        return 0;
    int error = get(s, BB_ROWS_FILE, &key, &value);
    return error == ENOENT ? drop_file(s, record->payload_file) : error;
}

static int publish(bb_spill *s, const bb_record *record)
{
    uint64_t references = 0;
    bool later = false;
    TRY(owe(s, record, &references, &later));
    TRY(retain(s, record));
    if (!later)
        TRY(drop_unnamed(s, record));
    return inbound(s, record, true);
}

static int move(bb_spill *s, const bb_record *record)
{
    uint64_t references = 0;
    bool later = false;
    TRY(owe(s, record, &references, &later));
    TRY(settle(s, record->from_session, record->from_sequence));
    return later ? 0 : drop_unnamed(s, record);
}

static int tick(bb_spill *s, const bb_record *record)
{
    if (record->clock_ms > s->clock_ms)
        s->clock_ms = record->clock_ms;
    s->wall_ms = record->wall_ms;
    return 0;
}

int bb_spill_record(bb_spill *s, const bb_record *r)
{
    bb_key key;
    switch (r->kind) {
    case BB_RECORD_PUBLISH:
        return publish(s, r);
    case BB_RECORD_MOVED:
        return move(s, r);
    case BB_RECORD_ACKNOWLEDGED:
        return settle(s, r->session, r->sequence);
    case BB_RECORD_ACKNOWLEDGED_TO:
        return settle_to(s, r->session, r->sequence);
    case BB_RECORD_SENT:
    case BB_RECORD_RELEASED:
        return advance(s, r);
    case BB_RECORD_INBOUND_RELEASED:
        return inbound(s, r, false);
    case BB_RECORD_SESSION:
        return put_session(s, r);
    case BB_RECORD_ENDED:
        return end_session(s, r->session);
    case BB_RECORD_DISCONNECTED:
        return leave(s, r);
    case BB_RECORD_SUBSCRIBED:
        return put_subscription(s, r);
    case BB_RECORD_UNSUBSCRIBED:
        key = bb_key_text(r->session, r->filter, s->hash);
        return del(s, BB_ROWS_SUBSCRIPTION, &key);
    case BB_RECORD_RETAINED_DELETED:
        return retain(s, r);
    case BB_RECORD_CLOCK:
        return tick(s, r);
    }
    return EBADMSG; /* bb_record_decode lets no other kind pass */
}

typedef struct writing {
    bb_spill *spill;
    int error;
} writing;

static int write_tally(bb_spill *s, const tally_change *change)
{
    bb_key key = bb_key_number(change->session);
    bb_span value;
    bb_tally now = {.next = 1};
    int error = get(s, BB_ROWS_TALLY, &key, &value);
    if (error && error != ENOENT)
        return error;
    if (!error && !bb_tally_take(value, &now))
        return EBADMSG;
    now.count += (uint64_t)change->count;
    now.bytes += (uint64_t)change->bytes;
    if (change->next > now.next)
        now.next = change->next;
    uint8_t bytes[24];
    bb_tally_put(bytes, &now);
    return put(s, BB_ROWS_TALLY, &key, bytes, sizeof bytes);
}

static void write_each(void *context, bb_map_node *node)
{
    writing *w = context;
    const tally_change *change = BB_CONTAINER_OF(node, tally_change, node);
    if (!w->error && !has_ended(w->spill, change->session))
        w->error = write_tally(w->spill, change);
}

int bb_spill_finish(bb_spill *s)
{
    writing w = {s, 0};
    bb_map_each(&s->tallies, write_each, &w);
    TRY(w.error);
    TRY(forget_gone(s));
    TRY(bb_meta_put(s->txn, BB_META_NEXT_MESSAGE, s->message_next));
    TRY(bb_meta_put(s->txn, BB_META_NEXT_SESSION, s->session_next));
    TRY(bb_meta_put(s->txn, BB_META_NEXT_FILE, s->file_next));
    TRY(bb_meta_put(s->txn, BB_META_CLOCK, s->clock_ms));
    TRY(bb_meta_put(s->txn, BB_META_WALL, s->wall_ms));
    TRY(bb_meta_put(s->txn, BB_META_NEXT_SEGMENT, s->segment + 1));
    return bb_meta_put(s->txn, BB_META_NEXT_FRAME, s->frame_last + 1);
}
