/* top.c - `busbar top`: a live view of a broker, from what it says about itself in $SYS. */
#include <jansson.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/commands.h"
#include "tool/connection.h"
#include "tool/figures.h"
#include "tool/say.h"
#include "tool/screen.h"
#include "tool/spark.h"
#include "tool/stop.h"

enum {
    SETTLE_MS = 100, /* a round is complete when nothing has come for so long */
    PAGE_MAX = 64 * 1024,
    NAME_COLUMNS = 26,
    NUMBER_COLUMNS = 10,
    ONCE_COLUMNS = 80,
};

/* --- options */

typedef struct view_options {
    bool once, json, ascii;
    uint64_t patience_us;
} view_options;

typedef struct top_settings {
    view_options view;
    bb_connection_options connection;
} top_settings;

#define IN(member) BB_CLI_AT(view_options, member)

// clang-format off
static const bb_cli_option view_rows[] = {
    {"once", 0, BB_CLI_FLAG, IN(once),
     .help = "Print one page as text, and end."},
    {"json", 0, BB_CLI_FLAG, IN(json),
     .help = "Print one JSON object a line for each round of $SYS, until Ctrl-C; with `--once`, one."},
    {"ascii", 0, BB_CLI_FLAG, IN(ascii),
     .help = "Draw with ASCII characters only."},
    {"patience", 0, BB_CLI_TIME, IN(patience_us), .min = 0.1, .max = 3600, .initial = "30", .value = "TIME",
     .help = "How long to wait for the first round of $SYS."},
};
// clang-format on

static const bb_cli_group view_group = {.title = "View", BB_CLI_ROWS(view_rows)};

/* --- one run */

typedef struct run {
    const view_options *view;
    bb_connection connection;
    bb_client_subscription subscription;
    bb_figures figures;
    uint64_t settled_us;  /* when the round that has begun counts as complete; UINT64_MAX: none has */
    uint64_t patience_us; /* when waiting for the first round is over */
    uint64_t rounds_shown;
    bool ascii, on_screen, done;
    int code;
    char page[PAGE_MAX];
} run;

static void end(run *r, int code)
{
    r->done = true;
    r->code = code;
}

static void leave_screen(run *r)
{
    bb_screen_close();
    bb_say_pause(false);
    r->on_screen = false;
}

/* --- the page */

static void put_padded(bb_text *text, bb_span bytes, size_t columns, bool right)
{
    size_t pad = bytes.len < columns ? columns - bytes.len : 0;
    if (!right)
        bb_text_put(text, bytes);
    for (size_t i = 0; i < pad; i++)
        bb_text_puts(text, " ");
    if (right)
        bb_text_put(text, bytes);
}

static void put_row(const run *r, bb_text *text, const bb_figure *row, size_t columns)
{
    char number[32];
    bb_text digits = bb_text_on(number, sizeof number);
    bool bytes = row->kind == BB_FIGURE_BYTES || row->kind == BB_FIGURE_BYTES_RATE;
    size_t used = NAME_COLUMNS + NUMBER_COLUMNS + 2;
    if (!row->known)
        return;
    bb_spark_put_number(&digits, row->now, bytes);
    put_padded(text, bb_span_text(row->name), NAME_COLUMNS, false);
    put_padded(text, bb_text_span(&digits), NUMBER_COLUMNS, true);
    bb_text_puts(text, "  ");
    if (columns > used)
        bb_spark_put(text, row->history, row->count, columns - used, r->ascii);
    bb_text_puts(text, "\n");
}

static void put_uptime(bb_text *text, uint64_t seconds)
{
    char shown[48];
    snprintf(shown, sizeof shown, "up %llu d %02llu:%02llu:%02llu", (unsigned long long)(seconds / 86400),
             (unsigned long long)(seconds / 3600 % 24), (unsigned long long)(seconds / 60 % 60),
             (unsigned long long)(seconds % 60));
    bb_text_puts(text, shown);
}

static void put_head(const run *r, bb_text *text)
{
    char every[48];
    bb_text_puts(text, r->connection.url);
    bb_text_puts(text, "  ");
    bb_text_puts(text, r->figures.version[0] ? r->figures.version : "(no version)");
    bb_text_puts(text, "\n");
    put_uptime(text, r->figures.uptime_s);
    snprintf(every, sizeof every, ", every %.0f s", r->figures.round_s);
    bb_text_puts(text, every);
    if (!r->connection.connected)
        bb_text_puts(text, "; the connection is lost, trying again");
    bb_text_puts(text, "\n\n");
}

static bb_span make_page(run *r, size_t columns)
{
    bb_text text = bb_text_on(r->page, sizeof r->page);
    put_head(r, &text);
    for (size_t i = 0; i < BB_FIGURES; i++)
        put_row(r, &text, &r->figures.rows[i], columns);
    if (r->figures.reasons_count)
        bb_text_puts(&text, "\ndropped /s, by reason\n");
    for (size_t i = 0; i < r->figures.reasons_count; i++)
        put_row(r, &text, &r->figures.reasons[i], columns);
    if (r->on_screen)
        bb_text_puts(&text, "\nq quits\n");
    return bb_text_span(&text);
}

static void show_waiting(run *r)
{
    bb_text text = bb_text_on(r->page, sizeof r->page);
    bb_text_puts(&text, r->connection.url);
    bb_text_puts(&text, "\n\nwaiting for $SYS ...\n\nq quits\n");
    bb_screen_draw(bb_text_span(&text));
}

/* --- JSON */

static json_t *number(const bb_figure *row)
{
    double now = row->now;
    return now == (double)(json_int_t)now ? json_integer((json_int_t)now) : json_real(now);
}

static void print_json(const run *r)
{
    json_t *object = json_object(), *reasons = json_object();
    json_object_set_new(object, "broker", json_string(r->figures.version));
    json_object_set_new(object, "uptime_s", json_integer((json_int_t)r->figures.uptime_s));
    for (size_t i = 0; i < BB_FIGURES; i++)
        if (r->figures.rows[i].known)
            json_object_set_new(object, r->figures.rows[i].key, number(&r->figures.rows[i]));
    for (size_t i = 0; i < r->figures.reasons_count; i++)
        json_object_set_new(reasons, r->figures.reasons[i].key, number(&r->figures.reasons[i]));
    json_object_set_new(object, "dropped_by_reason", reasons);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
}

/* --- rounds */

/* The first round that is seen is the one that was retained: it says where the counters stand, and no rates yet. */
static void show(run *r)
{
    if (r->figures.rounds < 2) {
        if (r->on_screen)
            show_waiting(r);
        return;
    }
    if (r->view->json) {
        if (r->rounds_shown != r->figures.rounds)
            print_json(r);
    } else if (r->on_screen) {
        bb_screen_draw(make_page(r, bb_screen_size_now().columns));
    } else {
        bb_span page = make_page(r, ONCE_COLUMNS);
        fwrite(page.data, 1, page.len, stdout);
    }
    r->rounds_shown = r->figures.rounds;
    if (r->view->once)
        end(r, BB_EXIT_OK);
}

static void take(run *r, const bb_client_event *event)
{
    char text[BB_REFUSAL_MAX];
    if (event->type == BB_CLIENT_MESSAGE && event->message.size == event->message.payload.len) {
        bb_figures_take(&r->figures, event->message.topic, event->message.payload);
        r->settled_us = bb_now_us() + SETTLE_MS * 1000;
    } else if (event->type == BB_CLIENT_SUBSCRIBED && event->ack.code >= 0x80) {
        leave_screen(r);
        bb_say("the broker refused the subscription to $SYS/broker/#: %s",
               bb_refusal_text(event->ack.code, event->ack.properties, text));
        end(r, BB_EXIT_REFUSED);
    }
}

static void turn(run *r)
{
    uint64_t now = bb_now_us();
    bool complete = r->figures.round_began && now >= r->settled_us;
    if (complete) {
        bb_figures_end_round(&r->figures);
        r->settled_us = UINT64_MAX;
    }
    if (complete || (r->on_screen && bb_screen_changed()))
        show(r);
    if (r->done)
        return;
    if (r->connection.ended) {
        end(r, r->connection.code);
    } else if (bb_stop_requested()) {
        end(r, BB_EXIT_OK);
    } else if (r->figures.rounds < 2 && now >= r->patience_us) {
        leave_screen(r);
        bb_say("no round of $SYS has come; the broker may not publish it, or not let this user read it");
        end(r, BB_EXIT_TIMEOUT);
    }
}

static uint64_t next_us(const run *r)
{
    uint64_t settled = r->figures.round_began ? r->settled_us : UINT64_MAX;
    uint64_t patience = r->figures.rounds < 2 ? r->patience_us : UINT64_MAX;
    return settled < patience ? settled : patience;
}

static void read_keys(run *r)
{
    char key = bb_screen_key();
    if (key == 'q' || key == 'Q' || key == 0)
        end(r, BB_EXIT_OK); /* 0: the terminal is gone */
}

static int watch(run *r)
{
    bb_client_event event;
    int code = bb_connection_open(&r->connection);
    if (code != BB_EXIT_OK)
        return code;
    r->patience_us = bb_now_us() + r->view->patience_us;
    r->on_screen = !r->view->once && !r->view->json && bb_screen_open();
    if (!r->on_screen && !r->view->once && !r->view->json) {
        bb_say("this is no terminal; --once prints one page, --json a line for each round");
        return BB_EXIT_USAGE;
    }
    bb_say_pause(r->on_screen);
    show(r);
    while (!r->done) {
        while (bb_connection_next(&r->connection, &event))
            take(r, &event);
        if (!r->done)
            turn(r);
        fflush(stdout);
        int keys = r->on_screen ? STDIN_FILENO : -1;
        if (!r->done && bb_connection_wait(&r->connection, bb_ms_until(next_us(r)), keys))
            read_keys(r);
    }
    leave_screen(r);
    return r->code;
}

static int run_top(void *context)
{
    const top_settings *settings = context;
    run *r = calloc(1, sizeof *r);
    if (!r) {
        bb_say("there is no memory");
        return BB_EXIT_FILE;
    }
    setlocale(LC_CTYPE, "");
    r->view = &settings->view;
    r->ascii = settings->view.ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    r->settled_us = UINT64_MAX;
    r->subscription = (bb_client_subscription){.filter = BB_SPAN_LITERAL("$SYS/broker/#")};
    bb_figures_init(&r->figures);
    bb_connection_prepare(&r->connection, &settings->connection, "top");
    r->connection.reconnect = !settings->view.once;
    r->connection.options.client.subscriptions = &r->subscription;
    r->connection.options.client.subscriptions_count = 1;
    int code = bb_connection_close(&r->connection, watch(r));
    free(r);
    return code;
}

const bb_cli_command bb_command_top = {
    .name = "top",
    .summary = "watch a broker: rates, clients, drops, memory",
    .synopsis = (const char *const[]){"[OPTION]... [HOST | URL]", NULL},
    .description =
        (const char *const[]){
            "Shows what a broker says about itself in $SYS, with the course of the last minutes. Works "
            "with `busbard` and with mosquitto. Figures come as often as the broker publishes them: "
            "key `sys: {interval: 1 s}` of busbard, sys_interval of mosquitto.",
            "`q` quits.", NULL},
    .arguments = (const bb_cli_argument[]){{"URL", BB_CLI_TEXT, offsetof(top_settings, connection.url),
                                            .takes = bb_is_broker_url, .help = "The same as `--url`."},
                                           {"HOST", BB_CLI_TEXT, offsetof(top_settings, connection.host),
                                            .help = "The same as `--host`."},
                                           {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&view_group, offsetof(top_settings, view)},
                                      {&bb_connection_group, offsetof(top_settings, connection)},
                                      {NULL, 0}},
    .examples = (const bb_cli_example[]){{"busbar top", "The broker on this machine."},
                                         {"busbar top mqtts://me@broker.example", "Another one, encrypted."},
                                         {"busbar top --once", "One page, for a mail or a ticket."},
                                         {"busbar top --json | jq .messages_in", "For programs."},
                                         {NULL, NULL}},
    .manual = (const char *const[]){BB_CONNECTION_MANUAL, NULL},
    .settings_size = sizeof(top_settings),
    .run = run_top,
};
