/* client.c - connections: opened, CONNECT and SUBSCRIBE sent, kept alive, ended. */
#include "bench/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
    NS_A_S = 1000000000,
    TURN_NS = 20000000,
    CLOSE_PATIENCE_NS = 1000000000, /* for the broker to close after DISCONNECT */
    CYCLE_PATIENCE_NS = 2000000000, /* for one connect and disconnect */
    FILTERS_A_PACKET = 50,
    SESSION_KEPT_S = 86400,
};

/* --- The clients of a lane ---------------------------------------------------------------------------------------- */

static bool is_mine(const bb_lane *lane, const bb_bench_client *client)
{
    return client->index % lane->bench->lane_count == lane->number;
}

/* Walks through the clients of this lane in the range of the job: the next one from `*at` on, or NULL. */
static bb_bench_client *next_client(bb_lane *lane, uint32_t *at)
{
    while (*at < lane->bench->to) {
        bb_bench_client *client = &lane->bench->clients[(*at)++];
        if (is_mine(lane, client))
            return client;
    }
    return NULL;
}

/* --- Ending ------------------------------------------------------------------------------------------------------- */

static void forget_bytes(bb_lane *lane, bb_bench_client *client)
{
    if (client->unsent.to)
        lane->blocked--;
    client->part.from = client->part.to = client->unsent.from = client->unsent.to = 0;
}

static void close_transport(bb_bench_client *client)
{
    if (client->dial) {
        bb_dial_cancel(client->dial);
        free(client->dial);
        client->dial = NULL;
    }
    bb_transport_close(&client->transport);
    client->transport.fd = -1;
}

void bb_client_deinit(bb_bench_client *client)
{
    close_transport(client);
    free(client->part.at);
    free(client->unsent.at);
}

/* The connection has ended. After our DISCONNECT that is as it should be; else the broker or the network did it. */
void bb_client_lost(bb_lane *lane, bb_bench_client *client)
{
    bb_client_state was = client->state;
    close_transport(client);
    forget_bytes(lane, client);
    client->since_ns = lane->now_ns;
    if (was == BB_CLIENT_AWAY || was == BB_CLIENT_LOST)
        return;
    if (was == BB_CLIENT_LEAVING) {
        client->state = BB_CLIENT_AWAY;
        lane->leaving--;
        lane->tally.cycles++;
        return;
    }
    client->state = BB_CLIENT_LOST;
    lane->tally.lost_clients++;
    if (was != BB_CLIENT_UP) {
        lane->pending--;
        lane->tally.failed_opens++;
        return;
    }
    lane->up--;
    if (client->publisher)
        bb_bench_publisher_down(client->publisher);
}

void bb_client_leave(bb_lane *lane, bb_bench_client *client)
{
    static const uint8_t disconnect[] = {BB_DISCONNECT << 4, 0};
    if (client->state != BB_CLIENT_UP)
        return;
    memcpy(bb_lane_room(lane, client, sizeof disconnect), disconnect, sizeof disconnect);
    lane->output_len += sizeof disconnect;
    bb_lane_flush(lane, client);
    if (client->state != BB_CLIENT_UP) /* it was gone already */
        return;
    client->state = BB_CLIENT_LEAVING;
    client->since_ns = lane->now_ns;
    lane->up--;
    lane->leaving++;
}

/* --- Coming up ---------------------------------------------------------------------------------------------------- */

/* The broker, or the way to it, refuses: what is said first is what people see. */
static void refuse(bb_lane *lane, bb_bench_client *client, bb_span why)
{
    bb_bench_note(lane->bench, why);
    bb_client_lost(lane, client);
}

static void send_connect(bb_lane *lane, bb_bench_client *client)
{
    const bb_bench_options *options = lane->bench->options;
    const bb_bench_target *target = lane->bench->target;
    uint8_t kept[8];
    bb_property_writer properties = bb_property_writer_on(kept, sizeof kept);
    if (options->version == BB_MQTT_5 && !lane->bench->clean)
        bb_property_put_u32(&properties, BB_SESSION_EXPIRY_S, SESSION_KEPT_S);

    char name[128];
    bb_text id = bb_text_on(name, sizeof name);
    bb_text_puts(&id, options->client_id);
    bb_text_puts(&id, client->publisher ? "-p" : "-s");
    bb_text_put_u64(&id, client->index);
    const bb_connect_parts parts = {.version = options->version,
                                    .clean_start = lane->bench->clean,
                                    .keep_alive_s = (uint16_t)options->keep_alive_s,
                                    .client_id = bb_text_span(&id),
                                    .user_name = target->user_name,
                                    .password = target->password,
                                    .properties = bb_span_of(kept, properties.len)};
    uint8_t *at = bb_lane_room(lane, client, BB_LANE_PACKET_ROOM);
    size_t size = bb_connect_encode(at, BB_LANE_PACKET_ROOM, &parts);
    if (size == 0) {
        refuse(lane, client, BB_SPAN_LITERAL("user name and password are too long"));
        return;
    }
    lane->output_len += (uint32_t)size;
    client->state = BB_CLIENT_CONNECTING;
    bb_lane_flush(lane, client);
}

/* Edge-triggered, for everything, once: nothing is to be changed later. */
static void watch(bb_lane *lane, bb_bench_client *client, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
    if (epoll_ctl(lane->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        bb_bench_fail(lane->bench, "a connection cannot be watched", errno);
}

/* Go on with opening; a dial that tries another address has another socket. True when it is open. */
static bool go_on_opening(bb_lane *lane, bb_bench_client *client)
{
    bb_dial *dial = client->dial;
    bb_io io = bb_dial_step(dial);
    if (io == BB_IO_ERROR) {
        refuse(lane, client, bb_dial_error(dial));
        return false;
    }
    if (client->watched != dial->next) {
        client->watched = dial->next;
        watch(lane, client, dial->transport.fd);
    }
    if (io == BB_IO_WAIT)
        return false;
    client->transport = dial->transport;
    free(dial);
    client->dial = NULL;
    return true;
}

void bb_client_open(bb_lane *lane, bb_bench_client *client)
{
    bb_dial_options options;
    bb_address from;
    client->dial = malloc(sizeof *client->dial);
    BB_CHECK(client->dial);
    client->state = BB_CLIENT_OPENING;
    client->since_ns = lane->now_ns;
    client->next_filter = 0;
    client->watched = 0;
    lane->pending++;
    bb_bench_target_options(lane->bench->target, client->serial, &from, &options);
    bb_dial_begin(client->dial, &options, &lane->mem);
    if (go_on_opening(lane, client)) /* at once: many are opened before the first of them speaks */
        client->state = BB_CLIENT_OPEN;
}

static void is_up(bb_lane *lane, bb_bench_client *client)
{
    client->state = BB_CLIENT_UP;
    client->since_ns = lane->now_ns;
    lane->pending--;
    lane->up++;
}

/* Send the next SUBSCRIBE; false when all filters are subscribed to. */
static bool send_subscribe(bb_lane *lane, bb_bench_client *client)
{
    const bb_bench *bench = lane->bench;
    char names[FILTERS_A_PACKET][BB_PLAN_TOPIC_MAX];
    bb_filter_entry entries[FILTERS_A_PACKET];
    size_t count = 0;
    while (count < FILTERS_A_PACKET) {
        bb_text name = bb_text_on(names[count], sizeof names[count]);
        if (!bb_plan_filter(&bench->plan, client->index, client->next_filter, &name))
            break;
        entries[count++] = (bb_filter_entry){.filter = bb_text_span(&name), .qos = (uint8_t)bench->options->sub_qos};
        client->next_filter++;
    }
    if (count == 0)
        return false;
    if (++client->subscribe_id == 0)
        client->subscribe_id = 1;
    uint8_t *at = bb_lane_room(lane, client, BB_LANE_PACKET_ROOM);
    size_t size = bb_subscribe_encode(at, BB_LANE_PACKET_ROOM, BB_SUBSCRIBE, bench->options->version,
                                      client->subscribe_id, BB_SPAN_NONE, entries, count);
    BB_CHECK(size > 0);
    lane->output_len += (uint32_t)size;
    return true;
}

static void refuse_connack(bb_lane *lane, bb_bench_client *client, uint8_t code)
{
    char room[64];
    bb_text text = bb_text_on(room, sizeof room);
    bb_text_puts(&text, "the broker refused the connection with code 0x");
    bb_text_put_hex(&text, code, 2);
    atomic_store(&lane->bench->refused, true);
    refuse(lane, client, bb_text_span(&text));
}

void bb_client_connack(bb_lane *lane, bb_bench_client *client, bb_span body)
{
    const bb_bench *bench = lane->bench;
    bb_connack connack;
    if (client->state != BB_CLIENT_CONNECTING ||
        bb_connack_decode(body, bench->options->version, &connack, NULL) != BB_OK) {
        lane->tally.protocol++;
        bb_client_lost(lane, client);
        return;
    }
    if (connack.code) {
        refuse_connack(lane, client, connack.code);
        return;
    }
    client->session_present = connack.session_present;
    bb_bench_publisher *publisher = client->publisher;
    if (publisher && connack.properties.present & BB_HAS(receive_maximum) &&
        connack.properties.receive_maximum < publisher->window)
        publisher->window = connack.properties.receive_maximum;
    if (bench->plan.scenario == BB_SCENARIO_CONNECT) {
        bb_histogram_add(&lane->slot->latency, lane->now_ns - client->since_ns);
        lane->slot->received++;
        is_up(lane, client);
        bb_client_leave(lane, client);
        return;
    }
    bool subscribes = !publisher && bench->subscribes && !client->session_present;
    if (subscribes && send_subscribe(lane, client))
        client->state = BB_CLIENT_SUBSCRIBING;
    else
        is_up(lane, client);
}

void bb_client_suback(bb_lane *lane, bb_bench_client *client, bb_span body)
{
    bb_suback suback;
    if (client->state != BB_CLIENT_SUBSCRIBING ||
        bb_suback_decode(BB_SUBACK, body, lane->bench->options->version, &suback, NULL) != BB_OK) {
        lane->tally.protocol++;
        return;
    }
    for (size_t i = 0; i < suback.codes.len; i++)
        lane->tally.refused += suback.codes.data[i] >= 0x80;
    if (!send_subscribe(lane, client))
        is_up(lane, client);
}

/* --- Events ------------------------------------------------------------------------------------------------------- */

void bb_client_event(bb_lane *lane, bb_bench_client *client, uint32_t events)
{
    const uint32_t hung_up = EPOLLHUP | EPOLLERR | EPOLLRDHUP;
    if (client->state == BB_CLIENT_OPEN || (client->state == BB_CLIENT_OPENING && go_on_opening(lane, client)))
        send_connect(lane, client);
    if (client->transport.fd < 0)
        return;
    if (events & EPOLLOUT && !client->transport.ops->raw && bb_transport_wants(&client->transport) & BB_WRITABLE)
        (void)bb_transport_step(&client->transport); /* an error of it is found by reading */
    if (events & EPOLLOUT)
        bb_lane_flush_unsent(lane, client);
    if (client->transport.fd >= 0 && events & (EPOLLIN | hung_up))
        bb_client_read(lane, client, events & hung_up);
}

/* --- Keeping alive ------------------------------------------------------------------------------------------------ */

void bb_client_ping(bb_lane *lane, bb_bench_client *client)
{
    if (client->state != BB_CLIENT_UP)
        return;
    client->ponged = false;
    memcpy(bb_lane_room(lane, client, sizeof bb_pingreq), bb_pingreq, sizeof bb_pingreq);
    lane->output_len += sizeof bb_pingreq;
    bb_lane_flush(lane, client);
}

/* Half a keep alive after clients came up, all of them are pinged, spread over the half that is left; and so on. */
void bb_client_ping_some(bb_lane *lane)
{
    const bb_bench *bench = lane->bench;
    uint32_t half_s = bench->options->keep_alive_s / 2 + 1;
    lane->ping_from_ns = lane->now_ns + NS_A_S;
    for (uint32_t i = 0; i < bench->client_count / half_s + 1; i++) {
        bb_bench_client *client = &bench->clients[lane->ping_at];
        lane->ping_at = (lane->ping_at + 1) % bench->client_count;
        if (is_mine(lane, client))
            bb_client_ping(lane, client);
    }
}

/* --- Jobs --------------------------------------------------------------------------------------------------------- */

/* How many clients of the job the ramp lets be opened by now. */
static uint64_t ramped(const bb_lane *lane)
{
    const bb_bench *bench = lane->bench;
    uint64_t ramp_ns = bench->options->ramp_us * 1000, passed_ns = lane->now_ns - bench->start_ns;
    if (passed_ns >= ramp_ns)
        return UINT32_MAX;
    return (uint64_t)((double)(bench->to - bench->from) * (double)passed_ns / (double)ramp_ns) + 1;
}

void bb_job_open(bb_lane *lane)
{
    const bb_bench *bench = lane->bench;
    uint32_t at = bench->from, at_once = (bench->options->at_once + bench->lane_count - 1) / bench->lane_count;
    bb_bench_client *next = next_client(lane, &at);
    lane->now_ns = bb_bench_clock_ns();
    while ((next || lane->pending) && !atomic_load(&bench->finish)) {
        for (uint64_t limit = bench->from + ramped(lane); next && lane->pending < at_once && at <= limit;
             next = next_client(lane, &at))
            bb_client_open(lane, next);
        bb_lane_turn(lane, lane->now_ns + (bench->options->ramp_us && next ? TURN_NS / 20 : TURN_NS));
    }
    if (bench->options->keep_alive_s)
        lane->ping_from_ns = lane->now_ns + (uint64_t)bench->options->keep_alive_s * NS_A_S / 2;
}

void bb_job_leave(bb_lane *lane)
{
    uint32_t at = lane->bench->from;
    lane->now_ns = bb_bench_clock_ns();
    uint64_t limit_ns = lane->now_ns + CLOSE_PATIENCE_NS;
    for (bb_bench_client *client; (client = next_client(lane, &at));)
        bb_client_leave(lane, client);
    while (lane->leaving && lane->now_ns < limit_ns)
        bb_lane_turn(lane, lane->now_ns + TURN_NS);
    at = lane->bench->from;
    for (bb_bench_client *client; (client = next_client(lane, &at));) {
        lane->tally.never_closed += client->state == BB_CLIENT_LEAVING;
        bb_client_lost(lane, client);
    }
}

void bb_job_rest(bb_lane *lane)
{
    const bb_bench *bench = lane->bench;
    while (!atomic_load(&bench->finish) && lane->now_ns < bench->end_ns)
        bb_lane_turn(lane, lane->now_ns + TURN_NS / 2);
}

/* Opens those that are away as long as there is something left to do. False when no client is on its way any more. */
static bool open_cycles(bb_lane *lane, uint64_t *left)
{
    bool any = false;
    uint32_t at = lane->bench->from;
    for (bb_bench_client *client; (client = next_client(lane, &at));) {
        if (client->state == BB_CLIENT_AWAY && *left > 0 && lane->now_ns < lane->bench->end_ns) {
            *left -= 1;
            lane->tally.cycles_started++;
            client->serial += lane->bench->client_count; /* walk over the local addresses */
            lane->now_ns = bb_bench_clock_ns();
            bb_client_open(lane, client);
        }
        any |= client->state != BB_CLIENT_AWAY && client->state != BB_CLIENT_LOST;
    }
    return any;
}

static void give_up_stuck_ones(bb_lane *lane)
{
    uint32_t at = lane->bench->from;
    for (bb_bench_client *client; (client = next_client(lane, &at));) {
        if (client->transport.fd < 0 || lane->now_ns - client->since_ns < CYCLE_PATIENCE_NS)
            continue;
        if (client->state == BB_CLIENT_LEAVING) { /* counts as failed, and is not to be opened again */
            lane->tally.never_closed++;
            lane->tally.cycles--;
            bb_client_lost(lane, client);
            client->state = BB_CLIENT_LOST;
        } else {
            bb_client_lost(lane, client);
        }
    }
}

void bb_job_cycle(bb_lane *lane)
{
    const bb_bench *bench = lane->bench;
    uint64_t count = bench->options->time_us ? UINT64_MAX : bench->options->count;
    uint64_t left =
        count == UINT64_MAX ? count : count / bench->lane_count + (lane->number < count % bench->lane_count);
    bb_lane_begin(lane);
    uint64_t look_ns = lane->now_ns;
    while (open_cycles(lane, &left) && !atomic_load(&bench->finish)) {
        bb_lane_turn(lane, lane->now_ns + TURN_NS / 2);
        if (lane->now_ns - look_ns < NS_A_S / 4)
            continue;
        look_ns = lane->now_ns;
        give_up_stuck_ones(lane);
    }
}
