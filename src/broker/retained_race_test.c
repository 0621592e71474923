/* retained_race_test.c - retained publishes and subscriptions on several workers, in every order that chance finds:
 * every subscriber of a topic must end on the value that the store holds. Spec: MQTT 5.0 3.3.1.3. */
#include "broker/expect_test.h"

enum { SIDES = 3, PUBLISHERS = 3, SUBSCRIBERS = 6, TOPICS = 5 };

static const char *const topics[TOPICS] = {"a/b", "a/c", "b", "b/c/d", "e"};

typedef struct subscriber {
    client client;
    const char *filter; /* NULL: none now */
    char value[TOPICS][12];
} subscriber;

typedef struct race {
    world world;
    client publishers[PUBLISHERS];
    subscriber subscribers[SUBSCRIBERS];
    uint32_t value;
    bool lonely; /* one subscriber and one topic: interest comes and goes while posts are on their way */
    unsigned topic;
    bool changing; /* subscribers come and go; else each subscribes once */
    bool deleting; /* messages are deleted, too */
} race;

static uint32_t dice(race *r, uint32_t sides)
{
    return (uint32_t)(port_random(&r->world.sides[0]) >> 33) % sides;
}

static unsigned topic_number(bb_span topic)
{
    unsigned i = 0;
    while (i < TOPICS && !bb_span_equal(topic, bb_span_text(topics[i])))
        i++;
    assert_true(i < TOPICS);
    return i;
}

/* Remember the last value of each topic that has come, and acknowledge. */
static void subscriber_reads(subscriber *s)
{
    received in;
    bb_publish p;
    while (client_next(&s->client, &in)) {
        if (in.header.type == BB_SUBACK) /* what came before was for another subscription */
            memset(s->value, 0, sizeof s->value);
        if (in.header.type != BB_PUBLISH)
            continue;
        assert_int_equal(bb_publish_decode(&in.header, in.body, BB_MQTT_5, &p, NULL), BB_OK);
        assert_true(p.payload.len < sizeof s->value[0]);
        char *value = s->value[topic_number(p.topic)];
        memcpy(value, p.payload.data ? p.payload.data : (const uint8_t *)"", p.payload.len);
        value[p.payload.len] = '\0';
        if (p.qos)
            client_ack(&s->client, BB_PUBACK, p.packet_id, 0);
    }
}

static void some_side_moves(race *r)
{
    world_side *side = &r->world.sides[dice(r, SIDES)];
    switch (dice(r, r->lonely ? 12 : 4)) {
    case 0:
        (void)side_receive(side);
        break;
    case 1:
        (void)bb_broker_work(side->broker, r->world.now);
        break;
    case 2:
        (void)side_flush(side);
        break;
    default:
        side_push(side);
    }
}

static void someone_publishes(race *r, uint8_t qos)
{
    char value[12];
    bool deletes = r->deleting && dice(r, 8) == 0;
    snprintf(value, sizeof value, "%u", r->value++);
    client_publish(&r->publishers[dice(r, PUBLISHERS)], topics[r->lonely ? r->topic : dice(r, TOPICS)],
                   deletes ? "" : value, (publishing){.qos = qos, .id = 1, .retain = true});
}

static void someone_subscribes(race *r, uint8_t qos)
{
    static const char *const filters[] = {"#", "a/b", "a/+", "b/#", "e", "+", "b"};
    subscriber *s = &r->subscribers[dice(r, r->lonely ? 1 : SUBSCRIBERS)];
    if (s->filter && !r->changing)
        return;
    if (s->filter) {
        client_unsubscribe(&s->client, 1, s->filter);
        s->filter = NULL;
        return;
    }
    s->filter = filters[dice(r, sizeof filters / sizeof *filters)];
    client_subscribe(&s->client, 1, s->filter, qos);
}

static void ends_on_what_is_stored(race *r)
{
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subscriber *s = &r->subscribers[i];
        for (unsigned t = 0; s->filter && t < TOPICS; t++) {
            bb_span topic = bb_span_text(topics[t]);
            bb_content stored = {0};
            if (!bb_filter_matches(bb_span_text(s->filter), topic))
                continue;
            uint64_t hash = bb_hash(topic, &r->world.seed);
            (void)bb_retain_get(world_shard(&r->world, hash), topic, r->world.now, &stored);
            if (!bb_span_equal(stored.payload, bb_span_text(s->value[t])))
                fail_msg("%s: the store has '%.*s', a subscriber of %s ended on '%s'", topics[t],
                         (int)stored.payload.len, (const char *)stored.payload.data, s->filter, s->value[t]);
        }
    }
}

/* All that is on its way arrives; then everybody must know what is stored. */
static void comes_to_rest(race *r)
{
    r->world.manual = false;
    world_settle(&r->world);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        subscriber_reads(&r->subscribers[i]);
    ends_on_what_is_stored(r);
    r->world.manual = true;
}

static void start(race *r, uint64_t seed, bool narrow)
{
    char id[16];
    world_start(&r->world, SIDES);
    r->world.random = seed;
    for (unsigned i = 0; i < PUBLISHERS; i++)
        joins(&r->publishers[i], &r->world, id_at_home(&r->world, i % SIDES, (char)('p' + i), id));
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subscriber *s = &r->subscribers[i];
        connecting with = {.id = id_at_home(&r->world, i % SIDES, (char)('A' + i), id)};
        if (narrow)
            with.properties = with_u16(NO_PROPERTIES, RECEIVE_MAXIMUM, 1);
        joins_with(&s->client, &r->world, with, false);
    }
    r->world.manual = true;
}

static void run(uint64_t seed, uint8_t qos, bool narrow)
{
    race *r = test_calloc(1, sizeof *r);
    start(r, seed, narrow);
    r->changing = seed & 1;
    /* What waits in the queue of a session outlives its subscription: a value that is deleted while there is none may
     * still come to the next one. */
    r->deleting = !(narrow && r->changing);
    r->lonely = seed & 2;
    r->topic = (seed >> 8) % TOPICS;
    for (unsigned step = 0; step < 400; step++) {
        switch (dice(r, 6)) {
        case 0:
            someone_publishes(r, qos);
            break;
        case 1:
            someone_subscribes(r, qos);
            break;
        case 2:
            subscriber_reads(&r->subscribers[dice(r, SUBSCRIBERS)]);
            break;
        default:
            some_side_moves(r);
        }
        if (step % 20 == 19)
            comes_to_rest(r);
    }
    for (unsigned i = 0; i < PUBLISHERS; i++)
        client_end(&r->publishers[i]);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        client_end(&r->subscribers[i].client);
    world_end(&r->world);
    test_free(r);
}

static void qos0_subscribers_end_on_what_is_stored(void **state)
{
    for (uint64_t seed = 1; seed <= 1500; seed++)
        run(seed * 0x9e3779b97f4a7c15ull, 0, false);
}

static void qos1_subscribers_end_on_what_is_stored(void **state)
{
    for (uint64_t seed = 1; seed <= 1500; seed++)
        run(seed * 0x9e3779b97f4a7c15ull, 1, false);
}

static void so_do_those_with_a_window_of_one(void **state)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        run(seed * 0x9e3779b97f4a7c15ull, 1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qos0_subscribers_end_on_what_is_stored),
        cmocka_unit_test(qos1_subscribers_end_on_what_is_stored),
        cmocka_unit_test(so_do_those_with_a_window_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
