/* access_test.c - the access rules at work: asked for what comes, and asked again when they or the client change. */
#include "broker/expect_test.h"

enum { BOTH = BB_MAY_PUBLISH | BB_MAY_SUBSCRIBE };

typedef struct scene {
    world world;
    client anna, watcher;
    bb_rules *rules;
} scene;

static void *plain_alloc(void *context, size_t size)
{
    return malloc(size);
}

static void plain_release(void *context, void *block, size_t size)
{
    free(block);
}

static bb_mem plain_mem = {.alloc = plain_alloc, .release = plain_release};

typedef struct line {
    bool allow;
    unsigned actions;
    const char *user, *topic;
} line;

#define RULES(...) rules_of((const line[]){__VA_ARGS__}, sizeof((const line[]){__VA_ARGS__}) / sizeof(line))

/* Rules whose line is their number. */
static bb_rules *rules_of(const line *lines, size_t count)
{
    bb_rules_builder *builder = bb_rules_builder_new(&plain_mem, BB_SPAN_LITERAL("f.yaml"));
    for (size_t i = 0; i < count; i++) {
        const bb_rule rule = {
            .line = (uint32_t)i + 1, .allow = lines[i].allow, .actions = (uint8_t)lines[i].actions, .qos_max = 2};
        const bb_rule_word user = {bb_span_text(lines[i].user ? lines[i].user : ""), 1, 1};
        const bb_rule_word topic = {bb_span_text(lines[i].topic), 1, 1};
        assert_true(bb_rules_add(builder, &rule));
        assert_true(!lines[i].user || bb_rules_add_word(builder, BB_RULE_USER, &user));
        assert_true(bb_rules_add_word(builder, BB_RULE_TOPIC, &topic));
    }
    bb_rules *rules = bb_rules_finish(builder);
    bb_rules_builder_free(builder);
    return rules;
}

/* From now on these rules hold. */
static void rule(scene *s, bb_rules *rules)
{
    bb_auth auth = {.anonymous = true, .rules = rules};
    for (unsigned i = 0; i < s->world.sides_count; i++)
        bb_broker_set_auth(s->world.sides[i].broker, &auth, s->world.now);
    bb_rules_unref(s->rules);
    s->rules = rules;
    world_settle(&s->world);
}

static scene *begin(bb_rules *rules)
{
    scene *s = test_calloc(1, sizeof *s);
    world_start(&s->world, 2);
    rule(s, rules);
    return s;
}

static void finish(scene *s)
{
    client_end(&s->anna);
    client_end(&s->watcher);
    world_end(&s->world);
    bb_rules_unref(s->rules);
    test_free(s);
}

static connecting named(const char *name)
{
    return (connecting){.id = "c", .user_name = name};
}

static void watches(scene *s, const char *filter)
{
    joins_with(&s->watcher, &s->world, (connecting){.id = "w", .user_name = "watcher"}, false);
    subscribes(&s->watcher, filter, 2);
}

/* The latest fact is a refusal, and names this rule; 0: that none matches. */
static void expect_denied_by(const scene *s, bb_fact_kind kind, uint32_t number)
{
    const bb_fact *fact = &s->world.fact;
    assert_int_equal(fact->kind, kind);
    assert_int_equal(fact->status, BB_E_NOT_AUTHORIZED);
    assert_non_null(fact->rules);
    assert_int_equal(fact->rule ? fact->rule->line : 0, number);
}

static void publishing_is_judged_3_4_2_1(void **state)
{
    scene *s = begin(RULES({true, BOTH, "watcher", "#"}, {false, BOTH, NULL, "a/secret"}, {true, BOTH, "anna", "a/#"}));
    watches(s, "a/#");
    joins_with(&s->anna, &s->world, named("anna"), false);
    client_publish(&s->anna, "a/x", "1", (publishing){.qos = 1, .id = 1});
    expect_ack(&s->anna, BB_PUBACK, 1, 0);
    (void)expect_publish(&s->watcher, "a/x", "1", 1);
    client_publish(&s->anna, "a/secret", "2", (publishing){.qos = 1, .id = 2});
    expect_ack(&s->anna, BB_PUBACK, 2, 0x87);
    expect_denied_by(s, BB_FACT_PUBLISH_REFUSED, 2);
    client_publish(&s->anna, "b", "3", (publishing){.qos = 2, .id = 3});
    expect_ack(&s->anna, BB_PUBREC, 3, 0x87);
    expect_denied_by(s, BB_FACT_PUBLISH_REFUSED, 0);
    client_publish(&s->anna, "b", "4", (publishing){.qos = 0});
    expect_denied_by(s, BB_FACT_PUBLISH_REFUSED, 0);
    client_publish_large(&s->anna, "b", 200000, 'x', (publishing){.qos = 1, .id = 5});
    expect_ack(&s->anna, BB_PUBACK, 5, 0x87);
    assert_int_equal(world_dropped(&s->world, BB_E_NOT_AUTHORIZED), 4);
    expect_nothing(&s->watcher);
    finish(s);
}

static void before_5_a_denied_message_is_acknowledged_and_dropped_3_3_5_2(void **state)
{
    scene *s = begin(RULES({true, BOTH, "watcher", "#"}));
    watches(s, "#");
    connecting old = named("anna");
    old.version = BB_MQTT_311;
    joins_with(&s->anna, &s->world, old, false);
    client_publish(&s->anna, "a", "1", (publishing){.qos = 1, .id = 1});
    expect_ack(&s->anna, BB_PUBACK, 1, 0);
    client_publish(&s->anna, "a", "2", (publishing){.qos = 2, .id = 2});
    expect_ack(&s->anna, BB_PUBREC, 2, 0);
    expect_nothing(&s->watcher);
    client_subscribe(&s->anna, 3, "a", 0);
    expect_suback(&s->anna, BB_SUBACK, 3, 0x80);
    finish(s);
}

static void subscribing_is_judged_3_9_3(void **state)
{
    scene *s = begin(RULES({true, BB_MAY_SUBSCRIBE, "anna", "a/+"}));
    joins_with(&s->anna, &s->world, named("anna"), false);
    client_subscribe(&s->anna, 1, "a/#", 1);
    expect_suback(&s->anna, BB_SUBACK, 1, 0x87);
    expect_denied_by(s, BB_FACT_SUBSCRIBE_REFUSED, 0);
    client_subscribe(&s->anna, 2, "$share/g/a/#", 1);
    expect_suback(&s->anna, BB_SUBACK, 2, 0x87);
    client_subscribe(&s->anna, 3, "$share/g/a/b", 1);
    expect_suback(&s->anna, BB_SUBACK, 3, 1);
    subscribes(&s->anna, "a/+", 1);
    finish(s);
}

static void a_will_is_judged_at_connect(void **state)
{
    scene *s = begin(RULES({true, BOTH, "anna", "will/%u"}));
    connecting with = named("anna");
    with.will_topic = "will/ben";
    client_open(&s->anna, &s->world, 0);
    client_connect(&s->anna, with);
    (void)expect_connack(&s->anna, false, 0x87);
    expect_denied_by(s, BB_FACT_REFUSED, 0);
    client_end(&s->anna);
    with.will_topic = "will/anna";
    joins_with(&s->anna, &s->world, with, false);
    finish(s);
}

static void a_will_is_judged_again_when_it_is_published(void **state)
{
    scene *s = begin(RULES({true, BOTH, "watcher", "#"}, {true, BOTH, "anna", "will"}));
    watches(s, "#");
    connecting with = named("anna");
    with.will_topic = "will";
    with.will_payload = "bye";
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        joins_with(&s->anna, &s->world, with, false);
        rule(s, allowed ? RULES({true, BOTH, "watcher", "#"}, {true, BOTH, "anna", "+"})
                        : RULES({true, BOTH, "watcher", "#"}, {false, BOTH, "anna", "will"}));
        client_lost(&s->anna, BB_E_LINK_LOST);
        world_settle(&s->world);
        if (allowed)
            (void)expect_publish(&s->watcher, "will", "bye", 0);
        else
            assert_int_equal(world_dropped(&s->world, BB_E_NOT_AUTHORIZED), 1);
        expect_nothing(&s->watcher);
        client_end(&s->anna);
        rule(s, RULES({true, BOTH, "watcher", "#"}, {true, BOTH, "anna", "will"}));
    }
    finish(s);
}

static void new_rules_end_subscriptions_and_say_nothing_to_the_client(void **state)
{
    scene *s = begin(RULES({true, BOTH, NULL, "#"}));
    watches(s, "b");
    joins_with(&s->anna, &s->world, named("anna"), false);
    subscribes(&s->anna, "a/#", 1);
    subscribes(&s->anna, "b", 1);
    subscribes(&s->anna, "$share/g/c", 1);
    rule(s, RULES({true, BOTH, "watcher", "#"}, {true, BB_MAY_SUBSCRIBE, "anna", "b"}));
    assert_int_equal(s->world.facts[BB_FACT_SUBSCRIPTION_ENDED], 2);
    expect_denied_by(s, BB_FACT_SUBSCRIPTION_ENDED, 0);
    assert_int_equal(WORLD_COUNTED(&s->world, subscriptions), 2);
    client_publish(&s->watcher, "a/x", "1", (publishing){.qos = 0});
    client_publish(&s->watcher, "c", "2", (publishing){.qos = 0});
    client_publish(&s->watcher, "b", "3", (publishing){.qos = 0});
    (void)expect_publish(&s->anna, "b", "3", 0);
    expect_nothing(&s->anna);
    finish(s);
}

static void what_waited_is_judged_again_when_its_client_returns(void **state)
{
    scene *s = begin(RULES({true, BOTH, NULL, "#"}));
    watches(s, "none");
    connecting with = lasting("c");
    with.user_name = "anna";
    joins_with(&s->anna, &s->world, with, false);
    subscribes(&s->anna, "a", 1);
    subscribes(&s->anna, "b", 1);
    client_publish(&s->watcher, "a", "sent", (publishing){.qos = 1, .id = 1});
    (void)expect_publish(&s->anna, "a", "sent", 1); /* and not acknowledged */
    client_lost(&s->anna, BB_E_LINK_LOST);
    client_end(&s->anna);
    client_publish(&s->watcher, "a", "waited", (publishing){.qos = 1, .id = 2});
    client_publish(&s->watcher, "b", "waited", (publishing){.qos = 1, .id = 3});
    rule(s, RULES({true, BOTH, "watcher", "#"}, {true, BB_MAY_SUBSCRIBE, NULL, "b"}));
    joins_with(&s->anna, &s->world, with, true);
    (void)expect_publish(&s->anna, "b", "waited", 1);
    expect_nothing(&s->anna);
    assert_int_equal(world_dropped(&s->world, BB_E_NOT_AUTHORIZED), 2);
    finish(s);
}

static void a_session_that_somebody_else_takes_over_is_judged_again(void **state)
{
    scene *s = begin(RULES({true, BOTH, "watcher", "#"}, {true, BB_MAY_SUBSCRIBE, "anna", "a"}));
    watches(s, "none");
    connecting with = lasting("c");
    with.user_name = "anna";
    joins_with(&s->anna, &s->world, with, false);
    subscribes(&s->anna, "a", 1);
    client_disconnect(&s->anna);
    client_end(&s->anna);
    client_publish(&s->watcher, "a", "1", (publishing){.qos = 1, .id = 1});
    with.user_name = "ben";
    joins_with(&s->anna, &s->world, with, true);
    expect_nothing(&s->anna);
    assert_int_equal(s->world.facts[BB_FACT_SUBSCRIPTION_ENDED], 1);
    client_publish(&s->watcher, "a", "2", (publishing){.qos = 1, .id = 2});
    expect_nothing(&s->anna);
    finish(s);
}

static void a_walk_over_retained_messages_ends_with_its_subscription(void **state)
{
    enum { MESSAGES = 200 };
    scene *s = begin(RULES({true, BOTH, NULL, "#"}));
    watches(s, "none");
    for (unsigned i = 0; i < MESSAGES; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "r/%u", i);
        client_publish(&s->watcher, topic, "x", (publishing){.qos = 1, .id = (uint16_t)(i + 1), .retain = true});
    }
    connecting with = named("anna");
    with.properties = with_u16(NO_PROPERTIES, RECEIVE_MAXIMUM, 1);
    joins_with(&s->anna, &s->world, with, false);
    client_subscribe(&s->anna, 1, "r/#", 1);
    expect_suback(&s->anna, BB_SUBACK, 1, 1);
    bb_publish first = expect_any_publish(&s->anna);
    rule(s, RULES({true, BOTH, "watcher", "#"}));
    client_ack(&s->anna, BB_PUBACK, first.packet_id, 0);
    world_settle(&s->world);
    expect_nothing(&s->anna);
    finish(s);
}

static void without_memory_nothing_is_allowed(void **state)
{
    scene *s = begin(RULES({true, BOTH, NULL, "#"}));
    joins_with(&s->anna, &s->world, named("anna"), false);
    s->world.fail_at = s->world.allocations + 1;
    s->world.fail_count = 1;
    client_publish(&s->anna, "a", "1", (publishing){.qos = 1, .id = 1});
    expect_ack(&s->anna, BB_PUBACK, 1, 0x97);
    client_publish(&s->anna, "a", "1", (publishing){.qos = 1, .id = 1});
    expect_ack(&s->anna, BB_PUBACK, 1, 0x10);
    finish(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishing_is_judged_3_4_2_1),
        cmocka_unit_test(before_5_a_denied_message_is_acknowledged_and_dropped_3_3_5_2),
        cmocka_unit_test(subscribing_is_judged_3_9_3),
        cmocka_unit_test(a_will_is_judged_at_connect),
        cmocka_unit_test(a_will_is_judged_again_when_it_is_published),
        cmocka_unit_test(new_rules_end_subscriptions_and_say_nothing_to_the_client),
        cmocka_unit_test(what_waited_is_judged_again_when_its_client_returns),
        cmocka_unit_test(a_session_that_somebody_else_takes_over_is_judged_again),
        cmocka_unit_test(a_walk_over_retained_messages_ends_with_its_subscription),
        cmocka_unit_test(without_memory_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
