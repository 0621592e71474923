/* respond.c - `busbar respond`: run a command for each request, and answer with what it prints (MQTT 5.0 4.10).
 *
 *     request ──► waiting ──► job (a command) ──► answers ──► published
 *
 * At most so many jobs run at a time, and at most so many requests wait; who comes beyond that is answered at once,
 * with an error, as is who asks more than is allowed and whose command fails: nobody waits for nothing. Only where the
 * broker takes no answers while requests keep coming are requests dropped in the end, and that is said. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/list.h"
#include "tool/commands.h"
#include "tool/connection.h"
#include "tool/environment.h"
#include "tool/job.h"
#include "tool/publisher.h"
#include "tool/say.h"
#include "tool/stop.h"
#include "topic/topic.h"

enum {
    ERROR_TEXT_MAX = 96,
    OVERHEAD = 64,
    ANSWERS_SOME = 100,  /* while so many wait to be sent, no further command is started, */
    ANSWERS_MAX = 10000, /* and so many at most: a broker that takes none must not cost memory without end */
};

/* --- options */

typedef struct work_options {
    bb_cli_words filters;
    uint8_t qos;
    uint32_t parallel, waiting_max;
    uint64_t limit_us, count;
    uint32_t request_max, answer_max;
    const char *content_type;
} work_options;

typedef struct respond_settings {
    work_options work;
    const char *filter;
    bb_cli_words words;
    bb_connection_options connection;
} respond_settings;

#define IN(member) BB_CLI_AT(work_options, member)

// clang-format off
static const bb_cli_option work_rows[] = {
    {"topic", 't', BB_CLI_WORDS, IN(filters), .value = "FILTER",
     .help = "Answer requests of these topics, too; may be repeated."},
    {"qos", 'q', BB_CLI_NUMBER, IN(qos), BB_CLI_BETWEEN(0, 2), .value = "QOS", .initial = "1",
     .help = "The highest QoS with which requests come; an answer has the QoS of its request."},
    {"parallel", 'j', BB_CLI_NUMBER, IN(parallel), BB_CLI_BETWEEN(1, 256), .value = "N", .initial = "4",
     .help = "So many commands at most run at a time."},
    {"waiting", 0, BB_CLI_NUMBER, IN(waiting_max), BB_CLI_BETWEEN(0, 10000), .value = "N", .initial = "100",
     .help = "So many requests at most wait for one to end; more are answered with an error at once."},
    {"timeout", 'W', BB_CLI_TIME, IN(limit_us), .min = 0.01, .value = "TIME", .initial = "60",
     .help = "A command that takes longer is killed, and the request answered with an error."},
    {"count", 'C', BB_CLI_NUMBER, IN(count), .value = "N", .min = 1,
     .help = "End after so many requests."},
    {"request-size", 0, BB_CLI_SIZE, IN(request_max), BB_CLI_BETWEEN(0, 268435455), .value = "SIZE", .initial = "16MB",
     .help = "Requests with a larger payload are answered with an error."},
    {"answer-size", 0, BB_CLI_SIZE, IN(answer_max), BB_CLI_BETWEEN(0, 268435455), .value = "SIZE", .initial = "16MB",
     .help = "A command that prints more is killed, and the request answered with an error."},
    {"content-type", 0, BB_CLI_TEXT, IN(content_type), .value = "TYPE",
     .help = "What the answers are, for instance application/json."},
};
// clang-format on

static const bb_cli_group work_group = {.title = "Work", BB_CLI_ROWS(work_rows)};

/* --- one request, from its arrival to its answer */

typedef struct task {
    bb_list link; /* in `waiting`, `running` or `answers` */
    char **environment;
    bb_gather payload; /* of the request; then with the job */
    bb_job job;
    char error[ERROR_TEXT_MAX]; /* what the answer says went wrong; empty: nothing */
    char *topic;                /* of the answer */
    uint8_t *properties;
    size_t properties_len;
    uint8_t qos;
} task;

typedef struct run {
    const respond_settings *settings;
    bb_connection connection;
    bb_publisher publisher;
    bb_payload payload;
    bb_client_subscription *subscriptions;
    size_t subscriptions_count, answered_subscriptions;
    bb_list waiting, running, answers;
    size_t waiting_now, running_now, answers_now;
    task *arriving; /* a request of which not all has come; NULL: none, or one that is ignored */
    task *leaving;  /* the answer that the publisher has */
    int epoll_fd;
    uint64_t requests, answered;
    int code;
    bool done;
} run;

static void free_task(task *t)
{
    if (!t)
        return;
    bb_environment_free(t->environment);
    bb_gather_free(&t->payload);
    bb_job_close(&t->job);
    free(t->topic);
    free(t->properties);
    free(t);
}

static void end(run *r, int code)
{
    r->done = true;
    r->code = code;
}

/* --- requests */

/* Where the answer goes and what it brings back, kept for later. */
static bool keep_return(task *t, const bb_client_message_event *request, const char *content_type)
{
    bb_client_message answer;
    size_t room = request->properties.len + OVERHEAD + ERROR_TEXT_MAX + (content_type ? strlen(content_type) : 0);
    t->properties = malloc(room);
    if (!t->properties)
        return false;
    bb_property_writer writer = bb_property_writer_on(t->properties, room - OVERHEAD - ERROR_TEXT_MAX);
    if (!bb_client_respond(request, &writer, &answer))
        return false;
    if (content_type)
        bb_property_put_bytes(&writer, BB_CONTENT_TYPE, bb_span_text(content_type));
    t->properties_len = writer.len;
    t->topic = strndup((const char *)answer.topic.data, answer.topic.len);
    t->qos = request->qos;
    return t->topic != NULL;
}

static task *new_task(const run *r, const bb_client_message_event *request)
{
    char shown[BB_SAY_SHOWN_MAX];
    bb_property where;
    if (!bb_property_find(request->properties, BB_RESPONSE_TOPIC, &where)) {
        bb_say("a message on %s has no response topic; it is no request", bb_say_shown(request->topic, shown));
        return NULL;
    }
    task *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->job = (bb_job){.process_fd = -1, .in_fd = -1, .out_fd = -1};
    t->environment = bb_environment_of(request);
    if (t->environment && keep_return(t, request, r->settings->work.content_type))
        return t;
    bb_say("there is no memory for a request on %s", bb_say_shown(request->topic, shown));
    free_task(t);
    return NULL;
}

static void answer(run *r, task *t)
{
    if (r->answers_now >= ANSWERS_MAX) {
        bb_say("a request is dropped: the broker has %zu answers to take", r->answers_now);
        r->answered++;
        free_task(t);
        return;
    }
    bb_list_append(&r->answers, &t->link);
    r->answers_now++;
}

static void answer_error(run *r, task *t, const char *error)
{
    snprintf(t->error, sizeof t->error, "%s", error);
    answer(r, t);
}

static size_t commands_to_start(const run *r)
{
    return r->answers_now < ANSWERS_SOME ? r->settings->work.parallel - r->running_now : 0;
}

static void queue(run *r, task *t)
{
    r->requests++;
    if (t->error[0]) {
        answer(r, t);
    } else if (r->waiting_now >= r->settings->work.waiting_max + commands_to_start(r)) {
        answer_error(r, t, "busy");
    } else {
        bb_list_append(&r->waiting, &t->link);
        r->waiting_now++;
    }
}

static void take_piece(run *r, const bb_client_message_event *piece)
{
    if (piece->offset == 0) {
        free_task(r->arriving);
        r->arriving = new_task(r, piece);
    }
    task *t = r->arriving;
    if (!t)
        return;
    if (piece->size > r->settings->work.request_max)
        snprintf(t->error, sizeof t->error, "the request is larger than %u bytes", r->settings->work.request_max);
    else if (!bb_gather_add(&t->payload, piece->offset, piece->payload))
        snprintf(t->error, sizeof t->error, "there is no memory");
    if (piece->offset + piece->payload.len < piece->size)
        return;
    r->arriving = NULL;
    queue(r, t);
}

/* --- jobs */

static void start(run *r, task *t)
{
    const respond_settings *s = r->settings;
    char error[ERROR_TEXT_MAX];
    if (bb_job_start(&t->job, r->epoll_fd, s->words.at, t->environment, &t->payload, s->work.answer_max,
                     bb_now_us() + s->work.limit_us)) {
        bb_list_append(&r->running, &t->link);
        r->running_now++;
        return;
    }
    snprintf(error, sizeof error, "the command cannot be started: %s", strerror(errno));
    bb_say("%s: %s", s->words.at[0], strerror(errno));
    answer_error(r, t, error);
}

static void start_waiting(run *r)
{
    while (!bb_list_empty(&r->waiting) && commands_to_start(r)) {
        task *t = BB_CONTAINER_OF(r->waiting.next, task, link);
        bb_list_remove(&t->link);
        r->waiting_now--;
        start(r, t);
    }
}

static void judge(task *t)
{
    const bb_job *job = &t->job;
    if (job->end == BB_JOB_EXITED && job->status)
        snprintf(t->error, sizeof t->error, "exit code %d", job->status);
    else if (job->end == BB_JOB_KILLED)
        snprintf(t->error, sizeof t->error, "killed by signal %d", job->status);
    else if (job->end == BB_JOB_LATE)
        snprintf(t->error, sizeof t->error, "it took too long");
    else if (job->end == BB_JOB_LARGE)
        snprintf(t->error, sizeof t->error, "the answer is too large");
}

static void turn_jobs(run *r)
{
    uint64_t now = bb_now_us();
    bb_list *next;
    for (bb_list *at = r->running.next; at != &r->running; at = next) {
        next = at->next;
        task *t = BB_CONTAINER_OF(at, task, link);
        if (!bb_job_turn(&t->job, now))
            continue;
        bb_list_remove(&t->link);
        r->running_now--;
        judge(t);
        answer(r, t);
    }
}

static uint64_t next_us(const run *r)
{
    uint64_t soonest = UINT64_MAX;
    for (bb_list *at = r->running.next; at != &r->running; at = at->next) {
        const task *t = BB_CONTAINER_OF(at, task, link);
        soonest = t->job.until_us < soonest ? t->job.until_us : soonest;
    }
    return soonest;
}

/* Forget which of the jobs' descriptors woke us: each turn looks at all of them. */
static void clear_events(const run *r)
{
    struct epoll_event events[64];
    (void)epoll_wait(r->epoll_fd, events, 64, 0);
}

/* --- answers */

static void begin_answer(run *r, task *t)
{
    bb_property_writer writer = {
        .at = t->properties, .len = t->properties_len, .cap = t->properties_len + OVERHEAD + ERROR_TEXT_MAX};
    if (t->error[0])
        bb_property_put_pair(&writer, BB_SPAN_LITERAL("error"), bb_span_text(t->error));
    const bb_client_message message = {
        .topic = bb_span_text(t->topic), .properties = bb_property_list(&writer), .qos = t->qos};
    r->leaving = t;
    r->payload = bb_payload_of(bb_gather_span(&t->job.output));
    bb_publisher_begin(&r->publisher, &message, &r->payload);
}

static void send_answers(run *r)
{
    for (;;) {
        if (!r->leaving) {
            if (bb_list_empty(&r->answers))
                return;
            task *t = BB_CONTAINER_OF(r->answers.next, task, link);
            bb_list_remove(&t->link);
            r->answers_now--;
            begin_answer(r, t);
        }
        if (!bb_publisher_step(&r->publisher))
            return;
        free_task(r->leaving);
        r->leaving = NULL;
        r->answered++;
        r->publisher.code = BB_EXIT_OK; /* an answer that is refused has been told; others go on */
    }
}

/* --- the loop */

static void take(run *r, const bb_client_event *event)
{
    char text[BB_REFUSAL_MAX];
    bb_publisher_take(&r->publisher, event);
    if (event->type == BB_CLIENT_MESSAGE) {
        take_piece(r, &event->message);
    } else if (event->type == BB_CLIENT_SUBSCRIBED && event->ack.code >= 0x80) {
        bb_say("the broker refused a subscription: %s", bb_refusal_text(event->ack.code, event->ack.properties, text));
        end(r, BB_EXIT_REFUSED);
    }
}

static bool has_had_enough(const run *r)
{
    return r->settings->work.count && r->requests >= r->settings->work.count;
}

static void check_end(run *r)
{
    if (r->done)
        return;
    if (r->connection.ended)
        end(r, r->connection.code);
    else if (bb_stop_requested())
        end(r, BB_EXIT_OK);
    else if (has_had_enough(r) && r->answered >= r->requests && r->publisher.owed == 0)
        end(r, BB_EXIT_OK);
}

static int serve(run *r)
{
    bb_client_event event;
    int code = bb_connection_open(&r->connection);
    if (code != BB_EXIT_OK)
        return code;
    while (!r->done) {
        while (!r->done && bb_connection_next(&r->connection, &event))
            take(r, &event);
        clear_events(r);
        turn_jobs(r);
        start_waiting(r);
        uint64_t before = r->publisher.progress;
        send_answers(r);
        if (r->publisher.progress != before)
            continue; /* bb_connection_next sends, which makes room */
        check_end(r);
        if (!r->done)
            bb_connection_wait(&r->connection, bb_ms_until(next_us(r)), r->epoll_fd);
    }
    return r->code;
}

/* --- before and after it */

static bool check(const respond_settings *s)
{
    bb_filter parsed;
    char shown[BB_SAY_SHOWN_MAX];
    if (!s->filter && !s->work.filters.count && !s->connection.topic)
        bb_say("to what? A topic filter is missing");
    else if (!s->words.count)
        bb_say("with what? A command is missing");
    else if (s->connection.version < 5)
        bb_say("requests need MQTT 5.0");
    else if (s->filter && bb_filter_parse(bb_span_text(s->filter), UINT32_MAX, UINT16_MAX, &parsed) != BB_OK)
        bb_say("'%s' is no topic filter", bb_say_shown(bb_span_text(s->filter), shown));
    else
        return true;
    return false;
}

static bool prepare_subscriptions(run *r)
{
    const respond_settings *s = r->settings;
    const char *more[] = {s->filter, s->connection.topic};
    r->subscriptions = calloc(s->work.filters.count + 2, sizeof *r->subscriptions);
    if (!r->subscriptions)
        return false;
    for (size_t i = 0; i < s->work.filters.count + 2; i++) {
        const char *filter = i < 2 ? more[i] : s->work.filters.at[i - 2];
        if (filter)
            r->subscriptions[r->subscriptions_count++] =
                (bb_client_subscription){.filter = bb_span_text(filter), .qos = s->work.qos};
    }
    return true;
}

static void prepare(run *r)
{
    bb_connection_prepare(&r->connection, &r->settings->connection, "respond");
    r->connection.reconnect = true;
    r->connection.options.client.subscriptions = r->subscriptions;
    r->connection.options.client.subscriptions_count = r->subscriptions_count;
    r->publisher = (bb_publisher){.connection = &r->connection, .inflight_max = 100};
    bb_list_init(&r->waiting);
    bb_list_init(&r->running);
    bb_list_init(&r->answers);
    signal(SIGPIPE, SIG_IGN); /* a command may close its input */
}

static void free_tasks(bb_list *tasks)
{
    while (!bb_list_empty(tasks)) {
        task *t = BB_CONTAINER_OF(tasks->next, task, link);
        bb_list_remove(&t->link);
        free_task(t);
    }
}

static void clean_up(run *r)
{
    free_tasks(&r->waiting);
    free_tasks(&r->running);
    free_tasks(&r->answers);
    free_task(r->arriving);
    free_task(r->leaving);
    free(r->subscriptions);
    close(r->epoll_fd);
}

static int run_respond(void *settings)
{
    run r = {.settings = settings};
    respond_settings *s = settings;
    if (!check(s))
        return BB_EXIT_USAGE;
    r.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const bb_cli_option words = {.type = BB_CLI_WORDS, .offset = offsetof(respond_settings, words)};
    char error[BB_CLI_ERROR_MAX];
    if (r.epoll_fd < 0 || !prepare_subscriptions(&r) || !bb_cli_set(&words, s, NULL, error)) {
        bb_say("%s", strerror(errno));
        return BB_EXIT_FILE;
    }
    prepare(&r);
    int code = bb_connection_close(&r.connection, serve(&r));
    clean_up(&r);
    return code;
}

const bb_cli_command bb_command_respond = {
    .name = "respond",
    .summary = "answer requests with the output of a command",
    .synopsis = (const char *const[]){"[OPTION]... FILTER -- COMMAND [ARGUMENT]...", NULL},
    .description =
        (const char *const[]){
            "Runs a command for each request that comes (MQTT 5.0). The payload is its standard input, "
            "its standard output is the answer. A command that fails is answered for with the user "
            "property `error` beside what it has printed.",
            "Options of the command stand behind `--`.", NULL},
    .arguments = (const bb_cli_argument[]){{"URL", BB_CLI_TEXT, offsetof(respond_settings, connection.url),
                                            .takes = bb_is_broker_url, .help = "The same as `--url`."},
                                           {"FILTER", BB_CLI_TEXT, offsetof(respond_settings, filter),
                                            .help = "The topic filter of the requests."},
                                           {"COMMAND", BB_CLI_FILES, offsetof(respond_settings, words),
                                            .help = "What is run, with its arguments; no shell is between."},
                                           {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&work_group, offsetof(respond_settings, work)},
                                      {&bb_connection_group, offsetof(respond_settings, connection)},
                                      {NULL, 0}},
    .examples =
        (const bb_cli_example[]){
            {"busbar respond site/a/ask -- uptime", "Says how long this machine has been up."},
            {"busbar respond 'calc/+' -- sh -c 'bc -l'", "The payload is the input."},
            {"busbar respond -j 1 firmware/get -- sh -c 'cat \"$(basename \"$(cat)\")\"'", "One after the other."},
            {NULL, NULL}},
    .manual =
        (const char *const[]){"ENVIRONMENT",
                              "The command has the variables of `busbar`, without those that begin with BUSBAR_, "
                              "and these: `BUSBAR_TOPIC`, `BUSBAR_RESPONSE_TOPIC`, `BUSBAR_QOS`, `BUSBAR_RETAIN`; "
                              "`BUSBAR_CORRELATION_DATA` in hexadecimal and `BUSBAR_CONTENT_TYPE`, if there are "
                              "any; and `BUSBAR_PROPERTY_`NAME for each user property, its name in capitals with "
                              "underscores for all that is neither letter nor digit. They come from whoever sent "
                              "the request: a script must not run them.",
                              BB_CONNECTION_MANUAL, NULL},
    .settings_size = sizeof(respond_settings),
    .run = run_respond,
};
