/* receive_fuzz.c - a broker that says anything, to a subscriber and to a publisher, in pieces of any length. */
#include "bench/lane.h"

#include <stdlib.h>

enum { SHAPES = 8, MESSAGES = 50, PAYLOAD = 24, EXCHANGES = 3 };

/* What the broker has still to say. */
static bb_span said;
static size_t piece;

static bb_moved recv_said(bb_transport *transport, uint8_t *into, size_t room)
{
    size_t bytes = said.len < piece ? said.len : piece;
    if (bytes == 0)
        return (bb_moved){.io = BB_IO_END};
    BB_CHECK(bytes <= room);
    memcpy(into, said.data, bytes);
    said = bb_span_from(said, bytes);
    return (bb_moved){.bytes = bytes, .io = BB_IO_OK};
}

/* Takes every other piece whole. */
static bb_moved send_nowhere(bb_transport *transport, const bb_span *spans, size_t n)
{
    static bool takes;
    takes = !takes;
    return takes ? (bb_moved){.bytes = spans[0].len, .io = BB_IO_OK} : (bb_moved){.io = BB_IO_WAIT};
}

static void close_nothing(bb_transport *transport)
{
    transport->fd = -1;
}

static const bb_transport_ops ops = {
    .name = "fuzz", .raw = true, .recv = recv_said, .send = send_nowhere, .close = close_nothing};

/* A bench of each scenario that has traffic, in both versions; made when it is needed first. */
typedef struct stage {
    bb_bench_options options;
    bb_bench bench;
    bool is_made;
} stage;

static stage *stage_of(uint8_t choice)
{
    static stage stages[2 * SHAPES];
    static const bb_bench_target nowhere = {.url = "fuzz:"};
    static const bb_scenario scenarios[SHAPES] = {BB_SCENARIO_PAIRS,    BB_SCENARIO_FANIN,    BB_SCENARIO_SHARED,
                                                  BB_SCENARIO_WILDCARD, BB_SCENARIO_RETAINED, BB_SCENARIO_OFFLINE,
                                                  BB_SCENARIO_PUB,      BB_SCENARIO_SUB};
    stage *stage = &stages[choice % (2 * SHAPES)];
    if (stage->is_made)
        return stage;
    stage->options = (bb_bench_options){.scenario = (uint8_t)scenarios[choice % SHAPES],
                                        .version = choice / SHAPES % 2 ? BB_MQTT_5 : BB_MQTT_311,
                                        .qos = 2,
                                        .sub_qos = 2,
                                        .threads = 1,
                                        .pubs = 4,
                                        .subs = 4,
                                        .repeat = 4,
                                        .size = PAYLOAD,
                                        .window = 5,
                                        .backlog = 5,
                                        .sites = 4,
                                        .ders = 2,
                                        .points = 2,
                                        .client_id = "fuzz"};
    char room[256];
    bb_text error = bb_text_on(room, sizeof room);
    stage->bench = (bb_bench){.options = &stage->options, .target = &nowhere, .lane_count = 1, .end_ns = UINT64_MAX};
    BB_CHECK(bb_bench_complete(&stage->options, &error));
    BB_CHECK(bb_plan_init(&stage->bench.plan, &stage->options, &error) && bb_bench_init(&stage->bench));
    pthread_mutex_init(&stage->bench.lock, NULL);
    for (uint32_t i = 0; i < stage->bench.plan.sources; i++)
        stage->bench.sources[i].next = MESSAGES;
    stage->is_made = true;
    return stage;
}

static void begin_anew(bb_bench *bench, bb_bench_publisher *publisher)
{
    free(publisher->identifiers);
    BB_CHECK(bb_bench_publisher_init(publisher, bench, publisher->client->index));
}

/* It awaits the answers to its first three messages. */
static void begin_exchanges(bb_bench_publisher *publisher)
{
    for (uint32_t id = 1; id <= EXCHANGES; id++)
        publisher->identifiers[id].state = BB_EXCHANGE_FIRST;
    publisher->free_first = EXCHANGES + 1;
    publisher->in_flight = publisher->lane->in_flight = EXCHANGES;
}

/* A client in the state that the input wants. */
static bb_bench_client *client_of(bb_bench *bench, uint8_t choice)
{
    static const bb_client_state states[4] = {BB_CLIENT_UP, BB_CLIENT_CONNECTING, BB_CLIENT_SUBSCRIBING,
                                              BB_CLIENT_LEAVING};
    bb_lane *lane = &bench->lanes[0];
    bb_bench_client *client = &bench->clients[choice / 4 % bench->client_count];
    client->transport = (bb_transport){.ops = &ops, .fd = 0};
    client->state = (uint8_t)states[choice % 4];
    client->next_filter = 0;
    client->reads_again = false;
    lane->up = client->state == BB_CLIENT_UP;
    lane->pending = client->state == BB_CLIENT_CONNECTING || client->state == BB_CLIENT_SUBSCRIBING;
    lane->leaving = client->state == BB_CLIENT_LEAVING;
    lane->again_count = lane->ready_count = 0;
    bench->subscribes = true;
    bb_ledger_reset(&lane->ledger);
    for (uint32_t i = 0; i < bench->plan.pubs; i++)
        bench->publishers[i].is_ready = false;
    if (client->publisher)
        begin_anew(bench, client->publisher);
    if (client->publisher && client->state == BB_CLIENT_UP)
        begin_exchanges(client->publisher);
    return client;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    bb_bench *bench = &stage_of(data[0])->bench;
    bb_bench_client *client = client_of(bench, data[1]);
    piece = 1 + data[2] * (size_t)3;
    said = bb_span_of(data + 3, size - 3);
    bb_client_read(&bench->lanes[0], client, true);
    BB_CHECK(client->transport.fd < 0 && said.len == 0
                 ? client->state == BB_CLIENT_LOST || client->state == BB_CLIENT_AWAY
                 : true);
    bb_client_lost(&bench->lanes[0], client);
    BB_CHECK(bench->lanes[0].blocked == 0 && bench->lanes[0].up == 0 && bench->lanes[0].pending == 0);
    BB_CHECK(bench->lanes[0].in_flight == 0);
    return 0;
}
