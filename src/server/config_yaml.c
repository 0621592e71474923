/* How a file is read: libyaml turns the text into events (a word, the start of a map, ...), each with line and column,
 * and the functions below follow them down at most four levels, because the file has no more:
 *
 *   document ─► top of the file ─┬─► option                      workers: 4
 *                                ├─► section ─► option           limits: {connections: 10}
 *                                ├─► listeners ─► one listener   listeners: [{port: 1883}]
 *                                ├─► access ─► rule ─► values    access: [{allow: publish, topic: [a, b]}]
 *                                └─► groups ─► user names        groups: {operators: [anna]}
 *
 * A problem is noted and reading goes on behind it, so that one run tells all of them; only where libyaml itself cannot
 * go on, reading ends ("broken"). Aliases are refused, so a small file cannot stand for a large one. */
#include "server/config_yaml.h"

#include <yaml.h>

#include "base/quantity.h"
#include "base/suggest.h"
#include "server/config_access.h"
#include "server/config_diagnose.h"
#include "server/config_listener.h"

enum {
    DEPTH_MAX = 16, /* of nested maps and lists, where we only skip them */
    OPTIONS_MAX = 64,
    SECTIONS_MAX = 16,
    KEY_MAX = 64,
};

typedef struct reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* the one that we look at */
    unsigned depth;     /* of maps and lists around it */
    bool broken;        /* there are no more events */
    const char *name;
    bb_span text;
    bb_settings *settings;
    bb_config_report *report;
    uint32_t option_lines[OPTIONS_MAX]; /* where a key was first seen; 0: not yet */
    uint32_t section_lines[SECTIONS_MAX];
    bb_config_access access;
} reader;

/* A key that we have read, while its value is being read. */
typedef struct key {
    char text[KEY_MAX]; /* cut; no known key is so long */
    size_t len;
    bb_config_place place;
} key;

static bb_span key_span(const key *k)
{
    return bb_span_of(k->text, k->len);
}

static bb_config_place place_of_mark(const reader *r, yaml_mark_t mark)
{
    return (bb_config_place){r->name, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static bb_config_place place_of_event(const reader *r)
{
    return place_of_mark(r, r->event.start_mark);
}

static bb_span scalar_of_event(const reader *r)
{
    return bb_span_of(r->event.data.scalar.value, r->event.data.scalar.length);
}

/* --- text that is not YAML */

/* libyaml counts the offset of a byte that it cannot read from the start of the file. */
static yaml_mark_t mark_of_offset(bb_span text, size_t offset)
{
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column++;
        if (text.data[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static void report_unreadable(reader *r)
{
    bb_config_place place = place_of_mark(r, mark_of_offset(r->text, r->yaml.problem_offset));
    if (r->yaml.problem_value >= 0)
        bb_config_problem_add(r->report, place, "this is not text in UTF-8: %s (0x%02x)", r->yaml.problem,
                              (unsigned)r->yaml.problem_value);
    else
        bb_config_problem_add(r->report, place, "this is not text in UTF-8: %s", r->yaml.problem);
}

static void report_syntax(reader *r)
{
    bb_config_place place = place_of_mark(r, r->yaml.problem_mark);
    const char *known = bb_config_diagnose_format(r->text);
    if (!known)
        known = bb_config_diagnose_line(r->text, place.line);
    if (known)
        bb_config_problem_add(r->report, place, "%s", known);
    else if (r->yaml.context && r->yaml.context_mark.line + 1 != place.line)
        bb_config_problem_add(r->report, place, "this is not valid YAML: %s (%s that starts in line %zu)%s",
                              r->yaml.problem, r->yaml.context, r->yaml.context_mark.line + 1,
                              bb_config_explain_yaml(r->yaml.problem));
    else
        bb_config_problem_add(r->report, place, "this is not valid YAML: %s%s", r->yaml.problem,
                              bb_config_explain_yaml(r->yaml.problem));
}

static void report_parser(reader *r)
{
    if (r->yaml.error == YAML_MEMORY_ERROR)
        bb_config_problem_add(r->report, (bb_config_place){r->name, 0, 0}, "there is no memory to read it");
    else if (r->yaml.error == YAML_READER_ERROR)
        report_unreadable(r);
    else
        report_syntax(r);
}

/* --- events */

static void check_event(reader *r)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (r->event.type == YAML_SCALAR_EVENT) {
        anchor = r->event.data.scalar.anchor;
        tag = r->event.data.scalar.tag;
    } else if (r->event.type == YAML_MAPPING_START_EVENT) {
        anchor = r->event.data.mapping_start.anchor;
        tag = r->event.data.mapping_start.tag;
    } else if (r->event.type == YAML_SEQUENCE_START_EVENT) {
        anchor = r->event.data.sequence_start.anchor;
        tag = r->event.data.sequence_start.tag;
    }
    if (anchor || r->event.type == YAML_ALIAS_EVENT)
        bb_config_problem_add(r->report, place_of_event(r),
                              "anchors (&name) and aliases (*name) are not supported; put the text in quotes if it is "
                              "meant to start with that character");
    if (tag)
        bb_config_problem_add(r->report, place_of_event(r), "tags (!name) are not supported");
}

static void track_depth(reader *r)
{
    yaml_event_type_t type = r->event.type;
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
        r->depth++;
    if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
        r->depth--;
    if (r->depth > DEPTH_MAX) {
        bb_config_problem_add(r->report, place_of_event(r), "maps and lists are nested deeper than %d levels",
                              DEPTH_MAX);
        r->broken = true;
    }
}

/* Go on to the next event. Once broken, the event is YAML_NO_EVENT for ever, and every loop below ends on that. */
static void next(reader *r)
{
    yaml_event_delete(&r->event);
    if (r->broken)
        return;
    if (!yaml_parser_parse(&r->yaml, &r->event)) {
        report_parser(r);
        r->broken = true;
        return;
    }
    check_event(r);
    track_depth(r);
    if (r->broken)
        yaml_event_delete(&r->event);
}

static bool at(const reader *r, yaml_event_type_t type)
{
    return r->event.type == type;
}

/* From the start of a value to its end: nothing to do for a word. */
static void skip_value(reader *r)
{
    unsigned depth = r->depth;
    if (!at(r, YAML_MAPPING_START_EVENT) && !at(r, YAML_SEQUENCE_START_EVENT))
        return;
    while (!r->broken && r->depth >= depth)
        next(r);
}

/* Nothing was written for the value: "limits:" */
static bool at_nothing(const reader *r)
{
    if (!at(r, YAML_SCALAR_EVENT) || r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    bb_span value = scalar_of_event(r);
    return value.len == 0 || bb_span_equal(value, BB_SPAN_LITERAL("~")) ||
           bb_span_equal(value, BB_SPAN_LITERAL("null"));
}

/* What stands there, for a message: 'abc', nothing, a list. */
static const char *found(const reader *r, char text[BB_CONFIG_SHOWN_MAX + 2])
{
    char shown[BB_CONFIG_SHOWN_MAX];
    if (at_nothing(r))
        return "nothing";
    if (at(r, YAML_SEQUENCE_START_EVENT))
        return "a list";
    if (at(r, YAML_MAPPING_START_EVENT))
        return "a map";
    if (at(r, YAML_ALIAS_EVENT))
        return "an alias";
    snprintf(text, BB_CONFIG_SHOWN_MAX + 2, "'%s'", bb_config_shown(scalar_of_event(r), shown));
    return text;
}

/* --- keys */

/* The key that we stand on; then on to its value. False (and past the value) when the key is no word. */
static bool read_key(reader *r, key *k)
{
    k->place = place_of_event(r);
    if (!at(r, YAML_SCALAR_EVENT)) {
        char text[BB_CONFIG_SHOWN_MAX + 2];
        bb_config_problem_add(r->report, k->place, "a key must be a word, found %s", found(r, text));
        skip_value(r);
        next(r);
        skip_value(r);
        return false;
    }
    bb_span text = scalar_of_event(r);
    k->len = text.len < KEY_MAX ? text.len : KEY_MAX;
    memcpy(k->text, text.data, k->len);
    next(r);
    return !r->broken;
}

/* True when `first_line` was not set yet. */
static bool is_first(reader *r, const key *k, uint32_t *first_line)
{
    if (*first_line) {
        char text[BB_CONFIG_SHOWN_MAX];
        bb_config_problem_add(r->report, k->place, "key '%s' is here for the second time, first in line %u",
                              bb_config_shown(key_span(k), text), *first_line);
        return false;
    }
    *first_line = k->place.line;
    return true;
}

/* The same key in another section, or what mosquitto's users may mean by it; NULL when there is none. */
static const char *elsewhere(bb_span name, char text[BB_OPTION_PATH_MAX])
{
    for (size_t i = 0; i < bb_option_count; i++)
        if (bb_span_equal(name, bb_span_text(bb_options[i].name)))
            return bb_option_path(&bb_options[i], text);
    return bb_config_mosquitto_key(name);
}

static bool is_in(const bb_option *option, const char *section)
{
    return strcmp(option->section, section) == 0;
}

/* All keys of a section, or where to find them when they are many. */
static void list_keys(const bb_option *options, size_t count, const char *section, char *text, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < count && len < cap; i++)
        if (is_in(&options[i], section))
            len += (size_t)snprintf(text + len, cap - len, "%s%s", len ? ", " : "", options[i].name);
    for (size_t i = 0; i < bb_option_section_count && !*section && len < cap; i++)
        len += (size_t)snprintf(text + len, cap - len, ", %s", bb_option_sections[i].name);
    if (len >= cap)
        snprintf(text, cap, "see `busbard --help-config`");
}

/* `options` are those of `section`, perhaps among others. */
static void report_unknown(reader *r, const key *k, const char *section, const bb_option *options, size_t count)
{
    char shown[BB_CONFIG_SHOWN_MAX], known[200], where[KEY_MAX + 8] = "", other_text[BB_OPTION_PATH_MAX];
    bb_suggestion suggestion = {.wanted = key_span(k)};
    for (size_t i = 0; i < count; i++)
        if (is_in(&options[i], section))
            bb_suggestion_offer(&suggestion, options[i].name);
    for (size_t i = 0; i < bb_option_section_count && !*section; i++)
        bb_suggestion_offer(&suggestion, bb_option_sections[i].name);

    bb_config_shown(key_span(k), shown);
    if (*section)
        snprintf(where, sizeof where, " in '%s'", section);
    const char *other = elsewhere(key_span(k), other_text);
    if (other && !(suggestion.best && suggestion.distance <= 1))
        suggestion.best = other;
    list_keys(options, count, section, known, sizeof known);
    if (suggestion.best)
        bb_config_problem_add(r->report, k->place, "unknown key '%s'%s; did you mean '%s'?", shown, where,
                              suggestion.best);
    else
        bb_config_problem_add(r->report, k->place, "unknown key '%s'%s; known keys: %s", shown, where, known);
}

/* --- values */

static void read_value(reader *r, const bb_option *option, void *base)
{
    char text[BB_CONFIG_SHOWN_MAX + 2];
    const char *hint = NULL;
    bool is_word = at(r, YAML_SCALAR_EVENT) && !at_nothing(r);
    if (!is_word || !bb_option_set(option, base, scalar_of_event(r), &hint))
        bb_config_problem_value(r->report, place_of_event(r), option, found(r, text), hint);
    skip_value(r);
}

/* One value, or a list of them where the key may have several. */
static void read_values(reader *r, const bb_option *option, void *base)
{
    if (!bb_option_is_list(option) || !at(r, YAML_SEQUENCE_START_EVENT)) {
        read_value(r, option, base);
        return;
    }
    for (next(r); !r->broken && !at(r, YAML_SEQUENCE_END_EVENT); next(r))
        read_value(r, option, base);
}

/* --- listeners */

static void read_listener_key(reader *r, bb_config_listener *listener)
{
    key k;
    if (!read_key(r, &k))
        return;
    for (size_t i = 0; i < bb_listener_option_count; i++)
        if (bb_span_equal(key_span(&k), bb_span_text(bb_listener_options[i].name))) {
            if (bb_config_listener_key(listener, &bb_listener_options[i], k.place, r->report))
                read_values(r, &bb_listener_options[i], &listener->settings);
            else
                skip_value(r);
            return;
        }
    report_unknown(r, &k, "listeners", bb_listener_options, bb_listener_option_count);
    skip_value(r);
}

static void read_listener(reader *r)
{
    bb_config_listener listener;
    char text[BB_CONFIG_SHOWN_MAX + 2];
    bb_config_listener_begin(&listener, place_of_event(r), r->report);
    if (at(r, YAML_MAPPING_START_EVENT)) {
        for (next(r); !r->broken && !at(r, YAML_MAPPING_END_EVENT); next(r))
            read_listener_key(r, &listener);
    } else if (at(r, YAML_SCALAR_EVENT) && !at_nothing(r)) {
        bb_config_listener_text(&listener, scalar_of_event(r), r->report);
    } else {
        const char *hint = at(r, YAML_SEQUENCE_START_EVENT) ? "an address with brackets needs quotes" : NULL;
        bb_config_listener_refuse(&listener, found(r, text), hint, r->report);
        skip_value(r);
    }
    bb_config_listener_end(&listener, r->settings, r->report);
}

/* One listener alone needs no list around it. */
static void read_listeners(reader *r)
{
    bb_config_place place = place_of_event(r);
    bool is_empty = true;
    bb_option_clear_listeners(r->settings);
    if (!at(r, YAML_SEQUENCE_START_EVENT)) {
        read_listener(r);
        return;
    }
    for (next(r); !r->broken && !at(r, YAML_SEQUENCE_END_EVENT); next(r)) {
        read_listener(r);
        is_empty = false;
    }
    if (is_empty && !r->broken)
        bb_config_problem_add(r->report, place,
                              "listeners: the list is empty; without the key, busbard listens on "
                              "this machine only");
}

/* --- access rules and groups */

/* A word, or nothing between quotes: the name of those who gave none. */
static bool at_word(const reader *r)
{
    return at(r, YAML_SCALAR_EVENT) && !at_nothing(r);
}

static void read_rule_value(reader *r, const bb_option *option)
{
    char text[BB_CONFIG_SHOWN_MAX + 2], allowed[BB_OPTION_TEXT_MAX];
    bool comment = option->type == BB_OPTION_TOPICS && at_nothing(r);
    if (at_word(r))
        bb_config_rule_value(&r->access, option, scalar_of_event(r), place_of_event(r));
    else
        bb_config_problem_add(r->report, place_of_event(r), "access: %s: found %s, allowed is %s%s", option->name,
                              found(r, text), bb_option_allowed(option, allowed),
                              comment ? "; a topic that starts with # needs quotes" : "");
    skip_value(r);
}

static void read_rule_key(reader *r)
{
    key k;
    if (!read_key(r, &k))
        return;
    const bb_option *option = NULL;
    for (size_t i = 0; i < bb_rule_option_count; i++)
        if (bb_span_equal(key_span(&k), bb_span_text(bb_rule_options[i].name)))
            option = &bb_rule_options[i];
    if (!option)
        report_unknown(r, &k, "access", bb_rule_options, bb_rule_option_count);
    if (!option || !bb_config_rule_key(&r->access, option, k.place)) {
        skip_value(r);
    } else if (!at(r, YAML_SEQUENCE_START_EVENT) || option->type < BB_OPTION_ACTIONS) {
        read_rule_value(r, option);
    } else {
        next(r);
        if (at(r, YAML_SEQUENCE_END_EVENT)) /* it would mean: of nobody; or, without the key, of everybody */
            bb_config_problem_add(r->report, place_of_event(r), "access: %s: the list is empty", option->name);
        for (; !r->broken && !at(r, YAML_SEQUENCE_END_EVENT); next(r))
            read_rule_value(r, option);
    }
}

static void read_rule(reader *r)
{
    char text[BB_CONFIG_SHOWN_MAX + 2];
    if (!at(r, YAML_MAPPING_START_EVENT)) {
        bb_config_problem_add(r->report, place_of_event(r),
                              "access: found %s, allowed is a rule like {allow: publish, topic: site/#}",
                              found(r, text));
        skip_value(r);
        return;
    }
    bb_config_rule_begin(&r->access, place_of_event(r));
    for (next(r); !r->broken && !at(r, YAML_MAPPING_END_EVENT); next(r))
        read_rule_key(r);
    if (!r->broken)
        bb_config_rule_end(&r->access);
}

static void read_group(reader *r)
{
    key k;
    char text[BB_CONFIG_SHOWN_MAX + 2];
    if (!read_key(r, &k))
        return;
    bb_config_group(&r->access, key_span(&k), k.place);
    bool list = at(r, YAML_SEQUENCE_START_EVENT);
    if (list)
        next(r);
    while (!r->broken && !(list && at(r, YAML_SEQUENCE_END_EVENT))) {
        if (at_word(r))
            bb_config_group_member(&r->access, scalar_of_event(r), place_of_event(r));
        else
            bb_config_problem_add(r->report, place_of_event(r), "groups: found %s, allowed is a list of user names",
                                  found(r, text));
        skip_value(r);
        if (!list)
            return;
        next(r);
    }
}

/* The list of rules, or the map of groups. */
static void read_access(reader *r, const bb_option *option)
{
    char text[BB_CONFIG_SHOWN_MAX + 2], allowed[BB_OPTION_TEXT_MAX];
    bool groups = option->type == BB_OPTION_GROUPS;
    yaml_event_type_t start = groups ? YAML_MAPPING_START_EVENT : YAML_SEQUENCE_START_EVENT;
    yaml_event_type_t end = groups ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    if (at(r, start)) {
        for (next(r); !r->broken && !at(r, end); next(r))
            groups ? read_group(r) : read_rule(r);
    } else if (!at_nothing(r) && !(at_word(r) && bb_is_word(scalar_of_event(r), "none"))) {
        bb_config_problem_add(r->report, place_of_event(r), "%s: found %s, allowed is %s", option->name, found(r, text),
                              bb_option_allowed(option, allowed));
        skip_value(r);
    }
}

/* --- the file */

static void read_option(reader *r, const key *k, const bb_option *option)
{
    if (!is_first(r, k, &r->option_lines[option - bb_options]))
        skip_value(r);
    else if (option->type == BB_OPTION_LISTENERS)
        read_listeners(r);
    else if (option->type == BB_OPTION_ACCESS || option->type == BB_OPTION_GROUPS)
        read_access(r, option);
    else
        read_value(r, option, r->settings);
}

static void read_section_key(reader *r, const char *section)
{
    key k;
    if (!read_key(r, &k))
        return;
    const bb_option *option = bb_option_find(section, key_span(&k));
    if (option) {
        read_option(r, &k, option);
    } else {
        report_unknown(r, &k, section, bb_options, bb_option_count);
        skip_value(r);
    }
}

/* A section with nothing in it is what remains when all its lines were commented out. */
static void read_section(reader *r, const key *k, size_t index)
{
    const char *name = bb_option_sections[index].name;
    char text[BB_CONFIG_SHOWN_MAX + 2];
    if (!is_first(r, k, &r->section_lines[index])) {
        skip_value(r);
    } else if (at(r, YAML_MAPPING_START_EVENT)) {
        for (next(r); !r->broken && !at(r, YAML_MAPPING_END_EVENT); next(r))
            read_section_key(r, name);
    } else if (!at_nothing(r)) {
        bb_config_problem_add(r->report, place_of_event(r),
                              "%s: found %s, allowed is a map of keys, each on a line "
                              "of its own below '%s:' and indented",
                              name, found(r, text), name);
        skip_value(r);
    }
}

static void read_top_key(reader *r)
{
    key k;
    if (!read_key(r, &k))
        return;
    const bb_option *option = bb_option_find("", key_span(&k));
    if (option) {
        read_option(r, &k, option);
        return;
    }
    for (size_t i = 0; i < bb_option_section_count; i++)
        if (bb_span_equal(key_span(&k), bb_span_text(bb_option_sections[i].name))) {
            read_section(r, &k, i);
            return;
        }
    report_unknown(r, &k, "", bb_options, bb_option_count);
    skip_value(r);
}

/* What is not a map is some other format: there is nothing to go on with. */
static void report_top(reader *r)
{
    char text[BB_CONFIG_SHOWN_MAX + 2];
    const char *known = bb_config_diagnose_format(r->text);
    if (known)
        bb_config_problem_add(r->report, place_of_event(r), "%s", known);
    else
        bb_config_problem_add(r->report, place_of_event(r), "found %s, allowed are lines like 'workers: 4'",
                              found(r, text));
    r->broken = true;
}

static void read_top(reader *r)
{
    if (at(r, YAML_MAPPING_START_EVENT))
        for (next(r); !r->broken && !at(r, YAML_MAPPING_END_EVENT); next(r))
            read_top_key(r);
    else if (!at_nothing(r))
        report_top(r);
}

static void read_document(reader *r)
{
    next(r); /* the start of the stream */
    next(r);
    if (r->broken || at(r, YAML_STREAM_END_EVENT))
        return;
    next(r);
    if (!r->broken)
        read_top(r);
    next(r); /* the end of the document */
    next(r);
    if (!r->broken && !at(r, YAML_STREAM_END_EVENT))
        bb_config_problem_add(r->report, place_of_event(r), "a second document starts here; one file has one");
}

void bb_config_read_yaml(const char *name, bb_span yaml, bb_settings *settings, bb_config_report *report)
{
    reader r = {.name = name, .text = yaml, .settings = settings, .report = report};
    BB_CHECK(bb_option_count <= OPTIONS_MAX && bb_option_section_count <= SECTIONS_MAX);
    if (yaml.len > BB_CONFIG_BYTES_MAX) {
        bb_config_problem_add(report, (bb_config_place){name, 0, 0},
                              "the file is larger than %d bytes; is this a "
                              "configuration?",
                              BB_CONFIG_BYTES_MAX);
        return;
    }
    if (!yaml_parser_initialize(&r.yaml)) {
        bb_config_problem_add(report, (bb_config_place){name, 0, 0}, "there is no memory to read it");
        return;
    }
    yaml_parser_set_input_string(&r.yaml, yaml.data ? yaml.data : (const uint8_t *)"", yaml.len);
    bb_config_access_begin(&r.access, name, report);
    read_document(&r);
    bb_config_access_end(&r.access, settings);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.yaml);
}
