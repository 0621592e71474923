/* client_broker_test.c - libbusbar's client against busbard's broker, both without any input or output of their own,
 * over links that delay, split and cut, and devices that lose power, by a seeded random: a seed that fails, fails
 * again.
 *
 *     publisher ══ link ══ broker ══ link ══ subscriber
 *
 * What must hold however the links behave: QoS 1 comes at least once, QoS 2 exactly once, order is kept, and a payload
 * that is larger than all buffers arrives as it was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <busbar/client.h>

#include "broker/testing_client.h"

enum { MESSAGES = 120, BUFFER = 200, STORE = 4096, PIPE = 1 << 16, LARGE = 300000 };

typedef struct pipe {
    uint8_t bytes[PIPE];
    size_t len;
} pipe;

/* One client, its link, and the broker's end of it. */
typedef struct peer {
    bb_client client;
    bb_client_options options;
    bb_client_ram_store store;
    uint8_t in[BUFFER], out[BUFFER], store_memory[STORE];
    client end; /* the broker's */
    pipe up, down;
    bool linked;
    unsigned acknowledged;
} peer;

typedef struct scene {
    world world;
    peer publisher, subscriber;
    uint64_t random;
    unsigned cuts_left;
    unsigned seen[MESSAGES], highest; /* how often each number came; the highest so far, and one more */
    uint8_t qos;
    uint32_t large_got;
    bool large_whole, subscribed;
} scene;

static uint32_t roll(scene *s, uint32_t below)
{
    s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(s->random >> 33) % below;
}

/* ---- A link. */

static void link_up(scene *s, peer *p)
{
    client_open(&p->end, &s->world, 0);
    p->up.len = p->down.len = 0;
    p->linked = true;
    bb_client_opened(&p->client);
}

static void link_down(peer *p)
{
    if (!p->linked)
        return;
    client_end(&p->end);
    p->linked = false;
    bb_client_closed(&p->client);
}

static void pipe_put(pipe *to, const uint8_t *bytes, size_t len)
{
    BB_CHECK(len <= PIPE - to->len);
    if (len > 0)
        memcpy(to->bytes + to->len, bytes, len);
    to->len += len;
}

static void pipe_cut_front(pipe *from, size_t len)
{
    from->len -= len;
    memmove(from->bytes, from->bytes + len, from->len);
}

static size_t some_of(scene *s, size_t len)
{
    size_t most = roll(s, 4) ? len : roll(s, 20);
    return most < len ? most : len;
}

/* Some bytes go some of the way. */
static void link_moves(scene *s, peer *p)
{
    bb_span out = bb_client_output(&p->client);
    size_t n = some_of(s, out.len < PIPE - p->up.len ? out.len : PIPE - p->up.len);
    pipe_put(&p->up, out.data, n);
    bb_client_sent(&p->client, n);
    n = some_of(s, p->up.len);
    client_send(&p->end, p->up.bytes, n);
    pipe_cut_front(&p->up, n);

    size_t waiting = p->end.got_len - p->end.read;
    n = some_of(s, waiting < PIPE - p->down.len ? waiting : PIPE - p->down.len);
    pipe_put(&p->down, p->end.got + p->end.read, n);
    p->end.read += n;
    size_t room;
    uint8_t *at = bb_client_input(&p->client, &room);
    n = some_of(s, p->down.len < room ? p->down.len : room);
    memcpy(at, p->down.bytes, n);
    bb_client_received(&p->client, n);
    pipe_cut_front(&p->down, n);
    if (!p->end.open && p->down.len == 0 && p->end.got_len == p->end.read)
        link_down(p); /* the broker has ended it */
}

/* ---- What the clients do. */

static const bb_client_subscription wanted[] = {
    {.filter = {(const uint8_t *)"numbers", 7}, .qos = 2},
    {.filter = {(const uint8_t *)"large", 5}, .qos = 2},
};

static void take_number(scene *s, const bb_client_message_event *message)
{
    unsigned number = (unsigned)message->payload.data[0] << 8 | message->payload.data[1];
    BB_CHECK(message->payload.len == 2 && message->size == 2 && number < MESSAGES && message->qos == s->qos);
    if (s->seen[number]++ == 0) { /* first occurrences come in order, and so does everything of QoS 2 */
        BB_CHECK(number == s->highest);
        s->highest++;
    }
    BB_CHECK(s->qos < 2 || s->seen[number] == 1);
}

static void take_piece(scene *s, const bb_client_message_event *message)
{
    if (message->offset == 0)
        s->large_got = 0;
    BB_CHECK(message->size == LARGE && message->offset == s->large_got);
    for (size_t i = 0; i < message->payload.len; i++)
        BB_CHECK(message->payload.data[i] == (uint8_t)((s->large_got + i) * 31 >> 3));
    s->large_got += (uint32_t)message->payload.len;
    s->large_whole = s->large_got == LARGE;
}

static void handle(scene *s, peer *p, const bb_client_event *event)
{
    switch (event->type) {
    case BB_CLIENT_OPEN:
        if (roll(s, 5) == 0)
            bb_client_closed(&p->client); /* nobody answers */
        else
            link_up(s, p);
        break;
    case BB_CLIENT_DISCONNECTED:
        if (event->disconnected.cause != BB_CLIENT_LOST && event->disconnected.cause != BB_CLIENT_TIMEOUT)
            fail_msg("cause %d, code 0x%02x, %s", event->disconnected.cause, event->disconnected.code,
                     event->disconnected.clause ? event->disconnected.clause : "no clause");
        link_down(p);
        break;
    case BB_CLIENT_MESSAGE:
        if (bb_span_equal(event->message.topic, BB_SPAN_LITERAL("numbers")))
            take_number(s, &event->message);
        else
            take_piece(s, &event->message);
        break;
    case BB_CLIENT_SUBSCRIBED:
        BB_CHECK(event->ack.code == 2);
        s->subscribed |= event->ack.subscription == &wanted[1];
        break;
    case BB_CLIENT_PUBLISHED:
        BB_CHECK(event->ack.code < 0x80);
        p->acknowledged++;
        break;
    default:
        break;
    }
}

/* The store keeps what it has; everything else is forgotten. */
static void power_is_lost(peer *p)
{
    BB_CHECK(bb_client_init(&p->client, &p->options) == BB_CLIENT_OK);
    bb_client_restore(&p->client);
    bb_client_start(&p->client);
}

static void peer_runs(scene *s, peer *p)
{
    bb_client_event event;
    if (p->linked)
        link_moves(s, p);
    if (p->linked && s->cuts_left > 0 && roll(s, 60) == 0) {
        s->cuts_left--;
        link_down(p);
        if (roll(s, 3) == 0)
            power_is_lost(p);
    }
    while (bb_client_next(&p->client, s->world.now, &event))
        handle(s, p, &event);
}

static void time_passes(scene *s)
{
    bb_time a = bb_client_deadline(&s->publisher.client), b = bb_client_deadline(&s->subscriber.client);
    bb_time next = a < b ? a : b;
    uint64_t ms = next != BB_NEVER && next > s->world.now && !s->publisher.linked && !s->subscriber.linked
                      ? next - s->world.now
                      : roll(s, 40);
    world_pass(&s->world, ms);
}

static void turn(scene *s)
{
    peer_runs(s, &s->publisher);
    peer_runs(s, &s->subscriber);
    time_passes(s);
}

/* ---- Scenes. */

static void peer_begin(scene *s, peer *p, const bb_client_protocol *protocol, const char *id)
{
    bb_client_ram_store_init(&p->store, p->store_memory, sizeof(p->store_memory));
    p->options = (bb_client_options){
        .protocol = protocol,
        .delivery = &bb_client_qos2,
        .store = &p->store.store,
        .in = {p->in, sizeof(p->in)},
        .out = {p->out, sizeof(p->out)},
        .client_id = bb_span_text(id),
        .keep_alive_s = 30,
        .session_expiry_s = UINT32_MAX,
        .receive_maximum = 7,
        .retry_min_ms = 100,
        .retry_max_ms = 1000,
        .seed = roll(s, 1000000),
    };
    BB_CHECK(bb_client_init(&p->client, &p->options) == BB_CLIENT_OK);
    bb_client_start(&p->client);
}

static scene *scene_begin(uint64_t seed, const bb_client_protocol *protocol, uint8_t qos, unsigned cuts)
{
    scene *s = calloc(1, sizeof(*s));
    BB_CHECK(s != NULL);
    world_start(&s->world, 1);
    s->random = seed;
    s->qos = qos;
    s->cuts_left = cuts;
    peer_begin(s, &s->publisher, protocol, "publisher");
    s->subscriber.options.subscriptions = NULL;
    peer_begin(s, &s->subscriber, protocol, "subscriber");
    s->subscriber.options.subscriptions = wanted;
    s->subscriber.options.subscriptions_count = 2;
    return s;
}

static void scene_end(scene *s)
{
    link_down(&s->publisher);
    link_down(&s->subscriber);
    world_end(&s->world);
    free(s);
}

/* Both are there, and the subscriptions are known to the broker: now nothing may be lost. */
static void both_are_there(scene *s)
{
    for (unsigned i = 0; !s->subscribed || !bb_client_is_connected(&s->publisher.client); i++) {
        BB_CHECK(i < 100000);
        turn(s);
    }
}

static void numbers_arrive(uint64_t seed, const bb_client_protocol *protocol, uint8_t qos)
{
    scene *s = scene_begin(seed, protocol, qos, 25);
    both_are_there(s);
    for (unsigned i = 0, turns = 0; s->publisher.acknowledged < MESSAGES || s->highest < MESSAGES; turns++) {
        const uint8_t payload[] = {(uint8_t)(i >> 8), (uint8_t)i};
        bb_client_message message = {
            .topic = BB_SPAN_LITERAL("numbers"), .payload = {payload, sizeof(payload)}, .qos = qos};
        if (i < MESSAGES && roll(s, 3) == 0 && bb_client_publish(&s->publisher.client, &message, NULL) == BB_CLIENT_OK)
            i++;
        turn(s);
        if (turns > 200000)
            fail_msg("seed %llu: %u acknowledged, %u came", (unsigned long long)seed, s->publisher.acknowledged,
                     s->highest);
    }
    for (unsigned i = 0; i < 300; i++)
        turn(s); /* nothing comes late that must not come */
    assert_int_equal(s->publisher.store.used, 0);
    scene_end(s);
}

static void qos1_comes_at_least_once_in_order(void **state)
{
    for (uint64_t seed = 1; seed <= 25; seed++) {
        numbers_arrive(seed, &bb_client_mqtt_5, 1);
        numbers_arrive(seed, &bb_client_mqtt_311, 1);
    }
}

static void qos2_comes_exactly_once_in_order(void **state)
{
    for (uint64_t seed = 1; seed <= 25; seed++) {
        numbers_arrive(seed, &bb_client_mqtt_5, 2);
        numbers_arrive(seed, &bb_client_mqtt_311, 2);
    }
}

static void stream(scene *s, const bb_client_message *message)
{
    uint32_t given = 0;
    while (bb_client_publish_begin(&s->publisher.client, message, LARGE, NULL) != BB_CLIENT_OK)
        turn(s);
    for (unsigned turns = 0; given < LARGE; turns++) {
        uint8_t chunk[150];
        size_t n = LARGE - given < sizeof(chunk) ? LARGE - given : sizeof(chunk), taken;
        for (size_t i = 0; i < n; i++)
            chunk[i] = (uint8_t)((given + i) * 31 >> 3);
        assert_int_equal(bb_client_publish_chunk(&s->publisher.client, bb_span_of(chunk, n), &taken), BB_CLIENT_OK);
        given += (uint32_t)taken;
        turn(s);
        BB_CHECK(turns < 1000000);
    }
}

static void a_large_payload_streams_through_small_buffers(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scene *s = scene_begin(seed, seed % 2 ? &bb_client_mqtt_5 : &bb_client_mqtt_311, 0, 0);
        bb_client_message message = {.topic = BB_SPAN_LITERAL("large")};
        both_are_there(s);
        stream(s, &message);
        for (unsigned turns = 0; !s->large_whole; turns++) {
            BB_CHECK(turns < 1000000);
            turn(s);
        }
        scene_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qos1_comes_at_least_once_in_order),
        cmocka_unit_test(qos2_comes_exactly_once_in_order),
        cmocka_unit_test(a_large_payload_streams_through_small_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
