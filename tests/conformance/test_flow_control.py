"""Receive Maximum, Maximum Packet Size and Maximum QoS in both directions (MQTT 5.0 3.1.2.11, 3.2.2.3, 4.9)."""

import pytest

from harness import *


@clause("3.3.4-9", "4.9.0-1", "4.9.0-2", "3.1.2-24")
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_never_more_in_flight_than_the_clients_receive_maximum_3_3_4_9(clients, qos, most):
    topic, pub, sub = unique(), clients(), clients(properties={"receive_maximum": most})
    sub.subscribe(topic, qos=2)
    for number in range(12):
        pub.publish(topic, bytes([number]), qos)
    flying = [sub.expect(PUBLISH, qos=qos) for _ in range(most)]
    for number in range(most, 12):
        sub.expect_nothing()
        first = flying.pop(0)
        if qos == 1:
            sub.ack(PUBACK, first.packet_id)
        else:
            sub.ack(PUBREC, first.packet_id)
            sub.expect(PUBREL, packet_id=first.packet_id)
            sub.expect_nothing()
            sub.ack(PUBCOMP, first.packet_id)
        flying.append(sub.expect(PUBLISH, payload=bytes([number])))


@clause("4.9.0-2")
def test_pubrec_with_an_error_frees_its_place_4_9_0_2(clients):
    topic, pub, sub = unique(), clients(), clients(properties={"receive_maximum": 1})
    sub.subscribe(topic, qos=2)
    for number in range(3):
        pub.publish(topic, bytes([number]), 2)
    for number in range(3):
        got = sub.expect(PUBLISH, payload=bytes([number]))
        sub.ack(PUBREC, got.packet_id, 0x80)
    sub.expect_nothing(after=pub)


@clause("3.3.4-10", "4.9.0-3")
def test_qos0_and_other_packets_flow_while_the_window_is_full_4_9_0_3(clients):
    topic, pub, sub = unique(), clients(), clients(properties={"receive_maximum": 1})
    sub.subscribe(topic + "/#", qos=2)
    pub.publish(topic + "/1", "first", 1)
    pub.publish(topic + "/1", "waits", 1)
    first = sub.expect(PUBLISH, payload=b"first")
    other = unique()
    sub.subscribe(other, qos=0)
    pub.publish(other, "qos 0", 0)
    sub.expect_message(other, "qos 0")
    sub.publish(unique(), "x", 2)
    sub.unsubscribe(other)
    sub.expect_alive()
    sub.ack(PUBACK, first.packet_id)
    sub.expect_message(payload="waits")


def test_receive_maximum_of_a_new_connection_may_be_smaller(clients):
    topic, pub = unique(), clients()
    sub = clients(clean=False, properties={"session_expiry": 100, "receive_maximum": 10})
    sub.subscribe(topic, qos=1)
    for number in range(10):
        pub.publish(topic, bytes([number]), 1)
    for number in range(10):
        sub.expect(PUBLISH, payload=bytes([number]))
    sub.reopen()
    sub.connect(clean=False, properties={"session_expiry": 100, "receive_maximum": 2})
    for number in range(0, 10, 2):
        pair = [sub.expect(PUBLISH, payload=bytes([number + at]), dup=True) for at in range(2)]
        sub.expect_nothing()
        sub.send(ack(PUBACK, pair[0].packet_id), ack(PUBACK, pair[1].packet_id))
    sub.expect_nothing(after=pub)


@clause("3.3.4-7")
def test_more_than_the_brokers_receive_maximum_is_refused_3_3_4_7(clients):
    pub, topic = clients(), unique()
    most = pub.connack.properties.get("receive_maximum", 65535)
    pub.send(*(publish(topic, "", 2, packet_id=number + 1) for number in range(most)))
    for number in range(most):
        pub.expect(PUBREC, packet_id=number + 1)
    pub.send(publish(topic, "", 2, dup=True, packet_id=1))
    pub.expect(PUBREC, packet_id=1)  # sent again, it counts once
    pub.ack(PUBREL, 1)
    pub.expect(PUBCOMP, packet_id=1)
    pub.start(topic, "", 2, packet_id=1)
    pub.expect(PUBREC, packet_id=1)
    pub.send(publish(topic, "", 2, packet_id=most + 1))
    pub.expect_close(0x93)


def test_answered_qos1_messages_do_not_count(clients):
    pub, topic = clients(), unique()
    count = min(3 * pub.connack.properties.get("receive_maximum", 65535), 5000)
    for _ in range(4):
        pub.send(*(publish(topic, "", 1, packet_id=1 + number) for number in range(count // 4)))
        for number in range(count // 4):
            pub.expect(PUBACK, packet_id=1 + number)


@clause("3.1.2-24", "3.1.2-25")
@EVERY_QOS
def test_packets_above_the_clients_maximum_are_dropped_3_1_2_24(clients, qos):
    topic, pub, sub = unique(), clients(), clients(properties={"maximum_packet_size": 128, "receive_maximum": 1})
    sub.subscribe(topic, qos=2)
    head = len(publish(topic, b"", qos, packet_id=1 if qos else None))
    fits = b"f" * (128 - head)
    for payload in (fits + b"x", fits, b"y" * 5000, b"small"):
        pub.publish(topic, payload, qos)
    assert len(sub.expect_message(topic, fits, qos=qos).raw) == 128
    sub.expect_message(topic, b"small", qos=qos)
    sub.expect_nothing(after=pub)


@clause("3.1.2-24")
def test_maximum_packet_size_counts_the_subscription_identifier(clients):
    topic, pub, sub = unique(), clients(), clients(properties={"maximum_packet_size": 100})
    sub.subscribe(topic, properties={"subscription_id": 268435455})
    head = len(publish(topic, b"", properties={"subscription_id": 268435455}))
    pub.publish(topic, b"f" * (101 - head))
    pub.publish(topic, b"f" * (100 - head))
    assert len(sub.expect_message(topic).raw) == 100
    sub.expect_nothing(after=pub)


@clause("3.1.2-24")
def test_maximum_packet_size_is_each_subscribers_own(clients):
    topic, pub = unique(), clients()
    small, large = clients(properties={"maximum_packet_size": 100}), clients(V311)
    small.subscribe(topic, qos=1)
    large.subscribe(topic, qos=1)
    pub.publish(topic, b"x" * 200, 1)
    large.expect_message(topic, b"x" * 200)
    small.expect_nothing(after=pub)


@clause("3.1.2-25")
def test_message_in_flight_above_a_new_maximum_frees_its_place_3_1_2_25(clients):
    topic, pub = unique(), clients()
    sub = clients(clean=False, properties={"session_expiry": 100})
    sub.subscribe(topic, qos=1)
    pub.publish(topic, b"x" * 500, 1)
    pub.publish(topic, b"small", 1)
    sub.expect(PUBLISH)
    sub.expect(PUBLISH)
    sub.reopen()
    sub.connect(clean=False, properties={"session_expiry": 100, "maximum_packet_size": 100, "receive_maximum": 1})
    sub.expect_message(topic, b"small")
    sub.expect_nothing(after=pub)


@clause("3.4.2-2", "3.5.2-2", "3.6.2-2", "3.7.2-2", "3.9.2-1", "3.11.2-1", "3.14.2-3", "3.4.2-3", "3.5.2-3",
        "3.6.2-3", "3.7.2-3", "3.9.2-2", "3.11.2-2", "3.14.2-4")
def test_reason_strings_fit_the_maximum_packet_size_3_4_2_2(clients):
    client = clients(properties={"maximum_packet_size": 20})
    assert len(client.publish("$no", "", 1, reason=0x87).raw) <= 20
    assert len(client.publish("$no", "", 2, reason=0x87).raw) <= 20
    client.ack(PUBREL, 99)
    assert len(client.expect(PUBCOMP).raw) <= 20
    client.ack(PUBREC, 99)
    assert len(client.expect(PUBREL).raw) <= 20
    assert len(client.subscribe("a/#/b", expect=None).raw) <= 20
    assert len(client.unsubscribe("nothing/of/the/kind").raw) <= 20
    client.send(publish("a", properties={"topic_alias": 0}))
    assert len(client.expect(DISCONNECT).raw) <= 20
    client.expect_close()


# ---- What a broker with other settings announces and enforces.

LIMITED = """
limits: {packet_size: 2000 bytes, receive_maximum: 5, topic_aliases: 0, session_expiry: 50 s, inflight: 3,
         payload: 1500 bytes, topic_length: 100 bytes, topic_levels: 5, subscriptions_per_session: 10, keep_alive: 100 s}
features: {retain: no, wildcard: no, shared: no, subscription_identifiers: no, maximum_qos: 1}
"""


@pytest.fixture(scope="module")
def limited():
    with Broker(workers=2, config=LIMITED) as broker:
        yield broker


@pytest.fixture
def plain(limited):
    with Client(limited) as client:
        client.connect(keep_alive=60)
        yield client


@clause("3.2.2-9", "3.2.2-21")
def test_limits_are_announced_in_connack_3_2_2_9(limited):
    with Client(limited) as client:
        got = client.connect(keep_alive=0, properties={"session_expiry": 1000}).properties
    assert got.get("topic_alias_maximum", 0) == 0
    assert {name: got.get(name) for name in ("maximum_packet_size", "receive_maximum", "session_expiry", "maximum_qos",
            "retain_available", "wildcard_available", "shared_available", "subscription_id_available", "server_keep_alive")} == {
        "maximum_packet_size": 2000, "receive_maximum": 5, "session_expiry": 50, "maximum_qos": 1, "retain_available": 0,
        "wildcard_available": 0, "shared_available": 0, "subscription_id_available": 0, "server_keep_alive": 100}


@clause("3.2.2-21", "3.2.2-15")
def test_shorter_keep_alive_is_left_as_it_is(plain):
    assert "server_keep_alive" not in plain.connack.properties
def test_packet_above_the_brokers_maximum_is_refused_by_its_header(plain):
    plain.send(packet(PUBLISH, 0, text("a"), length=1999))
    plain.expect_close(0x95)


def test_packet_of_exactly_the_brokers_maximum_is_accepted(plain):
    data = publish("a", b"x" * 1400, properties={"user_property": ("n", "")})
    data = publish("a", b"x" * 1400, properties={"user_property": ("n", "v" * (2000 - len(data) - 1))})
    assert len(data) == 2000
    plain.send(data)
    plain.expect_alive()


@clause("3.2.2-12")
def test_will_above_the_maximum_qos_is_refused_3_2_2_12(limited):
    with Client(limited) as client:
        client.send(connect(client.client_id, will=Will("a", qos=2)))
        client.expect_refused(0x9B)


@clause("3.2.2-13")
def test_retained_will_is_refused_where_retain_is_off_3_2_2_13(limited):
    with Client(limited) as client:
        client.send(connect(client.client_id, will=Will("a", retain=True)))
        client.expect_refused(0x9A)


@clause("3.2.2-11")
def test_publish_above_the_maximum_qos_is_refused_3_2_2_11(plain):
    plain.send(publish("a", qos=2, packet_id=1))
    plain.expect_close(0x9B)


@clause("3.2.2-10")
def test_subscribe_above_the_maximum_qos_is_granted_less_3_2_2_10(plain):
    assert plain.subscribe(("a", 2), expect=None).reasons[0] in (1, 2)


@clause("3.2.2-14")
def test_retained_publish_is_refused_where_retain_is_off_3_2_2_14(plain):
    plain.send(publish("a", retain=True))
    plain.expect_close(0x9A)


def test_what_is_switched_off_is_refused_in_suback(limited):
    for topic_filter, properties, reason in (("a/#", None, 0xA2), ("$share/g/a", None, 0x9E), ("a", {"subscription_id": 1}, 0xA1)):
        with Client(limited) as client:
            client.connect(keep_alive=60)
            client.send(subscribe(1, [(topic_filter, 0)], properties=properties))
            got = client.receive()
            assert (got.reasons or [got.reason]) == [reason], topic_filter


def test_limits_of_topics_payloads_and_subscriptions(plain):
    got = plain.subscribe(*(str(number) for number in range(12)), expect=None)
    assert got.reasons == [0] * 10 + [0x97] * 2
    got = plain.subscribe("a/b/c/d/e/f", expect=None)
    assert got.reasons[0] in (0x8F, 0x97)
    assert plain.publish("a/b/c/d/e/f", "", 1, reason=0x90)
    assert plain.publish("a" * 101, "", 1, reason=0x90)


def test_payload_above_the_limit_is_refused(plain):
    plain.start("a", b"x" * 1501, 1)
    got = plain.receive()
    assert got.kind in (PUBACK, DISCONNECT) and got.reason in (0x95, 0x97, 0x99, 0x83)


@clause("3.1.1:3.8.3-2")
def test_inflight_limit_of_the_broker_holds(limited):
    with Client(limited) as pub, Client(limited) as sub:
        topic = unique()
        pub.connect(keep_alive=60)
        sub.connect(keep_alive=60)
        sub.subscribe(topic, qos=1)
        for number in range(6):
            pub.publish(topic, bytes([number]), 1)
        for number in range(3):
            sub.expect(PUBLISH, payload=bytes([number]))
        sub.expect_nothing()
def test_clients_before_5_meet_the_same_limits(limited):
    with Client(limited, version=V311) as client:
        client.connect(version=V311)
        assert client.subscribe(("a/#", 0), expect=None).reasons == [0x80]
        client.send(publish("a", retain=True, version=V311))
        client.send(PINGREQ_BYTES)
        got = client.receive()
        assert got is None or got.kind == PINGRESP
