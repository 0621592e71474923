#include "server/config_diagnose.h"

/* A line of the file, without its end; the first is number 1. */
static bb_span line_of_text(bb_span text, uint32_t line)
{
    while (line > 1 && text.len) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        text = end ? bb_span_from(text, (size_t)(end - text.data) + 1) : BB_SPAN_NONE;
        line--;
    }
    const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    return end ? bb_span_of(text.data, (size_t)(end - text.data)) : text;
}

static bb_span without_spaces_in_front(bb_span text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bb_span_from(text, 1);
    return text;
}

static bool starts_with(bb_span text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && memcmp(text.data, word, len) == 0;
}

static bool is_indented_by_tab(bb_span line)
{
    size_t indent = line.len - without_spaces_in_front(line).len;
    return indent && memchr(line.data, '\t', indent);
}

/* What people who come from mosquitto write, and how it is called here. */
static const struct {
    const char *theirs, *ours;
} mosquitto_words[] = {
    {"listener", "listeners"},
    {"port", "listeners"},
    {"bind_address", "listeners"},
    {"allow_anonymous", "anonymous"},
    {"max_connections", "limits.connections"},
    {"max_packet_size", "limits.packet_size"},
    {"message_size_limit", "limits.payload"},
    {"max_inflight_messages", "limits.inflight"},
    {"max_queued_messages", "limits.queued_messages"},
    {"max_queued_bytes", "limits.queued_bytes"},
    {"max_keepalive", "limits.keep_alive"},
    {"max_topic_alias", "limits.topic_aliases"},
    {"memory_limit", "limits.memory"},
    {"persistent_client_expiration", "limits.session_expiry"},
    {"queue_qos0_messages", "limits.queue_qos0"},
    {"retain_available", "features.retain"},
    {"max_qos", "features.maximum_qos"},
    {"log_dest", "log.file"},
    {"log_type", "log.level"},
    {"sys_interval", "sys.interval"},
    {"persistence", NULL},
    {"persistence_location", NULL},
    {"password_file", NULL},
    {"acl_file", NULL},
    {"per_listener_settings", NULL},
    {"pid_file", NULL},
    {"include_dir", NULL},
    {"user", NULL},
    {"protocol", NULL},
};
enum { MOSQUITTO_WORDS = sizeof mosquitto_words / sizeof mosquitto_words[0] };

static bool is_mosquitto_line(bb_span line)
{
    for (size_t i = 0; i < MOSQUITTO_WORDS; i++) {
        size_t len = strlen(mosquitto_words[i].theirs);
        if (starts_with(line, mosquitto_words[i].theirs) && line.len > len && line.data[len] == ' ')
            return true;
    }
    return false;
}

static bool looks_like_mosquitto(bb_span text)
{
    while (text.len) {
        bb_span line = line_of_text(text, 1);
        if (is_mosquitto_line(line))
            return true;
        text = line.len < text.len ? bb_span_from(text, line.len + 1) : BB_SPAN_NONE;
    }
    return false;
}

static const char mosquitto_text[] = "this looks like a mosquitto.conf, but busbard reads YAML, for instance "
                                     "'listeners: [0.0.0.0:1883]' for 'listener 1883'; "
                                     "`busbard --help-config` describes all keys";

const char *bb_config_diagnose_format(bb_span text)
{
    return looks_like_mosquitto(text) ? mosquitto_text : NULL;
}

const char *bb_config_diagnose_line(bb_span text, uint32_t number)
{
    bb_span line = line_of_text(text, number);
    bb_span content = without_spaces_in_front(line);
    if (is_indented_by_tab(line))
        return "a tab indents this line; YAML allows only spaces there";
    if (starts_with(content, "- [") && memchr(content.data, ':', content.len))
        return "this is not valid YAML; an address with brackets needs quotes: \"[::1]:1883\"";
    return NULL;
}

const char *bb_config_mosquitto_key(bb_span theirs)
{
    for (size_t i = 0; i < MOSQUITTO_WORDS; i++)
        if (bb_span_equal(theirs, bb_span_text(mosquitto_words[i].theirs)))
            return mosquitto_words[i].ours;
    return NULL;
}

const char *bb_config_explain_yaml(const char *problem)
{
    static const struct {
        const char *problem, *explanation;
    } known[] = {
        {"did not find expected key", "; is the line indented exactly like its neighbours?"},
        {"mapping values are not allowed in this context", "; is the line above complete, and this one not indented "
                                                           "too far?"},
        {"could not find expected ':'", "; every key needs a colon and a space after it"},
        {"found character that cannot start any token", "; a text that starts with this character needs quotes"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(problem, known[i].problem) == 0)
            return known[i].explanation;
    return "";
}
