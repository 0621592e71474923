/* message_test.c - messages in both directions: QoS 0, 1 and 2, pieces, aliases, limits of the server. */
#include "client/link_test.h"

/* ---- Outgoing. */

static void qos0_goes_at_once_or_not_at_all(void **state)
{
    bench b;
    uint16_t id = 7;
    bench_init(&b, &bb_client_mqtt_311);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "x", 0, NULL), BB_CLIENT_OFFLINE);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", "hi", 0, &id), BB_CLIENT_OK);
    assert_int_equal(id, 0);
    expect_sent(&b, "\x30\5\0\1thi");

    static char text[300];
    memset(text, 'x', 252);
    assert_int_equal(publishes(&b, "t", text, 0, NULL), BB_CLIENT_TOO_LARGE);
    text[251] = '\0';
    assert_int_equal(publishes(&b, "t", text, 0, NULL), BB_CLIENT_TOO_LARGE); /* 1 + 2 + 3 + 251 */
    text[250] = '\0';
    assert_int_equal(publishes(&b, "t", text, 0, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "", 0, NULL), BB_CLIENT_BUSY);
    bb_client_sent(&b.client, 5);
    assert_int_equal(publishes(&b, "t", "", 0, NULL), BB_CLIENT_OK);
    assert_int_equal(bb_client_output(&b.client).len, 256);
}

static void what_mqtt_does_not_allow_is_refused(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.delivery = &bb_client_qos1;
    bench_connect(&b);
    assert_int_equal(publishes(&b, "", "x", 0, NULL), BB_CLIENT_INVALID);
    assert_int_equal(publishes(&b, "a/+", "x", 0, NULL), BB_CLIENT_INVALID);
    assert_int_equal(publishes(&b, "a\xFF", "x", 1, NULL), BB_CLIENT_INVALID);
    assert_int_equal(publishes(&b, "a", "x", 3, NULL), BB_CLIENT_UNSUPPORTED);
    assert_int_equal(publishes(&b, "a", "x", 2, NULL), BB_CLIENT_UNSUPPORTED);
    expect_sent(&b, "");
}

static void qos1_is_sent_until_it_is_acknowledged_4_4_0_1(void **state)
{
    bench b;
    uint16_t id;
    bench_init(&b, &bb_client_mqtt_311);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "x", 1, &id), BB_CLIENT_OK); /* before there is a connection */
    assert_int_equal(id, 1);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    bench_accept(&b, false);
    expect_nothing(&b);
    expect_sent(&b, "\x32\6\0\1t\0\1x");
    assert_int_equal(publishes(&b, "t", "y", 1, &id), BB_CLIENT_OK);
    expect_nothing(&b);
    expect_sent(&b, "\x32\6\0\1t\0\2y");
    expect_nothing(&b);

    bench_reconnect(&b, true);
    assert_int_equal(publishes(&b, "t", "z", 1, &id), BB_CLIENT_OK);
    expect_nothing(&b);
    expect_sent(&b, "\x3A\6\0\1t\0\1x\x3A\6\0\1t\0\2y\x32\6\0\1t\0\3z"); /* in order, and DUP [MQTT-3.3.1-1] */
    arrives(&b, "\x40\2\0\2\x40\2\0\1");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(b.event.ack.packet_id, 2);
    assert_int_equal(b.event.ack.code, 0);
    expect_event(&b, BB_CLIENT_PUBLISHED);
    arrives(&b, "\x40\2\0\2"); /* once more, which is no error */
    expect_nothing(&b);
    bench_reconnect(&b, true);
    expect_nothing(&b);
    expect_sent(&b, "\x3A\6\0\1t\0\3z");
    arrives(&b, "\x40\2\0\3");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(b.store.used, 0);
}

static void qos2_goes_its_four_steps_4_3_3(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", "x", 2, NULL), BB_CLIENT_OK);
    expect_nothing(&b);
    expect_sent(&b, "\x34\6\0\1t\0\1x");
    arrives(&b, "\x50\2\0\1");
    expect_nothing(&b);
    expect_sent(&b, "\x62\2\0\1");
    bench_reconnect(&b, true);
    expect_nothing(&b);
    expect_sent(&b, "\x62\2\0\1");
    arrives(&b, "\x70\2\0\1");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(b.store.used, 0);
    arrives(&b, "\x50\2\0\1"); /* of another life */
    expect_nothing(&b);
    expect_sent(&b, "\x62\2\0\1");
}

static void a_refused_message_is_done_with(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", "x", 1, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "x", 2, NULL), BB_CLIENT_OK);
    expect_nothing(&b);
    drop_output(&b);
    arrives(&b, "\x40\3\0\1\x87\x50\3\0\2\x97");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(b.event.ack.code, 0x87);
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(b.event.ack.code, 0x97);
    expect_nothing(&b);
    expect_sent(&b, "");
    assert_int_equal(b.store.used, 0);
}

static void an_acknowledgement_of_the_wrong_kind_ends_it(void **state)
{
    static const bb_span wrong[] = {BYTES("\x40\2\0\2"), BYTES("\x50\2\0\1"), BYTES("\x40\1\0"), BYTES("\x40\2\0\0")};
    for (size_t i = 0; i < 4; i++) {
        bench b;
        bench_init(&b, &bb_client_mqtt_5);
        bench_connect(&b);
        assert_int_equal(publishes(&b, "t", "x", 1, NULL), BB_CLIENT_OK);
        assert_int_equal(publishes(&b, "t", "x", 2, NULL), BB_CLIENT_OK);
        expect_nothing(&b);
        drop_output(&b);
        arrives_bytes(&b, wrong[i]);
        expect_nothing(&b);
        drop_output(&b);
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        assert_int_equal(b.event.disconnected.cause, BB_CLIENT_PROTOCOL);
    }
}

static void a_lost_session_gets_the_messages_as_new_ones(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", "x", 2, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "y", 1, NULL), BB_CLIENT_OK);
    expect_nothing(&b);
    drop_output(&b);
    arrives(&b, "\x50\2\0\1");
    expect_nothing(&b);
    bench_reconnect(&b, false);
    expect_event(&b, BB_CLIENT_PUBLISHED); /* the server had it; there is nothing to release any more */
    assert_int_equal(b.event.ack.packet_id, 1);
    expect_nothing(&b);
    expect_sent(&b, "\x32\7\0\1t\0\2\0y");
}

static void the_window_of_the_server_is_kept_3_3_4_7(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\6\0\0\3\x21\0\2");
    expect_event(&b, BB_CLIENT_CONNECTED);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(publishes(&b, "t", "x", 1 + i % 2, NULL), BB_CLIENT_OK);
    expect_nothing(&b);
    expect_sent(&b, "\x32\7\0\1t\0\1\0x\x34\7\0\1t\0\2\0x");
    arrives(&b, "\x50\2\0\2"); /* does not free a place yet */
    expect_nothing(&b);
    expect_sent(&b, "\x62\2\0\2");
    arrives(&b, "\x70\2\0\2");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    expect_nothing(&b);
    expect_sent(&b, "\x32\7\0\1t\0\3\0x");
}

static void what_the_server_does_not_offer_is_not_sent(void **state)
{
    bench b;
    bb_client_message retained = {.topic = BYTES("t"), .payload = BYTES("x"), .retain = true};
    bench_init(&b, &bb_client_mqtt_5);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "x", 2, NULL), BB_CLIENT_OK);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    drop_output(&b);
    arrives(&b, "\x20\x0C\0\0\x09\x24\1\x25\0\x27\0\0\0\x0A"); /* QoS 1, no retain, packets of 10 bytes */
    expect_event(&b, BB_CLIENT_CONNECTED);
    expect_event(&b, BB_CLIENT_PUBLISHED); /* stored before we knew */
    assert_int_equal(b.event.ack.code, 0x9B);
    assert_int_equal(bb_client_publish(&b.client, &retained, NULL), BB_CLIENT_UNSUPPORTED);
    assert_int_equal(publishes(&b, "t", "xxxxx", 0, NULL), BB_CLIENT_TOO_LARGE);
    assert_int_equal(publishes(&b, "t", "xxxx", 0, NULL), BB_CLIENT_OK);
    expect_sent(&b, "\x30\x08\0\1t\0xxxx");
    assert_int_equal(publishes(&b, "t", "xxx", 1, NULL), BB_CLIENT_OK);
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(b.event.ack.code, 0x95);
    assert_int_equal(b.store.used, 0);
}

static void a_full_store_says_so(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    b.store.size = 40;
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", "0123456", 1, NULL), BB_CLIENT_OK); /* 8 + 14 bytes */
    assert_int_equal(publishes(&b, "t", "0123456", 1, NULL), BB_CLIENT_FULL);
    expect_nothing(&b);
    drop_output(&b);
    arrives(&b, "\x40\2\0\1");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_int_equal(publishes(&b, "t", "0123456", 1, NULL), BB_CLIENT_OK);
}

static void identifiers_go_round_and_keep_their_order(void **state)
{
    bench b;
    uint16_t id;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    b.client.next_id = 65535;
    assert_int_equal(publishes(&b, "a", "", 1, &id), BB_CLIENT_OK);
    assert_int_equal(id, 65535);
    assert_int_equal(publishes(&b, "b", "", 1, &id), BB_CLIENT_OK);
    assert_int_equal(id, 1);
    expect_nothing(&b);
    expect_sent(&b, "\x32\5\0\1a\xFF\xFF\x32\5\0\1b\0\1");

    bb_client_init(&b.client, &b.options); /* power was lost, the store was not */
    bb_client_restore(&b.client);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    bench_accept(&b, true);
    assert_int_equal(publishes(&b, "c", "", 1, &id), BB_CLIENT_OK);
    assert_int_equal(id, 2);
    expect_nothing(&b);
    expect_sent(&b, "\x3A\5\0\1a\xFF\xFF\x3A\5\0\1b\0\1\x32\5\0\1c\0\2");
}

static void an_identifier_that_is_in_use_is_not_taken(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "a", "", 1, NULL), BB_CLIENT_OK);
    b.client.next_id = 1; /* as if all others had been used since */
    assert_int_equal(publishes(&b, "a", "", 1, NULL), BB_CLIENT_FULL);
}

/* ---- Outgoing, piece by piece. */

static void a_payload_streams_through_a_small_buffer(void **state)
{
    bench b;
    enum { SIZE = 100000 };
    static uint8_t payload[SIZE], got[SIZE + 16];
    bb_client_message message = {.topic = BYTES("t")};
    size_t given = 0, gone = 0, taken;
    for (size_t i = 0; i < SIZE; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(bb_client_publish_begin(&b.client, &message, SIZE, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "t", "x", 0, NULL), BB_CLIENT_BUSY);
    assert_int_equal(bb_client_publish_chunk(&b.client, bb_span_of(payload, SIZE + 1), &taken), BB_CLIENT_INVALID);
    while (gone < SIZE + 7) {
        if (given < SIZE) {
            assert_int_equal(bb_client_publish_chunk(&b.client, bb_span_of(payload + given, SIZE - given), &taken),
                             BB_CLIENT_OK);
            given += taken;
        }
        expect_nothing(&b);
        bb_span out = bb_client_output(&b.client);
        size_t now = out.len > 100 ? 100 : out.len;
        assert_true(now > 0);
        memcpy(got + gone, out.data, now);
        gone += now;
        bb_client_sent(&b.client, now);
    }
    assert_memory_equal(got, "\x30\xA3\x8D\6\0\1t", 7);
    assert_memory_equal(got + 7, payload, SIZE);
    assert_int_equal(bb_client_publish_chunk(&b.client, bb_span_of(payload, 1), &taken), BB_CLIENT_OFFLINE);
    assert_int_equal(publishes(&b, "t", "x", 0, NULL), BB_CLIENT_OK);
}

static void a_stream_of_qos0_ends_with_the_connection(void **state)
{
    bench b;
    bb_client_message message = {.topic = BYTES("t")};
    size_t taken;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(bb_client_publish_begin(&b.client, &message, 10, NULL), BB_CLIENT_OK);
    assert_int_equal(bb_client_publish_chunk(&b.client, BYTES("12345"), &taken), BB_CLIENT_OK);
    bench_reconnect(&b, true);
    assert_int_equal(bb_client_publish_chunk(&b.client, BYTES("67890"), &taken), BB_CLIENT_OFFLINE);
    assert_int_equal(bb_client_publish_begin(&b.client, &message, 10, NULL), BB_CLIENT_OK);
    bb_client_publish_abort(&b.client);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_true(b.event.disconnected.retry);
}

static void a_stream_of_qos1_outlives_the_connection(void **state)
{
    bench b;
    bb_client_message message = {.topic = BYTES("t"), .qos = 1};
    uint16_t id;
    size_t taken;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(bb_client_publish_begin(&b.client, &message, 10, &id), BB_CLIENT_OK);
    assert_int_equal(bb_client_publish_chunk(&b.client, BYTES("12345"), &taken), BB_CLIENT_OK);
    assert_int_equal(taken, 5);
    expect_nothing(&b);
    expect_sent(&b, ""); /* it is sent when it is whole */
    bench_reconnect(&b, true);
    assert_int_equal(bb_client_publish_chunk(&b.client, BYTES("67890"), &taken), BB_CLIENT_OK);
    expect_nothing(&b);
    expect_sent(&b, "\x32\x0F\0\1t\0\1"
                    "1234567890");

    assert_int_equal(bb_client_publish_begin(&b.client, &message, 10, &id), BB_CLIENT_OK);
    assert_int_equal(bb_client_publish_chunk(&b.client, BYTES("12345"), &taken), BB_CLIENT_OK);
    bb_client_init(&b.client, &b.options); /* power is lost: what was not whole is gone */
    bb_client_restore(&b.client);
    assert_int_equal(b.store.used, 8 + 17);
    assert_int_equal(bb_client_publish_begin(&b.client, &message, 10, &id), BB_CLIENT_OK);
    bb_client_publish_abort(&b.client);
    assert_int_equal(b.store.used, 8 + 17);
}

static void a_large_record_streams_out_of_the_store(void **state)
{
    bench b;
    static char text[701];
    static uint8_t got[800];
    size_t gone = 0;
    memset(text, 'x', 700);
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", text, 1, NULL), BB_CLIENT_OK);
    while (gone < 708) {
        expect_nothing(&b);
        bb_span out = bb_client_output(&b.client);
        assert_true(out.len > 0);
        memcpy(got + gone, out.data, out.len);
        gone += out.len;
        bb_client_sent(&b.client, out.len);
    }
    assert_int_equal(gone, 708);
    assert_memory_equal(got, "\x32\xC1\5\0\1t\0\1xx", 10);
    arrives(&b, "\x40\2\0\1");
    expect_event(&b, BB_CLIENT_PUBLISHED);
}

/* ---- Incoming. */

static void whole_messages_come_in_one_piece(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    arrives(&b, "\x31\x0A\0\1t\3\x0B\xAC\2hey\x30\4\0\1u\0");
    expect_event(&b, BB_CLIENT_MESSAGE);
    bb_client_message_event *message = &b.event.message;
    assert_true(bb_span_equal(message->topic, BYTES("t")));
    assert_true(bb_span_equal(message->payload, BYTES("hey")));
    assert_true(message->retain && !message->dup);
    assert_int_equal(message->qos, 0);
    assert_int_equal(message->size, 3);
    assert_int_equal(message->offset, 0);
    bb_property id;
    assert_true(bb_property_find(message->properties, BB_SUBSCRIPTION_ID, &id));
    assert_int_equal(id.number, 300);
    expect_event(&b, BB_CLIENT_MESSAGE);
    assert_true(bb_span_equal(message->topic, BYTES("u")));
    assert_int_equal(message->size, 0);
    expect_nothing(&b);
    expect_sent(&b, "");
}

static void a_message_is_acknowledged_when_it_was_taken(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    arrives(&b, "\x32\6\0\1t\0\7x");
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_sent(&b, ""); /* the application is still looking at it */
    expect_nothing(&b);
    expect_sent(&b, "\x40\2\0\7");
}

static void qos2_comes_once_4_3_3_10(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    arrives(&b, "\x34\6\0\1t\0\7x");
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_nothing(&b);
    expect_sent(&b, "\x50\2\0\7");
    bench_reconnect(&b, true);
    arrives(&b, "\x3C\6\0\1t\0\7x");
    expect_nothing(&b); /* it was given already */
    expect_sent(&b, "\x50\2\0\7");
    arrives(&b, "\x62\2\0\7");
    expect_nothing(&b);
    expect_sent(&b, "\x70\2\0\7");
    assert_int_equal(b.store.used, 0);
    arrives(&b, "\x62\2\0\7\x34\6\0\1t\0\7y"); /* the identifier is free again */
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_nothing(&b);
    expect_sent(&b, "\x70\2\0\7\x50\2\0\7");
    bench_reconnect(&b, false); /* and with the session, all identifiers are forgotten */
    assert_int_equal(b.store.used, 0);
}

static void a_full_store_never_gives_a_message_twice(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.store.size = 9 + 8; /* one identifier, and not quite another */
    bench_connect(&b);
    arrives(&b, "\x34\7\0\1t\0\7\0x\x34\7\0\1t\0\x08\0y");
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_nothing(&b);
    expect_sent(&b, "\x50\2\0\7\xE0\1\x97");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_NO_ROOM);
}

static void more_than_we_allowed_is_refused_3_3_4_9(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.receive_maximum = 1;
    bench_connect(&b);
    arrives(&b, "\x34\7\0\1t\0\7\0x\x34\7\0\1t\0\x08\0x");
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_nothing(&b);
    expect_sent(&b, "\x50\2\0\7\xE0\1\x93");
}

static void large_messages_come_in_pieces(void **state)
{
    bench b;
    uint32_t got = 0;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    arrives(&b, "\x32\xE8\7\0\5topic\0\x09\3\x0B\xAC\2"); /* 1000 bytes in all, of which 13 come before the payload */
    expect_nothing(&b);
    while (got < 987) {
        static uint8_t piece[97];
        size_t size = 987 - got < sizeof(piece) ? 987 - got : sizeof(piece);
        for (size_t i = 0; i < size; i++)
            piece[i] = (uint8_t)(got + i);
        arrives_bytes(&b, bb_span_of(piece, size));
        expect_event(&b, BB_CLIENT_MESSAGE);
        assert_int_equal(b.event.message.offset, got);
        assert_int_equal(b.event.message.size, 987);
        assert_int_equal(b.event.message.payload.len, size);
        assert_memory_equal(b.event.message.payload.data, piece, size);
        assert_true(bb_span_equal(b.event.message.topic, BYTES("topic")));
        assert_int_equal(b.event.message.properties.len, 3);
        got += (uint32_t)size;
        if (got < 987)
            expect_nothing(&b);
        expect_sent(&b, "");
    }
    arrives(&b, "\xD0\0");
    expect_nothing(&b);
    expect_sent(&b, "\x40\2\0\x09");
    arrives(&b, "\x30\4\0\1u\0");
    expect_event(&b, BB_CLIENT_MESSAGE);
}

static void a_large_message_behind_a_small_one_has_the_whole_buffer(void **state)
{
    bench b;
    uint8_t small[240] = {0x30, 0xED, 1, 0, 1, 't'};
    size_t room;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    arrives_bytes(&b, bb_span_of(small, sizeof(small)));
    arrives(&b, "\x30\xE8\7\0\5topicx");
    expect_event(&b, BB_CLIENT_MESSAGE);
    assert_int_equal(b.event.message.size, 234);
    expect_event(&b, BB_CLIENT_MESSAGE);
    assert_int_equal(b.event.message.size, 993);
    assert_int_equal(b.event.message.payload.len, 1);
    (void)bb_client_input(&b.client, &room);
    assert_int_equal(room, 256 - 10); /* all but the head */
}

static void a_head_that_never_fits_ends_the_connection(void **state)
{
    bench b;
    uint8_t head[256] = {0x30, 0xE8, 7, 2, 0};
    memset(head + 5, 't', sizeof(head) - 5);
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    arrives_bytes(&b, bb_span_of(head, 200));
    expect_nothing(&b);
    arrives_bytes(&b, bb_span_of(head + 200, 56));
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x95");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_NO_ROOM);
}

static void a_head_that_fills_the_buffer_ends_the_connection(void **state)
{
    bench b;
    uint8_t head[256] = {0x30, 0xE8, 7, 0, 250};
    memset(head + 5, 't', 250); /* then comes the empty list of properties */
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    arrives_bytes(&b, bb_span_of(head, sizeof(head)));
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x95");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_NO_ROOM);
}

static void a_client_that_is_to_stop_takes_no_more_messages(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    arrives(&b, "\x32\7\0\1t\0\7\0x\x32\7\0\1t\0\x08\0y");
    expect_event(&b, BB_CLIENT_MESSAGE);
    bb_client_stop(&b.client, false);
    expect_nothing(&b);
    expect_sent(&b, "\x40\2\0\7\xE0\0"); /* the one that was given is acknowledged, the other is not */
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_STOPPED);
}

static void a_packet_above_our_maximum_is_refused_3_1_2_24(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.maximum_packet_size = 100;
    bench_connect(&b);
    arrives(&b, "\x30\xAC\2\0\1t\0"); /* 303 bytes */
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x95");
}

static void answers_wait_for_room(void **state)
{
    bench b;
    char text[251];
    memset(text, 'x', 250);
    text[250] = '\0';
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    assert_int_equal(publishes(&b, "t", text, 0, NULL), BB_CLIENT_OK);
    arrives(&b, "\x32\6\0\1t\0\7x\x32\6\0\1t\0\x08y");
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_nothing(&b); /* there is no room for the acknowledgement */
    drop_output(&b);
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_nothing(&b);
    expect_sent(&b, "\x40\2\0\7\x40\2\0\x08");
}

/* ---- Aliases. */

static void aliases_stand_for_topics_3_3_2_12(void **state)
{
    bench b;
    bb_client_aliases aliases;
    uint8_t in[64], out[64];
    bench_init(&b, &bb_client_mqtt_5);
    bb_client_aliases_init(&aliases, in, sizeof(in), 2, out, sizeof(out), 2);
    b.options.aliases = &aliases;
    bench_start(&b);
    expect_sent(&b, "\x10\x11\0\4MQTT\5\0\0\x3C\3\x22\0\2\0\1c");
    arrives(&b, "\x20\6\0\0\3\x22\0\x0A");
    expect_event(&b, BB_CLIENT_CONNECTED);
    assert_int_equal(publishes(&b, "a", "1", 0, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "a", "2", 0, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "b", "3", 0, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "c", "4", 0, NULL), BB_CLIENT_OK);
    assert_int_equal(publishes(&b, "b", "5", 0, NULL), BB_CLIENT_OK);
    expect_sent(&b, "\x30\x08\0\1a\3\x23\0\1"
                    "1\x30\7\0\0\3\x23\0\1"
                    "2\x30\x08\0\1b\3\x23\0\2"
                    "3\x30\5\0\1c\0"
                    "4"
                    "\x30\7\0\0\3\x23\0\2"
                    "5");
    arrives(&b, "\x30\x08\0\1x\3\x23\0\2"
                "1\x30\7\0\0\3\x23\0\2"
                "2\x30\7\0\0\3\x23\0\1"
                "3");
    expect_event(&b, BB_CLIENT_MESSAGE);
    expect_event(&b, BB_CLIENT_MESSAGE);
    assert_true(bb_span_equal(b.event.message.topic, BYTES("x")));
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x82"); /* alias 1 was never told */
    expect_event(&b, BB_CLIENT_DISCONNECTED);

    b.now += b.event.disconnected.retry_ms;
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    bench_accept(&b, true); /* with a server that takes no aliases */
    assert_int_equal(publishes(&b, "a", "1", 0, NULL), BB_CLIENT_OK);
    expect_sent(&b, "\x30\5\0\1a\0"
                    "1");
}

static void an_alias_that_was_not_sent_is_not_used(void **state)
{
    bench b;
    bb_client_aliases aliases;
    uint8_t out[64];
    char text[248];
    memset(text, 'x', 247);
    text[247] = '\0';
    bench_init(&b, &bb_client_mqtt_5);
    bb_client_aliases_init(&aliases, NULL, 0, 0, out, sizeof(out), 2);
    b.options.aliases = &aliases;
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\6\0\0\3\x22\0\x0A");
    expect_event(&b, BB_CLIENT_CONNECTED);
    assert_int_equal(publishes(&b, "a", text, 0, NULL), BB_CLIENT_TOO_LARGE);
    assert_int_equal(publishes(&b, "a", "1", 0, NULL), BB_CLIENT_OK);
    expect_sent(&b, "\x30\x08\0\1a\3\x23\0\1"
                    "1");
    arrives(&b, "\x30\x08\0\1x\3\x23\0\1"
                "1");
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x94"); /* we take none */
}

/* ---- Requests and responses. */

static void a_response_goes_where_the_request_says_4_10(void **state)
{
    uint8_t list[64], answer[64];
    bb_property_writer properties = bb_property_writer_on(list, sizeof(list));
    bb_client_put_request(&properties, BYTES("answers"), BYTES("\0\7"));
    bb_client_message_event request = {.properties = bb_property_list(&properties)};
    bb_client_message response = {0};
    bb_property_writer back = bb_property_writer_on(answer, sizeof(answer));
    assert_true(bb_client_respond(&request, &back, &response));
    assert_true(bb_span_equal(response.topic, BYTES("answers")));
    bb_client_message_event got = {.properties = response.properties};
    assert_true(bb_client_answers(&got, BYTES("\0\7")));
    assert_false(bb_client_answers(&got, BYTES("\0\x08")));
    assert_false(bb_client_respond(&got, &back, &response));
    back = bb_property_writer_on(answer, 3);
    assert_false(bb_client_respond(&request, &back, &response));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qos0_goes_at_once_or_not_at_all),
        cmocka_unit_test(what_mqtt_does_not_allow_is_refused),
        cmocka_unit_test(qos1_is_sent_until_it_is_acknowledged_4_4_0_1),
        cmocka_unit_test(qos2_goes_its_four_steps_4_3_3),
        cmocka_unit_test(a_refused_message_is_done_with),
        cmocka_unit_test(an_acknowledgement_of_the_wrong_kind_ends_it),
        cmocka_unit_test(a_lost_session_gets_the_messages_as_new_ones),
        cmocka_unit_test(the_window_of_the_server_is_kept_3_3_4_7),
        cmocka_unit_test(what_the_server_does_not_offer_is_not_sent),
        cmocka_unit_test(a_full_store_says_so),
        cmocka_unit_test(identifiers_go_round_and_keep_their_order),
        cmocka_unit_test(an_identifier_that_is_in_use_is_not_taken),
        cmocka_unit_test(a_payload_streams_through_a_small_buffer),
        cmocka_unit_test(a_stream_of_qos0_ends_with_the_connection),
        cmocka_unit_test(a_stream_of_qos1_outlives_the_connection),
        cmocka_unit_test(a_large_record_streams_out_of_the_store),
        cmocka_unit_test(whole_messages_come_in_one_piece),
        cmocka_unit_test(a_message_is_acknowledged_when_it_was_taken),
        cmocka_unit_test(qos2_comes_once_4_3_3_10),
        cmocka_unit_test(a_full_store_never_gives_a_message_twice),
        cmocka_unit_test(more_than_we_allowed_is_refused_3_3_4_9),
        cmocka_unit_test(large_messages_come_in_pieces),
        cmocka_unit_test(a_large_message_behind_a_small_one_has_the_whole_buffer),
        cmocka_unit_test(a_head_that_never_fits_ends_the_connection),
        cmocka_unit_test(a_head_that_fills_the_buffer_ends_the_connection),
        cmocka_unit_test(a_client_that_is_to_stop_takes_no_more_messages),
        cmocka_unit_test(a_packet_above_our_maximum_is_refused_3_1_2_24),
        cmocka_unit_test(answers_wait_for_room),
        cmocka_unit_test(aliases_stand_for_topics_3_3_2_12),
        cmocka_unit_test(an_alias_that_was_not_sent_is_not_used),
        cmocka_unit_test(a_response_goes_where_the_request_says_4_10),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
