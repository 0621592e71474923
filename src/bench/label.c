#include "bench/label.h"

#include <math.h>
#include <stdio.h>

const bb_label bb_labels[] = {
    {"url", BB_LABEL_RUN, BB_BENCH_UNIT_NONE, false, "broker"},
    {"mqtt", BB_LABEL_RUN, BB_BENCH_UNIT_MQTT, false, "MQTT"},
    {"qos", BB_LABEL_RUN, BB_BENCH_UNIT_NONE, false, "QoS"},
    {"pubs", BB_LABEL_RUN, BB_BENCH_UNIT_COUNT, false, "publishers"},
    {"subs", BB_LABEL_RUN, BB_BENCH_UNIT_COUNT, false, "subscribers"},
    {"size", BB_LABEL_RUN, BB_BENCH_UNIT_BYTES, false, "payload"},
    {"window", BB_LABEL_RUN, BB_BENCH_UNIT_COUNT, false, "unacknowledged at most, for each publisher"},
    {"backlog", BB_LABEL_RUN, BB_BENCH_UNIT_COUNT, false, "not yet delivered at most, for each publisher"},
    {"rate", BB_LABEL_RUN, BB_BENCH_UNIT_PER_S, false, "published by the clock"},
    {"threads_of_load", BB_LABEL_RUN, BB_BENCH_UNIT_COUNT, false, "threads of busbar bench"},
    {"tag", BB_LABEL_RUN, BB_BENCH_UNIT_NONE, false, "tag"},

    {"sent", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, false, "sent"},
    {"acked", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, false, "acknowledged to publishers"},
    {"expected", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, false, "to be received"},
    {"received", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, false, "received"},
    {"lost", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "lost"},
    {"duplicated", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "received twice"},
    {"reordered", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "out of order"},
    {"misrouted", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "received by the wrong client"},
    {"corrupt", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "damaged"},
    {"alien", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, false, "not from a busbar bench"},
    {"refused", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "refused by the broker"},
    {"protocol_errors", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "packets that break the protocol"},
    {"closed_by_broker", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "connections lost"},
    {"not_closed_after_disconnect", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true,
     "connections not closed after DISCONNECT"},
    {"failed", BB_LABEL_MESSAGES, BB_BENCH_UNIT_COUNT, true, "connections that failed"},

    {"seconds", BB_LABEL_SPEED, BB_BENCH_UNIT_S, false, "time"},
    {"msgs_per_s", BB_LABEL_SPEED, BB_BENCH_UNIT_PER_S, false, "messages received"},
    {"published_per_s", BB_LABEL_SPEED, BB_BENCH_UNIT_PER_S, false, "messages published"},
    {"cycles", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "connected and disconnected"},
    {"connections", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "connections"},
    {"still_up", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "of them still there in the end"},
    {"connects_per_s", BB_LABEL_SPEED, BB_BENCH_UNIT_PER_S, false, "connections opened"},
    {"filters", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "subscriptions"},
    {"topics", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "topics"},
    {"subscribe_s", BB_LABEL_SPEED, BB_BENCH_UNIT_S, false, "to connect and subscribe"},
    {"retained", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "retained messages"},
    {"set_per_s", BB_LABEL_SPEED, BB_BENCH_UNIT_PER_S, false, "messages retained"},
    {"fetch_mean_s", BB_LABEL_SPEED, BB_BENCH_UNIT_S, false, "to fetch all of them"},
    {"sessions", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "sessions"},
    {"per_session", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "messages for each"},
    {"session_present", BB_LABEL_SPEED, BB_BENCH_UNIT_COUNT, false, "sessions found again"},
    {"store_per_s", BB_LABEL_SPEED, BB_BENCH_UNIT_PER_S, false, "messages stored"},

    {"lat_p50_us", BB_LABEL_LATENCY, BB_BENCH_UNIT_US, false, "50 %"},
    {"lat_p90_us", BB_LABEL_LATENCY, BB_BENCH_UNIT_US, false, "90 %"},
    {"lat_p99_us", BB_LABEL_LATENCY, BB_BENCH_UNIT_US, false, "99 %"},
    {"lat_p999_us", BB_LABEL_LATENCY, BB_BENCH_UNIT_US, false, "99.9 %"},
    {"lat_max_us", BB_LABEL_LATENCY, BB_BENCH_UNIT_US, false, "longest"},
    {"send_lag_max_us", BB_LABEL_LATENCY, BB_BENCH_UNIT_US, false, "busbar bench itself was late by at most"},

    {"cpu_us_per_delivered", BB_LABEL_BROKER, BB_BENCH_UNIT_US, false, "CPU for each message"},
    {"cpu_us_per_connect", BB_LABEL_BROKER, BB_BENCH_UNIT_US, false, "CPU for each connection"},
    {"cpu_us_per_filter", BB_LABEL_BROKER, BB_BENCH_UNIT_US, false, "CPU for each subscription"},
    {"cpu_us_per_set", BB_LABEL_BROKER, BB_BENCH_UNIT_US, false, "CPU for each message retained"},
    {"cpu_us_per_stored", BB_LABEL_BROKER, BB_BENCH_UNIT_US, false, "CPU for each message stored"},
    {"hold_cpu_s", BB_LABEL_BROKER, BB_BENCH_UNIT_S, false, "CPU while nothing happened"},
    {"hold_s", BB_LABEL_BROKER, BB_BENCH_UNIT_S, false, "for so long"},
    {"broker_cores", BB_LABEL_BROKER, BB_BENCH_UNIT_CORES, false, "cores in use"},
    {"rss_kb", BB_LABEL_BROKER, BB_BENCH_UNIT_KB, false, "memory"},
    {"rss_bytes_per_conn", BB_LABEL_BROKER, BB_BENCH_UNIT_BYTES, false, "memory for each connection"},
    {"rss_bytes_per_filter", BB_LABEL_BROKER, BB_BENCH_UNIT_BYTES, false,
     "memory for each subscription, with its session"},
    {"rss_bytes_per_retained", BB_LABEL_BROKER, BB_BENCH_UNIT_BYTES, false, "memory for each retained message"},
    {"rss_bytes_per_stored", BB_LABEL_BROKER, BB_BENCH_UNIT_BYTES, false, "memory for each message stored"},
    {"other_cores", BB_LABEL_BROKER, BB_BENCH_UNIT_CORES, false, "cores used by other processes meanwhile"},

    {"self_us_per_delivered", BB_LABEL_OWN, BB_BENCH_UNIT_US, false, "CPU for each message"},
    {"self_us_per_connect", BB_LABEL_OWN, BB_BENCH_UNIT_US, false, "CPU for each connection"},
    {"self_cores", BB_LABEL_OWN, BB_BENCH_UNIT_CORES, false, "cores in use"},
};

const size_t bb_label_count = sizeof bb_labels / sizeof *bb_labels;

const bb_label *bb_label_find(const char *name)
{
    for (size_t i = 0; i < bb_label_count; i++)
        if (strcmp(bb_labels[i].name, name) == 0)
            return &bb_labels[i];
    return NULL;
}

const char *bb_label_group_text(bb_label_group group)
{
    static const char *const texts[BB_LABEL_GROUPS] = {
        [BB_LABEL_RUN] = "what was run", [BB_LABEL_MESSAGES] = "correctness", [BB_LABEL_SPEED] = "speed",
        [BB_LABEL_LATENCY] = "latency",  [BB_LABEL_BROKER] = "broker",        [BB_LABEL_OWN] = "busbar bench itself",
    };
    return texts[group];
}

static void put_decimals(bb_text *text, double value, int decimals)
{
    char room[64];
    int len = snprintf(room, sizeof room, "%.*f", decimals, value);
    bb_text_put(text, bb_span_of(room, (size_t)len));
}

/* Three digits that count, as far as there are decimals to show them. */
static void put_three_digits(bb_text *text, double value)
{
    double size = fabs(value);
    put_decimals(text, value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

static void put_count(bb_text *text, double value)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%.0f", value);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
            bb_text_puts(text, ",");
        bb_text_put(text, bb_span_of(digits + i, 1));
    }
}

void bb_label_put_us(double us, bb_text *text)
{
    bool is_ms = us >= 999.5, is_s = us >= 999500;
    put_three_digits(text, is_s ? us / 1e6 : is_ms ? us / 1e3 : us);
    bb_text_puts(text, is_s ? " s" : is_ms ? " ms" : " µs");
}

static void put_kb(double kb, bb_text *text)
{
    bool is_mb = kb >= 1024;
    put_three_digits(text, is_mb ? kb / 1024 : kb);
    bb_text_puts(text, is_mb ? " MB" : " KB");
}

static void put_number(const bb_label *label, double value, bb_text *text)
{
    switch (label->unit) {
    case BB_BENCH_UNIT_US:
        bb_label_put_us(value, text);
        return;
    case BB_BENCH_UNIT_S:
        put_three_digits(text, value);
        bb_text_puts(text, " s");
        return;
    case BB_BENCH_UNIT_PER_S:
        put_count(text, value);
        bb_text_puts(text, " a second");
        return;
    case BB_BENCH_UNIT_CORES:
        put_decimals(text, value, 2);
        return;
    case BB_BENCH_UNIT_BYTES:
        put_count(text, value);
        bb_text_puts(text, " bytes");
        return;
    case BB_BENCH_UNIT_KB:
        put_kb(value, text);
        return;
    case BB_BENCH_UNIT_MQTT:
        bb_text_puts(text, value == 5 ? "5.0" : "3.1.1");
        return;
    default:
        put_count(text, value);
        return;
    }
}

void bb_label_put(const bb_label *label, const bb_bench_figure *figure, bb_text *text)
{
    switch (figure->type) {
    case BB_BENCH_FIGURE_TEXT:
        bb_text_puts(text, figure->text);
        return;
    case BB_BENCH_FIGURE_TRUTH:
        bb_text_puts(text, figure->truth ? "yes" : "no");
        return;
    case BB_BENCH_FIGURE_COUNT:
        put_number(label, (double)figure->count, text);
        return;
    case BB_BENCH_FIGURE_REAL:
        put_number(label, figure->real, text);
        return;
    }
}
