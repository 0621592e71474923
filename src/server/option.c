#include "server/option.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* --- the table */

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define MINUTE UINT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define IN(member) .offset = offsetof(bb_settings, member), .width = sizeof(((bb_settings *)NULL)->member)
#define IN_LISTENER(member) \
    .offset = offsetof(bb_listener_settings, member), .width = sizeof(((bb_listener_settings *)NULL)->member)
#define BETWEEN(low, high) .min = (low), .max = (high)
#define OR(special, value) .word = (special), .word_value = (value)
#define ONE_OF(...)                  \
    .choices = (const char *const[]) \
    {                                \
        __VA_ARGS__, NULL            \
    }

enum { NOW = true, RESTART = false }; /* when a changed value takes effect */

// clang-format off
const bb_option bb_options[] = {
    {"", "listeners", BB_OPTION_LISTENERS, RESTART, IN(listeners),
     .help = "Where to accept connections. Without this key, on this machine only."},
    {"", "workers", BB_OPTION_NUMBER, RESTART, IN(workers), BETWEEN(1, BB_WORKERS_MAX), OR("auto", 0),
     .help = "Threads that serve clients; `auto`: as many as there are cores for the process."},
    {"", "io_uring", BB_OPTION_CHOICE, RESTART, IN(io_uring), ONE_OF("auto", "on", "off"),
     .help = "Send in batches through io_uring; `auto`: where the kernel allows it, `on`: do not start without it."},
    {"", "anonymous", BB_OPTION_YES_NO, NOW, IN(anonymous),
     .help = "Clients may connect without a user name."},
    {"", "shutdown_timeout", BB_OPTION_TIME_S, NOW, IN(shutdown_timeout_s), BETWEEN(0, HOUR),
     .help = "How long clients have to take leave when the broker stops."},

    {"limits", "connections", BB_OPTION_NUMBER, NOW, IN(limits.connections_max), BETWEEN(1, 10000000),
     .help = "Connections at the same time."},
    {"limits", "sessions", BB_OPTION_NUMBER, NOW, IN(limits.sessions_max), BETWEEN(1, 100000000),
     .help = "Sessions, of connected clients and of those that are away."},
    {"limits", "memory", BB_OPTION_SIZE, NOW, IN(limits.memory_bytes_max), BETWEEN(16 * MIB, 64 * TIB), OR("auto", 0),
     .help = "Memory for sessions and messages; publishers are slowed near it. `auto`: three quarters of what the "
             "process may use."},
    {"limits", "retained_messages", BB_OPTION_NUMBER, NOW, IN(limits.retained_messages_max), BETWEEN(0, UINT32_MAX),
     .help = "Retained messages."},
    {"limits", "retained_bytes", BB_OPTION_SIZE, NOW, IN(limits.retained_bytes_max), BETWEEN(0, 64 * TIB),
     .help = "Topics, properties and payloads of retained messages together."},
    {"limits", "packet_size", BB_OPTION_SIZE, NOW, IN(limits.packet_bytes_max), BETWEEN(128, 268435460),
     .help = "One packet from a client, header included; told to MQTT 5.0 clients."},
    {"limits", "payload", BB_OPTION_SIZE, NOW, IN(limits.payload_bytes_max), BETWEEN(0, 268435455),
     .help = "The payload of one message."},
    {"limits", "topic_length", BB_OPTION_SIZE, NOW, IN(limits.topic_bytes_max), BETWEEN(1, 65535),
     .help = "A topic name or filter."},
    {"limits", "topic_levels", BB_OPTION_NUMBER, NOW, IN(limits.topic_levels_max), BETWEEN(1, 65536),
     .help = "Levels of a topic name or filter."},
    {"limits", "connect_timeout", BB_OPTION_TIME_S, NOW, IN(limits.connect_timeout_s), BETWEEN(1, HOUR),
     .help = "From the start of a connection to the end of its CONNECT packet."},
    {"limits", "keep_alive", BB_OPTION_TIME_S, NOW, IN(limits.keep_alive_max_s), BETWEEN(1, 65535), OR("unlimited", 0),
     .help = "The longest keep alive; a client that asks for more, or for none, is given this one."},
    {"limits", "receive_maximum", BB_OPTION_NUMBER, NOW, IN(limits.receive_maximum), BETWEEN(1, 65535),
     .help = "Unacknowledged QoS 1 and 2 messages from one client."},
    {"limits", "topic_aliases", BB_OPTION_NUMBER, NOW, IN(limits.topic_alias_maximum), BETWEEN(0, 65535),
     .help = "Topic aliases that one client may set."},
    {"limits", "topic_aliases_out", BB_OPTION_NUMBER, NOW, IN(limits.topic_alias_maximum_out), BETWEEN(0, 65535),
     .help = "Topic aliases that the broker sets towards one client, if the client allows as many."},
    {"limits", "output_buffer", BB_OPTION_SIZE, NOW, IN(limits.output_bytes_max), BETWEEN(4 * KIB, GIB),
     .help = "Bytes on their way to one client before messages wait in its queue."},
    {"limits", "session_expiry", BB_OPTION_TIME_S, NOW, IN(limits.session_expiry_max_s), BETWEEN(0, 36500 * DAY),
     OR("never", UINT32_MAX), .help = "How long a session outlives its connection at most."},
    {"limits", "subscriptions_per_session", BB_OPTION_NUMBER, NOW, IN(limits.subscriptions_max),
     BETWEEN(1, UINT32_MAX), .help = "Subscriptions of one session."},
    {"limits", "inflight", BB_OPTION_NUMBER, NOW, IN(limits.inflight_max), BETWEEN(1, 65535),
     .help = "Unacknowledged QoS 1 and 2 messages to one client, if the client allows as many."},
    {"limits", "queued_messages", BB_OPTION_NUMBER, NOW, IN(limits.queue_messages_max), BETWEEN(1, UINT32_MAX),
     .help = "Messages that wait for one session."},
    {"limits", "queued_bytes", BB_OPTION_SIZE, NOW, IN(limits.queue_bytes_max), BETWEEN(KIB, 64 * TIB),
     .help = "Bytes of the messages that wait for one session."},
    {"limits", "queue_qos0", BB_OPTION_YES_NO, NOW, IN(limits.queue_qos0_offline),
     .help = "Keep QoS 0 messages too for a session whose client is away."},

    {"features", "retain", BB_OPTION_YES_NO, NOW, IN(limits.retain_available),
     .help = "Retained messages."},
    {"features", "wildcard", BB_OPTION_YES_NO, NOW, IN(limits.wildcard_available),
     .help = "Subscriptions with `+` and `#`."},
    {"features", "shared", BB_OPTION_YES_NO, NOW, IN(limits.shared_available),
     .help = "Shared subscriptions: `$share/group/filter`."},
    {"features", "subscription_identifiers", BB_OPTION_YES_NO, NOW, IN(limits.subscription_id_available),
     .help = "Subscription identifiers."},
    {"features", "maximum_qos", BB_OPTION_NUMBER, NOW, IN(limits.qos_max), BETWEEN(0, 2),
     .help = "The highest QoS of messages from clients."},
    {"features", "shared_strategy", BB_OPTION_CHOICE, NOW, IN(limits.shared_strategy),
     ONE_OF("round_robin", "sticky", "hash"),
     .help = "Who of a shared subscription gets a message: the next in turn, the same one while it can, or by "
             "publisher."},

    {"tcp", "keep_alive_idle", BB_OPTION_TIME_S, NOW, IN(tcp.keep_idle_s), BETWEEN(1, 32767), OR("off", 0),
     .help = "Silence on a connection before the system probes whether the other end still lives."},
    {"tcp", "keep_alive_interval", BB_OPTION_TIME_S, NOW, IN(tcp.keep_interval_s), BETWEEN(1, 32767),
     .help = "Time between two probes."},
    {"tcp", "keep_alive_count", BB_OPTION_NUMBER, NOW, IN(tcp.keep_count), BETWEEN(1, 127),
     .help = "Unanswered probes before the connection is given up."},
    {"tcp", "user_timeout", BB_OPTION_TIME_MS, NOW, IN(tcp.user_timeout_ms), BETWEEN(1000, 86400000), OR("off", 0),
     .help = "Sent data may stay unacknowledged by the other end's system for so long; `off`: as the system does it."},

    {"log", "level", BB_OPTION_CHOICE, NOW, IN(log.level), ONE_OF("error", "warning", "info", "debug"),
     .help = "Events of this level and those before it in the list are written."},
    {"log", "format", BB_OPTION_CHOICE, NOW, IN(log.format), ONE_OF("text", "json"),
     .help = "`key=value` pairs, or one JSON object a line."},
    {"log", "file", BB_OPTION_PATH, NOW, IN(log.file), OR("stderr", 0),
     .help = "A file to append to; opened anew at SIGHUP. `stderr`: standard error."},
    {"log", "rate", BB_OPTION_NUMBER, NOW, IN(log.rate_max), BETWEEN(1, 1000000), OR("unlimited", 0),
     .help = "Lines a second for each event that clients can cause as often as they like; the rest is counted."},

    {"sys", "interval", BB_OPTION_TIME_S, NOW, IN(sys_interval_s), BETWEEN(1, DAY), OR("off", 0),
     .help = "Time between two updates of `$SYS/broker/...`; `off`: there is no `$SYS`."},
};

const bb_option bb_listener_options[] = {
    {"listeners", "address", BB_OPTION_ADDRESS, RESTART, IN_LISTENER(address),
     .help = "A numeric address; `0.0.0.0` and `::` for all addresses of the machine."},
    {"listeners", "port", BB_OPTION_NUMBER, RESTART, IN_LISTENER(port), BETWEEN(0, 65535),
     .help = "TCP port; 0: any free one, which the log then names."},
    {"listeners", "optional", BB_OPTION_YES_NO, RESTART, IN_LISTENER(optional),
     .help = "Start even where this address cannot be opened."},
};

const bb_option_section bb_option_sections[] = {
    {"limits", "What one broker, client, session and packet may take. Who asks for more is refused with a reason."},
    {"features", "What is offered to clients. MQTT 5.0 clients are told what is switched off."},
    {"tcp", "How connections whose other end has vanished are found."},
    {"log", "Where events are written, and how."},
    {"sys", "Figures about the broker itself, as topics."},
};
// clang-format on

const size_t bb_option_count = sizeof bb_options / sizeof bb_options[0];
const size_t bb_listener_option_count = sizeof bb_listener_options / sizeof bb_listener_options[0];
const size_t bb_option_section_count = sizeof bb_option_sections / sizeof bb_option_sections[0];

const bb_option *bb_option_find(const char *section, bb_span name)
{
    for (size_t i = 0; i < bb_option_count; i++)
        if (strcmp(bb_options[i].section, section) == 0 && bb_span_equal(bb_span_text(bb_options[i].name), name))
            return &bb_options[i];
    return NULL;
}

/* --- units */

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

/* The name that we write ourselves comes first among those of a factor, and small factors before large. Capitals do not
 * count. A KB is 1024 bytes, as memory is counted. */
// clang-format off
static const unit sizes[] = {
    {"bytes", 1}, {"byte", 1}, {"B", 1},
    {"KB", KIB}, {"KiB", KIB}, {"K", KIB},
    {"MB", MIB}, {"MiB", MIB}, {"M", MIB},
    {"GB", GIB}, {"GiB", GIB}, {"G", GIB},
    {"TB", TIB}, {"TiB", TIB}, {"T", TIB},
};
static const unit times[] = {
    {"ms", 1},
    {"s", 1000}, {"sec", 1000}, {"second", 1000}, {"seconds", 1000},
    {"min", MINUTE * 1000}, {"minute", MINUTE * 1000}, {"minutes", MINUTE * 1000},
    {"h", HOUR * 1000}, {"hour", HOUR * 1000}, {"hours", HOUR * 1000},
    {"days", DAY * 1000}, {"day", DAY * 1000}, {"d", DAY * 1000},
};
// clang-format on
enum { SIZE_UNITS = sizeof sizes / sizeof sizes[0], TIME_UNITS = sizeof times / sizeof times[0] };

static bool is_word(bb_span text, const char *word)
{
    return word && text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

/* Digits at the front of `text`; returns how many there are, 0 also when the number does not fit. */
static size_t parse_digits(bb_span text, uint64_t *out)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number))
            return 0;
    *out = number;
    return i;
}

static bool parse_number(bb_span text, uint64_t *out)
{
    return text.len > 0 && parse_digits(text, out) == text.len;
}

/* A number and a unit, with or without a space between; `bare` is the factor of a number alone. */
static bool parse_quantity(bb_span text, const unit *units, size_t count, uint64_t bare, uint64_t *out)
{
    uint64_t number;
    size_t digits = parse_digits(text, &number);
    if (digits == 0)
        return false;
    bb_span rest = bb_span_from(text, digits);
    while (rest.len && rest.data[0] == ' ')
        rest = bb_span_from(rest, 1);
    if (rest.len == 0)
        return !__builtin_mul_overflow(number, bare, out);
    for (size_t i = 0; i < count; i++)
        if (is_word(rest, units[i].name))
            return !__builtin_mul_overflow(number, units[i].factor, out);
    return false;
}

/* --- text with an end */

typedef struct buffer {
    char *at;
    size_t len, cap;
} buffer;

__attribute__((format(printf, 2, 3))) static void add(buffer *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(out->at + out->len, out->cap - out->len, format, arguments);
    va_end(arguments);
    out->len += len > 0 ? (size_t)len : 0;
    if (out->len >= out->cap) {
        out->len = out->cap - 1;
        if (out->cap > sizeof "...")
            memcpy(out->at + out->cap - sizeof "...", "...", sizeof "...");
    }
}

/* "days", but "1 day"; units of one or two letters have no plural. */
static size_t name_length(const char *name, uint64_t number)
{
    size_t len = strlen(name);
    return number == 1 && len > 2 && name[len - 1] == 's' ? len - 1 : len;
}

/* In the largest unit that divides `amount`. */
static void add_quantity(buffer *out, uint64_t amount, const unit *units, size_t count)
{
    const unit *best = &units[0];
    for (size_t i = 1; i < count; i++)
        if (units[i].factor > best->factor && amount && amount % units[i].factor == 0)
            best = &units[i];
    uint64_t number = amount / best->factor;
    add(out, "%llu %.*s", (unsigned long long)number, (int)name_length(best->name, number), best->name);
}

static void add_amount(buffer *out, const bb_option *option, uint64_t amount)
{
    switch (option->type) {
    case BB_OPTION_SIZE:
        add_quantity(out, amount, sizes, SIZE_UNITS);
        return;
    case BB_OPTION_TIME_S:
        add_quantity(out, amount * 1000, times + 1, TIME_UNITS - 1);
        return;
    case BB_OPTION_TIME_MS:
        add_quantity(out, amount, times, TIME_UNITS);
        return;
    default:
        add(out, "%llu", (unsigned long long)amount);
        return;
    }
}

char *bb_option_path(const bb_option *option, char text[BB_OPTION_PATH_MAX])
{
    snprintf(text, BB_OPTION_PATH_MAX, "%s%s%s", option->section, *option->section ? "." : "", option->name);
    return text;
}

static void add_choices(buffer *out, const char *const *choices)
{
    for (size_t i = 0; choices[i]; i++)
        add(out, "%s%s", i == 0 ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static void add_bounds(buffer *out, const bb_option *option, const char *what)
{
    add(out, "%s from ", what);
    add_amount(out, option, option->min);
    add(out, " to ");
    add_amount(out, option, option->max);
}

char *bb_option_allowed(const bb_option *option, char text[BB_OPTION_TEXT_MAX])
{
    buffer out = {text, 0, BB_OPTION_TEXT_MAX};
    switch (option->type) {
    case BB_OPTION_YES_NO:
        add(&out, "yes or no");
        break;
    case BB_OPTION_NUMBER:
        add_bounds(&out, option, "a number");
        break;
    case BB_OPTION_SIZE:
        add_bounds(&out, option, "a size");
        break;
    case BB_OPTION_TIME_S:
    case BB_OPTION_TIME_MS:
        add_bounds(&out, option, "a time");
        break;
    case BB_OPTION_CHOICE:
        add_choices(&out, option->choices);
        break;
    case BB_OPTION_PATH:
        add(&out, "the path of a file");
        break;
    case BB_OPTION_ADDRESS:
        add(&out, "an IPv4 or IPv6 address");
        break;
    case BB_OPTION_LISTENERS:
        add(&out, "a list of addresses with ports, each like 127.0.0.1:1883 or \"[::1]:1883\"");
        break;
    }
    if (option->word)
        add(&out, ", or %s", option->word);
    return text;
}

/* --- values in and out of the struct */

static void store(const bb_option *option, void *base, uint64_t value)
{
    uint8_t *at = (uint8_t *)base + option->offset;
    switch (option->width) {
    case 1:
        *at = (uint8_t)value;
        return;
    case 2:
        memcpy(at, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
        return;
    case 4:
        memcpy(at, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
        return;
    default:
        BB_CHECK(option->width == sizeof value);
        memcpy(at, &value, sizeof value);
        return;
    }
}

static uint64_t load(const bb_option *option, const void *base)
{
    const uint8_t *at = (const uint8_t *)base + option->offset;
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (option->width) {
    case 1:
        return *at;
    case 2:
        memcpy(&two, at, sizeof two);
        return two;
    case 4:
        memcpy(&four, at, sizeof four);
        return four;
    default:
        BB_CHECK(option->width == sizeof eight);
        memcpy(&eight, at, sizeof eight);
        return eight;
    }
}

static char **path_at(const bb_option *option, void *base)
{
    return (char **)(void *)((uint8_t *)base + option->offset);
}

static const char *const_path_at(const bb_option *option, const void *base)
{
    char *path;
    memcpy(&path, (const uint8_t *)base + option->offset, sizeof path);
    return path;
}

/* --- addresses */

static bool copy_address(bb_span text, char address[BB_ADDRESS_MAX])
{
    if (text.len == 0 || text.len >= BB_ADDRESS_MAX || memchr(text.data, '\0', text.len))
        return false;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return true;
}

/* The name of an interface may follow an IPv6 address after '%'. */
static bool is_numeric_address(const char *address)
{
    char plain[BB_ADDRESS_MAX];
    struct in6_addr parsed;
    size_t len = strcspn(address, "%");
    bool scoped = address[len] == '%';
    if (scoped && address[len + 1] == '\0')
        return false;
    memcpy(plain, address, len);
    plain[len] = '\0';
    return inet_pton(AF_INET6, plain, &parsed) == 1 || (!scoped && inet_pton(AF_INET, plain, &parsed) == 1);
}

static bool set_address(bb_span value, char address[BB_ADDRESS_MAX], const char **hint)
{
    char text[BB_ADDRESS_MAX];
    bool bracketed = value.len > 2 && value.data[0] == '[' && value.data[value.len - 1] == ']';
    if (bracketed)
        value = bb_span_of(value.data + 1, value.len - 2);
    if (is_word(value, "*")) {
        *hint = "for all addresses of this machine write 0.0.0.0 (IPv4) or :: (IPv6)";
        return false;
    }
    if (!copy_address(value, text) || !is_numeric_address(text)) {
        *hint = "names are not looked up: for this machine only write 127.0.0.1 or ::1, for everybody 0.0.0.0 or ::";
        return false;
    }
    memcpy(address, text, sizeof text);
    return true;
}

/* Cut `text` at the colon before the port. Without a port, `port` is empty. */
static bool split_endpoint(bb_span text, bb_span *address, bb_span *port, const char **hint)
{
    const uint8_t *bracket = text.len && text.data[0] == '[' ? memchr(text.data, ']', text.len) : NULL;
    size_t end = bracket ? (size_t)(bracket - text.data) + 1 : 0;
    const uint8_t *colon = text.len > end ? memchr(text.data + end, ':', text.len - end) : NULL;
    size_t cut = colon ? (size_t)(colon - text.data) : text.len;
    bb_span rest = colon ? bb_span_from(text, cut + 1) : BB_SPAN_NONE;
    if (!bracket && rest.len && memchr(rest.data, ':', rest.len)) {
        *hint = "an IPv6 address needs brackets: [::1]:1883";
        return false;
    }
    if (bracket && cut != end)
        return false;
    *address = bb_span_of(text.data, cut);
    *port = rest;
    return !colon || rest.len > 0;
}

bool bb_option_parse_listener(bb_span text, bb_listener_settings *out, const char **hint)
{
    bb_listener_settings listener = {.port = 1883};
    bb_span address, port;
    uint64_t number = 0;
    if (parse_number(text, &number) && number <= UINT16_MAX) {
        *hint =
            "an address must come before the port: 127.0.0.1:1883 for this machine only, 0.0.0.0:1883 for everybody";
        return false;
    }
    if (!split_endpoint(text, &address, &port, hint) || !set_address(address, listener.address, hint))
        return false;
    if (port.len) {
        if (!parse_number(port, &number) || number > UINT16_MAX) {
            *hint = "the port is a number from 0 to 65535";
            return false;
        }
        listener.port = (uint16_t)number;
    }
    *out = listener;
    return true;
}

static bool is_listed(const bb_settings *settings, const bb_listener_settings *listener)
{
    for (size_t i = 0; i < settings->listener_count; i++)
        if (listener->port && settings->listeners[i].port == listener->port &&
            strcmp(settings->listeners[i].address, listener->address) == 0)
            return true;
    return false;
}

const char *bb_option_add_listener(bb_settings *settings, const bb_listener_settings *listener)
{
    if (is_listed(settings, listener))
        return "is in the list twice";
    if (settings->listener_count == BB_LISTENERS_MAX)
        return "is one more than the list may have (64)";
    size_t size = (settings->listener_count + 1) * sizeof *listener;
    bb_listener_settings *grown = realloc(settings->listeners, size);
    if (!grown)
        return "does not fit into memory";
    grown[settings->listener_count++] = *listener;
    settings->listeners = grown;
    return NULL;
}

void bb_option_clear_listeners(bb_settings *settings)
{
    settings->listener_count = 0;
    settings->listeners_are_default = false;
}

/* --- one value */

static bool parse_yes_no(bb_span value, uint64_t *out)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is_word(value, words[i])) {
            *out = i % 2;
            return true;
        }
    return false;
}

static bool parse_choice(bb_span value, const char *const *choices, uint64_t *out)
{
    for (size_t i = 0; choices[i]; i++)
        if (is_word(value, choices[i])) {
            *out = i;
            return true;
        }
    return false;
}

static bool parse_seconds(bb_span value, uint64_t *out, const char **hint)
{
    uint64_t ms;
    if (!parse_quantity(value, times, TIME_UNITS, 1000, &ms)) {
        *hint = "units are s, min, h and days";
        return false;
    }
    if (ms % 1000) {
        *hint = "only whole seconds are possible here";
        return false;
    }
    *out = ms / 1000;
    return true;
}

/* Numbers, sizes and times alike: parse, then compare with the bounds. */
static bool parse_amount(const bb_option *option, bb_span value, uint64_t *out, const char **hint)
{
    uint64_t amount;
    switch (option->type) {
    case BB_OPTION_SIZE:
        *hint = "units are bytes, KB, MB and GB";
        if (!parse_quantity(value, sizes, SIZE_UNITS, 1, &amount))
            return false;
        break;
    case BB_OPTION_TIME_S:
        if (!parse_seconds(value, &amount, hint))
            return false;
        break;
    case BB_OPTION_TIME_MS:
        *hint = "units are ms, s, min and h";
        if (!parse_quantity(value, times, TIME_UNITS, 1000, &amount))
            return false;
        break;
    default:
        if (!parse_number(value, &amount))
            return false;
        break;
    }
    *hint = NULL;
    *out = amount;
    return (amount >= option->min && amount <= option->max) || (option->word && amount == option->word_value);
}

static bool set_path(const bb_option *option, void *base, bb_span value, const char **hint)
{
    char **path = path_at(option, base);
    char *copy = NULL;
    if (value.len == 0 || memchr(value.data, '\0', value.len))
        return false;
    if (!is_word(value, option->word)) {
        copy = strndup((const char *)value.data, value.len);
        if (!copy) {
            *hint = "there is no memory";
            return false;
        }
    }
    free(*path);
    *path = copy;
    return true;
}

static bool parse_plain(const bb_option *option, bb_span value, uint64_t *out, const char **hint)
{
    if (is_word(value, option->word)) {
        *out = option->word_value;
        return true;
    }
    if (option->type == BB_OPTION_YES_NO)
        return parse_yes_no(value, out);
    if (option->type == BB_OPTION_CHOICE)
        return parse_choice(value, option->choices, out);
    return parse_amount(option, value, out, hint);
}

bool bb_option_set(const bb_option *option, void *base, bb_span value, const char **hint)
{
    *hint = NULL;
    BB_CHECK(option->type != BB_OPTION_LISTENERS);
    if (option->type == BB_OPTION_PATH)
        return set_path(option, base, value, hint);
    if (option->type == BB_OPTION_ADDRESS)
        return set_address(value, (char *)base + option->offset, hint);

    uint64_t plain;
    if (!parse_plain(option, value, &plain, hint))
        return false;
    store(option, base, plain);
    return true;
}

static void add_listeners(buffer *out, const bb_settings *settings)
{
    char text[BB_ENDPOINT_TEXT_MAX];
    for (size_t i = 0; i < settings->listener_count; i++)
        add(out, "%s%s%s", i ? ", " : "", bb_listener_text(&settings->listeners[i], text),
            settings->listeners[i].optional ? " (optional)" : "");
}

static void add_plain(buffer *out, const bb_option *option, uint64_t value)
{
    if (option->word && value == option->word_value)
        add(out, "%s", option->word);
    else if (option->type == BB_OPTION_YES_NO)
        add(out, "%s", value ? "yes" : "no");
    else if (option->type == BB_OPTION_CHOICE)
        add(out, "%s", option->choices[value]);
    else
        add_amount(out, option, value);
}

char *bb_option_value(const bb_option *option, const void *base, char *text, size_t cap)
{
    buffer out = {text, 0, cap};
    text[0] = '\0';
    if (option->type == BB_OPTION_LISTENERS)
        add_listeners(&out, base);
    else if (option->type == BB_OPTION_ADDRESS)
        add(&out, "%s", (const char *)base + option->offset);
    else if (option->type == BB_OPTION_PATH)
        add(&out, "%s", const_path_at(option, base) ? const_path_at(option, base) : option->word);
    else
        add_plain(&out, option, load(option, base));
    return text;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_listeners(const bb_settings *a, const bb_settings *b)
{
    if (a->listener_count != b->listener_count)
        return false;
    for (size_t i = 0; i < a->listener_count; i++) {
        const bb_listener_settings *x = &a->listeners[i], *y = &b->listeners[i];
        if (strcmp(x->address, y->address) != 0 || x->port != y->port || x->optional != y->optional)
            return false;
    }
    return true;
}

bool bb_option_equal(const bb_option *option, const bb_settings *a, const bb_settings *b)
{
    if (option->type == BB_OPTION_LISTENERS)
        return same_listeners(a, b);
    if (option->type == BB_OPTION_PATH)
        return same_text(const_path_at(option, a), const_path_at(option, b));
    return load(option, a) == load(option, b);
}

bool bb_option_copy(const bb_option *option, bb_settings *to, const bb_settings *from)
{
    BB_CHECK(option->type != BB_OPTION_LISTENERS);
    if (option->type != BB_OPTION_PATH) {
        store(option, to, load(option, from));
        return true;
    }
    const char *path = const_path_at(option, from);
    char *copy = path ? strdup(path) : NULL;
    if (path && !copy)
        return false;
    free(*path_at(option, to));
    *path_at(option, to) = copy;
    return true;
}
