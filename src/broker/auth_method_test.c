/* auth_method_test.c - enhanced authentication with a toy method: the broker sends a challenge, the right answer is the
 * challenge read backwards. Spec: MQTT 5.0 4.12. */
#include "broker/expect_test.h"

typedef struct toy {
    unsigned begun, ended, running;
} toy;

static bb_auth_step toy_step(void *context, void **state, bb_span data, bb_span *reply)
{
    toy *t = context;
    if (!*state) {
        *state = test_malloc(1);
        t->begun++;
        t->running++;
        *reply = BB_SPAN_LITERAL("stressed");
        return BB_AUTH_CONTINUE;
    }
    if (bb_span_equal(data, BB_SPAN_LITERAL("wait"))) {
        *reply = BB_SPAN_NONE;
        return BB_AUTH_CONTINUE;
    }
    *reply = BB_SPAN_LITERAL("welcome");
    return bb_span_equal(data, BB_SPAN_LITERAL("desserts")) ? BB_AUTH_SUCCESS : BB_AUTH_FAILED;
}

static void toy_end(void *context, void *state)
{
    toy *t = context;
    t->ended++;
    t->running -= state != NULL;
    test_free(state);
}

typedef struct stage {
    toy toy;
    bb_auth_method method;
    world world;
    client client;
} stage;

static stage *begin(void)
{
    stage *s = test_calloc(1, sizeof *s);
    s->method = (bb_auth_method){"toy", &s->toy, toy_step, toy_end};
    world_start(&s->world, 2);
    bb_auth auth = {.anonymous = false, .methods = &s->method, .methods_count = 1};
    for (unsigned i = 0; i < 2; i++)
        bb_broker_set_auth(s->world.sides[i].broker, &auth, s->world.now);
    return s;
}

static void finish(stage *s)
{
    client_end(&s->client);
    world_end(&s->world);
    assert_int_equal(s->toy.running, 0); /* every state that was begun has been given back */
    test_free(s);
}

static connecting proving(const char *method)
{
    return (connecting){.id = "prover",
                        .properties = with_text(NO_PROPERTIES, AUTH_METHOD, method),
                        .will_topic = "will",
                        .user_name = "somebody"};
}

static void is_challenged(stage *s)
{
    client_open(&s->client, &s->world, 0);
    client_connect(&s->client, proving("toy"));
    (void)expect_auth(&s->client, 0x18, "stressed");
}

static void is_accepted(stage *s)
{
    is_challenged(s);
    client_auth(&s->client, 0x18, "toy", "desserts");
    bb_properties p = expect_connack(&s->client, false, 0);
    assert_true(bb_span_equal(p.auth_method, BB_SPAN_LITERAL("toy"))); /* [MQTT-4.12.0-5] */
    assert_true(bb_span_equal(p.auth_data, BB_SPAN_LITERAL("welcome")));
}

static void the_right_answer_is_accepted_4_12_0_2(void **state)
{
    stage *s = begin();
    is_accepted(s);
    assert_true(bb_span_equal(bb_link_client_id(&s->client.link), BB_SPAN_LITERAL("prover")));
    subscribes(&s->client, "t", 0);
    finish(s);
}

static void an_exchange_may_take_several_steps(void **state)
{
    stage *s = begin();
    is_challenged(s);
    client_auth(&s->client, 0x18, "toy", "wait");
    (void)expect_auth(&s->client, 0x18, NULL);
    client_auth(&s->client, 0x18, "toy", "desserts");
    (void)expect_connack(&s->client, false, 0);
    finish(s);
}

static void the_wrong_answer_is_refused_4_12_0_4(void **state)
{
    stage *s = begin();
    is_challenged(s);
    client_auth(&s->client, 0x18, "toy", "stressed");
    (void)expect_connack(&s->client, false, 0x87);
    expect_closed(&s->client);
    assert_int_equal(WORLD_COUNTED(&s->world, sessions), 0);
    finish(s);
}

static void a_method_that_is_not_offered_is_refused_4_12_0_1(void **state)
{
    stage *s = begin();
    client_open(&s->client, &s->world, 0);
    client_connect(&s->client, proving("other"));
    (void)expect_connack(&s->client, false, 0x8C);
    expect_closed(&s->client);
    finish(s);
}

static void another_method_in_between_is_a_protocol_error_4_12_0_5(void **state)
{
    stage *s = begin();
    is_challenged(s);
    client_auth(&s->client, 0x18, "other", "desserts");
    (void)expect_connack(&s->client, false, 0x82);
    expect_closed(&s->client);
    finish(s);
}

static void only_auth_and_disconnect_may_come_before_connack_4_12_0_6(void **state)
{
    stage *s = begin();
    is_challenged(s);
    client_ping(&s->client);
    expect_closed(&s->client);
    client_end(&s->client);
    is_challenged(s);
    client_disconnect(&s->client);
    expect_closed(&s->client);
    finish(s);
}

static void who_never_answers_is_closed(void **state)
{
    stage *s = begin();
    is_challenged(s);
    world_pass(&s->world, 11000);
    expect_closed(&s->client);
    assert_int_equal(world_refused(&s->world, BB_E_CONNECT_TIMEOUT), 1);
    finish(s);
}

static void auth_without_a_method_is_a_protocol_error_4_12_0_7(void **state)
{
    stage *s = begin();
    bb_auth open = {.anonymous = true};
    for (unsigned i = 0; i < 2; i++)
        bb_broker_set_auth(s->world.sides[i].broker, &open, s->world.now);
    joins(&s->client, &s->world, "plain");
    client_auth(&s->client, 0x19, "toy", NULL);
    expect_disconnect(&s->client, 0x82);
    finish(s);
}

static void a_client_proves_itself_again_4_12_1_1(void **state)
{
    stage *s = begin();
    is_accepted(s);
    client_auth(&s->client, 0x19, "toy", NULL);
    (void)expect_auth(&s->client, 0x18, "stressed");
    client_ping(&s->client); /* ordinary packets go on meanwhile */
    (void)expect_type(&s->client, BB_PINGRESP);
    client_auth(&s->client, 0x18, "toy", "desserts");
    (void)expect_auth(&s->client, 0x00, "welcome");
    client_ping(&s->client);
    (void)expect_type(&s->client, BB_PINGRESP);
    finish(s);
}

static void doing_so_by_another_method_is_a_protocol_error_4_12_1_1(void **state)
{
    stage *s = begin();
    is_accepted(s);
    client_auth(&s->client, 0x19, "other", NULL);
    expect_disconnect(&s->client, 0x82);
    finish(s);
}

static void failing_to_do_so_ends_the_link_4_12_1_2(void **state)
{
    stage *s = begin();
    is_accepted(s);
    client_auth(&s->client, 0x19, "toy", NULL);
    (void)expect_auth(&s->client, 0x18, "stressed");
    client_auth(&s->client, 0x18, "toy", "nonsense");
    expect_disconnect(&s->client, 0x87);
    finish(s);
}

static void going_on_with_what_was_not_begun_is_a_protocol_error(void **state)
{
    stage *s = begin();
    is_accepted(s);
    client_auth(&s->client, 0x18, "toy", "desserts");
    expect_disconnect(&s->client, 0x82);
    finish(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_answer_is_accepted_4_12_0_2),
        cmocka_unit_test(an_exchange_may_take_several_steps),
        cmocka_unit_test(the_wrong_answer_is_refused_4_12_0_4),
        cmocka_unit_test(a_method_that_is_not_offered_is_refused_4_12_0_1),
        cmocka_unit_test(another_method_in_between_is_a_protocol_error_4_12_0_5),
        cmocka_unit_test(only_auth_and_disconnect_may_come_before_connack_4_12_0_6),
        cmocka_unit_test(who_never_answers_is_closed),
        cmocka_unit_test(auth_without_a_method_is_a_protocol_error_4_12_0_7),
        cmocka_unit_test(a_client_proves_itself_again_4_12_1_1),
        cmocka_unit_test(doing_so_by_another_method_is_a_protocol_error_4_12_1_1),
        cmocka_unit_test(failing_to_do_so_ends_the_link_4_12_1_2),
        cmocka_unit_test(going_on_with_what_was_not_begun_is_a_protocol_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
