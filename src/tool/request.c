/* request.c - `busbar request`: publish a request, and print what is answered (MQTT 5.0 4.10). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "tool/commands.h"
#include "tool/connection.h"
#include "tool/message_options.h"
#include "tool/print_options.h"
#include "tool/publisher.h"
#include "tool/say.h"
#include "tool/stop.h"

enum { TOPIC_MAX = 512, CORRELATION_BYTES = 12 };

/* --- options */

typedef struct answer_options {
    uint64_t count; /* 0: all that come in time */
    uint64_t limit_us;
} answer_options;

typedef struct request_settings {
    const char *topic, *payload, *file;
    bool whole_input, null;
    answer_options answer;
    bb_print_options print;
    bb_message_options message;
    bb_connection_options connection;
} request_settings;

#define IN_TOP(member) BB_CLI_AT(request_settings, member)
#define IN_ANSWER(member) BB_CLI_AT(answer_options, member)

// clang-format off
static const bb_cli_option what_rows[] = {
    {"topic", 't', BB_CLI_TEXT, IN_TOP(topic), .value = "TOPIC",
     .help = "Where to publish the request."},
    {"message", 'm', BB_CLI_TEXT, IN_TOP(payload), .value = "PAYLOAD",
     .help = "The payload of the request."},
    {"file", 'f', BB_CLI_FILE, IN_TOP(file), .value = "FILE",
     .help = "The payload is this file."},
    {"stdin-file", 's', BB_CLI_FLAG, IN_TOP(whole_input),
     .help = "The payload is all of standard input."},
    {"null-message", 'n', BB_CLI_FLAG, IN_TOP(null),
     .help = "The payload is empty."},
};
static const bb_cli_option answer_rows[] = {
    {"count", 'C', BB_CLI_NUMBER, IN_ANSWER(count), .value = "N", .initial = "1",
     .help = "Wait for so many answers; 0: for all that come in time."},
    {"timeout", 'W', BB_CLI_TIME, IN_ANSWER(limit_us), .min = 0.001, .value = "TIME", .initial = "10",
     .help = "How long to wait for answers; then the exit code is 4 if there are too few."},
};
// clang-format on

static const bb_cli_group what_group = {.title = "What", BB_CLI_ROWS(what_rows)};
static const bb_cli_group answer_group = {.title = "Answers", BB_CLI_ROWS(answer_rows)};

/* --- one run */

typedef struct run {
    const request_settings *settings;
    bb_connection connection;
    bb_publisher publisher;
    bb_payload payload;
    bb_output output;
    char response_topic[TOPIC_MAX];
    char correlation[2 * CORRELATION_BYTES + 1];
    uint8_t *properties; /* those of the request; malloc'ed */
    bb_client_message message;
    uint64_t limit_us, answers;
    bool failed; /* an answer says that something went wrong */
    bool done;
    int code;
} run;

static void end(run *r, int code)
{
    r->done = true;
    r->code = code;
}

static bool make_correlation(run *r)
{
    uint8_t random[CORRELATION_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(r->correlation + 2 * i, 3, "%02x", random[i]);
    return true;
}

/* Where answers go: as told, else below what the broker reserves for us, else a topic that nobody can guess. */
static const char *choose_response_topic(run *r)
{
    const char *told = r->settings->message.response_topic, *reserved = r->connection.response_info;
    if (told)
        snprintf(r->response_topic, sizeof r->response_topic, "%s", told);
    else if (reserved && *reserved && !strpbrk(reserved, "+#"))
        snprintf(r->response_topic, sizeof r->response_topic, "%.400s/%s", reserved, r->correlation);
    else
        snprintf(r->response_topic, sizeof r->response_topic, "busbar-response/%s", r->correlation);
    return r->response_topic;
}

static bb_span correlation_of(const run *r)
{
    const char *told = r->settings->message.correlation;
    return bb_span_text(told ? told : r->correlation);
}

/* The properties that were asked for, and what makes a request of a message. */
static bool make_request(run *r)
{
    const bb_message_options *o = &r->settings->message;
    size_t room = o->properties.len + TOPIC_MAX + sizeof r->correlation + 16;
    r->properties = malloc(room);
    if (!r->properties)
        return false;
    if (o->properties.len)
        memcpy(r->properties, o->properties.data, o->properties.len);
    bb_property_writer writer = {.at = r->properties, .len = o->properties.len, .cap = room};
    if (!o->response_topic)
        bb_property_put_bytes(&writer, BB_RESPONSE_TOPIC, bb_span_text(r->response_topic));
    if (!o->correlation)
        bb_property_put_bytes(&writer, BB_CORRELATION_DATA, bb_span_text(r->correlation));
    r->message = (bb_client_message){.topic = bb_span_text(r->settings->topic),
                                     .properties = bb_property_list(&writer),
                                     .qos = o->qos,
                                     .retain = o->retain};
    return !writer.full;
}

/* A failure is an answer too: the user property `error` says so. */
static void note_failure(run *r, bb_span properties)
{
    char shown[BB_SAY_SHOWN_MAX];
    bb_property property;
    while (bb_property_next(&properties, &property))
        if (property.id == BB_USER_PROPERTY && bb_span_equal(property.name, BB_SPAN_LITERAL("error"))) {
            bb_say("the answer says: %s", bb_say_shown(property.value, shown));
            r->failed = true;
        }
}

static void take_message(run *r, const bb_client_message_event *message)
{
    if (!bb_client_answers(message, correlation_of(r)) || !bb_output_take(&r->output, message))
        return;
    note_failure(r, message->properties);
    if (++r->answers == r->settings->answer.count)
        end(r, r->failed ? BB_EXIT_FINDING : BB_EXIT_OK);
}

/* The subscription is in place: now an answer cannot be missed. */
static void take_subscribed(run *r, const bb_client_ack_event *answer)
{
    char text[BB_REFUSAL_MAX];
    if (answer->code >= 0x80) {
        bb_say("the broker refused the subscription to %s: %s", r->response_topic,
               bb_refusal_text(answer->code, answer->properties, text));
        end(r, BB_EXIT_REFUSED);
        return;
    }
    bb_publisher_begin(&r->publisher, &r->message, &r->payload);
}

static void take(run *r, const bb_client_event *event)
{
    bb_publisher_take(&r->publisher, event);
    if (event->type == BB_CLIENT_MESSAGE)
        take_message(r, &event->message);
    else if (event->type == BB_CLIENT_SUBSCRIBED)
        take_subscribed(r, &event->ack);
    /* 0x10: nobody subscribes to the topic, so nobody will answer */
    else if (event->type == BB_CLIENT_PUBLISHED && event->ack.code == 0x10)
        bb_say("nobody subscribes to %s", r->settings->topic);
}

static void check_end(run *r)
{
    if (r->done)
        return;
    if (r->publisher.code)
        end(r, r->publisher.code);
    else if (r->connection.ended)
        end(r, r->connection.code);
    else if (bb_stop_requested())
        end(r, BB_EXIT_TIMEOUT);
    else if (bb_now_us() >= r->limit_us)
        end(r, r->settings->answer.count || !r->answers ? BB_EXIT_TIMEOUT : r->failed ? BB_EXIT_FINDING : BB_EXIT_OK);
}

static bool subscribe(run *r)
{
    const bb_client_subscription subscription = {.filter = bb_span_text(choose_response_topic(r)),
                                                 .qos = r->settings->message.qos};
    if (make_request(r) && bb_client_subscribe(bb_net_client(r->connection.net), &subscription, NULL) == BB_CLIENT_OK)
        return true;
    bb_say("the response topic does not work: %s", r->response_topic);
    return false;
}

static int ask(run *r)
{
    bb_client_event event;
    int code = bb_connection_open(&r->connection);
    if (code != BB_EXIT_OK)
        return code;
    if (!subscribe(r))
        return BB_EXIT_USAGE;
    while (!r->done) {
        while (!r->done && bb_connection_next(&r->connection, &event))
            take(r, &event);
        uint64_t before = r->publisher.progress;
        if (!r->done && r->publisher.busy)
            (void)bb_publisher_step(&r->publisher);
        if (r->publisher.progress != before)
            continue;
        check_end(r);
        if (!r->done)
            bb_connection_wait(&r->connection, bb_ms_until(r->limit_us), -1);
    }
    return r->code;
}

/* --- before it */

static bool check(request_settings *s)
{
    if (!s->topic)
        s->topic = s->connection.topic;
    int sources = (s->payload != NULL) + (s->file != NULL) + s->whole_input + s->null;
    if (!s->topic)
        bb_say("where to? A topic is missing");
    else if (sources != 1)
        bb_say(sources ? "what to ask? Only one payload is possible"
                       : "what to ask? A payload is missing; -n asks with an empty one");
    else if (s->connection.version < 5)
        bb_say("requests need MQTT 5.0");
    else
        return true;
    return false;
}

static bool open_payload(run *r)
{
    const request_settings *s = r->settings;
    bb_span none = BB_SPAN_NONE;
    if (s->file || s->whole_input)
        return bb_payload_open(s->file, &r->payload);
    r->payload = bb_payload_of(s->payload ? bb_span_text(s->payload) : none);
    return true;
}

static int run_request(void *settings)
{
    run r = {.settings = settings};
    if (!check(settings))
        return BB_EXIT_USAGE;
    if (!open_payload(&r) || !make_correlation(&r))
        return BB_EXIT_FILE;
    const answer_options *answer = &r.settings->answer;
    bb_connection_prepare(&r.connection, &r.settings->connection, "request");
    r.connection.options.client.request_response_info = true;
    r.publisher = (bb_publisher){.connection = &r.connection, .inflight_max = 1};
    r.output = bb_print_output(&r.settings->print);
    r.limit_us = r.connection.limit_us = bb_now_us() + answer->limit_us;
    int code = bb_connection_close(&r.connection, ask(&r));
    if (code == BB_EXIT_TIMEOUT)
        bb_say("%llu answers came in time", (unsigned long long)r.answers);
    bb_output_free(&r.output);
    bb_payload_close(&r.payload);
    free(r.properties);
    return code;
}

const bb_cli_command bb_command_request = {
    .name = "request",
    .summary = "ask, and print the answer",
    .synopsis = (const char *const[]){"[OPTION]... TOPIC PAYLOAD", "[OPTION]... TOPIC -f FILE | -s | -n", NULL},
    .description =
        (const char *const[]){
            "Publishes a request with a response topic and correlation data of its own (MQTT 5.0), and "
            "prints the answers that come. An answer with the user property `error`, which `busbar "
            "respond` sends for a command that failed, gives the exit code 7.",
            NULL},
    .arguments =
        (const bb_cli_argument[]){
            {"URL", BB_CLI_TEXT, offsetof(request_settings, connection.url), .takes = bb_is_broker_url,
             .help = "The same as `--url`."},
            {"TOPIC", BB_CLI_TEXT, offsetof(request_settings, topic), .help = "The same as `--topic`."},
            {"PAYLOAD", BB_CLI_TEXT, offsetof(request_settings, payload), .help = "The same as `--message`."},
            {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&what_group, 0},
                                      {&answer_group, offsetof(request_settings, answer)},
                                      {&bb_print_group, offsetof(request_settings, print)},
                                      {&bb_message_group, offsetof(request_settings, message)},
                                      {&bb_connection_group, offsetof(request_settings, connection)},
                                      {NULL, 0}},
    .examples =
        (const bb_cli_example[]){
            {"busbar request site/a/ask 'state?'", "One question, one answer."},
            {"busbar request -C 0 -W 2 site/all/ask 'who is there?'", "All answers that come within two seconds."},
            {"busbar request -q 1 -N firmware/get v2 > image.bin", "A file as the answer."},
            {NULL, NULL}},
    .manual = (const char *const[]){BB_CONNECTION_MANUAL, NULL},
    .settings_size = sizeof(request_settings),
    .run = run_request,
};
