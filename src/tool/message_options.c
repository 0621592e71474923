#include "tool/message_options.h"

#include <stdio.h>
#include <stdlib.h>

#include <busbar/property.h>

#include "base/check.h"
#include "base/utf8.h"
#include "tool/say.h"

#define IN(member) BB_CLI_AT(bb_message_options, member)

// clang-format off
static const bb_cli_option rows[] = {
    {"qos", 'q', BB_CLI_NUMBER, IN(qos), BB_CLI_BETWEEN(0, 2), .value = "QOS", .initial = "0",
     .help = "0: send it; 1: until the broker has it; 2: and exactly once."},
    {"retain", 'r', BB_CLI_FLAG, IN(retain),
     .help = "The broker keeps the message and gives it to everyone who subscribes later."},
    {"expiry", 0, BB_CLI_NUMBER, IN(expiry_s), BB_CLI_BETWEEN(1, 4294967295), .value = "SECONDS",
     .help = "Worth nothing after this time: the broker throws it away. MQTT 5.0, as are all below."},
    {"content-type", 0, BB_CLI_TEXT, IN(content_type), .value = "TYPE",
     .help = "What the payload is, for instance application/json."},
    {"response-topic", 0, BB_CLI_TEXT, IN(response_topic), .value = "TOPIC",
     .help = "Where a response is expected."},
    {"correlation-data", 0, BB_CLI_TEXT, IN(correlation), .value = "TEXT",
     .help = "What a response brings back."},
    {"utf8", 0, BB_CLI_FLAG, IN(is_text),
     .help = "Say that the payload is text in UTF-8 (payload format indicator 1)."},
    {"user-property", 0, BB_CLI_WORDS, IN(user_properties), .value = "NAME=VALUE",
     .help = "A property of your own; may be repeated."},
};
// clang-format on

enum { OVERHEAD_MAX = 8, TEXT_BYTES_MAX = 65535 }; /* of one property beside its texts; of one text */

static size_t length(const char *text)
{
    return text ? strlen(text) + OVERHEAD_MAX : 0;
}

static size_t room_for(const bb_message_options *o)
{
    size_t sum = 3 * OVERHEAD_MAX + length(o->content_type) + length(o->response_topic) + length(o->correlation);
    for (size_t i = 0; i < o->user_properties.count; i++)
        sum += length(o->user_properties.at[i]);
    return sum;
}

static bool check_text(const char *name, bb_span text, bool utf8, char *error)
{
    if (text.len > TEXT_BYTES_MAX)
        snprintf(error, BB_CLI_ERROR_MAX, "--%s: %zu bytes, but MQTT allows 65535", name, text.len);
    else if (utf8 && !bb_utf8_well_formed(text))
        snprintf(error, BB_CLI_ERROR_MAX, "--%s: this is not UTF-8", name);
    else
        return true;
    return false;
}

static bool put_text(bb_property_writer *writer, uint8_t id, const char *name, const char *text, char *error)
{
    if (!text)
        return true;
    if (!check_text(name, bb_span_text(text), id != BB_CORRELATION_DATA, error))
        return false;
    bb_property_put_bytes(writer, id, bb_span_text(text));
    return true;
}

static bool put_user_property(bb_property_writer *writer, const char *text, char *error)
{
    char shown[BB_SAY_SHOWN_MAX];
    const char *equals = strchr(text, '=');
    if (!equals) {
        snprintf(error, BB_CLI_ERROR_MAX, "--user-property: found '%s', expected NAME=VALUE",
                 bb_say_shown(bb_span_text(text), shown));
        return false;
    }
    bb_span name = bb_span_of(text, (size_t)(equals - text)), value = bb_span_text(equals + 1);
    if (!check_text("user-property", name, true, error) || !check_text("user-property", value, true, error))
        return false;
    bb_property_put_pair(writer, name, value);
    return true;
}

static bool check_response_topic(const bb_message_options *o, char *error)
{
    if (!o->response_topic || (*o->response_topic && !strpbrk(o->response_topic, "+#")))
        return true;
    snprintf(error, BB_CLI_ERROR_MAX, "--response-topic: a topic is not empty and has no + and #");
    return false;
}

static bool finish(void *settings, const bool *given, char *error)
{
    bb_message_options *o = settings;
    size_t room = room_for(o);
    o->memory = malloc(room);
    if (!o->memory) {
        snprintf(error, BB_CLI_ERROR_MAX, "there is no memory");
        return false;
    }
    bb_property_writer writer = bb_property_writer_on(o->memory, room);
    if (o->is_text)
        bb_property_put_byte(&writer, BB_PAYLOAD_FORMAT, 1);
    if (o->expiry_s)
        bb_property_put_u32(&writer, BB_MESSAGE_EXPIRY_S, o->expiry_s);
    if (!check_response_topic(o, error) ||
        !put_text(&writer, BB_CONTENT_TYPE, "content-type", o->content_type, error) ||
        !put_text(&writer, BB_RESPONSE_TOPIC, "response-topic", o->response_topic, error) ||
        !put_text(&writer, BB_CORRELATION_DATA, "correlation-data", o->correlation, error))
        return false;
    for (size_t i = 0; i < o->user_properties.count; i++)
        if (!put_user_property(&writer, o->user_properties.at[i], error))
            return false;
    BB_CHECK(!writer.full);
    o->properties = bb_property_list(&writer);
    return true;
}

static void release(void *settings)
{
    bb_message_options *o = settings;
    free(o->memory);
    o->memory = NULL;
}

const bb_cli_group bb_message_group = {.title = "Message", BB_CLI_ROWS(rows), .finish = finish, .release = release};
