/* sub.c - `busbar sub`: subscribe, and print what comes. */
#include <stdio.h>
#include <stdlib.h>

#include "tool/commands.h"
#include "tool/connection.h"
#include "tool/print_options.h"
#include "tool/say.h"
#include "tool/stop.h"
#include "topic/topic.h"

/* --- options */

typedef struct end_options {
    uint64_t count; /* 0: without end */
    uint64_t limit_us, idle_us;
    bool retained_only, after_subscribe;
} end_options;

typedef struct filter_options {
    bb_cli_words filters, filters_out, unsubscribe;
    uint8_t qos, retain_handling;
    bool no_retained, no_local, as_published, remove_retained;
    uint32_t id;
} filter_options;

typedef struct sub_settings {
    filter_options filter;
    bb_print_options print;
    end_options end;
    bb_connection_options connection;
} sub_settings;

static const bb_cli_choice retain_handlings[] = {{"always", 0}, {"new", 1}, {"never", 2}, {NULL, 0}};

#define IN_FILTER(member) BB_CLI_AT(filter_options, member)
#define IN_END(member) BB_CLI_AT(end_options, member)

// clang-format off
static const bb_cli_option filter_rows[] = {
    {"topic", 't', BB_CLI_WORDS, IN_FILTER(filters), .value = "FILTER",
     .help = "Subscribe to this topic filter; may be repeated."},
    {"qos", 'q', BB_CLI_NUMBER, IN_FILTER(qos), BB_CLI_BETWEEN(0, 2), .value = "QOS", .initial = "0",
     .help = "The highest QoS with which messages come."},
    {"filter-out", 'T', BB_CLI_WORDS, IN_FILTER(filters_out), .value = "FILTER",
     .help = "Do not print messages of these topics; may be repeated."},
    {"unsubscribe", 'U', BB_CLI_WORDS, IN_FILTER(unsubscribe), .value = "FILTER",
     .help = "Take a subscription out of the session (with `-c`); may be repeated."},
    {"no-retained", 'R', BB_CLI_FLAG, IN_FILTER(no_retained),
     .help = "Do not print retained messages that are older than the subscription."},
    {"retain-handling", 0, BB_CLI_CHOICE, IN_FILTER(retain_handling), .choices = retain_handlings,
     .help = "When the broker sends retained messages: always, for a subscription that is new, never. MQTT 5.0, as are "
             "the next three."},
    {"retain-as-published", 0, BB_CLI_FLAG, IN_FILTER(as_published),
     .help = "Live messages keep the retain flag that they were published with."},
    {"no-local", 0, BB_CLI_FLAG, IN_FILTER(no_local),
     .help = "No messages that were published under our own client identifier."},
    {"subscription-id", 0, BB_CLI_NUMBER, IN_FILTER(id), BB_CLI_BETWEEN(1, 268435455), .value = "N",
     .help = "The broker puts this number on the messages of this subscription; `%S` shows it."},
    {"remove-retained", 0, BB_CLI_FLAG, IN_FILTER(remove_retained),
     .help = "Make the broker forget every retained message that is printed. Look first, without this option."},
};
static const bb_cli_option end_rows[] = {
    {"count", 'C', BB_CLI_NUMBER, IN_END(count), .min = 1, .value = "N",
     .help = "End after so many messages."},
    {"timeout", 'W', BB_CLI_TIME, IN_END(limit_us), .min = 0.001, .value = "TIME",
     .help = "End after this time, with exit code 4."},
    {"idle", 0, BB_CLI_TIME, IN_END(idle_us), .min = 0.001, .value = "TIME",
     .help = "End when no message has come for so long."},
    {"retained-only", 0, BB_CLI_FLAG, IN_END(retained_only),
     .help = "Print retained messages, and end with the first that is not; `--idle` helps where none comes."},
    {"exit-after-subscribe", 'E', BB_CLI_FLAG, IN_END(after_subscribe),
     .help = "End when the broker has confirmed the subscriptions; useful with `-c`."},
};
// clang-format on

static const char *rule_of_filters(const char *filter)
{
    if (strncmp(filter, "$share/", 7) == 0)
        return "a shared subscription is $share/GROUP/FILTER";
    return "+ stands for a whole level, # for all that follow and comes last";
}

static bool check_filters(void *settings, const bool *given, char *error)
{
    filter_options *o = settings;
    bb_filter parsed;
    char shown[BB_SAY_SHOWN_MAX];
    const bb_cli_words *lists[] = {&o->filters, &o->filters_out, &o->unsubscribe};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        for (size_t i = 0; i < lists[k]->count; i++)
            if (bb_filter_parse(bb_span_text(lists[k]->at[i]), UINT32_MAX, UINT16_MAX, &parsed) != BB_OK) {
                snprintf(error, BB_CLI_ERROR_MAX, "'%s' is no topic filter: %s",
                         bb_say_shown(bb_span_text(lists[k]->at[i]), shown), rule_of_filters(lists[k]->at[i]));
                return false;
            }
    return true;
}

static const bb_cli_group filter_group = {.title = "What", BB_CLI_ROWS(filter_rows), .finish = check_filters};
static const bb_cli_group end_group = {.title = "When to end", BB_CLI_ROWS(end_rows)};

/* --- one run */

typedef struct run {
    const sub_settings *settings;
    bb_connection connection;
    bb_output output;
    bb_client_subscription *subscriptions;
    size_t subscriptions_count, answers, refusals;
    uint64_t printed;
    uint64_t limit_us, idle_us; /* when to end; UINT64_MAX: never */
    bool skip;                  /* what is left of this message is not printed */
    bool done;
    int code;
} run;

static void end(run *r, int code)
{
    r->done = true;
    r->code = code;
}

static bool is_filtered_out(const run *r, bb_span topic)
{
    const bb_cli_words *out = &r->settings->filter.filters_out;
    for (size_t i = 0; i < out->count; i++)
        if (bb_filter_matches(bb_span_text(out->at[i]), topic))
            return true;
    return false;
}

static void remove_retained(run *r, const bb_client_message_event *message)
{
    bb_client_message empty = {.topic = message->topic, .qos = 1, .retain = true};
    char shown[BB_SAY_SHOWN_MAX];
    if (message->payload.len && bb_client_publish(bb_net_client(r->connection.net), &empty, NULL) != BB_CLIENT_OK)
        bb_say("%s could not be removed", bb_say_shown(message->topic, shown));
}

/* The first piece of a message: is it one that we want? */
static void decide(run *r, const bb_client_message_event *message)
{
    if (r->settings->end.retained_only && !message->retain)
        end(r, BB_EXIT_OK);
    r->skip = r->done || (message->retain && r->settings->filter.no_retained) || is_filtered_out(r, message->topic);
    if (!r->skip && message->retain && r->settings->filter.remove_retained)
        remove_retained(r, message);
}

static void restart_idle(run *r)
{
    if (r->settings->end.idle_us)
        r->idle_us = bb_now_us() + r->settings->end.idle_us;
}

/* A session that is kept gives again what was not acknowledged: so what cannot be printed must not be. The connection
 * is given up without a goodbye, which would acknowledge it. */
static void secure(run *r, const bb_client_message_event *message)
{
    if (!r->settings->connection.keep_session || message->qos == 0 || fflush(stdout) == 0)
        return;
    r->connection.ended = true;
    end(r, BB_EXIT_FILE);
}

static void take_message(run *r, const bb_client_message_event *message)
{
    restart_idle(r);
    if (message->offset == 0)
        decide(r, message);
    if (r->skip || !bb_output_take(&r->output, message))
        return;
    secure(r, message);
    if (!r->done && ++r->printed == r->settings->end.count)
        end(r, BB_EXIT_OK);
}

static void take_answer(run *r, const bb_client_ack_event *answer)
{
    char text[BB_REFUSAL_MAX], shown[BB_SAY_SHOWN_MAX];
    bb_span none = BB_SPAN_NONE;
    r->answers++;
    if (answer->code >= 0x80) {
        bb_say("the broker refused the subscription to %s: %s",
               bb_say_shown(answer->subscription ? answer->subscription->filter : none, shown),
               bb_refusal_text(answer->code, answer->properties, text));
        r->refusals++;
    }
    if (r->answers < r->subscriptions_count)
        return;
    if (r->refusals == r->answers || (r->settings->end.after_subscribe && r->refusals))
        end(r, BB_EXIT_REFUSED);
    else if (r->settings->end.after_subscribe)
        end(r, BB_EXIT_OK);
}

/* Sessions that are new to the broker answer for all subscriptions anew. */
static void begin_connection(run *r)
{
    const bb_cli_words *lost = &r->settings->filter.unsubscribe;
    r->answers = r->refusals = 0;
    restart_idle(r);
    for (size_t i = 0; i < lost->count; i++)
        if (bb_client_unsubscribe(bb_net_client(r->connection.net), bb_span_text(lost->at[i]), NULL) != BB_CLIENT_OK)
            bb_say("there are more filters to unsubscribe from than fit at once");
}

static void take(run *r, const bb_client_event *event)
{
    char text[BB_REFUSAL_MAX];
    switch (event->type) {
    case BB_CLIENT_MESSAGE:
        take_message(r, &event->message);
        return;
    case BB_CLIENT_SUBSCRIBED:
        take_answer(r, &event->ack);
        return;
    case BB_CLIENT_UNSUBSCRIBED:
        if (event->ack.code >= 0x80)
            bb_say("the broker refused to unsubscribe: %s",
                   bb_refusal_text(event->ack.code, event->ack.properties, text));
        return;
    case BB_CLIENT_CONNECTED:
        begin_connection(r);
        return;
    case BB_CLIENT_DISCONNECTED:
        bb_output_cut(&r->output);
        return;
    default:
        return;
    }
}

static void check_end(run *r)
{
    uint64_t now = bb_now_us();
    if (r->done)
        return;
    if (r->connection.ended)
        end(r, r->connection.code);
    else if (bb_stop_requested())
        end(r, BB_EXIT_OK);
    else if (now >= r->limit_us)
        end(r, BB_EXIT_TIMEOUT);
    else if (now >= r->idle_us)
        end(r, BB_EXIT_OK);
    else if (ferror(stdout))
        end(r, BB_EXIT_FILE);
}

static int print_all(run *r)
{
    bb_client_event event;
    int code = bb_connection_open(&r->connection);
    if (code != BB_EXIT_OK)
        return code;
    begin_connection(r);
    while (!r->done) {
        while (!r->done && bb_connection_next(&r->connection, &event))
            take(r, &event);
        fflush(stdout);
        check_end(r);
        if (!r->done)
            bb_connection_wait(&r->connection, bb_ms_until(r->limit_us < r->idle_us ? r->limit_us : r->idle_us), -1);
    }
    return r->code;
}

/* --- before it */

static bool prepare_subscriptions(run *r)
{
    const filter_options *o = &r->settings->filter;
    const char *of_url = r->settings->connection.topic;
    size_t count = o->filters.count + (of_url ? 1 : 0);
    r->subscriptions = calloc(count + 1, sizeof *r->subscriptions);
    if (!r->subscriptions) {
        bb_say("there is no memory");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        r->subscriptions[i] =
            (bb_client_subscription){.filter = bb_span_text(i < o->filters.count ? o->filters.at[i] : of_url),
                                     .qos = o->qos,
                                     .no_local = o->no_local,
                                     .retain_as_published = o->as_published,
                                     .retain_handling = o->retain_handling,
                                     .id = o->id};
    r->subscriptions_count = count;
    return true;
}

static bool check(const sub_settings *s)
{
    const filter_options *o = &s->filter;
    if (o->filters.count == 0 && o->unsubscribe.count == 0 && !s->connection.topic)
        bb_say("to what? A topic filter is missing; '#' is everything");
    else if (s->connection.version < 5 && (o->no_local || o->as_published || o->retain_handling || o->id))
        bb_say("--retain-handling, --retain-as-published, --no-local and --subscription-id need MQTT 5.0");
    else
        return true;
    return false;
}

static void prepare(run *r)
{
    const sub_settings *s = r->settings;
    uint64_t limit_us = s->end.limit_us;
    bb_connection_prepare(&r->connection, &s->connection, "sub");
    r->connection.reconnect = true;
    r->connection.options.client.subscriptions = r->subscriptions;
    r->connection.options.client.subscriptions_count = r->subscriptions_count;
    r->output = bb_print_output(&s->print);
    r->limit_us = limit_us ? bb_now_us() + limit_us : UINT64_MAX;
    r->idle_us = UINT64_MAX;
    r->connection.limit_us = r->limit_us;
}

static int run_sub(void *settings)
{
    run r = {.settings = settings};
    if (!check(r.settings))
        return BB_EXIT_USAGE;
    if (!prepare_subscriptions(&r))
        return BB_EXIT_FILE;
    prepare(&r);
    int code = bb_connection_close(&r.connection, print_all(&r));
    bb_output_free(&r.output);
    free(r.subscriptions);
    return code;
}

/* "%{topic} %t  the topic"; some have no letter. */
#define ROW(letter, name, function, text) "`%{" name "}` `" letter "`  " text "\n"

const bb_cli_command bb_command_sub = {
    .name = "sub",
    .summary = "subscribe, and print messages",
    .synopsis = (const char *const[]){"[OPTION]... FILTER...", NULL},
    .description =
        (const char *const[]){"Subscribes to topic filters and prints the payload of each message on a line, until "
                              "Ctrl-C or until one of the options says that it is enough. A connection that is lost is "
                              "made again. Large payloads are printed as they come.",
                              NULL},
    .arguments = (const bb_cli_argument[]){{"URL", BB_CLI_TEXT, offsetof(sub_settings, connection.url),
                                            .takes = bb_is_broker_url, .help = "The same as `--url`."},
                                           {"FILTER", BB_CLI_WORDS, offsetof(sub_settings, filter.filters),
                                            .help = "The same as `--topic`."},
                                           {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&filter_group, offsetof(sub_settings, filter)},
                                      {&bb_print_group, offsetof(sub_settings, print)},
                                      {&end_group, offsetof(sub_settings, end)},
                                      {&bb_connection_group, offsetof(sub_settings, connection)},
                                      {NULL, 0}},
    .examples =
        (const bb_cli_example[]){
            {"busbar sub 'site/#'", "Everything below site, from the broker on this machine."},
            {"busbar sub -v -L mqtts://me@broker.example '#'", "Everything, with topics, encrypted."},
            {"busbar sub -C 1 site/a/power", "One message, then end: for scripts."},
            {"busbar sub -F '%I %t %p' 'site/+/power'", "With the time of arrival."},
            {"busbar sub --json 'site/#' | jq .payload", "For programs."},
            {"busbar sub -v --retained-only --idle 1 '#'", "What the broker keeps."},
            {"busbar sub -N -C 1 firmware/v2 > image.bin", "A file, byte for byte."},
            {"busbar sub -q 1 -c -i logger 'site/#'", "Nothing is missed while we are away."},
            {NULL, NULL}},
    .manual =
        (const char *const[]){
            "FORMAT",
            "A percent sign and a letter, or a name in braces, stand for:\n"
            "\n" BB_FORMAT_MAP(ROW) "\n"
                                    "Before letter or brace may stand a - (to the left), a 0 (zeros before numbers), "
                                    "a width, and a dot with a maximum: %-20.20t.\n"
                                    "@ and a letter of strftime(3) stand for the time of arrival, @N for its "
                                    "nanoseconds.\n"
                                    "\\n, \\r, \\t, \\v, \\a, \\e and \\0 are the usual characters; \\\\, %% and @@ "
                                    "stand for themselves.",
            BB_CONNECTION_MANUAL, NULL},
    .settings_size = sizeof(sub_settings),
    .run = run_sub,
};
