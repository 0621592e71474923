"""Retained messages (MQTT 5.0 3.3.1.3, 3.8.3.1, 3.8.4)."""

import pytest

from harness import *


@clause("3.3.1-5", "3.3.1-9", "3.1.1:3.3.1-5", "3.1.1:3.3.1-6", "3.1.1:3.3.1-8")
@EVERY_VERSION
@EVERY_QOS
def test_new_subscription_gets_the_retained_message_3_3_1_9(clients, version, qos):
    topic, sub, pub = unique(), clients(version), clients(version)
    pub.publish(topic, "kept", qos, retain=True)
    pub.expect_alive()
    sub.subscribe(topic, qos=2)
    sub.expect_message(topic, "kept", qos=qos, retain=True, dup=False)
    sub.expect_nothing(after=pub)


@clause("3.3.1-5", "3.1.1:3.3.1-5", "3.1.1:3.3.1-7")
@EVERY_VERSION
def test_newer_retained_message_replaces_the_older_3_3_1_5(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    pub.publish(topic, "1", 2, retain=True)
    pub.publish(topic, "2", 1, retain=True)
    pub.publish(topic, "3", 0, retain=True)
    pub.expect_alive()
    sub.subscribe(topic, qos=2)
    sub.expect_message(topic, "3", qos=0, retain=True)


@clause("3.3.1-12", "3.1.1:3.3.1-9")
@EVERY_VERSION
def test_live_messages_have_retain_0_3_3_1_12(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "x", 1, retain=True)
    sub.expect_message(topic, "x", retain=False)


@clause("3.3.1-13")
@pytest.mark.parametrize("retain", [False, True])
def test_retain_as_published_keeps_the_flag_3_3_1_13(clients, retain):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, retain_as_published=True)
    pub.publish(topic, "x", retain=retain)
    sub.expect_message(topic, "x", retain=retain)


def test_retained_message_has_retain_1_also_without_retain_as_published(clients):
    topic, sub, pub = unique(), clients(), clients()
    pub.publish(topic, "x", 1, retain=True)
    for flag in (False, True):
        sub.subscribe(topic, retain_as_published=flag)
        sub.expect_message(topic, "x", retain=True)


@clause("3.3.1-6", "3.3.1-7", "3.1.1:3.3.1-10", "3.1.1:3.3.1-11")
@EVERY_VERSION
@EVERY_QOS
def test_empty_payload_removes_and_is_forwarded_3_3_1_6(clients, version, qos):
    topic, sub, late, pub = unique(), clients(version), clients(version), clients(version)
    pub.publish(topic, "x", 1, retain=True)
    sub.subscribe(topic, qos=2)
    sub.expect_message(topic, "x", retain=True)
    pub.publish(topic, "", qos, retain=True)
    sub.expect_message(topic, "", qos=qos, retain=False)
    pub.expect_alive()
    late.subscribe(topic, qos=2)
    late.expect_nothing(after=pub)


@clause("3.3.1-8", "3.1.1:3.3.1-12")
@EVERY_VERSION
def test_publish_without_retain_leaves_the_retained_one_alone_3_3_1_8(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    pub.publish(topic, "kept", 1, retain=True)
    pub.publish(topic, "other", 1)
    pub.publish(topic, "", 1)
    sub.subscribe(topic, qos=1)
    sub.expect_message(topic, "kept", retain=True)
    sub.expect_nothing(after=pub)


@clause("3.3.1-9", "3.8.4-4", "3.1.1:3.8.4-3")
@EVERY_VERSION
def test_subscribing_again_sends_again_3_8_4_4(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    pub.publish(topic, "x", 1, retain=True)
    for _ in range(3):
        sub.subscribe(topic, qos=1)
        sub.expect_message(topic, "x", retain=True)


@clause("3.3.1-10")
def test_retain_handling_1_sends_only_to_new_subscriptions_3_3_1_10(clients):
    topic, sub, pub = unique(), clients(), clients()
    pub.publish(topic, "x", 1, retain=True)
    sub.subscribe(topic, retain_handling=1)
    sub.expect_message(topic, "x", retain=True)
    sub.subscribe(topic, retain_handling=1)
    sub.expect_nothing(after=pub)
    sub.subscribe(topic, qos=1, retain_handling=1)
    sub.expect_nothing(after=pub)
    sub.unsubscribe(topic)
    sub.subscribe(topic, retain_handling=1)
    sub.expect_message(topic, "x", retain=True)


@clause("3.3.1-10")
def test_retain_handling_1_counts_subscriptions_of_a_resumed_session_3_3_1_10(clients):
    topic, pub = unique(), clients()
    sub = clients(clean=False, properties={"session_expiry": 100})
    pub.publish(topic, "x", 1, retain=True)
    sub.subscribe(topic, retain_handling=1)
    sub.expect_message(topic, "x", retain=True)
    sub.disconnect()
    sub.open().connect(clean=False)
    sub.subscribe(topic, retain_handling=1)
    sub.expect_nothing(after=pub)


@clause("3.3.1-11")
def test_retain_handling_2_sends_nothing_3_3_1_11(clients):
    topic, sub, pub = unique(), clients(), clients()
    pub.publish(topic, "x", 1, retain=True)
    sub.subscribe(topic, retain_handling=2)
    sub.expect_nothing(after=pub)
    pub.publish(topic, "live", retain=True)
    sub.expect_message(topic, "live", retain=False)


@EVERY_VERSION
def test_wildcards_find_retained_messages(clients, version):
    top, sub, pub = unique(), clients(version), clients(version)
    topics = [top, top + "/a", top + "/a/b", top + "/a/b/c", top + "/", top + "//x", top + "/b/b"]
    for each in topics:
        pub.publish(each, each, 1, retain=True)
    for topic_filter, expected in {
        top + "/#": topics, top + "/+": [topics[1], topics[4]], top + "/+/b": [topics[2], topics[6]],
        top + "/a/#": topics[1:4], top + "/+/+": [topics[2], topics[5], topics[6]], top + "/a/+/c": [topics[3]],
        top: [top], top + "/+/+/+/#": [topics[3]],
    }.items():
        sub.subscribe(topic_filter, qos=1)
        got = sorted(sub.expect_message(retain=True).topic for _ in expected)
        assert got == sorted(expected), topic_filter
        sub.unsubscribe(topic_filter)
    sub.expect_nothing(after=pub)


@clause("4.7.2-1", "3.1.1:4.7.2-1")
@pytest.mark.parametrize("topic_filter", ["#", "+/#", "+/broker/#", "+/broker/version", "/#"])
def test_leading_wildcards_do_not_find_retained_topics_of_the_broker_4_7_2_1(clients, topic_filter):
    sub = clients()
    sub.subscribe(topic_filter)
    while True:
        sub.send(PINGREQ_BYTES)
        got = sub.receive()
        while got.kind == PUBLISH:
            assert not got.topic.startswith("$")
            got = sub.receive()
        break


def test_one_delivery_for_each_filter_of_a_subscribe(clients):
    topic, sub, pub = unique(), clients(), clients()
    pub.publish(topic, "x", 1, retain=True)
    sub.subscribe(topic, topic + "/#", "+/" + topic, qos=1)
    sub.expect_message(topic, "x", retain=True)
    sub.expect_message(topic, "x", retain=True)
    sub.expect_nothing(after=pub)


@pytest.mark.parametrize("qos", [0, 1])
def test_qos_of_retained_messages_is_the_lower_of_both(clients, qos):
    topic, sub, pub = unique(), clients(), clients()
    pub.publish(topic, "x", 2, retain=True)
    sub.subscribe(topic, qos=qos)
    sub.expect_message(topic, "x", qos=qos, retain=True)


@clause("3.3.2-4", "3.3.2-15", "3.3.2-16", "3.3.2-17", "3.3.2-20")
def test_retained_message_keeps_its_properties(clients):
    topic, sub, pub = unique(), clients(), clients()
    properties = {"payload_format": 1, "content_type": "t", "response_topic": "r", "correlation_data": b"c",
                  "user_property": [("a", "b"), ("c", "d")]}
    pub.publish(topic, "x", 1, retain=True, properties=dict(properties, topic_alias=1))
    sub.subscribe(topic)
    assert sub.expect_message(topic, "x", retain=True).properties == properties


@clause("3.3.4-3", "3.3.4-4")
def test_retained_message_carries_the_subscription_identifier(clients):
    topic, sub, pub = unique(), clients(), clients()
    pub.publish(topic, "x", 1, retain=True)
    sub.subscribe(topic, properties={"subscription_id": 268435455})
    assert sub.expect_message(topic, "x", retain=True).properties == {"subscription_id": [268435455]}


@clause("3.8.3-3")
def test_no_local_holds_for_retained_messages_of_the_same_client_3_8_3_3(clients):
    topic, client, other = unique(), clients(), clients()
    client.publish(topic, "mine", 1, retain=True)
    client.subscribe(topic, no_local=True)
    client.expect_nothing(after=other)
    other.publish(topic, "yours", 1, retain=True)
    client.expect_message(topic, "yours")
    client.subscribe(topic, no_local=True)
    client.expect_message(topic, "yours", retain=True)


def test_retained_message_above_the_maximum_packet_size_is_left_out(clients):
    top, pub = unique(), clients()
    sub = clients(properties={"maximum_packet_size": 100})
    pub.publish(top + "/large", b"x" * 200, 1, retain=True)
    pub.publish(top + "/small", b"x", 1, retain=True)
    sub.subscribe(top + "/#", qos=1)
    sub.expect_message(top + "/small", "x", retain=True)
    sub.expect_nothing(after=pub)


def test_retained_messages_wait_for_the_receive_maximum(clients):
    top, pub = unique(), clients()
    for number in range(20):
        pub.publish(f"{top}/{number}", "x", 1, retain=True)
    sub = clients(properties={"receive_maximum": 2})
    sub.subscribe(top + "/#", qos=1)
    seen = set()
    for _ in range(20):
        got = sub.expect(PUBLISH, qos=1, retain=True)
        seen.add(got.topic)
        sub.ack(PUBACK, got.packet_id)
    assert len(seen) == 20
    sub.expect_nothing(after=pub)


@EVERY_VERSION
def test_many_retained_messages_come_whole(clients, version):
    top, pub, sub = unique(), clients(version), clients(version)
    count = 3000
    pub.send(*(publish(f"{top}/{number % 60}/{number}", u32(number), retain=True, version=version) for number in range(count)))
    pub.expect_alive()
    sub.subscribe(top + "/#")
    seen = {sub.expect_message(retain=True).payload for _ in range(count)}
    assert len(seen) == count
    sub.expect_nothing(after=pub)
    pub.send(*(publish(f"{top}/{number % 60}/{number}", b"", retain=True, version=version) for number in range(count)))
    for _ in range(count):
        sub.expect_message(payload=b"", retain=False)
