#include "server/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/field.h"
#include "base/quantity.h"
#include "server/endpoint.h"

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

/* In the largest unit that divides `amount`, from the `first` of the table on. */
static void add_quantity(buffer *out, uint64_t amount, const bb_units *units, size_t first)
{
    const bb_unit *best = &units->units[first];
    for (size_t i = first + 1; i < units->count; i++)
        if (units->units[i].factor > best->factor && amount && amount % units->units[i].factor == 0)
            best = &units->units[i];
    uint64_t number = amount / best->factor;
    add(out, "%llu %.*s", (unsigned long long)number, (int)name_length(best->name, number), best->name);
}

static void add_amount(buffer *out, const bb_option *option, uint64_t amount)
{
    switch (option->type) {
    case BB_OPTION_SIZE:
        add_quantity(out, amount, &bb_size_units, 0);
        return;
    case BB_OPTION_TIME_S:
        add_quantity(out, amount * 1000, &bb_time_units, 1);
        return;
    case BB_OPTION_TIME_MS:
        add_quantity(out, amount, &bb_time_units, 0);
        return;
    default:
        add(out, "%llu", (unsigned long long)amount);
        return;
    }
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
    case BB_OPTION_PATHS:
        add(&out, "the path of a file, or a list of them");
        break;
    case BB_OPTION_TEXT:
        add(&out, "a text");
        break;
    case BB_OPTION_TEXTS:
        add(&out, "a text, or a list of them");
        break;
    case BB_OPTION_MODE:
        add(&out, "permissions in octal, from 0000 to 0777");
        break;
    case BB_OPTION_ADDRESS:
        add(&out, "an IPv4 or IPv6 address");
        break;
    case BB_OPTION_LISTENERS:
        add(&out, "a list of addresses with ports, each like 127.0.0.1:1883 or \"[::1]:1883\"");
        break;
    case BB_OPTION_ACCESS:
        add(&out, "a list of rules, or none");
        break;
    case BB_OPTION_GROUPS:
        add(&out, "names, each with a list of user names, or none");
        break;
    case BB_OPTION_ACTIONS:
        add(&out, "publish, subscribe or all");
        break;
    case BB_OPTION_NAMES:
        add(&out, "a name, or a list of them");
        break;
    case BB_OPTION_PREFIXES:
        add(&out, "an address like 192.0.2.1 or a prefix like 10.0.0.0/8 or fd00::/8, or a list of them");
        break;
    case BB_OPTION_TOPICS:
        add(&out, "a topic pattern like site/%%u/#, or a list of them");
        break;
    }
    if (option->word)
        add(&out, ", or %s", option->word);
    return text;
}

/* --- values in and out of the struct */

static void store(const bb_option *option, void *base, uint64_t value)
{
    bb_field_store((uint8_t *)base + option->offset, option->width, value);
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

/* --- the list of listeners */

static bool is_listed(const bb_settings *settings, const bb_listener_settings *listener)
{
    bool any_port = listener->protocol != BB_PROTOCOL_UNIX && !listener->port;
    for (size_t i = 0; i < settings->listener_count && !any_port; i++)
        if (bb_listener_same_place(&settings->listeners[i], listener))
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
    for (size_t i = 0; i < settings->listener_count; i++)
        bb_listener_deinit(&settings->listeners[i]);
    settings->listener_count = 0;
    settings->listeners_are_default = false;
}

/* --- one value */

static bool parse_yes_no(bb_span value, uint64_t *out)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bb_is_word(value, words[i])) {
            *out = i % 2;
            return true;
        }
    return false;
}

static bool parse_choice(bb_span value, const char *const *choices, uint64_t *out)
{
    for (size_t i = 0; choices[i]; i++)
        if (bb_is_word(value, choices[i])) {
            *out = i;
            return true;
        }
    return false;
}

static bool parse_seconds(bb_span value, uint64_t *out, const char **hint)
{
    uint64_t ms;
    if (!bb_quantity_parse(value, &bb_time_units, 1000, &ms)) {
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

/* Numbers, sizes and times alike: parse, then compare with the bounds. What the row's word stands for may be outside of
 * them and is then said by the word alone: "auto" threads, but not 0 threads. */
static bool parse_amount(const bb_option *option, bb_span value, uint64_t *out, const char **hint)
{
    uint64_t amount;
    switch (option->type) {
    case BB_OPTION_SIZE:
        *hint = "units are bytes, KB, MB and GB";
        if (!bb_quantity_parse(value, &bb_size_units, 1, &amount))
            return false;
        break;
    case BB_OPTION_TIME_S:
        if (!parse_seconds(value, &amount, hint))
            return false;
        break;
    case BB_OPTION_TIME_MS:
        *hint = "units are ms, s, min and h";
        if (!bb_quantity_parse(value, &bb_time_units, 1000, &amount))
            return false;
        break;
    default:
        if (value.len == 0 || bb_digits_parse(value, &amount) != value.len)
            return false;
        break;
    }
    *hint = NULL;
    *out = amount;
    return amount >= option->min && amount <= option->max;
}

/* Permissions have nothing to do with units: three or four digits of octal. */
static bool parse_mode(bb_span value, uint64_t *out)
{
    uint64_t mode = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '7')
            return false;
        mode = mode * 8 + (uint64_t)(value.data[i] - '0');
    }
    *out = mode;
    return value.len >= 3 && value.len <= 4 && mode <= 0777;
}

/* In a list, behind what is there already. */
static bool set_path(const bb_option *option, void *base, bb_span value, const char **hint)
{
    char **path = path_at(option, base);
    char *copy = NULL;
    if (value.len == 0 || memchr(value.data, '\0', value.len) || memchr(value.data, '\n', value.len))
        return false;
    bool more = bb_option_is_list(option) && *path;
    if (!bb_is_word(value, option->word) &&
        asprintf(&copy, "%s%s%.*s", more ? *path : "", more ? "\n" : "", (int)value.len, value.data) < 0) {
        *hint = "there is no memory";
        return false;
    }
    free(*path);
    *path = copy;
    return true;
}

static bool parse_plain(const bb_option *option, bb_span value, uint64_t *out, const char **hint)
{
    if (bb_is_word(value, option->word)) {
        *out = option->word_value;
        return true;
    }
    if (option->type == BB_OPTION_YES_NO)
        return parse_yes_no(value, out);
    if (option->type == BB_OPTION_CHOICE)
        return parse_choice(value, option->choices, out);
    if (option->type == BB_OPTION_MODE)
        return parse_mode(value, out);
    return parse_amount(option, value, out, hint);
}

bool bb_option_set(const bb_option *option, void *base, bb_span value, const char **hint)
{
    *hint = NULL;
    BB_CHECK(option->type != BB_OPTION_LISTENERS);
    if (bb_option_is_text(option))
        return set_path(option, base, value, hint);
    if (option->type == BB_OPTION_ADDRESS)
        return bb_endpoint_parse_address(value, (char *)base + option->offset, hint);

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
    else if (option->type == BB_OPTION_MODE)
        add(out, "%04o", (unsigned)value);
    else
        add_amount(out, option, value);
}

/* Lines become a list. */
static void add_text(buffer *out, const bb_option *option, const char *text)
{
    bb_span lines = text ? bb_span_text(text) : BB_SPAN_NONE, line;
    if (!text)
        add(out, "%s", option->word ? option->word : "");
    for (bool first = true; bb_take_line(&lines, &line); first = false)
        add(out, "%s%.*s", first ? "" : ", ", (int)line.len, (const char *)line.data);
}

static bb_rules *rules_at(const bb_option *option, const void *base)
{
    bb_rules *rules;
    memcpy(&rules, (const uint8_t *)base + option->offset, sizeof rules);
    return rules;
}

static void add_count(buffer *out, uint32_t count, const char *what)
{
    if (count)
        add(out, "%u %s%s", count, what, count == 1 ? "" : "s");
    else
        add(out, "none");
}

char *bb_option_value(const bb_option *option, const void *base, char *text, size_t cap)
{
    buffer out = {text, 0, cap};
    text[0] = '\0';
    if (option->type == BB_OPTION_LISTENERS)
        add_listeners(&out, base);
    else if (option->type == BB_OPTION_ACCESS)
        add_count(&out, rules_at(option, base) ? bb_rules_count(rules_at(option, base)) : 0, "rule");
    else if (option->type == BB_OPTION_GROUPS)
        add_count(&out, rules_at(option, base) ? bb_rules_groups(rules_at(option, base)) : 0, "group");
    else if (option->type == BB_OPTION_ADDRESS)
        add(&out, "%s", (const char *)base + option->offset);
    else if (bb_option_is_text(option))
        add_text(&out, option, const_path_at(option, base));
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
    for (size_t i = 0; i < a->listener_count; i++)
        for (size_t k = 0; k < bb_listener_option_count; k++)
            if (!bb_option_equal(&bb_listener_options[k], &a->listeners[i], &b->listeners[i]))
                return false;
    return true;
}

bool bb_option_equal(const bb_option *option, const void *a, const void *b)
{
    if (option->type == BB_OPTION_LISTENERS)
        return same_listeners(a, b);
    if (bb_option_is_text(option))
        return same_text(const_path_at(option, a), const_path_at(option, b));
    if (option->type == BB_OPTION_ADDRESS)
        return strcmp((const char *)a + option->offset, (const char *)b + option->offset) == 0;
    if (option->type == BB_OPTION_ACCESS)
        return bb_rules_equal(rules_at(option, a), rules_at(option, b));
    if (option->type == BB_OPTION_GROUPS)
        return true; /* compared as a part of the rules */
    return load(option, a) == load(option, b);
}

static bool copy_listeners(bb_settings *to, const bb_settings *from)
{
    bb_settings copy;
    if (!bb_settings_copy(from, &copy))
        return false;
    const bb_settings old = *to;
    to->listeners = copy.listeners;
    to->listener_count = copy.listener_count;
    to->listeners_are_default = copy.listeners_are_default;
    copy.listeners = old.listeners;
    copy.listener_count = old.listener_count;
    bb_settings_deinit(&copy);
    return true;
}

bool bb_option_copy(const bb_option *option, bb_settings *to, const bb_settings *from)
{
    if (option->type == BB_OPTION_GROUPS)
        return true;
    if (option->type == BB_OPTION_ACCESS) {
        bb_rules *rules = bb_rules_ref(from->rules);
        bb_rules_unref(to->rules);
        to->rules = rules;
        return true;
    }
    if (option->type == BB_OPTION_LISTENERS)
        return copy_listeners(to, from);
    if (!bb_option_is_text(option)) {
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
