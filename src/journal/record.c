/* record.c - encodes and decodes records by the table of their fields: there is no code for a single kind. */
#include "journal/journal.h"

#include "journal/number.h"
#include "journal/owed.h"

typedef enum field_type { NUMBER, SECONDS, BYTES } field_type;

enum { FIELDS_MAX = 20 }; /* of one kind, with the zero at the end */

typedef enum field_id {
    FIELD_NONE,
#define X(name, type, most, text) FIELD_##name,
    BB_RECORD_FIELD_MAP(X)
#undef X
        FIELD_COUNT
} field_id;

typedef struct field {
    const char *name;
    field_type type;
    uint64_t most;
    size_t at; /* in bb_record */
} field;

static const field fields[FIELD_COUNT] = {
#define X(name, type, most, text) [FIELD_##name] = {#name, type, most, offsetof(bb_record, name)},
    BB_RECORD_FIELD_MAP(X)
#undef X
};

typedef struct kind_row {
    const char *name;
    uint8_t fields[FIELDS_MAX]; /* field_id, 0 at the end */
} kind_row;

static const kind_row kinds[] = {
#define F(name) FIELD_##name,
#define X(number, name, fields, text) [number] = {#name, {fields FIELD_NONE}},
    BB_RECORD_MAP(X, F)
#undef X
#undef F
};

enum { KINDS = sizeof kinds / sizeof *kinds };

const char *bb_record_name(unsigned kind)
{
    return kind < KINDS ? kinds[kind].name : NULL;
}

static uint64_t number_of(const bb_record *record, const field *f)
{
    const uint8_t *at = (const uint8_t *)record + f->at;
    uint64_t number;
    if (f->type == NUMBER) {
        memcpy(&number, at, sizeof number);
        return number;
    }
    uint32_t seconds;
    memcpy(&seconds, at, sizeof seconds);
    return seconds == UINT32_MAX ? 0 : (uint64_t)seconds + 1;
}

static bb_span bytes_of(const bb_record *record, const field *f)
{
    bb_span bytes;
    memcpy(&bytes, (const uint8_t *)record + f->at, sizeof bytes);
    return bytes;
}

static size_t body_size(const bb_record *record)
{
    size_t size = 0;
    for (const uint8_t *id = kinds[record->kind].fields; *id; id++) {
        const field *f = &fields[*id];
        uint64_t number = f->type == BYTES ? bytes_of(record, f).len : number_of(record, f);
        if (number > f->most)
            return 0;
        size += bb_number_size(number) + (f->type == BYTES ? (size_t)number : 0);
    }
    return size;
}

size_t bb_record_size(const bb_record *record)
{
    BB_CHECK(bb_record_name(record->kind));
    size_t body = body_size(record);
    return body ? 1 + bb_number_size(body) + body : 0;
}

uint8_t *bb_record_encode(uint8_t *out, const bb_record *record, size_t size)
{
    uint8_t *at = out;
    *at++ = (uint8_t)record->kind;
    at = bb_number_put(at, body_size(record));
    for (const uint8_t *id = kinds[record->kind].fields; *id; id++) {
        const field *f = &fields[*id];
        if (f->type != BYTES) {
            at = bb_number_put(at, number_of(record, f));
            continue;
        }
        bb_span bytes = bytes_of(record, f);
        at = bb_number_put(at, bytes.len);
        if (bytes.len)
            memcpy(at, bytes.data, bytes.len);
        at += bytes.len;
    }
    BB_CHECK((size_t)(at - out) == size);
    return at;
}

/* --- decoding */

typedef struct reading {
    const uint8_t *start; /* of the bytes that were given */
    bb_span rest;         /* of the body */
    unsigned kind;
    bb_record_fault *fault;
} reading;

static bb_status refuse(const reading *in, const char *what, const char *field_name)
{
    if (in->fault)
        *in->fault = (bb_record_fault){what, field_name, in->kind, (size_t)(in->rest.data - in->start)};
    return BB_E_MALFORMED;
}

static void store(bb_record *record, const field *f, uint64_t number)
{
    uint8_t *at = (uint8_t *)record + f->at;
    uint32_t seconds = number == 0 ? UINT32_MAX : (uint32_t)(number - 1);
    if (f->type == NUMBER)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &seconds, sizeof seconds);
}

static bb_status read_field(reading *in, const field *f, bb_record *record)
{
    uint64_t number;
    bb_span rest = in->rest;
    if (!bb_number_take(&rest, &number))
        return refuse(in, "the record ends too early, or a number is not in its shortest form", f->name);
    if (number > f->most)
        return refuse(in, "a number or length above its limit", f->name);
    if (f->type == BYTES && number > rest.len)
        return refuse(in, "bytes that go on behind the end of the record", f->name);
    in->rest = rest;
    if (f->type != BYTES) {
        store(record, f, number);
        return BB_OK;
    }
    bb_span bytes = bb_span_of(rest.data, (size_t)number);
    memcpy((uint8_t *)record + f->at, &bytes, sizeof bytes);
    in->rest = bb_span_from(rest, (size_t)number);
    return BB_OK;
}

static bool owed_is_valid(bb_span list)
{
    bb_owed owed;
    while (list.len > 0)
        if (!bb_owed_take(&list, &owed))
            return false;
    return true;
}

/* What has to agree between fields. */
static bb_status check(const reading *in, const bb_record *r)
{
    if (r->kind != BB_RECORD_PUBLISH && r->kind != BB_RECORD_RETAINED_DELETED && r->kind != BB_RECORD_CLOCK &&
        r->kind != BB_RECORD_MOVED && r->session == 0)
        return refuse(in, "the number 0 of a session", "session");
    if (!owed_is_valid(r->owed))
        return refuse(in, "a list of deliveries that does not keep to the format", "owed");
    if (r->expiry_at && (r->expiry_at > r->properties.len || r->properties.len - r->expiry_at < 4))
        return refuse(in, "a place outside of the properties", "expiry_at");
    if (r->payload_file && r->payload.len)
        return refuse(in, "a payload beside the file that holds it", "payload_file");
    return BB_OK;
}

static bb_status read_head(reading *in)
{
    if (in->rest.len == 0)
        return refuse(in, "nothing where a record is expected", NULL);
    in->kind = in->rest.data[0];
    if (!bb_record_name(in->kind))
        return refuse(in, "a kind of record that this version does not know", NULL);
    in->rest = bb_span_from(in->rest, 1);
    uint64_t size;
    bb_span body = in->rest;
    if (!bb_number_take(&body, &size))
        return refuse(in, "the record ends too early, or a number is not in its shortest form", NULL);
    if (size > body.len)
        return refuse(in, "a record that goes on behind the end of the bytes", NULL);
    in->rest = bb_span_of(body.data, (size_t)size);
    return BB_OK;
}

bb_status bb_record_decode(bb_span *rest, bb_record *out, bb_record_fault *fault)
{
    static const uint8_t nothing[1];
    reading in = {.start = rest->data ? rest->data : nothing, .fault = fault};
    in.rest = bb_span_of(in.start, rest->len);
    bb_status status = read_head(&in);
    if (status != BB_OK)
        return status;
    const uint8_t *end = in.rest.data + in.rest.len;
    bb_record record;
    memset(&record, 0, sizeof record);
    record.kind = (bb_record_kind)in.kind;
    for (const uint8_t *id = kinds[in.kind].fields; *id && status == BB_OK; id++)
        status = read_field(&in, &fields[*id], &record);
    if (status == BB_OK && in.rest.len > 0)
        status = refuse(&in, "bytes behind the last field of the record", NULL);
    if (status == BB_OK)
        status = check(&in, &record);
    if (status != BB_OK)
        return status;
    *rest = bb_span_from(*rest, (size_t)(end - in.start));
    *out = record;
    return BB_OK;
}
