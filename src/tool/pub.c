/* pub.c - `busbar pub`: publish one message, a file, or what comes on standard input. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "tool/commands.h"
#include "tool/connection.h"
#include "tool/lines.h"
#include "tool/message_options.h"
#include "tool/publisher.h"
#include "tool/say.h"
#include "tool/stop.h"

/* --- options */

typedef struct source_options {
    const char *file;
    bool lines, whole_input, null;
} source_options;

typedef struct repeat_options {
    uint64_t repeat; /* 0: without end */
    uint64_t delay_us;
    double rate;
    uint32_t inflight_max;
    bool alias;
} repeat_options;

typedef struct pub_settings {
    const char *topic, *payload;
    source_options source;
    repeat_options repeat;
    bb_message_options message;
    bb_connection_options connection;
} pub_settings;

#define IN_TOP(member) BB_CLI_AT(pub_settings, member)
#define IN_SOURCE(member) BB_CLI_AT(source_options, member)
#define IN_REPEAT(member) BB_CLI_AT(repeat_options, member)

// clang-format off
static const bb_cli_option what_rows[] = {
    {"topic", 't', BB_CLI_TEXT, IN_TOP(topic), .value = "TOPIC",
     .help = "Where to publish."},
    {"message", 'm', BB_CLI_TEXT, IN_TOP(payload), .value = "PAYLOAD",
     .help = "What to publish."},
};
static const bb_cli_option source_rows[] = {
    {"file", 'f', BB_CLI_FILE, IN_SOURCE(file), .value = "FILE",
     .help = "The payload is this file, of up to 256 MB; `-`: standard input."},
    {"stdin-line", 'l', BB_CLI_FLAG, IN_SOURCE(lines),
     .help = "Each line of standard input is a message."},
    {"stdin-file", 's', BB_CLI_FLAG, IN_SOURCE(whole_input),
     .help = "All of standard input is one message."},
    {"null-message", 'n', BB_CLI_FLAG, IN_SOURCE(null),
     .help = "The payload is empty; with `-r`, the broker forgets its retained message."},
};
static const bb_cli_option repeat_rows[] = {
    {"repeat", 0, BB_CLI_NUMBER, IN_REPEAT(repeat), .value = "N", .initial = "1",
     .help = "Publish the message so many times; 0: until Ctrl-C."},
    {"repeat-delay", 0, BB_CLI_TIME, IN_REPEAT(delay_us), .value = "TIME",
     .help = "Wait so long between two messages."},
    {"rate", 0, BB_CLI_DECIMAL, IN_REPEAT(rate), .value = "N", .min = 0.000001, .max = 1e6,
     .help = "Publish so many messages a second at most, also of lines."},
    {"max-inflight", 'M', BB_CLI_NUMBER, IN_REPEAT(inflight_max), BB_CLI_BETWEEN(1, 65535), .value = "N", .initial = "100",
     .help = "So many messages of QoS 1 and 2 at most wait for the broker's answer."},
    {"topic-alias", 0, BB_CLI_FLAG, IN_REPEAT(alias),
     .help = "Send the topic once, and a number for it from then on, if the broker allows it. QoS 0, MQTT 5.0."},
};
// clang-format on

static bool check_sources(void *settings, const bool *given, char *error)
{
    const source_options *o = settings;
    if ((o->file != NULL) + o->lines + o->whole_input + o->null <= 1)
        return true;
    snprintf(error, BB_CLI_ERROR_MAX, "only one of --file, --stdin-line, --stdin-file and --null-message is possible");
    return false;
}

static bool check_repeat(void *settings, const bool *given, char *error)
{
    repeat_options *o = settings;
    if (o->rate > 0 && o->delay_us) {
        snprintf(error, BB_CLI_ERROR_MAX, "--rate and --repeat-delay: only one of them is possible");
        return false;
    }
    if (o->rate > 0)
        o->delay_us = (uint64_t)(1e6 / o->rate);
    return true;
}

static const bb_cli_group what_group = {.title = "What", BB_CLI_ROWS(what_rows)};
static const bb_cli_group source_group = {.title = "Other payloads", BB_CLI_ROWS(source_rows), .finish = check_sources};
static const bb_cli_group repeat_group = {.title = "More than once", BB_CLI_ROWS(repeat_rows), .finish = check_repeat};

/* --- one run */

typedef struct run {
    const pub_settings *settings;
    bb_connection connection;
    bb_publisher publisher;
    bb_client_message message;
    bb_payload payload;
    bb_lines lines;
    bool ended;       /* no further message will come */
    uint64_t next_us; /* when the next message may go */
    uint8_t alias_memory[1024];
    bb_client_aliases aliases;
} run;

static bool is_last(const run *r)
{
    return r->settings->repeat.repeat && r->publisher.begun >= r->settings->repeat.repeat;
}

/* The next message, if there is one now. */
static bool have_next(run *r)
{
    bb_span line;
    if (!r->settings->source.lines) {
        r->ended = is_last(r);
        return !r->ended;
    }
    if (!bb_lines_next(&r->lines, &line)) {
        r->ended = r->lines.ended;
        return false;
    }
    r->payload = bb_payload_of(line);
    return true;
}

/* When the message after this one may go: by the clock of the plan, so that a slow turn is made up for. */
static void plan_next(run *r, uint64_t now)
{
    uint64_t delay = r->settings->repeat.delay_us;
    if (!delay)
        return;
    r->next_us = r->next_us && r->next_us + delay > now ? r->next_us + delay : now + delay;
}

/* Give the client as much as it takes now. */
static void produce(run *r)
{
    while (!r->ended && !r->publisher.code) {
        uint64_t now = bb_now_us();
        if (!r->publisher.busy) {
            if (r->next_us > now || !have_next(r))
                return;
            bb_publisher_begin(&r->publisher, &r->message, &r->payload);
            plan_next(r, now);
        }
        if (!bb_publisher_step(&r->publisher))
            return;
    }
}

static bool is_done(const run *r)
{
    return r->connection.ended || r->publisher.code || bb_stop_requested() || (r->ended && r->publisher.owed == 0);
}

/* Standard input is read only when the lines that came before are on their way: that is what holds up a fast writer. */
static void wait(run *r)
{
    bool wants_line = r->settings->source.lines && !r->ended && !r->publisher.busy;
    uint64_t now = bb_now_us();
    bool waits_for_time = !r->ended && !r->publisher.busy && r->next_us > now;
    int fd = wants_line && !waits_for_time ? STDIN_FILENO : -1;
    if (!bb_connection_wait(&r->connection, waits_for_time ? bb_ms_until(r->next_us) : -1, fd))
        return;
    if (bb_lines_fill(&r->lines))
        return;
    bb_say("standard input: %s", strerror(errno));
    r->publisher.code = BB_EXIT_FILE;
}

static int publish_all(run *r)
{
    bb_client_event event;
    int code = bb_connection_open(&r->connection);
    if (code != BB_EXIT_OK)
        return code;
    for (;;) {
        uint64_t before = r->publisher.progress;
        while (bb_connection_next(&r->connection, &event)) /* which also sends what was produced */
            bb_publisher_take(&r->publisher, &event);
        produce(r);
        if (r->publisher.progress != before && !bb_stop_requested())
            continue;
        if (is_done(r))
            break;
        wait(r);
    }
    if (r->publisher.code)
        return r->publisher.code;
    if (r->connection.ended)
        return r->connection.code;
    bool is_cut = r->publisher.streaming; /* in the middle of a payload */
    return r->publisher.owed || is_cut ? BB_EXIT_LOST : BB_EXIT_OK;
}

/* --- before it */

static const char *topic_of(const pub_settings *settings)
{
    return settings->topic ? settings->topic : settings->connection.topic;
}

static bool check(const pub_settings *s)
{
    bool other = s->source.file || s->source.lines || s->source.whole_input || s->source.null;
    if (!topic_of(s))
        bb_say("where to? A topic is missing");
    else if (s->payload && other)
        bb_say("what to publish? Both a payload and another source were given");
    else if (!s->payload && !other)
        bb_say("what to publish? A payload is missing; -n publishes an empty one, -l the lines of standard input");
    else if (s->connection.version < 5 && (s->message.properties.len || s->repeat.alias))
        bb_say("properties and topic aliases need MQTT 5.0");
    else
        return true;
    return false;
}

static bool open_payload(run *r)
{
    const source_options *source = &r->settings->source;
    bool is_input = source->whole_input || (source->file && strcmp(source->file, "-") == 0);
    bb_span none = BB_SPAN_NONE;
    if (source->file || is_input)
        return bb_payload_open(is_input ? NULL : source->file, &r->payload);
    r->payload = bb_payload_of(r->settings->payload ? bb_span_text(r->settings->payload) : none);
    return true;
}

static void prepare(run *r)
{
    const pub_settings *s = r->settings;
    bb_connection_prepare(&r->connection, &s->connection, "pub");
    r->publisher = (bb_publisher){.connection = &r->connection, .inflight_max = s->repeat.inflight_max};
    r->lines = bb_lines_of(STDIN_FILENO);
    r->message = (bb_client_message){.topic = bb_span_text(topic_of(s)),
                                     .properties = s->message.properties,
                                     .qos = s->message.qos,
                                     .retain = s->message.retain};
    if (s->repeat.alias) {
        bb_client_aliases_init(&r->aliases, NULL, 0, 0, r->alias_memory, sizeof r->alias_memory, 1);
        r->connection.options.client.aliases = &r->aliases;
    }
}

static int run_pub(void *settings)
{
    run r = {.settings = settings};
    if (!check(r.settings))
        return BB_EXIT_USAGE;
    if (!open_payload(&r))
        return BB_EXIT_FILE;
    prepare(&r);
    int code = bb_connection_close(&r.connection, publish_all(&r));
    bb_payload_close(&r.payload);
    bb_lines_close(&r.lines);
    return code;
}

const bb_cli_command bb_command_pub = {
    .name = "pub",
    .summary = "publish messages",
    .synopsis = (const char *const[]){"[OPTION]... TOPIC PAYLOAD", "[OPTION]... TOPIC -f FILE",
                                      "[OPTION]... TOPIC -l | -s | -n", NULL},
    .description =
        (const char *const[]){"Publishes one message, a file, or what comes on standard input, and ends when "
                              "the broker has it: with QoS 1 and 2, when it has said so.",
                              NULL},
    .arguments =
        (const bb_cli_argument[]){
            {"URL", BB_CLI_TEXT, offsetof(pub_settings, connection.url), .takes = bb_is_broker_url,
             .help = "The same as `--url`."},
            {"TOPIC", BB_CLI_TEXT, offsetof(pub_settings, topic), .help = "The same as `--topic`."},
            {"PAYLOAD", BB_CLI_TEXT, offsetof(pub_settings, payload), .help = "The same as `--message`."},
            {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&what_group, 0},
                                      {&source_group, offsetof(pub_settings, source)},
                                      {&bb_message_group, offsetof(pub_settings, message)},
                                      {&repeat_group, offsetof(pub_settings, repeat)},
                                      {&bb_connection_group, offsetof(pub_settings, connection)},
                                      {NULL, 0}},
    .examples =
        (const bb_cli_example[]){
            {"busbar pub site/a/power 42", "One message to the broker on this machine."},
            {"busbar pub -r -q 1 site/a/name 'North roof'", "Retained, and acknowledged by the broker."},
            {"busbar pub -h broker.example firmware/v2 -f image.bin", "A file of up to 256 MB."},
            {"sensors | busbar pub -L mqtts://me@broker.example site/a/sensors -l",
             "Each line of another program, encrypted. BUSBAR_PASSWORD has the password."},
            {"busbar pub site/a/beat tick --repeat 0 --rate 2", "Twice a second until Ctrl-C."},
            {"busbar pub site/a/order now --expiry 30 --user-property by=me", "Worth nothing after half a minute."},
            {NULL, NULL}},
    .manual = (const char *const[]){BB_CONNECTION_MANUAL, NULL},
    .settings_size = sizeof(pub_settings),
    .run = run_pub,
};
