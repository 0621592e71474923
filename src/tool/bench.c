/* bench.c - `busbar bench`: load a broker, and check that it does what it should. The engine is the folder bench. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/report.h"
#include "net/net.h"
#include "tool/commands.h"
#include "tool/connection_options.h"
#include "tool/exit.h"
#include "tool/say.h"

enum {
    CONNECTIONS_AN_ADDRESS = 8000, /* of ours: some 28,000 ports are there for all, and those of closed ones wait */
    ADDRESSES_OF_CONNECT = 20,     /* each cycle leaves a port waiting for a minute */
    OWN_FILES = 64,                /* beside the connections */
    COMMAND_MAX = 2048,
};

/* --- options */

typedef struct result_options {
    bool json, quiet_progress;
    const char *page;
} result_options;

typedef struct bench_settings {
    const char *scenario;
    bb_bench_options bench;
    result_options result;
    bb_connection_options connection;
} bench_settings;

static const bb_cli_choice scenarios[] = {
#define X(name, word, pubs, subs, count, window, text) {word, BB_SCENARIO_##name},
    BB_SCENARIO_MAP(X)
#undef X
        {NULL, 0}};
static const bb_cli_choice phases[] = {
    {"both", BB_OFFLINE_BOTH}, {"store", BB_OFFLINE_STORE}, {"fetch", BB_OFFLINE_FETCH}, {NULL, 0}};

#define IN(member) BB_CLI_AT(bb_bench_options, member)
#define IN_RESULT(member) BB_CLI_AT(result_options, member)

// clang-format off
static const bb_cli_option load_rows[] = {
    {"pubs", 0, BB_CLI_NUMBER, IN(pubs), BB_CLI_BETWEEN(1, 1000000), .value = "N",
     .help = "Clients that publish; what is usual depends on the scenario."},
    {"subs", 0, BB_CLI_NUMBER, IN(subs), BB_CLI_BETWEEN(1, 1000000), .value = "N",
     .help = "Clients that subscribe, connect or idle; what is usual depends on the scenario."},
    {"qos", 'q', BB_CLI_NUMBER, IN(qos), BB_CLI_BETWEEN(0, 2), .value = "0|1|2", .initial = "0",
     .help = "Publish at this QoS."},
    {"sub-qos", 0, BB_CLI_NUMBER, IN(sub_qos), BB_CLI_BETWEEN(0, 2), .value = "0|1|2",
     .help = "Subscribe at this QoS; without it, that of `--qos`."},
    {"size", 's', BB_CLI_SIZE, IN(size), BB_CLI_BETWEEN(BB_BENCH_PAYLOAD_MIN, 16 << 20), .value = "BYTES",
     .initial = "64", .help = "Bytes of each payload: its source, number and time are in the first 16."},
    {"time", 0, BB_CLI_TIME, IN(time_us), .min = 0.1, .max = 864000, .value = "TIME",
     .guess = "seconds",
     .help = "Publish, or connect, for so long; 5 seconds, if there is no `--count`."},
    {"count", 'n', BB_CLI_NUMBER, IN(count), BB_CLI_BETWEEN(1, 100000000), .value = "N",
     .help = "Messages of each publisher; with retained: topics; with offline: messages for each session; with connect: "
             "how often in all."},
    {"rate", 0, BB_CLI_DECIMAL, IN(rate), .min = 0.01, .max = 1e8, .value = "N",
     .help = "Publish so many messages a second, all publishers together, by the clock. Without it, as many as are "
             "received."},
    {"window", 0, BB_CLI_NUMBER, IN(window), BB_CLI_BETWEEN(1, 65534), .value = "N",
     .help = "At QoS 1 and 2, each publisher has so many unacknowledged messages at most."},
    {"backlog", 0, BB_CLI_NUMBER, IN(backlog), BB_CLI_BETWEEN(0, 1000000), .value = "N",
     .help = "Each publisher has so many messages at most that not all of their subscribers have received; without it, "
             "as many as the window. 0: no bound; at QoS 0, loss is no error then."},
    {"threads", 0, BB_CLI_NUMBER, IN(threads), BB_CLI_BETWEEN(1, BB_BENCH_THREADS_MAX), .value = "N", .initial = "1",
     .help = "Threads of busbar bench itself, where one does not outrun the broker."},
    {"ramp-up", 0, BB_CLI_TIME, IN(ramp_us), .max = 864000, .value = "TIME",
     .help = "Open the connections evenly over this time; without it, as fast as the broker accepts them."},
    {"at-once", 0, BB_CLI_NUMBER, IN(at_once), BB_CLI_BETWEEN(1, 65536), .value = "N", .initial = "64",
     .help = "So many connections at most are being opened at a time."},
    {"warm-up", 0, BB_CLI_TIME, IN(warmup_us), .max = 3600, .value = "TIME", .initial = "500ms",
     .help = "With `--rate`: latencies count from then on."},
    {"patience", 0, BB_CLI_TIME, IN(timeout_us), .min = 0.1, .max = 86400, .value = "TIME", .initial = "10",
     .help = "Give up when nothing has moved for so long."},
    {"source-addresses", 0, BB_CLI_NUMBER, IN(addresses), BB_CLI_BETWEEN(1, 65000), .value = "N",
     .help = "Connect from so many addresses, 127.0.0.1 and those that follow, to a broker on such an address; without "
             "it, from as many as the ports of each suffice for."},
};
static const bb_cli_option scenario_rows[] = {
    {"sites", 0, BB_CLI_NUMBER, IN(sites), BB_CLI_BETWEEN(1, 1000000), .value = "N", .initial = "100",
     .help = "wildcard: topics are site/I/der/J/telemetry/K, with so many I,"},
    {"ders", 0, BB_CLI_NUMBER, IN(ders), BB_CLI_BETWEEN(1, 1000), .value = "N", .initial = "10",
     .help = "so many J,"},
    {"points", 0, BB_CLI_NUMBER, IN(points), BB_CLI_BETWEEN(1, 1000), .value = "N", .initial = "10",
     .help = "and so many K."},
    {"filters", 0, BB_CLI_NUMBER, IN(filters), BB_CLI_BETWEEN(1, 100000000), .value = "N",
     .help = "wildcard: subscribe to at least so many filters; those beyond what the topics need match nothing."},
    {"hold", 0, BB_CLI_TIME, IN(hold_us), .max = 864000, .value = "TIME", .initial = "3",
     .help = "idle: how long to do nothing."},
    {"repeat", 0, BB_CLI_NUMBER, IN(repeat), BB_CLI_BETWEEN(1, 100000), .value = "N", .initial = "1",
     .help = "retained: so many subscribers fetch everything, one after the other."},
    {"no-clear", 0, BB_CLI_FLAG, IN(no_clear),
     .help = "retained: leave the messages in the broker."},
    {"phase", 0, BB_CLI_CHOICE, IN(phase), .choices = phases, .initial = "both",
     .help = "offline: only store, or only fetch what an earlier run has stored; to restart the broker in between."},
    {"keep", 0, BB_CLI_FLAG, IN(keep),
     .help = "offline: leave the sessions in the broker."},
};
static const bb_cli_option result_rows[] = {
    {"json", 0, BB_CLI_FLAG, IN_RESULT(json),
     .help = "Print all figures as one line of JSON."},
    {"html", 0, BB_CLI_FILE, IN_RESULT(page), .value = "FILE",
     .help = "Write a page with the figures and their plots, too; it needs nothing from elsewhere."},
    {"no-progress", 0, BB_CLI_FLAG, IN_RESULT(quiet_progress),
     .help = "Do not show on the terminal how far it is."},
};
static const bb_cli_option broker_rows[] = {
    {"broker-pid", 0, BB_CLI_NUMBER, IN(broker_pid), BB_CLI_BETWEEN(1, 4194304), .value = "PID",
     .help = "The broker is this process of this machine: tell its CPU time and memory."},
    {"tag", 0, BB_CLI_TEXT, IN(tag), .value = "TEXT",
     .help = "Is told in the results, to find the run again."},
};
// clang-format on

/* What was not given is for the scenario to say; zero means something. */
static bool mark_unset(void *settings, const bool *given, char *error)
{
    for (size_t i = 0; i < sizeof load_rows / sizeof *load_rows; i++) {
        bool has_own_unset = load_rows[i].offset == offsetof(bb_bench_options, window) ||
                             load_rows[i].offset == offsetof(bb_bench_options, backlog) ||
                             load_rows[i].offset == offsetof(bb_bench_options, sub_qos);
        if (has_own_unset && !given[i])
            memcpy((char *)settings + load_rows[i].offset, &(uint32_t){BB_BENCH_UNSET}, sizeof(uint32_t));
    }
    return true;
}

static const bb_cli_group load_group = {.title = "Load", BB_CLI_ROWS(load_rows), .finish = mark_unset};
static const bb_cli_group scenario_group = {.title = "Of single scenarios", BB_CLI_ROWS(scenario_rows)};
static const bb_cli_group result_group = {.title = "Results", BB_CLI_ROWS(result_rows)};
static const bb_cli_group broker_group = {.title = "Broker", BB_CLI_ROWS(broker_rows)};

/* --- what depends on several options */

static bb_scenario scenario_of(const char *word)
{
    size_t i = 0;
    while (scenarios[i].word && strcmp(scenarios[i].word, word) != 0)
        i++;
    return scenarios[i].value; /* the parser has refused other words */
}

/* Two benches must not take over each other's clients; but who fetches must come as who stored. */
static const char *client_id_of(const bench_settings *settings, char text[BB_CLIENT_ID_TEXT_MAX])
{
    const bb_connection_options *connection = &settings->connection;
    if (connection->client_id || connection->id_prefix)
        return connection->client_id ? connection->client_id : connection->id_prefix;
    if (settings->bench.phase != BB_OFFLINE_BOTH)
        return "busbar-bench";
    snprintf(text, BB_CLIENT_ID_TEXT_MAX, "busbar-bench-%d", (int)getpid());
    return text;
}

static uint32_t connections_of(const bb_bench_options *options)
{
    return options->pubs + options->subs;
}

static uint32_t spread_of(const bb_bench_options *options, const bb_bench_target *target)
{
    if (!bb_bench_target_is_loopback(target))
        return 1;
    if (options->addresses)
        return options->addresses;
    return options->scenario == BB_SCENARIO_CONNECT ? ADDRESSES_OF_CONNECT
                                                    : 1 + connections_of(options) / CONNECTIONS_AN_ADDRESS;
}

/* As many files as the system lets us have. False when they do not suffice. */
static bool allow_files(uint32_t connections)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return true;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur >= connections + (rlim_t)OWN_FILES)
        return true;
    bb_say("%u connections need as many open files, but the limit is %llu; see ulimit -n", connections,
           (unsigned long long)files.rlim_cur);
    return false;
}

/* --- results */

typedef struct command_text {
    char text[COMMAND_MAX];
    size_t len;
} command_text;

__attribute__((format(printf, 2, 3))) static void add_word(command_text *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(command->text + command->len, COMMAND_MAX - command->len, format, arguments);
    va_end(arguments);
    if (len > 0 && command->len + (size_t)len < COMMAND_MAX)
        command->len += (size_t)len;
    else
        command->text[command->len] = 0;
}

static uint64_t unsigned_at(const void *at, size_t width)
{
    uint64_t value = 0; /* the machines that busbar runs on store the lowest byte first */
    memcpy(&value, at, width);
    return value;
}

static void add_option(command_text *command, const bb_cli_option *row, const void *base)
{
    const char *at = (const char *)base + row->offset;
    double decimal;
    switch (row->type) {
    case BB_CLI_FLAG:
        add_word(command, " --%s", row->name);
        return;
    case BB_CLI_DECIMAL:
        memcpy(&decimal, at, sizeof decimal);
        add_word(command, " --%s %g", row->name, decimal);
        return;
    case BB_CLI_TIME:
        add_word(command, " --%s %g", row->name, (double)unsigned_at(at, row->width) / 1e6);
        return;
    case BB_CLI_CHOICE:
        add_word(command, " --%s %s", row->name, row->choices[unsigned_at(at, row->width)].word);
        return;
    default:
        add_word(command, " --%s %llu", row->name, (unsigned long long)unsigned_at(at, row->width));
        return;
    }
}

/* Whether the option has another value than where it is not given. */
static bool differs(const bb_cli_option *row, const void *base)
{
    char error[BB_CLI_ERROR_MAX];
    bb_bench_options initial = {0};
    if (row->initial)
        (void)bb_cli_set(row, &initial, row->initial, error);
    return memcmp((const char *)base + row->offset, (const char *)&initial + row->offset, row->width) != 0;
}

/* What was run, with what had been left to us, so that it can be run again; without credentials. */
static void write_command(const bench_settings *settings, const char *url, command_text *command)
{
    const bb_bench_options *options = &settings->bench;
    add_word(command, "busbar bench %s -L %s -V %s -k %u", settings->scenario, url,
             options->version == BB_MQTT_5 ? "5" : "311", options->keep_alive_s);
    for (size_t i = 0; i < sizeof load_rows / sizeof *load_rows; i++)
        if (differs(&load_rows[i], options))
            add_option(command, &load_rows[i], options);
    for (size_t i = 0; i < sizeof scenario_rows / sizeof *scenario_rows; i++)
        if (differs(&scenario_rows[i], options))
            add_option(command, &scenario_rows[i], options);
}

static int write_page(const bench_settings *settings, const bb_bench_result *result, const char *url)
{
    command_text command = {0};
    write_command(settings, url, &command);
    FILE *page = fopen(settings->result.page, "w");
    if (page) {
        bb_report_html(page, result, command.text);
        bool written = !ferror(page);
        if (fclose(page) == 0 && written)
            return BB_EXIT_OK;
    }
    bb_say("%s: %s", settings->result.page, strerror(errno));
    return BB_EXIT_FILE;
}

static int report(const bench_settings *settings, const bb_bench_result *result, const char *url)
{
    if (settings->result.json)
        bb_report_json(stdout, result);
    else
        bb_report_text(stdout, result);
    int code = settings->result.page ? write_page(settings, result, url) : BB_EXIT_OK;
    return code != BB_EXIT_OK || result->verdict == BB_BENCH_GOOD ? code : BB_EXIT_FINDING;
}

/* --- running */

/* The options of all commands that mean nothing here are better refused than passed over. */
static bool check_connection_options(const bb_connection_options *connection)
{
    const char *useless = connection->will_topic         ? "--will-topic"
                          : connection->keep_session     ? "--disable-clean-session"
                          : connection->session_expiry   ? "--session-expiry-interval"
                          : connection->retry            ? "--retry"
                          : connection->follow_redirects ? "--follow-redirects"
                                                         : NULL;
    if (useless)
        bb_say("%s means nothing to bench, which has many clients and knows what they do", useless);
    return !useless;
}

static void take_connection_options(bench_settings *settings, char id[BB_CLIENT_ID_TEXT_MAX])
{
    const bb_connection_options *connection = &settings->connection;
    bb_bench_options *options = &settings->bench;
    options->scenario = scenario_of(settings->scenario);
    options->version = connection->version;
    options->keep_alive_s = connection->keep_alive_s;
    options->client_id = client_id_of(settings, id);
    options->progress = isatty(STDERR_FILENO) && !settings->result.quiet_progress && !connection->quiet;
}

static bb_span span_or_none(const char *text)
{
    return text ? bb_span_text(text) : BB_SPAN_NONE;
}

static int run_against(bench_settings *settings, const bb_bench_target *target)
{
    char wrong[BB_DIAL_ERROR_MAX];
    bb_text error = bb_text_on(wrong, sizeof wrong);
    bb_bench_result result;
    bb_bench_end end = bb_bench_run(&settings->bench, target, &result, &error);
    if (end != BB_BENCH_PLAYED) {
        bb_say("%.*s", (int)error.len, error.at);
        return end == BB_BENCH_REFUSED ? BB_EXIT_REFUSED : BB_EXIT_CONNECT;
    }
    int code = report(settings, &result, target->url);
    bb_bench_result_deinit(&result);
    return code;
}

/* The TLS context, where the URL wants one; false when it cannot be made. */
static bool open_tls(const bb_connection_options *connection, bb_tls_context **tls, bb_text *error)
{
    const bb_net_tls options = {.ca_file = connection->ca_file,
                                .ca_folder = connection->ca_folder,
                                .certificate_file = connection->certificate,
                                .key_file = connection->key,
                                .ciphers = connection->ciphers,
                                .tls_1_3_only = connection->tls_version == 13,
                                .any_name = connection->insecure,
                                .any_certificate = connection->trust_all};
    *tls = NULL;
    if (connection->scheme != BB_URL_MQTTS && connection->scheme != BB_URL_WSS)
        return true;
    *tls = bb_net_tls_context_new(&options, error);
    return *tls != NULL;
}

static int reach_and_run(bench_settings *settings)
{
    const bb_connection_options *connection = &settings->connection;
    char url[BB_URL_MAX], wrong[BB_DIAL_ERROR_MAX];
    bb_text error = bb_text_on(wrong, sizeof wrong);
    bb_tls_context *tls = NULL;
    bb_net_target *net = malloc(sizeof *net);
    int code = BB_EXIT_CONNECT;
    if (net && bb_connection_url(connection, url) && open_tls(connection, &tls, &error) &&
        bb_net_target_open(net, url, tls, &error)) {
        bb_bench_target target = {.url = url,
                                  .dial = net->dial,
                                  .user_name = span_or_none(connection->user),
                                  .password = span_or_none(connection->password)};
        target.dial.tcp = (bb_tcp_options){0}; /* no probes: they would cost the broker, and --patience ends the wait */
        target.spread = spread_of(&settings->bench, &target);
        code = run_against(settings, &target);
    } else {
        bb_say("%.*s", (int)error.len, error.at);
    }
    bb_tls_context_free(tls);
    free(net);
    return code;
}

static void say_scenarios(void)
{
    char words[BB_CLI_ERROR_MAX];
    bb_text text = bb_text_on(words, sizeof words);
    for (size_t i = 0; scenarios[i].word; i++) {
        bb_text_puts(&text, i ? ", " : "");
        bb_text_puts(&text, scenarios[i].word);
    }
    bb_say("what to do? A scenario is missing: %.*s", (int)text.len, text.at);
}

static int run(void *memory)
{
    bench_settings *settings = memory;
    char id[BB_CLIENT_ID_TEXT_MAX], wrong[BB_CLI_ERROR_MAX];
    bb_text error = bb_text_on(wrong, sizeof wrong);
    if (!settings->scenario) {
        say_scenarios();
        return BB_EXIT_USAGE;
    }
    if (!check_connection_options(&settings->connection))
        return BB_EXIT_USAGE;
    take_connection_options(settings, id);
    if (!bb_bench_complete(&settings->bench, &error)) {
        bb_say("%.*s", (int)error.len, error.at);
        return BB_EXIT_USAGE;
    }
    if (!allow_files(connections_of(&settings->bench)))
        return BB_EXIT_USAGE;
    signal(SIGPIPE, SIG_IGN); /* a connection that the broker has closed is a finding, not our end */
    return reach_and_run(settings);
}

/* --- the command */

static const char *const synopsis[] = {"SCENARIO [OPTION]...", NULL};

static const char *const description[] = {
    "Puts a load on a broker and checks what it does with it: each message carries its source, its number and the time "
    "of its sending, so that one that is lost, comes twice, out of order, to the wrong client or damaged is found.",
    "At QoS 1 and 2 each publisher has at most as many messages unacknowledged as its window allows; and at every QoS, "
    "at most as many that have not reached all of their subscribers. So a broker is not measured by how much it drops "
    "or queues. With `--rate`, messages are published by the clock instead.",
    "The scenarios:"
#define X(name, word, pubs, subs, count, window, text) " `" word "`: " text ";"
    BB_SCENARIO_MAP(X)
#undef X
        " `--pubs` and `--subs` say how many.",
    "Never run it against a broker that others need.", NULL};

static const bb_cli_argument arguments[] = {{"URL", BB_CLI_TEXT, offsetof(bench_settings, connection.url),
                                             .takes = bb_is_broker_url, .help = "The same as `--url`."},
                                            {"SCENARIO", BB_CLI_TEXT, offsetof(bench_settings, scenario),
                                             .choices = scenarios, .help = "What to do; see above."},
                                            {.name = NULL}};

static const bb_cli_placed groups[] = {{&load_group, offsetof(bench_settings, bench)},
                                       {&scenario_group, offsetof(bench_settings, bench)},
                                       {&result_group, offsetof(bench_settings, result)},
                                       {&broker_group, offsetof(bench_settings, bench)},
                                       {&bb_connection_group, offsetof(bench_settings, connection)},
                                       {NULL, 0}};

static const bb_cli_example examples[] = {
    {"busbar bench pairs --qos 1 --broker-pid $(pidof busbard)",
     "100 publishers with one subscriber each, for 5 seconds, with the broker's CPU time for each message"},
    {"busbar bench fanout --subs 5000 --time 30 --html fanout.html",
     "one publisher, 5,000 subscribers, and a page with plots"},
    {"busbar bench pairs --qos 1 --rate 5000 --json", "the latency of a load that leaves the broker time to sleep"},
    {"busbar bench connect -L mqtts://broker.example --cafile ca.pem --time 10", "connections a second over TLS"},
    {"busbar bench idle --subs 50000 --ramp-up 20 --hold 60", "what connections cost that do nothing"},
    {NULL, NULL}};

static const char *const manual[] = {BB_CONNECTION_MANUAL, NULL};

const bb_cli_command bb_command_bench = {.name = "bench",
                                         .summary = "load a broker, and check that it does what it should",
                                         .synopsis = synopsis,
                                         .description = description,
                                         .arguments = arguments,
                                         .groups = groups,
                                         .examples = examples,
                                         .manual = manual,
                                         .settings_size = sizeof(bench_settings),
                                         .run = run};
