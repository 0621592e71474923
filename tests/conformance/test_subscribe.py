"""SUBSCRIBE, UNSUBSCRIBE and filters (MQTT 5.0 3.8 to 3.11, 4.7)."""

import pytest

from harness import *


@clause("3.8.4-1", "3.8.4-2", "3.8.4-5", "3.8.4-6", "3.8.4-7", "3.9.3-1", "3.9.3-2", "2.2.1-6",
        "3.1.1:3.8.4-1", "3.1.1:3.8.4-2", "3.1.1:3.8.4-4", "3.1.1:3.8.4-5", "3.1.1:3.9.3-1")
@EVERY_VERSION
def test_one_reason_for_each_filter_in_order_3_8_4_6(clients, version):
    client, topic = clients(version), unique()
    client.send(subscribe(0xABCD, [(topic + "/a", 2), (topic + "/b", 0), (topic + "/c", 1), (topic + "/a", 1)], version))
    client.expect_bytes(b"\x90" + (b"\x07" if version == V5 else b"\x06") + b"\xab\xcd" +
                        (b"\x00" if version == V5 else b"") + b"\x02\x00\x01\x01")
    clients(version).publish(topic + "/a", "x", 2)
    client.expect_message(topic + "/a", "x", qos=1)


@clause("3.8.4-6", "3.9.3-1", "3.1.1:3.9.3-2")
@EVERY_VERSION
def test_bad_filters_do_not_spoil_the_good_ones(clients, version):
    client, topic = clients(version), unique()
    got = client.subscribe((topic, 1), ("a/#/b", 1), (topic + "/#", 0), ("a+", 0), expect=None)
    assert [reason if reason < 0x80 else "bad" for reason in got.reasons] == [1, "bad", 0, "bad"]
    assert version != V5 or got.reasons[1] == got.reasons[3] == 0x8F
    clients(version).publish(topic, "x", 1)
    client.expect_message(topic, "x", qos=1)


BAD_FILTERS = ["a/#/b", "#/", "#a", "a#", "a/b#", "a/#b", "a+", "+a", "a/+b/c", "a/b+", "++", "##", "a/++"]


@clause("4.7.1-1", "4.7.1-2", "3.1.1:4.7.1-2", "3.1.1:4.7.1-3")
@EVERY_VERSION
@pytest.mark.parametrize("topic_filter", BAD_FILTERS)
def test_wildcards_stand_alone_in_their_level_4_7_1_1(clients, version, topic_filter):
    client = clients(version)
    client.send(subscribe(1, [(topic_filter, 0)], version))
    got = client.receive()
    if got.kind == SUBACK:
        assert got.reasons == [0x8F if version == V5 else 0x80]
        client.expect_alive()
    else:
        assert got.kind == DISCONNECT and got.reason in (0x81, 0x8F)


@clause("4.7.3-1", "3.1.1:4.7.3-1", "3.10.3-1")
@EVERY_VERSION
def test_empty_filter_is_refused_4_7_3_1(clients, version):
    for data in (subscribe(1, [("", 0)], version), unsubscribe(1, [""], version)):
        client = clients(version)
        client.send(data)
        got = client.receive()
        if got is None:
            continue
        assert (got.kind, got.reason) in [(DISCONNECT, 0x81), (DISCONNECT, 0x82), (DISCONNECT, 0x8F)] or \
            got.reasons in ([0x8F], [0x80])


@clause("3.8.3-2", "3.10.3-2", "3.1.1:3.8.3-3", "3.1.1:3.10.3-2")
@EVERY_VERSION
def test_subscribe_and_unsubscribe_need_a_filter_3_8_3_2(clients, version):
    for data in (subscribe(1, [], version), unsubscribe(1, [], version)):
        client = clients(version)
        client.send(data)
        client.expect_close({0x81, 0x82})


@clause("3.8.3-5")
@pytest.mark.parametrize("byte", [0x40, 0x80, 0xC1, 0x03, 0x30, 0x33], ids=hex)
def test_reserved_bits_of_options_are_refused_3_8_3_5(clients, byte):
    client = clients()
    client.send(subscribe(1, [("a", byte)]))
    client.expect_close({0x81, 0x82})


@clause("3.1.1:3.8.3-4")
@pytest.mark.parametrize("byte", [0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80], ids=hex)
def test_upper_bits_of_the_requested_qos_are_refused_in_3_1_1(clients, byte):
    client = clients(V311)
    client.send(subscribe(1, [("a", byte)], V311))
    client.expect_close()


MATCHES = {
    "sport/#": ["sport", "sport/", "sport/a", "sport/a/b"], "sport/+": ["sport/", "sport/a"], "+/a": ["sport/a", "/a"],
    "sport/a": ["sport/a"], "+/+": ["sport/", "sport/a", "/a", "/"], "/+": ["/a", "/"], "+": ["sport", "Sport"],
    "sport/+/b": ["sport/a/b"], "#": ["sport", "Sport", "sport/", "sport/a", "sport/a/b", "/a", "/", "sport//b"],
    "sport//b": ["sport//b"], "sport/+/+": ["sport/a/b", "sport//b"], "+/#": ["sport", "sport/a", "/a", "/"],
    "sport/a/b/#": ["sport/a/b"], "sport/a/+": ["sport/a/b"], "/#": ["/a", "/"], "sport/+/#": ["sport/", "sport/a", "sport//b"],
}
MATCHES["sport/+/b"] += ["sport//b"]
MATCHES["sport/#"] += ["sport//b"]
ALL_TOPICS = ["sport", "Sport", "sport/", "sport/a", "sport/a/b", "/a", "/", "sport//b"]


@clause("4.7.1-1", "4.7.1-2", "4.7.3-4", "3.1.1:4.7.1-1", "3.1.1:4.7.1-2", "3.1.1:4.7.1-3", "3.3.2-3", "3.1.1:3.3.2-3", "4.5.0-1", "3.1.1:4.5.0-1")
@pytest.mark.parametrize("topic_filter", MATCHES)
@EVERY_VERSION
def test_filters_match_what_they_should(clients, version, topic_filter):
    top, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(f"{top}/{topic_filter}")
    expected = [topic for topic in ALL_TOPICS if matches(topic_filter, topic)]
    assert set(MATCHES[topic_filter]) <= set(expected)
    for topic in ALL_TOPICS:
        pub.publish(f"{top}/{topic}", topic)
    for topic in expected:
        sub.expect_message(f"{top}/{topic}", topic)
    sub.expect_nothing(after=pub)


def matches(topic_filter, topic):
    """The rule of 4.7 in its plainest form."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at == len(levels) or level not in ("+", levels[at]):
            return False
    return len(wanted) == len(levels)


@clause("4.7.2-1", "3.1.1:4.7.2-1")
@EVERY_VERSION
def test_leading_wildcards_do_not_match_topics_of_the_broker_4_7_2_1(clients4, version):
    client, other = clients4(version), clients4(version)
    client.subscribe("$SYS/broker/uptime")
    other.subscribe("#", "+/broker/uptime", "+/#")
    client.expect_message("$SYS/broker/uptime")
    client.expect_message("$SYS/broker/uptime", patience=15)
    while True:
        other.send(PINGREQ_BYTES)
        got = other.receive()
        while got.kind == PUBLISH:
            assert not got.topic.startswith("$")
            got = other.receive()
        break


@clause("4.7.2-1")
@pytest.mark.parametrize("topic_filter", ["$SYS/#", "$SYS/broker/+", "$SYS/+/version", "$SYS/broker/version"])
def test_filters_with_the_first_level_spelled_out_match_4_7_2_1(clients, topic_filter):
    client = clients()
    client.subscribe(topic_filter)
    assert client.expect_message(retain=True).topic.startswith("$SYS/")


@clause("3.8.4-3", "3.1.1:3.8.4-3")
@EVERY_VERSION
def test_same_filter_again_replaces_the_subscription_3_8_4_3(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=0)
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", 2)
    sub.expect_message(topic, "x", qos=2)
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "y", 2)
    sub.expect_message(topic, "y", qos=1)
    sub.expect_nothing(after=pub)


@clause("3.8.4-3")
def test_subscribing_again_replaces_the_identifier_3_8_4_3(clients):
    topic, sub, pub = unique(), clients(), clients()
    for identifier in (7, 8, None):
        sub.subscribe(topic, properties={"subscription_id": identifier} if identifier else None)
        pub.publish(topic, "x")
        assert sub.expect_message(topic).properties == ({"subscription_id": [identifier]} if identifier else {})


@clause("3.8.4-4")
def test_subscribing_again_loses_no_message_3_8_4_4(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, qos=1)
    count = 300
    pub.send(*(publish(topic, u32(number), 1, packet_id=number + 1) for number in range(count)))
    for number in range(50):
        sub.send(subscribe(1000 + number, [(topic, 1)]))
    numbers = []
    while len(numbers) < count:
        got = sub.receive()
        if got.kind == PUBLISH:
            numbers.append(got.payload)
            sub.ack(PUBACK, got.packet_id)
    assert numbers == [u32(number) for number in range(count)]


@clause("3.3.4-2", "3.1.1:3.3.5-1")
@EVERY_VERSION
def test_overlapping_filters_deliver_with_the_highest_qos_3_3_4_2(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe((topic + "/#", 0), (topic + "/a", 2), (topic + "/+", 1))
    pub.publish(topic + "/a", "x", 2)
    pub.publish(topic + "/end", "end", 0)
    copies = []
    while (got := sub.receive()).topic != topic + "/end":
        copies.append(got.qos)
    assert max(copies) == 2, "a copy with the maximum of the granted QoS"


@clause("3.3.4-3", "3.3.4-4", "3.3.4-5")
def test_subscription_identifiers_of_all_matching_filters_come_3_3_4_4(clients):
    topic, sub, pub = unique(), clients(), clients()
    for topic_filter, identifier in ((topic + "/#", 1), (topic + "/a", 128), (topic + "/+", 268435455)):
        sub.subscribe(topic_filter, qos=1, properties={"subscription_id": identifier})
    sub.subscribe(topic + "/a/#", qos=0)
    pub.publish(topic + "/a", "x", 1)
    pub.publish(topic + "/b", "y", 1)
    seen = {"x": [], "y": []}
    while len(seen["y"]) < 2:
        got = sub.expect_message()
        seen[got.payload.decode()] += got.properties.get("subscription_id", [])
    assert sorted(seen["x"]) == [1, 128, 268435455] and sorted(seen["y"]) == [1, 268435455]


@clause("3.3.4-3", "3.3.4-5")
def test_same_identifier_for_several_filters(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe((topic + "/a", 0), (topic + "/+", 0), properties={"subscription_id": 5})
    pub.publish(topic + "/a", "x")
    assert set(sub.expect_message().properties["subscription_id"]) == {5}


@clause("3.3.4-3")
def test_identifiers_of_messages_that_were_queued_while_away(clients):
    topic, pub = unique(), clients()
    sub = clients(clean=False, properties={"session_expiry": 100})
    sub.subscribe(topic, qos=1, properties={"subscription_id": 300})
    sub.disconnect()
    pub.publish(topic, "x", 1)
    sub.open().connect(clean=False)
    assert sub.expect_message(topic, "x").properties == {"subscription_id": [300]}


@pytest.mark.parametrize("properties", [b"\x0b\x00", b"\x0b\x01\x0b\x02", b"\x0b\xff\xff\xff\xff\x01", {"topic_alias": 1},
                                        {"reason_string": "x"}], ids=["0", "twice", "too_large", "alias", "reason"])
def test_properties_that_are_not_allowed_in_subscribe(clients, properties):
    client = clients()
    client.send(subscribe(1, [("a", 0)], properties=properties))
    client.expect_close({0x81, 0x82})


@pytest.mark.parametrize("properties", [b"\x0b\x01", {"topic_alias": 1}, b"\x2b"], ids=["id", "alias", "unknown"])
def test_properties_that_are_not_allowed_in_unsubscribe(clients, properties):
    client = clients()
    client.send(unsubscribe(1, ["a"], properties=properties))
    client.expect_close({0x81, 0x82})


def test_user_properties_are_accepted_in_subscribe_and_unsubscribe(clients):
    client = clients()
    client.subscribe("a", properties={"user_property": [("a", "b"), ("a", "b")]})
    client.unsubscribe("a", properties={"user_property": [("a", "b"), ("a", "b")]})


@clause("3.8.3-3")
def test_no_local_keeps_back_ones_own_messages_3_8_3_3(clients):
    topic, client, other = unique(), clients(), clients()
    client.subscribe(topic, no_local=True)
    client.publish(topic, "mine")
    client.expect_nothing(after=client)
    other.publish(topic, "yours")
    client.expect_message(topic, "yours")


@clause("3.8.3-3")
def test_no_local_compares_client_ids_not_connections_3_8_3_3(clients):
    topic, other = unique(), clients()
    client = clients(clean=False, properties={"session_expiry": 100})
    client.subscribe(topic, qos=1, no_local=True)
    client.publish(topic, "mine", 1)
    client.reopen()
    client.connect(clean=False)
    client.publish(topic, "mine", 1)
    client.expect_nothing(after=other)


def test_message_comes_when_one_of_the_filters_is_not_no_local(clients):
    topic, client = unique(), clients()
    client.subscribe((topic, options(no_local=True)), (topic + "/#", options()))
    client.publish(topic, "mine")
    client.expect_message(topic, "mine")
    client.expect_nothing(after=client)


def test_retain_as_published_of_one_overlapping_filter_is_enough(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe((topic, options(retain_as_published=True)), (topic + "/#", options()))
    pub.publish(topic, "x", 1, retain=True)
    pub.publish(topic, "", 1, retain=True)
    pub.publish(topic + "/end", "")
    flags = []
    while (got := sub.expect_message()).topic == topic:
        flags.append(got.retain)
    assert True in flags


# ---- UNSUBSCRIBE.

@clause("3.10.4-1", "3.10.4-2", "3.10.4-4", "3.10.4-5", "3.11.3-1", "3.11.3-2", "3.1.1:3.10.4-1", "3.1.1:3.10.4-2",
        "3.1.1:3.10.4-4", "3.1.1:3.10.4-5", "3.10.4-6")
@EVERY_VERSION
def test_unsubscribe_compares_filters_literally_3_10_4_1(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic + "/a", topic + "/#")
    got = sub.unsubscribe(topic + "/+", topic + "/#", topic + "/A", topic + "/a/")
    assert version != V5 or got.reasons == [0x11, 0x00, 0x11, 0x11]
    pub.publish(topic + "/b", "no")
    pub.publish(topic + "/a", "x")
    sub.expect_message(topic + "/a", "x")
    sub.unsubscribe(topic + "/a")
    pub.publish(topic + "/a", "y")
    sub.expect_nothing(after=pub)


@clause("3.10.4-4", "3.10.4-5", "3.11.3-1", "3.1.1:3.10.4-4", "3.1.1:3.10.4-5", "3.1.1:3.10.4-6")
@EVERY_VERSION
def test_unsuback_comes_even_if_nothing_matched_3_10_4_5(clients, version):
    client = clients(version)
    client.send(unsubscribe(0x1234, ["no/such", "other/+"], version))
    client.expect_bytes("b0 05 12 34 00 11 11" if version == V5 else "b0 02 12 34")


@clause("3.10.4-3", "3.1.1:3.10.4-3")
@EVERY_VERSION
def test_messages_in_flight_complete_after_unsubscribe_3_10_4_3(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", 2)
    got = sub.expect(PUBLISH, qos=2)
    sub.unsubscribe(topic)
    sub.ack(PUBREC, got.packet_id)
    sub.expect(PUBREL, packet_id=got.packet_id)
    sub.ack(PUBCOMP, got.packet_id)
    sub.expect_nothing(after=pub)


@EVERY_VERSION
def test_many_filters_in_one_packet(clients, version):
    top, client = unique(), clients(version)
    filters = [f"{top}/{number}/+" for number in range(1000)]
    client.subscribe(*filters, qos=1)
    for number in (0, 500, 999):
        client.publish(f"{top}/{number}/x", "x")
        client.expect_message(f"{top}/{number}/x")
    client.unsubscribe(*filters)
    client.publish(f"{top}/500/x", "x")
    client.expect_nothing(after=client)


def test_invalid_filters_in_unsubscribe_are_answered(clients):
    client = clients()
    client.send(unsubscribe(1, ["a/#/b", "a+"]))
    got = client.receive()
    assert got.kind == UNSUBACK and all(reason in (0x11, 0x8F) for reason in got.reasons)
