/* message_json.c - written by hand and not through a JSON library: user properties may repeat a name, and each must be
 * there; and a payload that is JSON must keep its numbers digit by digit. The library says whether it is JSON. */
#include "tool/message_json.h"

#include <jansson.h>

#include <busbar/property.h>

#include "base/utf8.h"

/* An object that is being printed. */
typedef struct object {
    FILE *to;
    bool pretty, begun;
    unsigned depth;
} object;

void bb_json_text(FILE *to, bb_span text)
{
    static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    putc('"', to);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        const char *special = byte ? strchr(letters, byte) : NULL;
        if (special)
            fprintf(to, "\\%c", escapes[special - letters]);
        else if (byte < 0x20)
            fprintf(to, "\\u%04x", byte);
        else
            putc(byte, to);
    }
    putc('"', to);
}

/* --- members */

static void new_line(const object *o)
{
    putc('\n', o->to);
    for (unsigned i = 0; i < o->depth; i++)
        putc('\t', o->to);
}

static void put_name(object *o, bb_span name)
{
    if (o->begun)
        putc(',', o->to);
    o->begun = true;
    if (o->pretty)
        new_line(o);
    bb_json_text(o->to, name);
    fputs(o->pretty ? ":\t" : ":", o->to);
}

static object begin(FILE *to, bool pretty, unsigned depth)
{
    putc('{', to);
    return (object){.to = to, .pretty = pretty, .depth = depth};
}

static void end(object *o)
{
    o->depth--;
    if (o->pretty)
        new_line(o);
    putc('}', o->to);
}

static void put_text(object *o, const char *name, bb_span value)
{
    put_name(o, bb_span_text(name));
    bb_json_text(o->to, value);
}

static void put_number(object *o, const char *name, uint64_t value)
{
    put_name(o, bb_span_text(name));
    fprintf(o->to, "%llu", (unsigned long long)value);
}

/* --- properties */

static const struct {
    uint8_t id;
    const char *name;
    enum { NUMBER, TEXT } kind;
} properties[] = {
    {BB_CONTENT_TYPE, "content-type", TEXT},
    {BB_RESPONSE_TOPIC, "response-topic", TEXT},
    {BB_CORRELATION_DATA, "correlation-data", TEXT},
    {BB_TOPIC_ALIAS, "topic-alias", NUMBER},
    {BB_PAYLOAD_FORMAT, "payload-format-indicator", NUMBER},
    {BB_MESSAGE_EXPIRY_S, "message-expiry-interval", NUMBER},
    {BB_SUBSCRIPTION_ID, "subscription-identifier", NUMBER},
};

static void put_base64(object *o, const char *name, bb_span value)
{
    put_name(o, bb_span_text(name));
    putc('"', o->to);
    bb_base64_print(o->to, value);
    putc('"', o->to);
}

/* Bytes as text where they are text. */
static void put_bytes(object *o, const char *name, const char *name_base64, bb_span value)
{
    if (bb_utf8_well_formed(value))
        put_text(o, name, value);
    else
        put_base64(o, name_base64, value);
}

static void put_user_properties(object *o, bb_span list)
{
    bb_property property;
    if (!bb_property_find(list, BB_USER_PROPERTY, &property))
        return;
    put_name(o, BB_SPAN_LITERAL("user-properties"));
    object pairs = begin(o->to, o->pretty, o->depth + 1);
    while (bb_property_next(&list, &property))
        if (property.id == BB_USER_PROPERTY) {
            put_name(&pairs, property.name);
            bb_json_text(o->to, property.value);
        }
    end(&pairs);
}

static void put_property(object *o, const bb_property *property)
{
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        if (properties[i].id != property->id)
            continue;
        if (properties[i].kind == NUMBER)
            put_number(o, properties[i].name, property->number);
        else
            put_bytes(o, properties[i].name, "correlation-data-base64", property->value);
    }
}

static void put_properties(object *o, bb_span list)
{
    bb_span rest = list;
    bb_property property;
    bool users_done = false;
    put_name(o, BB_SPAN_LITERAL("properties"));
    object inner = begin(o->to, o->pretty, o->depth + 1);
    while (bb_property_next(&rest, &property)) {
        if (property.id != BB_USER_PROPERTY) {
            put_property(&inner, &property);
        } else if (!users_done) {
            put_user_properties(&inner, list);
            users_done = true;
        }
    }
    end(&inner);
}

/* --- payload */

static bool is_json(bb_span payload)
{
    json_error_t error;
    json_t *value = json_loadb((const char *)payload.data, payload.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool valid = value != NULL;
    json_decref(value);
    return valid;
}

/* Valid JSON without the white space between its parts: one message stays one line. */
static void put_minified(FILE *to, bb_span json)
{
    bool in_text = false, escaped = false;
    for (size_t i = 0; i < json.len; i++) {
        uint8_t byte = json.data[i];
        if (!in_text && byte && strchr(" \t\r\n", byte))
            continue;
        if (byte == '"' && !escaped)
            in_text = !in_text;
        escaped = in_text && byte == '\\' && !escaped;
        putc(byte, to);
    }
}

static void put_payload(object *o, const bb_received *message, bb_json_payload payload)
{
    if (message->payload.len == 0) {
        put_name(o, BB_SPAN_LITERAL("payload"));
        fputs("null", o->to);
    } else if (payload == BB_JSON_EMBEDDED) {
        put_name(o, BB_SPAN_LITERAL("payload"));
        put_minified(o->to, message->payload);
    } else {
        put_bytes(o, "payload", "payload_base64", message->payload);
    }
}

static void put_time(object *o, const struct timespec *at)
{
    char text[80], zone[16];
    struct tm local;
    localtime_r(&at->tv_sec, &local);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof zone, "%z", &local);
    len += (size_t)snprintf(text + len, sizeof text - len, ".%06ldZ%s", at->tv_nsec / 1000, zone);
    put_text(o, "tst", bb_span_of(text, len));
}

bool bb_message_json(FILE *to, const bb_received *message, bb_json_payload payload, bool pretty)
{
    if (payload == BB_JSON_EMBEDDED && message->payload.len && !is_json(message->payload))
        return false;
    object o = begin(to, pretty, 1);
    put_time(&o, &message->at);
    put_text(&o, "topic", message->topic);
    put_number(&o, "qos", message->qos);
    put_number(&o, "retain", message->retain);
    put_number(&o, "payloadlen", message->payload.len);
    if (message->qos > 0)
        put_number(&o, "mid", message->packet_id);
    if (message->properties.len)
        put_properties(&o, message->properties);
    put_payload(&o, message, payload);
    end(&o);
    return true;
}
