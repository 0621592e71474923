/* sys.c - $SYS: what the workers counted, added up and published by worker 0 as retained messages.
 *
 * The names are those that mosquitto's users know, where there is one; what is ours alone has names of its own. A
 * figure is published when it has changed. */
#include "server/inside.h"

/* Everything that is published, added up over all workers. */
typedef struct totals {
#define X(name, text) uint64_t name;
    BB_STATS_MAP(X)
#undef X
    uint64_t dropped[BB_STATUS_COUNT], dropped_all;
    uint64_t away, connected_max, stored_messages, retained_count, retained_bytes;
    uint64_t heap, heap_max, resident, memory_limit;
} totals;

typedef struct figure {
    const char *topic; /* below $SYS/broker/ */
    size_t field;      /* offset of the figure in totals */
} figure;

#define FIGURE(name, topic)           \
    {                                 \
        topic, offsetof(totals, name) \
    }

static const figure figures[] = {
    FIGURE(connected, "clients/connected"),
    FIGURE(connected, "clients/active"),
    FIGURE(away, "clients/disconnected"),
    FIGURE(away, "clients/inactive"),
    FIGURE(sessions, "clients/total"),
    FIGURE(connected_max, "clients/maximum"),
    FIGURE(expired_sessions, "clients/expired"),
    FIGURE(packets_in, "messages/received"),
    FIGURE(packets_out, "messages/sent"),
    FIGURE(inflight, "messages/inflight"),
    FIGURE(publishes_in, "publish/messages/received"),
    FIGURE(publishes_out, "publish/messages/sent"),
    FIGURE(dropped_all, "publish/messages/dropped"),
    FIGURE(publish_bytes_in, "publish/bytes/received"),
    FIGURE(publish_bytes_out, "publish/bytes/sent"),
    FIGURE(bytes_in, "bytes/received"),
    FIGURE(bytes_out, "bytes/sent"),
    FIGURE(subscriptions, "subscriptions/count"),
    FIGURE(shared_subscriptions, "shared_subscriptions/count"),
    FIGURE(retained_count, "retained messages/count"),
    FIGURE(retained_bytes, "retained messages/bytes"),
    FIGURE(stored_messages, "store/messages/count"),
    FIGURE(queued_bytes, "store/messages/bytes"),
    FIGURE(queued_messages, "queue/messages"),
    FIGURE(queued_bytes, "queue/bytes"),
    FIGURE(heap, "heap/current"),
    FIGURE(heap_max, "heap/maximum"),
    FIGURE(resident, "memory/resident"),
    FIGURE(memory_limit, "memory/limit"),
};

/* Averages over 1, 5 and 15 minutes, per minute. */
static const figure loads[] = {
    FIGURE(packets_in, "load/messages/received"),  FIGURE(packets_out, "load/messages/sent"),
    FIGURE(publishes_in, "load/publish/received"), FIGURE(publishes_out, "load/publish/sent"),
    FIGURE(dropped_all, "load/publish/dropped"),   FIGURE(bytes_in, "load/bytes/received"),
    FIGURE(bytes_out, "load/bytes/sent"),          FIGURE(connects, "load/sockets"),
    FIGURE(clients, "load/connections"),
};

enum { LOADS = sizeof loads / sizeof *loads, FIGURES = sizeof figures / sizeof *figures, SPANS_OF_TIME = 3 };

static uint64_t read_figure(const totals *sum, const figure *which)
{
    return *(const uint64_t *)(const void *)((const char *)sum + which->field);
}

/* ---- Adding up. */

static void add_worker(const bb_stats *stats, totals *sum)
{
#define X(name, text) sum->name += bb_counted(&stats->name);
    BB_STATS_MAP(X)
#undef X
    for (unsigned i = 0; i < BB_STATUS_COUNT; i++) {
        sum->dropped[i] += bb_counted(&stats->dropped[i]);
        if (i != BB_E_NO_SUBSCRIBERS) /* nobody has lost anything */
            sum->dropped_all += bb_counted(&stats->dropped[i]);
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add_up(bb_server *server, const totals *before, totals *sum)
{
    *sum = (totals){0};
    for (unsigned w = 0; w < server->workers_count; w++)
        add_worker(bb_broker_stats(server->workers[w]->broker), sum);
    int64_t heap = bb_memory_now(server);
    sum->away = sum->sessions - sum->connected;
    sum->connected_max = larger(before->connected_max, sum->connected);
    sum->stored_messages = sum->queued_messages + sum->inflight;
    sum->retained_count = atomic_load(&server->retained.count) - atomic_load(&server->retained.own_count);
    sum->retained_bytes = atomic_load(&server->retained.bytes) - atomic_load(&server->retained.own_bytes);
    sum->heap = heap > 0 ? (uint64_t)heap : 0;
    sum->heap_max = larger(before->heap_max, sum->heap);
    sum->resident = bb_memory_resident();
    sum->memory_limit = atomic_load(&server->memory_bytes_max);
}

/* ---- Publishing. */

static void publish(bb_worker *worker, const char *name, const char *end, bb_span payload, bb_time now)
{
    char topic[128];
    bb_text text = bb_text_on(topic, sizeof topic);
    bb_text_puts(&text, "$SYS/broker/");
    bb_text_puts(&text, name);
    bb_text_puts(&text, end);
    bb_broker_publish_own(worker->broker, bb_text_span(&text), payload, now);
}

static void publish_number(bb_worker *worker, const char *name, const char *end, uint64_t value, bb_time now)
{
    char digits[24];
    bb_text text = bb_text_on(digits, sizeof digits);
    bb_text_put_u64(&text, value);
    publish(worker, name, end, bb_text_span(&text), now);
}

static void publish_figures(bb_worker *worker, const totals *before, const totals *sum, bool first, bb_time now)
{
    for (size_t i = 0; i < FIGURES; i++)
        if (first || read_figure(sum, &figures[i]) != read_figure(before, &figures[i]))
            publish_number(worker, figures[i].topic, "", read_figure(sum, &figures[i]), now);
    for (unsigned i = 0; i < BB_STATUS_COUNT; i++)
        if (sum->dropped[i] != before->dropped[i])
            publish_number(worker, "publish/messages/dropped/", bb_status_name((bb_status)i), sum->dropped[i], now);
}

/* Each step moves an average by its share of the rate since the last one. */
static void publish_loads(bb_worker *worker, const totals *before, const totals *sum, double seconds, bool first,
                          bb_time now)
{
    static const double minutes[SPANS_OF_TIME] = {1, 5, 15};
    static const char *const ends[SPANS_OF_TIME] = {"/1min", "/5min", "/15min"};
    static double averages[LOADS][SPANS_OF_TIME];
    for (size_t i = 0; i < LOADS; i++)
        for (unsigned k = 0; k < SPANS_OF_TIME; k++) {
            char digits[32];
            bb_text text = bb_text_on(digits, sizeof digits);
            double *average = &averages[i][k], share = seconds / (minutes[k] * 60);
            uint64_t shown = (uint64_t)(*average * 100 + 0.5);
            double rate =
                seconds > 0 ? (double)(read_figure(sum, &loads[i]) - read_figure(before, &loads[i])) / seconds * 60 : 0;
            *average += (rate - *average) * (share < 1 ? share : 1);
            if (!first && (uint64_t)(*average * 100 + 0.5) == shown)
                continue;
            bb_text_put_fixed2(&text, (uint64_t)(*average * 100 + 0.5));
            publish(worker, loads[i].topic, ends[k], bb_text_span(&text), now);
        }
}

/* Called by worker 0 alone, so what is remembered from round to round needs no lock. */
void bb_sys_publish(bb_worker *worker, bb_time now)
{
    static totals before;
    static bb_time last;
    bool first = last == 0;
    totals sum;
    char uptime[48];
    bb_text text = bb_text_on(uptime, sizeof uptime);
    add_up(worker->server, &before, &sum);
    if (first)
        publish(worker, "version", "", bb_span_text("busbar version " BB_VERSION), now);
    bb_text_put_u64(&text, (now - worker->server->started) / 1000);
    bb_text_puts(&text, " seconds");
    publish(worker, "uptime", "", bb_text_span(&text), now);
    publish_figures(worker, &before, &sum, first, now);
    publish_loads(worker, &before, &sum, first ? 0 : (double)(now - last) / 1000, first, now);
    before = sum;
    last = now;
}
