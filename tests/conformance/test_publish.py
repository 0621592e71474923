"""PUBLISH: its header, its topic, its properties and how it is forwarded (MQTT 5.0 3.3)."""

import pytest

from harness import *


@clause("3.3.1-2", "3.1.1:3.3.1-2")
@pytest.mark.parametrize("version", [V311, V5])
def test_dup_with_qos0_is_malformed_3_3_1_2(clients, version):
    client = clients(version)
    client.send(publish("a", dup=True, version=version))
    client.expect_close({0x81, 0x82})


@clause("3.3.1-4", "3.1.1:3.3.1-4")
@EVERY_VERSION
@pytest.mark.parametrize("flags", [0x6, 0x7, 0xE, 0xF])
def test_qos3_is_malformed_3_3_1_4(clients, version, flags):
    client = clients(version)
    client.send(publish("a", packet_id=1, version=version, flags=flags))
    client.expect_close(0x81)


@clause("3.3.2-2", "3.1.1:3.3.2-2", "4.7.1-1", "4.7.0-1", "3.1.1:4.7.1-1")
@EVERY_VERSION
@pytest.mark.parametrize("topic", ["#", "+", "a/#", "a/+/b", "a#", "a+b", "/+", "a/b#"])
def test_wildcards_in_a_topic_name_are_refused_3_3_2_2(clients, version, topic):
    client = clients(version)
    client.send(publish(topic, version=version))
    client.expect_close({0x81, 0x82, 0x90})


@clause("4.7.3-1", "3.1.1:4.7.3-1")
@EVERY_VERSION
def test_empty_topic_without_alias_is_refused_4_7_3_1(clients, version):
    client = clients(version)
    client.send(publish("", version=version))
    client.expect_close({0x81, 0x82, 0x90})


@clause("3.3.1-3", "3.1.1:3.3.1-3")
@EVERY_VERSION
@pytest.mark.parametrize("qos", [1, 2])
def test_outgoing_dup_is_independent_of_the_incoming_3_3_1_3(clients, version, qos):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=qos)
    pub.publish(topic, "x", qos, dup=True)
    assert sub.expect_message(topic, "x", qos=qos).dup is False


@clause("3.3.4-1", "4.3.2-4", "4.3.3-8", "3.1.1:3.3.4-1", "3.1.1:4.3.2-2", "3.1.1:4.3.3-2", "3.4.2-1", "3.5.2-1")
@EVERY_VERSION
def test_answers_are_byte_exact_3_3_4_1(clients, version):
    topic, client = unique(), clients(version)
    client.subscribe(topic)
    client.send(publish(topic, "1", 1, packet_id=0x1234, version=version))
    puback, delivered = b"\x40\x02\x12\x34", publish(topic, "1", version=version)
    got = client.receive_raw(len(puback) + len(delivered))
    assert got in (puback + delivered, delivered + puback)
    client.unsubscribe(topic)
    sub = clients(version)
    sub.subscribe(topic)
    client.send(publish(topic, "2", 2, packet_id=0xFFFF, version=version))
    client.expect_bytes("50 02 ff ff")
    client.send(b"\x62\x02\xff\xff")
    client.expect_bytes("70 02 ff ff")
def test_answers_say_when_nobody_subscribes(clients):
    client = clients()
    client.publish(unique(), "x", 1, reason=0x10)
    client.publish(unique(), "x", 2, reason=0x10)


@clause("4.3.1-1", "4.3.2-1", "4.3.3-1", "3.8.4-8", "3.3.4-3", "3.1.1:3.3.5-1", "3.1.1:3.8.4-6", "3.1.1:2.3.1-5", "3.1.1:4.3.1-1")
@pytest.mark.parametrize("granted", [0, 1, 2], ids=["granted0", "granted1", "granted2"])
@EVERY_QOS
@EVERY_VERSION
def test_delivered_qos_is_the_lower_of_both_3_8_4_8(clients, version, qos, granted):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=granted)
    pub.publish(topic, b"x\x00\xff", qos)
    sub.expect_message(topic, b"x\x00\xff", qos=min(qos, granted), retain=False)
    sub.expect_nothing(after=pub)


@over_every_transport
@pytest.mark.parametrize("to", [V31, V311, V5], ids=["to31", "to311", "to5"])
@EVERY_VERSION
def test_versions_talk_to_each_other(clients, version, to):
    topic, sub, pub = unique(), clients(to), clients(version)
    sub.subscribe(topic, qos=2)
    properties = {"content_type": "t", "user_property": [("a", "b")]} if version == V5 else None
    pub.publish(topic, "x", 2, properties=properties)
    got = sub.expect_message(topic, "x", qos=2)
    assert got.properties == (properties if version == V5 and to == V5 else {})


ALL_PROPERTIES = {
    "payload_format": 1, "content_type": "text/plain; é", "response_topic": "answer/to/me", "correlation_data": b"\x00\xff\x01",
    "user_property": [("b", "2"), ("a", "1"), ("b", "2"), ("", "")],
}


@clause("3.3.2-4", "3.3.2-15", "3.3.2-16", "3.3.2-17", "3.3.2-18", "3.3.2-20")
@EVERY_QOS
def test_properties_are_forwarded_unaltered_3_3_2_4(clients, qos):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", qos, properties=ALL_PROPERTIES)
    assert sub.expect_message(topic, "x").properties == ALL_PROPERTIES


@clause("3.3.2-17", "3.3.2-18")
def test_properties_keep_their_order_3_3_2_18(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic)
    encoded = b"".join([property_bytes("user_property", ("z", "1")), property_bytes("correlation_data", b"c"),
                        property_bytes("user_property", ("a", "2")), property_bytes("payload_format", 0),
                        property_bytes("user_property", ("z", "1")), property_bytes("content_type", "")])
    pub.publish(topic, "x", properties=encoded)
    sub.expect_bytes(publish(topic, "x", properties=encoded))


@pytest.mark.parametrize("value", [0, 1])
@clause("3.3.2-4")
def test_payload_format_is_passed_on_3_3_2_4(clients, value):
    topic, client = unique(), clients()
    client.subscribe(topic)
    client.publish(topic, "é", properties={"payload_format": value})
    assert client.expect_message(topic, "é").properties == {"payload_format": value}


def test_payload_format_2_is_refused(clients):
    client = clients()
    client.send(publish("a", properties={"payload_format": 2}))
    client.expect_close({0x81, 0x82})


@pytest.mark.parametrize("name", ["payload_format", "message_expiry", "content_type", "response_topic", "correlation_data",
                                  "topic_alias"])
def test_property_twice_is_a_protocol_error(clients, name):
    client = clients()
    value = {"byte": 1, "u16": 1, "u32": 1, "text": "x", "binary": b"x"}[PROPERTIES[name][1]]
    client.send(publish("a", properties={name: [value, value]}))
    client.expect_close(0x82)


ALLOWED = {"payload_format", "message_expiry", "content_type", "response_topic", "correlation_data", "topic_alias",
           "user_property"}
SAMPLES = {"byte": 1, "u16": 1, "u32": 1, "varint": 1, "text": "x", "binary": b"x", "pair": ("x", "y")}


@pytest.mark.parametrize("name", sorted(PROPERTIES.keys() - ALLOWED - {"subscription_id"}))
def test_property_that_does_not_belong_into_publish(clients, name):
    client = clients()
    client.send(publish("a", properties={name: SAMPLES[PROPERTIES[name][1]]}))
    client.expect_close({0x81, 0x82})


@pytest.mark.parametrize("identifier", [0x00, 0x04, 0x2B, 0x7F, 0x80])
def test_unknown_property_is_refused(clients, identifier):
    client = clients()
    client.send(publish("a", properties=varint(identifier) + b"\x00"))
    client.expect_close({0x81, 0x82})


@clause("3.3.4-6")
@EVERY_QOS
def test_subscription_identifier_from_a_client_is_a_protocol_error_3_3_4_6(clients, qos):
    client = clients()
    client.send(publish("a", qos=qos, packet_id=1 if qos else None, properties={"subscription_id": 1}))
    client.expect_close(0x82)


@clause("3.3.2-14")
@pytest.mark.parametrize("topic", ["a/#", "+", "a/+/b"])
def test_response_topic_has_no_wildcards_3_3_2_14(clients, topic):
    client = clients()
    client.send(publish("a", properties={"response_topic": topic}))
    client.expect_close({0x81, 0x82, 0x90})


@pytest.mark.parametrize("topic", ["$SYS/broker/version", "$SYS", "$share/g/a", "$anything/else"])
def test_topics_of_the_broker_are_not_for_clients(clients, topic):
    client = clients()
    client.publish(topic, "x", 1, reason=0x87)
    client.publish(topic, "x", 2, reason=0x87)
    client.publish(topic, "x", 0)
    client.expect_alive()


@clause("3.1.1:3.3.5-2")
@BEFORE_5
def test_topics_of_the_broker_are_acknowledged_and_dropped_before_5(clients, version):
    client = clients(version)
    client.subscribe("$mine/#")
    client.publish("$mine/x", "x", 1)
    client.publish("$mine/x", "x", 2)
    client.expect_nothing()


@clause("4.7.3-3", "3.1.1:4.7.3-3")
def test_long_topics_pass(clients):
    client = clients()
    topic = unique() + "/" + "x" * 65000
    client.subscribe(topic)
    client.publish(topic, "x")
    client.expect_message(topic, "x")


def test_65535_levels_are_refused_and_harm_nobody(clients):
    client = clients()
    client.send(publish(b"/" * 65535, qos=1, packet_id=1))
    got = client.receive()
    assert (got.kind, got.reason) in ((PUBACK, 0x90), (DISCONNECT, 0x90))
    client = clients()
    client.send(subscribe(1, [(b"/" * 65535, 0)]))
    assert client.expect(SUBACK).reasons[0] in (0x8F, 0x90, 0x97, 0x80, 0x83)
    client.expect_alive()
    clients().send(publish(b"+/" * 32767))
    clients().expect_alive()


@clause("4.7.3-4", "3.1.1:4.7.3-4")
@pytest.mark.parametrize("topic", ["a/b", "A/b", "a//b", "/a/b", "a/b/", "a b/c ", "/", "//"])
def test_topics_are_compared_byte_by_byte_4_7_3_4(clients, topic):
    first = unique()
    client = clients()
    client.subscribe(first + topic)
    for other in ("a/b", "A/b", "a//b", "/a/b", "a/b/", "a b/c ", "/", "//", "a/B", ""):
        client.publish(first + other, other)
    client.expect_message(first + topic, topic)
    client.expect_nothing(after=client)


@over_every_transport
@EVERY_QOS
@pytest.mark.parametrize("size", [0, 1, 127, 128, 1000, 1024, 1025, 16383, 16384, 65536, 300000, 2097152])
def test_payloads_of_every_size_pass_unchanged(clients, size, qos):
    topic, sub, pub = unique(), clients(), clients()
    payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    sub.subscribe(topic, qos=2)
    pub.publish(topic, payload, qos)
    assert sub.expect_message(topic, qos=qos).payload == payload


def test_large_payload_from_a_client_that_dies_halfway_is_not_published(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic)
    whole = publish(topic, b"x" * 3000000)
    pub.send(whole[:2000000])
    pub.close()
    sub.expect_nothing(after=clients())


@over_every_transport
def test_one_message_to_many_subscribers(clients):
    topic, pub = unique(), clients()
    subs = [clients(version) for version in (V31, V311, V5) * 10]
    for number, sub in enumerate(subs):
        sub.subscribe(topic, qos=number % 3)
    pub.publish(topic, b"x" * 5000, 2)
    for number, sub in enumerate(subs):
        sub.expect_message(topic, b"x" * 5000, qos=number % 3)
