/* busbard.c - the broker's main(): read the command line and the configuration, then serve.
 *
 * Exit codes: 0 a clean stop or what was asked for was shown, 2 wrong usage or configuration, 1 everything else. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/config.h"
#include "server/server.h"
#include "server/why.h"

enum { EXIT_USAGE = 2, OVERRIDES_MAX = BB_LISTENERS_MAX + 8 };

typedef struct arguments {
    const char *config_path; /* NULL: no file */
    bb_override overrides[OVERRIDES_MAX];
    size_t override_count;
    bool check, ask;
    bb_why why;
    const char *question; /* the name of an option that only --why takes; NULL: there was none */
} arguments;

static const char usage[] =
    "Usage: busbard [OPTION]...\n"
    "An MQTT broker. Without options it serves this machine only, on port 1883, anonymously.\n"
    "\n"
    "  -c, --config FILE          read settings from a YAML file\n"
    "  -l, --listen ADDRESS:PORT  accept connections here ([::1]:1883 for IPv6), or at a URL: tls://ADDRESS:PORT,\n"
    "                             ws://ADDRESS:PORT/PATH, wss://..., unix://PATH; may be repeated,\n"
    "                             and replaces the listeners of the file\n"
    "  -w, --workers N            threads that serve clients (default: one for each core)\n"
    "      --log-level LEVEL      error, warning, info or debug\n"
    "      --log-format FORMAT    text or json\n"
    "      --check                check the settings, say what they are, and exit\n"
    "      --why                  say which access rule of the file decides, and exit 0 (allowed) or 1 (denied):\n"
    "                             busbard -c FILE --why --user anna --client c1 publish site/a\n"
    "        --user, --client, --address, --listener, --qos, --retain, --will   who asks, and for what\n"
    "      --help-config          describe all keys of the file (Markdown)\n"
    "  -h, --help                 show this text\n"
    "  -V, --version              show the version\n"
    "\n"
    "Signals: SIGTERM and SIGINT stop, SIGHUP reads the file again.\n";

enum {
    OPTION_WHY = 512,
    OPTION_USER,
    OPTION_CLIENT,
    OPTION_ADDRESS,
    OPTION_LISTENER,
    OPTION_QOS,
    OPTION_RETAIN,
    OPTION_WILL
};
enum { OPTION_CHECK = 256, OPTION_HELP_CONFIG, OPTION_LOG_LEVEL, OPTION_LOG_FORMAT };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'l'},
    {"workers", required_argument, NULL, 'w'},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"why", no_argument, NULL, OPTION_WHY},
    {"user", required_argument, NULL, OPTION_USER},
    {"client", required_argument, NULL, OPTION_CLIENT},
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"listener", required_argument, NULL, OPTION_LISTENER},
    {"qos", required_argument, NULL, OPTION_QOS},
    {"retain", no_argument, NULL, OPTION_RETAIN},
    {"will", no_argument, NULL, OPTION_WILL},
    {"help-config", no_argument, NULL, OPTION_HELP_CONFIG},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void point_to_help(void)
{
    fputs("Try 'busbard --help'.\n", stderr);
    exit(EXIT_USAGE);
}

static _Noreturn void refuse_usage(const char *problem, const char *what)
{
    fprintf(stderr, "busbard: %s: %s\n", problem, what);
    point_to_help();
}

static _Noreturn void show(const char *text)
{
    bool shown = text && fputs(text, stdout) != EOF && fflush(stdout) != EOF;
    exit(shown ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void override(arguments *args, const char *option, const char *key)
{
    if (args->override_count == OVERRIDES_MAX)
        refuse_usage("too many options", option);
    args->overrides[args->override_count++] = (bb_override){option, key, optarg};
}

static void take_config(arguments *args)
{
    if (args->config_path)
        refuse_usage("only one configuration file is possible, found a second", optarg);
    args->config_path = optarg;
}

/* What --why asks about. False: the option is not one of these. */
static bool take_question(arguments *args, int option)
{
    bb_why *why = &args->why;
    switch (option) {
    case OPTION_WHY:
        args->ask = true;
        return true;
    case OPTION_USER:
        why->user = optarg;
        return true;
    case OPTION_CLIENT:
        why->client = optarg;
        return true;
    case OPTION_ADDRESS:
        why->address = optarg;
        return true;
    case OPTION_LISTENER:
        why->listener = optarg;
        return true;
    case OPTION_QOS:
        why->qos = optarg;
        return true;
    case OPTION_RETAIN:
        return why->retain = true;
    case OPTION_WILL:
        return why->will = true;
    default:
        return false;
    }
}

/* Remember that there was one, by its name. */
static void note_question(arguments *args, int option)
{
    for (const struct option *o = options; o->name && option != OPTION_WHY; o++)
        if (o->val == option)
            args->question = o->name;
}

static void take_option(arguments *args, int option)
{
    switch (option) {
    case 'c':
        take_config(args);
        return;
    case 'l':
        override(args, "--listen", "listeners");
        return;
    case 'w':
        override(args, "--workers", "workers");
        return;
    case OPTION_LOG_LEVEL:
        override(args, "--log-level", "log.level");
        return;
    case OPTION_LOG_FORMAT:
        override(args, "--log-format", "log.format");
        return;
    case OPTION_CHECK:
        args->check = true;
        return;
    case OPTION_HELP_CONFIG:
        show(bb_config_help());
    case 'h':
        show(usage);
    case 'V':
        show("busbard " BB_VERSION "\n");
    default:
        if (take_question(args, option)) {
            note_question(args, option);
            return;
        }
        /* getopt has said what is wrong */
        point_to_help();
    }
}

static void parse_arguments(int argc, char **argv, arguments *args)
{
    int option;
    while ((option = getopt_long(argc, argv, "c:l:w:hV", options, NULL)) != -1)
        take_option(args, option);
    if (args->ask && argc - optind == 2) {
        args->why.action = argv[optind++];
        args->why.topic = argv[optind++];
    } else if (args->ask) {
        refuse_usage("--why needs", "publish TOPIC or subscribe FILTER");
    } else if (args->question) {
        refuse_usage("only --why takes this option", args->question);
    }
    if (optind < argc)
        refuse_usage("not an option (a configuration file comes after --config)", argv[optind]);
}

static void print_report(const bb_config_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        fprintf(stderr, "%s\n", report->problems[i].text);
    if (report->untold)
        fprintf(stderr, "and %zu more problems\n", report->untold);
}

static void print_summary(const char *path, const bb_settings *settings)
{
    static bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    char text[BB_ENDPOINT_TEXT_MAX];
    printf("%s: OK\n", path ? path : "no configuration file");
    for (size_t i = 0; i < settings->listener_count; i++)
        printf("  listens on %s%s\n", bb_listener_text(&settings->listeners[i], text),
               settings->listeners[i].optional ? " (if it can be opened)" : "");
    printf("  %u workers\n  clients without a user name %s connect\n", bb_settings_workers(settings),
           settings->anonymous ? "may" : "may not");

    bb_settings defaults;
    if (!bb_settings_init(&defaults))
        return;
    size_t count = bb_config_changes(&defaults, settings, changes);
    for (size_t i = 0; i < count; i++)
        printf("  %s: %s (default: %s)\n", changes[i].key, changes[i].after, changes[i].before);
    bb_settings_deinit(&defaults);
}

/* Somebody who starts us without any configuration should learn from the log what that means. */
static void log_defaults(bb_log *log, const bb_settings *settings)
{
    if (settings->listeners_are_default)
        bb_log_event(log, BB_LOG_INFO, "config.default_listeners",
                     BB_KV_TEXT("hint", "only this machine can connect; name other addresses with --listen or in a "
                                        "configuration file"),
                     BB_KV_END);
    if (settings->anonymous)
        bb_log_event(log, BB_LOG_INFO, "config.anonymous",
                     BB_KV_TEXT("hint", "clients need no user name and no password"), BB_KV_END);
}

static int serve(const bb_settings *settings, const char *config_path)
{
    bb_log log;
    int failure = bb_log_open(&log, &settings->log);
    if (failure) {
        bb_log_event(&log, BB_LOG_ERROR, "log.open_failed", BB_KV_TEXT("file", settings->log.file),
                     BB_KV_ERRNO(failure), BB_KV_END);
        bb_log_close(&log);
        return EXIT_FAILURE;
    }
    log_defaults(&log, settings);
    int code = bb_server_run(settings, config_path, &log);
    bb_log_close(&log);
    return code;
}

int main(int argc, char **argv)
{
    static arguments args;
    static bb_config_report report;
    bb_settings settings;
    parse_arguments(argc, argv, &args);
    if (!bb_config_load(args.config_path, args.overrides, args.override_count, &settings, &report)) {
        print_report(&report);
        return EXIT_USAGE;
    }

    int code = EXIT_SUCCESS;
    if (args.ask)
        code = (int)bb_why_ask(&settings, &args.why, stdout);
    else if (args.check)
        print_summary(args.config_path, &settings);
    else
        code = serve(&settings, args.config_path);
    bb_settings_deinit(&settings);
    return code;
}
