/* publish.c - sending messages: who may send how many now, and the packets. */
#include "bench/lane.h"

#include <stdlib.h>

enum { NS_A_S = 1000000000, IDLE_WAIT_NS = 10000000 };

void bb_bench_publisher_ready(bb_bench_publisher *publisher)
{
    if (publisher->is_ready || publisher->client->state != BB_CLIENT_UP)
        return;
    publisher->is_ready = true;
    publisher->lane->ready[publisher->lane->ready_count++] = publisher;
}

static bool is_open_target(const bb_bench_publisher *publisher)
{
    return publisher->client->state == BB_CLIENT_UP && publisher->sent < publisher->target;
}

/* What was in flight is not waited for any more, and nothing more will be sent. */
void bb_bench_publisher_down(bb_bench_publisher *publisher)
{
    bb_lane *lane = publisher->lane;
    lane->in_flight -= publisher->in_flight;
    publisher->in_flight = 0;
    if (publisher->sent < publisher->target && lane->open_targets > 0)
        lane->open_targets--;
}

/* One identifier more than can be in use at a time, so that the queue of free ones always has an end to add to. */
bool bb_bench_publisher_init(bb_bench_publisher *publisher, bb_bench *bench, uint32_t number)
{
    *publisher = (bb_bench_publisher){.client = &bench->clients[number], .lane = bb_bench_lane_of(bench, number)};
    bb_plan_sources_of(&bench->plan, number, &publisher->source_from, &publisher->source_to);
    publisher->source = publisher->source_from;
    publisher->client->publisher = publisher;
    if (bench->options->qos == 0)
        return true;
    uint32_t count = bench->options->window + 1;
    publisher->window = bench->options->window;
    publisher->identifiers_max = publisher->free_last = (uint16_t)count;
    publisher->free_first = 1;
    publisher->identifiers = calloc(count + 1, sizeof *publisher->identifiers);
    for (uint32_t id = 1; publisher->identifiers && id < count; id++)
        publisher->identifiers[id].next = (uint16_t)(id + 1);
    return publisher->identifiers != NULL;
}

/* --- How much may be sent ----------------------------------------------------------------------------------------- */

static uint64_t credits_of(const bb_bench *bench, size_t publisher)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < bench->lane_count; i++)
        sum += atomic_load_explicit(&bench->lanes[i].credits[publisher], memory_order_relaxed);
    return sum;
}

static uint64_t backlog_room(const bb_bench *bench, const bb_bench_publisher *publisher)
{
    uint64_t per_message = bench->plan.deliveries, room = (uint64_t)bench->options->backlog * per_message;
    uint64_t missing = publisher->sent * per_message - credits_of(bench, (size_t)(publisher - bench->publishers));
    return missing < room ? (room - missing) / per_message : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool stopped(const bb_lane *lane)
{
    return lane->now_ns >= lane->bench->end_ns || atomic_load_explicit(&lane->bench->stop, memory_order_relaxed);
}

static uint64_t allowance(const bb_lane *lane, const bb_bench_publisher *publisher)
{
    const bb_bench_options *options = lane->bench->options;
    if (stopped(lane))
        return 0;
    uint64_t count = publisher->target - publisher->sent;
    if (options->qos)
        count = least(count, publisher->window - least(publisher->window, publisher->in_flight));
    if (options->backlog && lane->bench->plan.deliveries)
        count = least(count, backlog_room(lane->bench, publisher));
    if (options->rate > 0)
        count = least(count, publisher->owed);
    return count;
}

/* --- Packets ------------------------------------------------------------------------------------------------------ */

static void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void bb_source_init(bb_source *source, const bb_bench *bench, uint32_t number, bool retain)
{
    const bb_bench_options *options = bench->options;
    char name[BB_PLAN_TOPIC_MAX];
    bb_text topic = bb_text_on(name, sizeof name);
    bb_plan_topic(&bench->plan, number, &topic);
    const bb_publish_head head = {.qos = options->qos,
                                  .retain = retain,
                                  .packet_id = options->qos ? 1 : 0,
                                  .topic = bb_text_span(&topic),
                                  .payload_len = bench->empty ? 0 : options->size};
    size_t head_size;
    bb_publish_size(options->version, &head, &head_size);
    BB_CHECK(head_size <= sizeof source->head);
    source->head_len = (uint16_t)bb_publish_encode(source->head, options->version, &head);
    unsigned behind_topic = (options->qos ? 2 : 0) + (options->version == BB_MQTT_5 ? 1 : 0);
    source->id_at = (uint16_t)(source->head_len - behind_topic);
    source->topic_at = (uint16_t)(source->id_at - topic.len - 2);
}

static uint16_t take_identifier(bb_bench_publisher *publisher, uint64_t now_ns)
{
    uint16_t id = publisher->free_first;
    bb_identifier *identifier = &publisher->identifiers[id];
    publisher->free_first = identifier->next;
    identifier->state = BB_EXCHANGE_FIRST;
    identifier->sent_ns = now_ns;
    publisher->in_flight++;
    publisher->lane->in_flight++;
    return id;
}

static uint8_t *put_payload(uint8_t *at, const bb_bench *bench, uint32_t source, uint32_t number, uint64_t now_ns)
{
    uint32_t filler_len = bench->options->size - BB_BENCH_PAYLOAD_MIN;
    memcpy(at, &source, 4);
    memcpy(at + 4, &number, 4);
    memcpy(at + 8, &now_ns, 8);
    memcpy(at + BB_BENCH_PAYLOAD_MIN, bb_bench_filler(bench, number), filler_len);
    return at + BB_BENCH_PAYLOAD_MIN + filler_len;
}

static void put_message(bb_lane *lane, bb_bench_publisher *publisher, uint64_t now_ns)
{
    const bb_bench *bench = lane->bench;
    uint32_t number = publisher->source;
    bb_source *source = &bench->sources[number];
    if (++publisher->source == publisher->source_to)
        publisher->source = publisher->source_from;

    uint32_t next = atomic_load_explicit(&source->next, memory_order_relaxed);
    uint8_t *start = bb_lane_room(lane, publisher->client, source->head_len + bench->options->size);
    uint8_t *at = start + source->head_len;
    memcpy(start, source->head, source->head_len);
    if (bench->options->qos)
        put_u16(start + source->id_at, take_identifier(publisher, now_ns));
    if (!bench->empty)
        at = put_payload(at, bench, number, next, now_ns);
    lane->output_len += (uint32_t)(at - start);
    atomic_store_explicit(&source->next, next + 1, memory_order_relaxed);
}

/* Publish as much as is allowed now. What one call sends is stamped with one time, that of its beginning. */
static void publish_some(bb_lane *lane, bb_bench_publisher *publisher)
{
    bb_bench_client *client = publisher->client;
    if (client->state != BB_CLIENT_UP || client->unsent.to)
        return;
    uint64_t count = allowance(lane, publisher), left = count;
    if (count == 0)
        return;
    uint64_t now_ns = bb_bench_clock_ns();
    while (left > 0 && client->state == BB_CLIENT_UP && client->unsent.to == 0) {
        put_message(lane, publisher, now_ns);
        left--;
        if (lane->output_len >= BB_LANE_WRITE_BYTES)
            bb_lane_flush(lane, client);
    }
    bb_lane_flush(lane, client);
    uint64_t sent = count - left;
    publisher->sent += sent;
    publisher->owed -= least(publisher->owed, sent);
    lane->tally.sent += sent;
    lane->slot->published += sent;
    if (publisher->sent == publisher->target && client->state == BB_CLIENT_UP)
        lane->open_targets--;
}

/* --- Acknowledgements --------------------------------------------------------------------------------------------- */

static void end_exchange(bb_lane *lane, bb_bench_publisher *publisher, uint16_t id)
{
    bb_identifier *identifier = &publisher->identifiers[id];
    if (lane->bench->plan.scenario == BB_SCENARIO_PUB && lane->now_ns >= lane->counts_from_ns)
        bb_histogram_add(&lane->slot->latency, lane->now_ns - identifier->sent_ns);
    identifier->state = BB_EXCHANGE_FREE;
    publisher->identifiers[publisher->free_last].next = id;
    publisher->free_last = id;
    publisher->in_flight--;
    lane->in_flight--;
    lane->tally.acked++;
    bb_bench_publisher_ready(publisher);
}

static void put_release(bb_lane *lane, bb_bench_publisher *publisher, uint16_t id)
{
    uint8_t *at = bb_lane_room(lane, publisher->client, 4);
    at[0] = BB_PUBREL << 4 | 2;
    at[1] = 2;
    put_u16(at + 2, id);
    lane->output_len += 4;
    publisher->identifiers[id].state = BB_EXCHANGE_COMP;
}

void bb_bench_publisher_ack(bb_lane *lane, bb_bench_publisher *publisher, uint8_t type, bb_span body)
{
    uint32_t id = body.len >= 2 ? (uint32_t)body.data[0] << 8 | body.data[1] : 0;
    if (id == 0 || !publisher->identifiers || id > publisher->identifiers_max) {
        lane->tally.protocol++;
        return;
    }
    uint8_t state = publisher->identifiers[id].state;
    bool refused = body.len > 2 && body.data[2] >= 0x80;
    lane->tally.refused += refused;
    if (type == BB_PUBREC && state == BB_EXCHANGE_FIRST && !refused)
        put_release(lane, publisher, (uint16_t)id);
    else if ((type == BB_PUBCOMP && state == BB_EXCHANGE_COMP) || (type != BB_PUBCOMP && state == BB_EXCHANGE_FIRST))
        end_exchange(lane, publisher, (uint16_t)id);
    else
        lane->tally.protocol++;
}

/* --- The clock of the rate ---------------------------------------------------------------------------------------- */

/* Deal what is due to the publishers of this lane in turn. Returns when the next message will be. */
static uint64_t schedule(bb_lane *lane)
{
    bb_bench *bench = lane->bench;
    double rate = bench->options->rate * lane->publishers / bench->plan.pubs, ns_a_message = NS_A_S / rate;
    uint64_t start_ns = bench->start_ns + (uint64_t)(ns_a_message * lane->number / bench->lane_count);
    lane->now_ns = bb_bench_clock_ns();
    if (lane->now_ns < start_ns)
        return start_ns;
    uint64_t due = (uint64_t)((double)(lane->now_ns - start_ns) / ns_a_message) + 1;
    uint64_t was_due_ns = start_ns + (uint64_t)((double)lane->scheduled * ns_a_message);
    if (due > lane->scheduled && lane->now_ns >= lane->counts_from_ns && lane->now_ns - was_due_ns > lane->lag_max_ns)
        lane->lag_max_ns = lane->now_ns - was_due_ns;
    for (; lane->scheduled < due; lane->scheduled++) {
        bb_bench_publisher *publisher = &bench->publishers[lane->next_owed];
        lane->next_owed += bench->lane_count;
        if (lane->next_owed >= bench->plan.pubs)
            lane->next_owed = lane->number;
        publisher->owed++;
        bb_bench_publisher_ready(publisher);
    }
    return start_ns + (uint64_t)((double)lane->scheduled * ns_a_message);
}

/* --- Jobs --------------------------------------------------------------------------------------------------------- */

static void begin(bb_lane *lane)
{
    bb_bench *bench = lane->bench;
    lane->ready_count = lane->publishers = lane->open_targets = 0;
    lane->next_owed = lane->number;
    lane->scheduled = 0;
    for (uint32_t i = lane->number; i < bench->plan.pubs; i += bench->lane_count) {
        bb_bench_publisher *publisher = &bench->publishers[i];
        publisher->is_ready = false;
        publisher->owed = 0;
        lane->publishers++;
        lane->open_targets += is_open_target(publisher);
        bb_bench_publisher_ready(publisher);
    }
}

void bb_job_publish(bb_lane *lane)
{
    const bb_bench *bench = lane->bench;
    bb_lane_begin(lane);
    begin(lane);
    while (!atomic_load(&bench->finish)) {
        uint64_t until_ns = lane->now_ns + IDLE_WAIT_NS;
        if (bench->options->rate > 0 && lane->publishers && !stopped(lane))
            until_ns = least(until_ns, schedule(lane));
        while (lane->ready_count) {
            bb_bench_publisher *publisher = lane->ready[--lane->ready_count];
            publisher->is_ready = false;
            publish_some(lane, publisher);
        }
        bb_lane_turn(lane, until_ns);
    }
}

void bb_job_barrier(bb_lane *lane)
{
    bb_bench *bench = lane->bench;
    uint32_t open = 1;
    lane->now_ns = bb_bench_clock_ns();
    for (uint32_t i = lane->number; i < bench->plan.pubs; i += bench->lane_count)
        bb_client_ping(lane, bench->publishers[i].client);
    while (open && !atomic_load(&bench->finish)) {
        bb_lane_turn(lane, lane->now_ns + IDLE_WAIT_NS);
        open = 0;
        for (uint32_t i = lane->number; i < bench->plan.pubs; i += bench->lane_count) {
            const bb_bench_client *client = bench->publishers[i].client;
            open += client->state == BB_CLIENT_UP && !client->ponged;
        }
    }
}
