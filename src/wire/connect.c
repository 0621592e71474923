#include "wire/property_read.h"
#include "wire/wire.h"

/* The connect flags, 3.1.2.3. */
enum {
    RESERVED_FLAG = 0x01,
    CLEAN_START_FLAG = 0x02,
    WILL_FLAG = 0x04,
    WILL_QOS_SHIFT = 3,
    WILL_RETAIN_FLAG = 0x20,
    PASSWORD_FLAG = 0x40,
    USER_NAME_FLAG = 0x80,
};

enum { CLIENT_ID_LEN_MAX_31 = 23 };

/* Protocol name and level: is it MQTT, and which one? */
static bb_status decode_version(bb_cursor *in, bb_connect *out)
{
    bb_span name;
    uint8_t level;
    BB_TRY(bb_cursor_binary(in, &name));
    bool is_31 = bb_span_equal(name, BB_SPAN_LITERAL("MQIsdp"));
    if (!is_31 && !bb_span_equal(name, BB_SPAN_LITERAL("MQTT")))
        return bb_cursor_refuse(in, in->start, BB_E_NOT_MQTT, "MQTT-3.1.2-1");

    BB_TRY(bb_cursor_u8(in, &level));
    out->version = (bb_version)level;
    if (is_31 ? level != BB_MQTT_31 : level != BB_MQTT_311 && level != BB_MQTT_5)
        return bb_cursor_refuse(in, in->at - 1, BB_E_VERSION, "MQTT-3.1.2-2");
    return BB_OK;
}

static bb_status check_will_flags(const bb_cursor *in, const bb_connect *packet)
{
    const uint8_t *at = in->at - 1;
    if (packet->will.qos == 3)
        return bb_cursor_refuse(in, at, BB_E_MALFORMED, "MQTT-3.1.2-12");
    if (!packet->has_will && packet->will.qos != 0)
        return bb_cursor_refuse(in, at, BB_E_MALFORMED, "MQTT-3.1.2-11");
    if (!packet->has_will && packet->will.retain)
        return bb_cursor_refuse(in, at, BB_E_MALFORMED, "MQTT-3.1.2-13");
    return BB_OK;
}

static bb_status decode_flags(bb_cursor *in, bb_connect *out)
{
    uint8_t flags;
    BB_TRY(bb_cursor_u8(in, &flags));
    /* 3.1 leaves the lowest bit unused; later versions reserve it. */
    if ((flags & RESERVED_FLAG) && out->version != BB_MQTT_31)
        return bb_cursor_refuse(in, in->at - 1, BB_E_MALFORMED, "MQTT-3.1.2-3");
    out->clean_start = (flags & CLEAN_START_FLAG) != 0;
    out->has_will = (flags & WILL_FLAG) != 0;
    out->has_user_name = (flags & USER_NAME_FLAG) != 0;
    out->has_password = (flags & PASSWORD_FLAG) != 0;
    out->will.qos = flags >> WILL_QOS_SHIFT & 3;
    out->will.retain = (flags & WILL_RETAIN_FLAG) != 0;
    BB_TRY(check_will_flags(in, out));
    if (out->has_password && !out->has_user_name && out->version != BB_MQTT_5)
        return bb_cursor_refuse(in, in->at - 1, BB_E_MALFORMED, "MQTT-3.1.2-22 (3.1.1)");
    return BB_OK;
}

static bb_status decode_properties(bb_cursor *in, bb_connect *out)
{
    if (out->version != BB_MQTT_5) {
        bb_properties_clear(&out->properties);
        return BB_OK;
    }
    BB_TRY(bb_properties_read(in, BB_IN_CONNECT, &out->properties));
    uint32_t present = out->properties.present;
    if ((present & BB_HAS(auth_data)) && !(present & BB_HAS(auth_method)))
        return bb_cursor_refuse(in, in->at, BB_E_PROTOCOL, "3.1.2.11.10");
    return BB_OK;
}

static bb_status decode_client_id(bb_cursor *in, bb_connect *out)
{
    const uint8_t *at = in->at;
    BB_TRY(bb_cursor_text(in, &out->client_id));
    size_t len = out->client_id.len;
    if (out->version == BB_MQTT_31 && (len == 0 || len > CLIENT_ID_LEN_MAX_31))
        return bb_cursor_refuse(in, at, BB_E_CLIENT_ID, "3.1 (3.1)");
    if (out->version == BB_MQTT_311 && len == 0 && !out->clean_start)
        return bb_cursor_refuse(in, at, BB_E_CLIENT_ID, "MQTT-3.1.3-8 (3.1.1)");
    return BB_OK;
}

static bb_status decode_will(bb_cursor *in, bb_version version, bb_will *out)
{
    if (version == BB_MQTT_5)
        BB_TRY(bb_properties_read(in, BB_IN_WILL, &out->properties));
    else
        bb_properties_clear(&out->properties);
    BB_TRY(bb_cursor_topic(in, &out->topic));
    return bb_cursor_binary(in, &out->payload);
}

/* In 3.1 the remaining length counts for more than the flags: a user name or password that is announced may be missing.
 */
static bool is_missing_31(const bb_cursor *in, bb_version version)
{
    return version == BB_MQTT_31 && bb_cursor_left(in) == 0;
}

static bb_status decode_credentials(bb_cursor *in, bb_connect *out)
{
    out->user_name = BB_SPAN_NONE;
    out->password = BB_SPAN_NONE;
    out->has_user_name = out->has_user_name && !is_missing_31(in, out->version);
    if (out->has_user_name)
        BB_TRY(bb_cursor_text(in, &out->user_name));
    out->has_password = out->has_password && !is_missing_31(in, out->version);
    if (out->has_password)
        BB_TRY(bb_cursor_binary(in, &out->password));
    return BB_OK;
}

bb_status bb_connect_decode(bb_span body, bb_connect *out, bb_fault *fault)
{
    bb_cursor in = bb_cursor_on(body, 0, fault);
    out->version = (bb_version)0;

    BB_TRY(decode_version(&in, out));
    BB_TRY(decode_flags(&in, out));
    BB_TRY(bb_cursor_u16(&in, &out->keep_alive_s));
    BB_TRY(decode_properties(&in, out));
    BB_TRY(decode_client_id(&in, out));
    out->will.topic = BB_SPAN_NONE;
    out->will.payload = BB_SPAN_NONE;
    if (out->has_will)
        BB_TRY(decode_will(&in, out->version, &out->will));
    else
        bb_properties_clear(&out->will.properties);
    BB_TRY(decode_credentials(&in, out));
    return bb_cursor_finish(&in);
}

/* ---- Encoding. */

static unsigned connect_flags(const bb_connect_parts *parts)
{
    unsigned flags = parts->clean_start ? CLEAN_START_FLAG : 0;
    if (parts->will_topic.data)
        flags |= WILL_FLAG | (unsigned)parts->will_qos << WILL_QOS_SHIFT | (parts->will_retain ? WILL_RETAIN_FLAG : 0u);
    if (parts->user_name.data)
        flags |= USER_NAME_FLAG;
    return flags | (parts->password.data ? PASSWORD_FLAG : 0u);
}

static void add_list(bb_frame *frame, bb_version version, bb_span properties, bb_span more)
{
    if (version != BB_MQTT_5)
        return;
    bb_frame_varint(frame, properties.len + more.len);
    bb_frame_bytes(frame, properties);
    bb_frame_bytes(frame, more);
}

bool bb_connect_frame(bb_frame *out, const bb_connect_parts *parts)
{
    BB_CHECK(parts->version != BB_MQTT_31 && parts->will_qos <= 2);
    bb_frame_begin(out);
    bb_frame_binary(out, BB_SPAN_LITERAL("MQTT"));
    bb_frame_number(out, (uint32_t)parts->version << 8 | connect_flags(parts), 2);
    bb_frame_number(out, parts->keep_alive_s, 2);
    add_list(out, parts->version, parts->properties, parts->more_properties);
    bb_frame_binary(out, parts->client_id);
    if (parts->will_topic.data) {
        add_list(out, parts->version, parts->will_properties, BB_SPAN_NONE);
        bb_frame_binary(out, parts->will_topic);
        bb_frame_binary(out, parts->will_payload);
    }
    if (parts->user_name.data)
        bb_frame_binary(out, parts->user_name);
    if (parts->password.data)
        bb_frame_binary(out, parts->password);
    return bb_frame_end(out, BB_CONNECT << 4, 0);
}

size_t bb_connect_encode(uint8_t *out, size_t cap, const bb_connect_parts *parts)
{
    bb_frame frame;
    if (!bb_connect_frame(&frame, parts) || frame.size > cap)
        return 0;
    bb_frame_copy(&frame, out);
    return frame.size;
}
