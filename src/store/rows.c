#include "store/rows.h"

#include <errno.h>

#include "base/hash.h"

bb_key bb_key_number(uint64_t number)
{
    bb_key key = {.len = 8};
    bb_put_be(key.bytes, number, 8);
    return key;
}

bb_key bb_key_pair(uint64_t session, uint64_t sequence)
{
    bb_key key = {.len = 16};
    bb_put_be(key.bytes, session, 8);
    bb_put_be(key.bytes + 8, sequence, 8);
    return key;
}

bb_key bb_key_inbound(uint64_t session, uint16_t packet_id)
{
    bb_key key = {.len = 10};
    bb_put_be(key.bytes, session, 8);
    bb_put_be(key.bytes + 8, packet_id, 2);
    return key;
}

bb_key bb_key_text(uint64_t session, bb_span text, uint64_t seed)
{
    enum { WHOLE_MAX = 480 };
    bb_key key = {.len = session ? 8 : 0};
    bb_put_be(key.bytes, session, session ? 8 : 0);
    size_t part = text.len < WHOLE_MAX ? text.len : WHOLE_MAX;
    memcpy(key.bytes + key.len, text.data, part);
    key.len += part;
    if (part == text.len)
        return key;
    bb_seed first = {seed, ~seed}, second = {~seed, seed ^ UINT64_C(0x5851f42d4c957f2d)};
    bb_put_be(key.bytes + key.len, bb_hash(text, &first), 8);
    bb_put_be(key.bytes + key.len + 8, bb_hash(text, &second), 8);
    key.len += 16;
    return key;
}

static bb_span name_of(const char *name)
{
    return bb_span_of(name, strlen(name));
}

int bb_meta_get(bb_txn *txn, const char *name, uint64_t *number)
{
    bb_span value;
    int error = txn->table->get(txn, BB_ROWS_META, name_of(name), &value);
    if (error)
        return error == ENOENT ? 0 : error;
    if (value.len != 8)
        return EBADMSG;
    *number = bb_get_be(value.data, 8);
    return 0;
}

int bb_meta_put(bb_txn *txn, const char *name, uint64_t number)
{
    uint8_t value[8];
    bb_put_be(value, number, 8);
    return txn->table->put(txn, BB_ROWS_META, name_of(name), bb_span_of(value, sizeof value));
}

size_t bb_queue_row_put(uint8_t out[BB_QUEUE_HEAD + BB_OWED_BYTES_MAX], const bb_queue_row *row)
{
    bb_put_be(out, row->message, 8);
    bb_put_be(out + 8, row->bytes, 8);
    out[16] = (uint8_t)row->phase;
    return (size_t)(bb_owed_put(out + BB_QUEUE_HEAD, &row->owed) - out);
}

bool bb_queue_row_take(bb_span value, bb_queue_row *out)
{
    if (value.len <= BB_QUEUE_HEAD || value.data[16] > BB_PHASE_RELEASED)
        return false;
    out->message = bb_get_be(value.data, 8);
    out->bytes = bb_get_be(value.data + 8, 8);
    out->phase = (bb_phase)value.data[16];
    bb_span rest = bb_span_from(value, BB_QUEUE_HEAD);
    return bb_owed_next(&rest, &out->owed) && rest.len == 0;
}

void bb_tally_put(uint8_t out[24], const bb_tally *tally)
{
    bb_put_be(out, tally->count, 8);
    bb_put_be(out + 8, tally->bytes, 8);
    bb_put_be(out + 16, tally->next, 8);
}

bool bb_tally_take(bb_span value, bb_tally *out)
{
    if (value.len != 24)
        return false;
    *out = (bb_tally){bb_get_be(value.data, 8), bb_get_be(value.data + 8, 8), bb_get_be(value.data + 16, 8)};
    return true;
}

bool bb_row_record(bb_span value, size_t head, bb_record *out)
{
    if (value.len < head)
        return false;
    bb_span rest = bb_span_from(value, head);
    return bb_record_decode(&rest, out, NULL) == BB_OK && rest.len == 0;
}

bool bb_session_row_take(bb_span value, bb_session_row *out)
{
    if (!bb_row_record(value, BB_SESSION_HEAD, &out->record) || out->record.kind != BB_RECORD_SESSION)
        return false;
    out->left_ms = bb_get_be(value.data, 8);
    out->expiry_left_s = (uint32_t)bb_get_be(value.data + 8, 4);
    out->will_left_s = (uint32_t)bb_get_be(value.data + 12, 4);
    return true;
}

uint64_t bb_record_bytes(const bb_record *record)
{
    return record->topic.len + record->properties.len +
           (record->payload_file ? record->payload_size : record->payload.len);
}
