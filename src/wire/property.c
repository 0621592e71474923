#include "wire/property.h"

#include "wire/property_read.h"
#include "wire/put.h"
#include "wire/wire.h"

enum type { BOOL, U16, U32, VARINT, TEXT, BINARY, PAIR };

typedef struct row {
    uint32_t allowed; /* bits BB_IN_* */
    uint16_t field;   /* offset in bb_properties */
    uint8_t type;
    bool zero_allowed;
} row;

static const row rows[bb_property_count] = {
#define X(id, name, type, allowed, zero) {allowed, offsetof(bb_properties, name), type, zero},
    BB_PROPERTY_MAP(X)
#undef X
};

enum { NO_ROW = 0xFF, ID_MAX = 0x2A };

/* From identifier to row: one more than its number, so that identifiers that do not exist are 0. */
static const uint8_t row_of_id[ID_MAX + 1] = {
#define X(id, name, type, allowed, zero) [id] = bb_property_index_##name + 1,
    BB_PROPERTY_MAP(X)
#undef X
};

static_assert(bb_property_count <= 32, "bb_properties.present has one bit for each property");

static uint8_t find_row(uint8_t id)
{
    return id <= ID_MAX && row_of_id[id] != 0 ? (uint8_t)(row_of_id[id] - 1) : NO_ROW;
}

static bool may_repeat(unsigned index, uint32_t where)
{
    return index == bb_property_index_user_property ||
           (index == bb_property_index_subscription_id && where == BB_IN_PUBLISH);
}

/* ---- Values. */

static bb_status read_number(bb_cursor *in, uint8_t type, uint32_t *out)
{
    uint8_t byte;
    uint16_t word;
    switch (type) {
    case BOOL:
        BB_TRY(bb_cursor_u8(in, &byte));
        *out = byte;
        return BB_OK;
    case U16:
        BB_TRY(bb_cursor_u16(in, &word));
        *out = word;
        return BB_OK;
    case U32:
        return bb_cursor_u32(in, out);
    default:
        return bb_cursor_varint(in, out);
    }
}

static void store_number(uint8_t type, uint32_t number, void *field)
{
    switch (type) {
    case BOOL:
        *(uint8_t *)field = (uint8_t)number;
        break;
    case U16:
        *(uint16_t *)field = (uint16_t)number;
        break;
    default:
        *(uint32_t *)field = number;
    }
}

static bb_status decode_number(bb_cursor *in, const row *property, void *field)
{
    const uint8_t *at = in->at;
    uint32_t number;
    BB_TRY(read_number(in, property->type, &number));
    if ((property->type == BOOL && number > 1) || (number == 0 && !property->zero_allowed))
        return bb_cursor_refuse(in, at, BB_E_PROTOCOL, "2.2.2.2");
    store_number(property->type, number, field);
    return BB_OK;
}

static bb_status decode_value(bb_cursor *in, const row *property, void *field, bool seen)
{
    bb_span name, value;
    switch (property->type) {
    case TEXT:
        return bb_cursor_text(in, field);
    case BINARY:
        return bb_cursor_binary(in, field);
    case PAIR:
        BB_TRY(bb_cursor_text(in, &name));
        BB_TRY(bb_cursor_text(in, &value));
        *(uint32_t *)field = seen ? *(uint32_t *)field + 1 : 1;
        return BB_OK;
    default:
        return decode_number(in, property, field);
    }
}

/* ---- The list. */

static bb_status decode_property(bb_cursor *in, uint32_t where, bb_properties *out)
{
    const uint8_t *at = in->at;
    uint8_t id;
    BB_TRY(bb_cursor_u8(in, &id));
    unsigned index = find_row(id);
    if (index == NO_ROW)
        return bb_cursor_refuse(in, at, BB_E_MALFORMED, "2.2.2.2");

    const row *property = &rows[index];
    bool seen = (out->present >> index & 1) != 0;
    if (!(property->allowed & where) || (seen && !may_repeat(index, where)))
        return bb_cursor_refuse(in, at, BB_E_PROTOCOL, "2.2.2.2");

    BB_TRY(decode_value(in, property, (uint8_t *)out + property->field, seen));
    out->present |= 1u << index;
    if (index == bb_property_index_message_expiry_s)
        out->expiry_at = (uint32_t)(at + 1 - out->raw.data);
    if (index == bb_property_index_topic_alias)
        out->alias_at = (uint32_t)(at - out->raw.data);
    if (index == bb_property_index_will_delay_s)
        out->delay_at = (uint32_t)(at - out->raw.data);
    return BB_OK;
}

/* What a single property cannot tell: response topics are topic names. */
static bb_status check_response_topic(const bb_cursor *in, const bb_properties *list)
{
    if (!(list->present & BB_HAS(response_topic)))
        return BB_OK;
    bb_span topic = list->response_topic;
    if (topic.len == 0)
        return bb_cursor_refuse(in, topic.data, BB_E_PROTOCOL, "MQTT-4.7.3-1");
    if (bb_has_wildcard(topic))
        return bb_cursor_refuse(in, topic.data, BB_E_PROTOCOL, "MQTT-3.3.2-14");
    return BB_OK;
}

bb_status bb_properties_read_list(bb_cursor *in, uint32_t where, bb_properties *out)
{
    uint32_t len;
    BB_TRY(bb_cursor_varint(in, &len));
    bb_properties_clear(out);
    BB_TRY(bb_cursor_bytes(in, len, &out->raw));

    bb_cursor list = {in->start, out->raw.data, in->at, 0, in->fault};
    while (list.at < list.end)
        BB_TRY(decode_property(&list, where, out));
    return check_response_topic(&list, out);
}

bb_status bb_properties_decode(bb_span in, uint32_t where, bb_properties *out, size_t *used, bb_fault *fault)
{
    bb_cursor cursor = bb_cursor_on(in, BB_PROPERTIES_LEN_MAX, fault);
    BB_TRY(bb_properties_read(&cursor, where, out));
    *used = bb_cursor_offset(&cursor);
    return BB_OK;
}

/* ---- Going through an encoded list. */

unsigned bb_property_index(uint8_t id)
{
    unsigned index = find_row(id);
    BB_CHECK(index != NO_ROW); /* the list was decoded before */
    return index;
}

bool bb_property_next(bb_span *list, bb_property *out)
{
    if (list->len == 0)
        return false;
    bb_cursor in = bb_cursor_on(*list, 0, NULL);
    bb_property property = {.id = in.at[0]};
    unsigned type = rows[bb_property_index(property.id)].type;
    in.at++;

    bb_status status;
    switch (type) {
    case PAIR:
        status = bb_cursor_binary(&in, &property.name);
        if (status == BB_OK)
            status = bb_cursor_binary(&in, &property.value);
        break;
    case TEXT:
    case BINARY:
        status = bb_cursor_binary(&in, &property.value);
        break;
    default:
        status = read_number(&in, (uint8_t)type, &property.number);
    }
    BB_CHECK(status == BB_OK);

    property.encoded = bb_span_of(list->data, bb_cursor_offset(&in));
    *list = bb_span_from(*list, property.encoded.len);
    *out = property;
    return true;
}

bool bb_property_find(bb_span list, uint8_t id, bb_property *out)
{
    bb_property property;
    while (bb_property_next(&list, &property)) {
        if (property.id == id) {
            *out = property;
            return true;
        }
    }
    return false;
}

size_t bb_properties_copy(bb_span list, uint32_t without, uint8_t *out)
{
    uint8_t *at = out;
    bb_property property;
    while (bb_property_next(&list, &property)) {
        if (!(without >> bb_property_index(property.id) & 1))
            at = bb_put_bytes(at, property.encoded);
    }
    return (size_t)(at - out);
}

/* ---- Writing. */

/* Take `size` bytes from the buffer and write the identifier; NULL when they are not there. */
static uint8_t *claim(bb_property_writer *writer, uint8_t id, size_t size)
{
    if (size > writer->cap - writer->len) {
        writer->full = true;
        return NULL;
    }
    uint8_t *at = writer->at + writer->len;
    writer->len += size;
    return bb_put_u8(at, id);
}

void bb_property_put_byte(bb_property_writer *writer, uint8_t id, uint8_t value)
{
    uint8_t *at = claim(writer, id, 2);
    if (at)
        bb_put_u8(at, value);
}

void bb_property_put_u16(bb_property_writer *writer, uint8_t id, uint16_t value)
{
    uint8_t *at = claim(writer, id, 3);
    if (at)
        bb_put_u16(at, value);
}

void bb_property_put_u32(bb_property_writer *writer, uint8_t id, uint32_t value)
{
    uint8_t *at = claim(writer, id, 5);
    if (at)
        bb_put_u32(at, value);
}

void bb_property_put_varint(bb_property_writer *writer, uint8_t id, uint32_t value)
{
    uint8_t *at = claim(writer, id, 1 + bb_varint_size(value));
    if (at)
        bb_put_varint(at, value);
}

void bb_property_put_bytes(bb_property_writer *writer, uint8_t id, bb_span value)
{
    BB_CHECK(value.len <= UINT16_MAX);
    uint8_t *at = claim(writer, id, 3 + value.len);
    if (at)
        bb_put_binary(at, value);
}

void bb_property_put_pair(bb_property_writer *writer, bb_span name, bb_span value)
{
    BB_CHECK(name.len <= UINT16_MAX && value.len <= UINT16_MAX);
    uint8_t *at = claim(writer, BB_USER_PROPERTY, 5 + name.len + value.len);
    if (at)
        bb_put_binary(bb_put_binary(at, name), value);
}
