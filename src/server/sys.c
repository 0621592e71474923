/* sys.c - $SYS: what the workers counted, added up and published by worker 0 as retained messages.
 *
 * The names are those that mosquitto's users know, where there is one; what is ours alone has names of its own. */
#include "server/inside.h"

typedef struct totals {
#define X(name, text) uint64_t name;
    BB_STATS_MAP(X)
#undef X
    uint64_t dropped[BB_STATUS_COUNT], dropped_all;
} totals;

static void add_up(const bb_server *server, totals *sum)
{
    *sum = (totals){0};
    for (unsigned w = 0; w < server->workers_count; w++) {
        const bb_stats *stats = bb_broker_stats(server->workers[w]->broker);
#define X(name, text) sum->name += bb_counted(&stats->name);
        BB_STATS_MAP(X)
#undef X
        for (unsigned i = 0; i < BB_STATUS_COUNT; i++) {
            sum->dropped[i] += bb_counted(&stats->dropped[i]);
            if (i != BB_E_NO_SUBSCRIBERS)
                sum->dropped_all += bb_counted(&stats->dropped[i]);
        }
    }
}

static void put_text(bb_worker *worker, const char *name, bb_span payload, bb_time now)
{
    char topic[128];
    bb_text text = bb_text_on(topic, sizeof topic);
    bb_text_puts(&text, "$SYS/broker/");
    bb_text_puts(&text, name);
    bb_broker_publish_own(worker->broker, bb_text_span(&text), payload, now);
}

static void put(bb_worker *worker, const char *name, uint64_t value, bb_time now)
{
    char digits[24];
    bb_text text = bb_text_on(digits, sizeof digits);
    bb_text_put_u64(&text, value);
    put_text(worker, name, bb_text_span(&text), now);
}

/* ---- Averages over 1, 5 and 15 minutes: each step takes its share of the rate since the last one. */

typedef struct load {
    const char *name;
    size_t total; /* offset in totals */
    uint64_t before;
    double average[3]; /* per minute */
} load;

#define LOAD(text, field)                              \
    {                                                  \
        .name = text, .total = offsetof(totals, field) \
    }

static load loads[] = {
    LOAD("load/messages/received", packets_in),  LOAD("load/messages/sent", packets_out),
    LOAD("load/publish/received", publishes_in), LOAD("load/publish/sent", publishes_out),
    LOAD("load/publish/dropped", dropped_all),   LOAD("load/bytes/received", bytes_in),
    LOAD("load/bytes/sent", bytes_out),          LOAD("load/sockets", connects),
};

static void step_loads(const totals *sum, double seconds)
{
    static const double minutes[] = {1, 5, 15};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        uint64_t total = *(const uint64_t *)(const void *)((const char *)sum + loads[i].total);
        double rate = seconds > 0 ? (double)(total - loads[i].before) / seconds * 60 : 0;
        loads[i].before = total;
        for (unsigned k = 0; k < 3; k++) {
            double share = seconds / (minutes[k] * 60);
            loads[i].average[k] += (rate - loads[i].average[k]) * (share < 1 ? share : 1);
        }
    }
}

static void put_loads(bb_worker *worker, bb_time now)
{
    static const char *const ends[] = {"/1min", "/5min", "/15min"};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        for (unsigned k = 0; k < 3; k++) {
            char name[64], value[32];
            bb_text topic = bb_text_on(name, sizeof name - 1), number = bb_text_on(value, sizeof value);
            bb_text_puts(&topic, loads[i].name);
            bb_text_puts(&topic, ends[k]);
            name[topic.len] = 0;
            bb_text_put_fixed2(&number, (uint64_t)(loads[i].average[k] * 100 + 0.5));
            put_text(worker, name, bb_text_span(&number), now);
        }
}

/* ---- One round. */

static void put_clients(bb_worker *worker, const totals *sum, bb_time now)
{
    static uint64_t maximum;
    maximum = sum->connected > maximum ? sum->connected : maximum;
    put(worker, "clients/connected", sum->connected, now);
    put(worker, "clients/active", sum->connected, now);
    put(worker, "clients/disconnected", sum->sessions - sum->connected, now);
    put(worker, "clients/inactive", sum->sessions - sum->connected, now);
    put(worker, "clients/total", sum->sessions, now);
    put(worker, "clients/maximum", maximum, now);
    put(worker, "clients/expired", sum->expired_sessions, now);
}

static void put_messages(bb_worker *worker, const totals *sum, bb_time now)
{
    put(worker, "messages/received", sum->packets_in, now);
    put(worker, "messages/sent", sum->packets_out, now);
    put(worker, "messages/inflight", sum->inflight, now);
    put(worker, "publish/messages/received", sum->publishes_in, now);
    put(worker, "publish/messages/sent", sum->publishes_out, now);
    put(worker, "publish/messages/dropped", sum->dropped_all, now);
    put(worker, "publish/bytes/received", sum->publish_bytes_in, now);
    put(worker, "publish/bytes/sent", sum->publish_bytes_out, now);
    put(worker, "bytes/received", sum->bytes_in, now);
    put(worker, "bytes/sent", sum->bytes_out, now);
}

static void put_dropped(bb_worker *worker, const totals *sum, bb_time now)
{
    for (unsigned i = 0; i < BB_STATUS_COUNT; i++) {
        char name[96];
        if (!sum->dropped[i])
            continue;
        bb_text topic = bb_text_on(name, sizeof name - 1);
        bb_text_puts(&topic, "publish/messages/dropped/");
        bb_text_puts(&topic, bb_status_name((bb_status)i));
        name[topic.len] = 0;
        put(worker, name, sum->dropped[i], now);
    }
}

static void put_state(bb_worker *worker, const totals *sum, bb_time now)
{
    static uint64_t heap_maximum;
    bb_server *server = worker->server;
    int64_t heap = bb_memory_now(server);
    uint64_t heap_now = heap > 0 ? (uint64_t)heap : 0;
    heap_maximum = heap_now > heap_maximum ? heap_now : heap_maximum;
    put(worker, "subscriptions/count", sum->subscriptions, now);
    put(worker, "shared_subscriptions/count", sum->shared_subscriptions, now);
    put(worker, "retained messages/count", atomic_load(&server->retained.count), now);
    put(worker, "retained messages/bytes", atomic_load(&server->retained.bytes), now);
    put(worker, "store/messages/count", sum->queued_messages + sum->inflight, now);
    put(worker, "store/messages/bytes", sum->queued_bytes, now);
    put(worker, "queue/messages", sum->queued_messages, now);
    put(worker, "queue/bytes", sum->queued_bytes, now);
    put(worker, "heap/current", heap_now, now);
    put(worker, "heap/maximum", heap_maximum, now);
    put(worker, "memory/resident", bb_memory_resident(), now);
    put(worker, "memory/limit", atomic_load(&server->memory_bytes_max), now);
}

void bb_sys_publish(bb_worker *worker, bb_time now)
{
    static bb_time last;
    totals sum;
    char uptime[48];
    bb_text text = bb_text_on(uptime, sizeof uptime);
    add_up(worker->server, &sum);
    if (last)
        step_loads(&sum, (double)(now - last) / 1000);
    last = now;
    bb_text_put_u64(&text, (now - worker->server->started) / 1000);
    bb_text_puts(&text, " seconds");
    put_text(worker, "version", bb_span_text("busbar " BB_VERSION), now);
    put_text(worker, "uptime", bb_text_span(&text), now);
    put_clients(worker, &sum, now);
    put_messages(worker, &sum, now);
    put_dropped(worker, &sum, now);
    put_state(worker, &sum, now);
    put_loads(worker, now);
}
