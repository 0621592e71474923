#include "server/config_listener.h"

#include <stdio.h>

#include "server/endpoint.h"
#include "transport/unix.h"

static size_t problems_now(const bb_config_report *report)
{
    return report->count + report->untold;
}

void bb_config_listener_begin(bb_config_listener *l, bb_config_place place, const bb_config_report *report)
{
    BB_CHECK(bb_listener_option_count <= BB_LISTENER_OPTIONS_MAX);
    *l = (bb_config_listener){.place = place, .problems = problems_now(report)};
    bb_listener_init(&l->settings, BB_PROTOCOL_TCP);
}

/* --- keys */

static size_t number_of(const bb_option *row)
{
    return (size_t)(row - bb_listener_options);
}

bool bb_config_listener_key(bb_config_listener *l, const bb_option *row, bb_config_place place,
                            bb_config_report *report)
{
    bb_config_place *first = &l->keys[number_of(row)];
    if (first->name && first->line)
        bb_config_problem_add(report, place, "key '%s' is here for the second time, first in line %u", row->name,
                              first->line);
    else if (first->name)
        bb_config_problem_add(report, place, "key '%s' is here for the second time", row->name);
    else
        *first = place;
    return first->name && first->line == place.line && first->column == place.column;
}

static const bb_option *row_named(bb_span name)
{
    for (size_t i = 0; i < bb_listener_option_count; i++)
        if (bb_span_equal(name, bb_span_text(bb_listener_options[i].name)))
            return &bb_listener_options[i];
    return NULL;
}

static bool is_given(const bb_config_listener *l, const char *name)
{
    return l->keys[number_of(row_named(bb_span_text(name)))].name != NULL;
}

/* --- a text */

void bb_config_listener_refuse(const bb_config_listener *l, const char *what, const char *hint,
                               bb_config_report *report)
{
    bool in_file = l->place.line > 0; /* where brackets need quotes */
    bb_config_problem_add(report, l->place,
                          "%sfound %s, allowed is ADDRESS:PORT, for instance 127.0.0.1:1883 or %s%s%s",
                          in_file ? "listeners: " : "", what, in_file ? "\"[::1]:1883\"" : "[::1]:1883",
                          hint ? "; " : "", hint ? hint : "");
}

/* Cut `text` at the first `mark`: false when there is none. */
static bool cut(bb_span text, const char *mark, bb_span *before, bb_span *behind)
{
    const uint8_t *at = text.len ? memmem(text.data, text.len, mark, strlen(mark)) : NULL;
    if (!at)
        return false;
    *before = bb_span_of(text.data, (size_t)(at - text.data));
    *behind = bb_span_from(text, before->len + strlen(mark));
    return true;
}

static bool take_scheme(bb_config_listener *l, bb_span scheme)
{
    static const struct {
        const char *name;
        bb_protocol protocol;
    } others[] = {{"mqtt", BB_PROTOCOL_TCP}, {"mqtts", BB_PROTOCOL_TLS}};
    bb_protocol protocol = BB_PROTOCOLS;
    for (unsigned i = 0; i < BB_PROTOCOLS; i++)
        if (bb_span_equal(scheme, bb_span_text(bb_protocol_name(i))))
            protocol = i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bb_span_equal(scheme, bb_span_text(others[i].name)))
            protocol = others[i].protocol;
    if (protocol == BB_PROTOCOLS)
        return false;
    bb_listener_init(&l->settings, protocol);
    return true;
}

static bool is_web(const bb_listener_settings *settings)
{
    return settings->protocol == BB_PROTOCOL_WS || settings->protocol == BB_PROTOCOL_WSS;
}

static void set_path(bb_config_listener *l, bb_span path, bb_config_report *report)
{
    const char *hint;
    const bb_option *row = row_named(BB_SPAN_LITERAL("path"));
    if (path.len && bb_config_listener_key(l, row, l->place, report) && !bb_option_set(row, &l->settings, path, &hint))
        bb_config_listener_refuse(l, "a path that is none", hint, report);
}

/* "ADDRESS:PORT", for WebSocket also "ADDRESS:PORT/PATH" */
static bool take_address(bb_config_listener *l, bb_span text, const char **hint, bb_config_report *report)
{
    bb_span path = BB_SPAN_NONE;
    const uint8_t *slash = is_web(&l->settings) && text.len ? memchr(text.data, '/', text.len) : NULL;
    if (slash) {
        size_t len = (size_t)(slash - text.data);
        path = bb_span_from(text, len);
        text = bb_span_of(text.data, len);
    }
    set_path(l, path, report);
    return bb_endpoint_parse(text, l->settings.address, &l->settings.port, hint);
}

/* "certificate=/etc/busbar/server.pem" */
static void take_parameter(bb_config_listener *l, bb_span parameter, bb_config_report *report)
{
    char shown[BB_CONFIG_SHOWN_MAX], found[BB_CONFIG_SHOWN_MAX + 2];
    bb_span name, value;
    const char *hint = NULL;
    const bb_option *row = cut(parameter, "=", &name, &value) ? row_named(name) : NULL;
    if (!row || row->type == BB_OPTION_ADDRESS || row->offset == offsetof(bb_listener_settings, protocol)) {
        bb_config_problem_add(report, l->place,
                              "found '%s' behind '?', allowed are keys of a listener with their values, "
                              "for instance connections=100",
                              bb_config_shown(parameter, shown));
        return;
    }
    bool again = bb_option_is_list(row); /* a list has its key once for each */
    if (!again && !bb_config_listener_key(l, row, l->place, report))
        return;
    l->keys[number_of(row)] = l->place;
    if (!bb_option_set(row, &l->settings, value, &hint)) {
        snprintf(found, sizeof found, "'%s'", bb_config_shown(value, shown));
        bb_config_problem_value(report, l->place, row, found, hint);
    }
}

static void take_parameters(bb_config_listener *l, bb_span query, bb_config_report *report)
{
    bb_span parameter;
    while (query.len) {
        if (!cut(query, "&", &parameter, &query)) {
            parameter = query;
            query = BB_SPAN_NONE;
        }
        take_parameter(l, parameter, report);
    }
}

void bb_config_listener_text(bb_config_listener *l, bb_span text, bb_config_report *report)
{
    char shown[BB_CONFIG_SHOWN_MAX], found[BB_CONFIG_SHOWN_MAX + 2];
    bb_span scheme, rest = text, query = BB_SPAN_NONE;
    const char *hint = NULL;
    bool good = true;
    l->from_text = true;
    snprintf(found, sizeof found, "'%s'", bb_config_shown(text, shown));
    if (cut(text, "://", &scheme, &rest) && !take_scheme(l, scheme)) {
        good = false;
        hint = "what stands before :// is tcp, tls, ws, wss or unix";
    }
    bb_span whole = rest;
    (void)cut(whole, "?", &rest, &query);
    if (good && l->settings.protocol == BB_PROTOCOL_UNIX)
        set_path(l, rest, report);
    else if (good)
        good = take_address(l, rest, &hint, report);
    if (good)
        take_parameters(l, query, report);
    else
        bb_config_listener_refuse(l, found, hint, report);
}

/* --- whether it all fits together */

static void put_protocols(char *text, size_t cap, unsigned protocols)
{
    size_t len = 0;
    text[0] = 0;
    for (unsigned i = 0; i < BB_PROTOCOLS && len < cap; i++)
        if (protocols & 1U << i)
            len += (size_t)snprintf(text + len, cap - len, "%s%s", len ? ", " : "", bb_protocol_name(i));
}

/* Keys that are for other protocols. */
static void check_keys(const bb_config_listener *l, bb_config_report *report)
{
    for (size_t i = 0; i < bb_listener_option_count; i++) {
        const bb_option *row = &bb_listener_options[i];
        char protocols[32];
        if (!l->keys[i].name || row->protocols & 1U << l->settings.protocol)
            continue;
        put_protocols(protocols, sizeof protocols, row->protocols);
        bb_config_problem_add(report, l->keys[i], "listeners.%s: is for protocol %s, and this listener has protocol %s",
                              row->name, protocols, bb_protocol_name(l->settings.protocol));
    }
}

static void check_place(const bb_config_listener *l, bb_config_report *report)
{
    const bb_listener_settings *s = &l->settings;
    if (s->protocol != BB_PROTOCOL_UNIX && !*s->address)
        bb_config_problem_add(report, l->place, "listeners: an address is missing; for this machine only, 127.0.0.1");
    if (is_web(s) && s->path && s->path[0] != '/')
        bb_config_problem_add(report, l->place, "listeners.path: must start with '/', as paths of URLs do");
    if (s->protocol == BB_PROTOCOL_UNIX && !s->path)
        bb_config_problem_add(report, l->place, "listeners: a path is missing, for instance /run/busbard.sock");
    if (s->protocol == BB_PROTOCOL_UNIX && s->path && strlen(s->path) > BB_UNIX_PATH_MAX)
        bb_config_problem_add(report, l->place, "listeners.path: has %zu bytes, allowed are %d", strlen(s->path),
                              BB_UNIX_PATH_MAX);
}

static size_t lines_in(const char *text)
{
    bb_span lines = text ? bb_span_text(text) : BB_SPAN_NONE, line;
    size_t n = 0;
    while (bb_take_line(&lines, &line))
        n++;
    return n;
}

static void check_tls(const bb_config_listener *l, bb_config_report *report)
{
    const bb_listener_settings *s = &l->settings;
    size_t certificates = lines_in(s->certificates), keys = lines_in(s->keys);
    const bb_option *row = row_named(BB_SPAN_LITERAL("certificate"));
    if (!(row->protocols & 1U << s->protocol))
        return;
    if (!certificates)
        bb_config_problem_add(report, l->place, "listeners: a certificate is missing, which %s needs",
                              bb_protocol_name(s->protocol));
    if (keys && keys != certificates)
        bb_config_problem_add(report, l->place,
                              "listeners.key: found %zu keys, allowed is one for each certificate: %zu", keys,
                              certificates);
    if (s->client_certificate && !s->client_ca)
        bb_config_problem_add(report, l->place,
                              "listeners: a client_ca is missing, which says whose client certificates are good");
    if (!s->client_certificate && s->client_ca)
        bb_config_problem_add(report, l->place,
                              "listeners.client_ca: is of no use, because client_certificate is none");
}

void bb_config_listener_end(bb_config_listener *l, bb_settings *settings, bb_config_report *report)
{
    if (problems_now(report) == l->problems) {
        check_keys(l, report);
        check_place(l, report);
        check_tls(l, report);
    }
    if (problems_now(report) == l->problems && !l->from_text && !is_given(l, "port"))
        l->settings.port = bb_protocol_port(l->settings.protocol);
    if (problems_now(report) != l->problems || !bb_config_add_listener(settings, report, l->place, &l->settings))
        bb_listener_deinit(&l->settings);
}
