"""Fixed headers, lengths, flags, strings and identifiers (MQTT 5.0 chapters 1.5 and 2)."""

import pytest

from harness import *

# Each is one string on the wire (without its length) that no UTF-8 decoder may accept.
BAD_UTF8 = {
    "nul": b"a\x00b",
    "surrogate_low": b"\xed\xa0\x80",
    "surrogate_high": b"\xed\xbf\xbf",
    "surrogate_pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "overlong_slash": b"\xc0\xaf",
    "overlong_nul": b"\xc0\x80",
    "overlong_three": b"\xe0\x80\xaf",
    "overlong_four": b"\xf0\x80\x80\xaf",
    "above_10ffff": b"\xf4\x90\x80\x80",
    "five_bytes": b"\xf8\x88\x80\x80\x80",
    "lone_continuation": b"\x80",
    "cut_two": b"\xc3",
    "cut_three": b"\xe2\x82",
    "cut_four": b"\xf0\x9f\x98",
    "ff": b"\xff",
}
CONTROL = {"u0001": b"a\x01", "u001f": b"\x1f", "u007f": b"\x7f", "u009f": b"\xc2\x9f", "non_character": b"\xef\xbf\xbf"}
EVERY_BAD_UTF8 = pytest.mark.parametrize("bad", list(BAD_UTF8.values()), ids=list(BAD_UTF8))


@clause("1.5.5-1")
@EVERY_VERSION
def test_remaining_length_of_five_bytes_is_refused(clients, version):
    client = clients(version)
    client.send(b"\x30\xff\xff\xff\xff\x01")
    client.expect_close(0x81)


def test_remaining_length_of_five_bytes_before_connect_is_refused(clients):
    client = clients.open()
    client.send(b"\x10\xff\xff\xff\xff\x01")
    while (got := client.receive()) is not None:
        assert got.kind == CONNACK and got.reason == 0x81


@clause("1.5.5-1")
def test_remaining_length_in_more_bytes_than_needed_is_malformed_1_5_5_1(clients):
    client = clients()
    client.send(b"\xc0\x80\x00")
    client.expect_close(0x81)


@clause("1.5.5-1")
def test_property_length_in_more_bytes_than_needed_is_malformed_1_5_5_1(clients):
    client = clients()
    client.send(packet(PUBLISH, 0, text("a") + b"\x80\x00"))
    client.expect_close(0x81)


@clause("1.5.5-1")
def test_subscription_identifier_in_more_bytes_than_needed_is_malformed_1_5_5_1(clients):
    client = clients()
    client.send(subscribe(1, [("a", 0)], properties=b"\x0b\x81\x00"))
    client.expect_close(0x81)


WRONG_FLAGS = {
    "puback": (ack(PUBACK, 1, flags=1), ["2.1.3-1"]),
    "pubrec": (ack(PUBREC, 1, flags=2), ["2.1.3-1"]),
    "pubrel": (ack(PUBREL, 1, flags=0), ["3.6.1-1"]),
    "pubcomp": (ack(PUBCOMP, 1, flags=8), ["2.1.3-1"]),
    "pingreq": (b"\xc1\x00", ["2.1.3-1"]),
    "disconnect": (disconnect(flags=1), ["3.14.1-1"]),
}


@clause("2.1.3-1", "3.6.1-1", "3.14.1-1", "3.1.1:2.2.2-2", "3.1.1:3.6.1-1", "3.1.1:3.14.1-1", "3.1.1:2.2.2-1")
@pytest.mark.parametrize("name", WRONG_FLAGS)
@pytest.mark.parametrize("version", [V311, V5])
def test_reserved_flags_are_checked_2_1_3_1(clients, version, name):
    client = clients(version)
    client.send(WRONG_FLAGS[name][0])
    client.expect_close(0x81)


@clause("3.8.1-1", "3.10.1-1", "3.1.1:3.8.1-1", "3.1.1:3.10.1-1")
@pytest.mark.parametrize("flags", [0, 3, 10])
@pytest.mark.parametrize("version", [V311, V5])
def test_subscribe_and_unsubscribe_need_flags_0010_3_8_1_1(clients, version, flags):
    client = clients(version)
    client.send(subscribe(1, [("a", 0)], version, flags=flags))
    client.expect_close(0x81)
    client = clients(version)
    client.send(unsubscribe(1, ["a"], version, flags=flags))
    client.expect_close(0x81)


@clause("3.1:dup-flag")
def test_dup_of_a_repeated_subscribe_unsubscribe_and_pubrel_is_accepted_in_3_1(clients):
    client = clients(V31)
    client.send(subscribe(1, [(unique(), 0)], V31, flags=10))
    client.expect(SUBACK, packet_id=1)
    client.send(unsubscribe(2, ["a"], V31, flags=10))
    client.expect(UNSUBACK, packet_id=2)
    client.start(unique(), qos=2, packet_id=3)
    client.expect(PUBREC, packet_id=3)
    client.send(ack(PUBREL, 3, flags=10))
    client.expect(PUBCOMP, packet_id=3)


@clause("3.15.1-1")
def test_auth_with_flags_is_malformed_3_15_1_1(clients):
    client = clients()
    client.send(auth(0x19, {"auth_method": "x"}, flags=1))
    client.expect_close(0x81)


@over_every_transport
@EVERY_VERSION
def test_packet_type_0_is_malformed(clients, version):
    client = clients(version)
    client.send(b"\x00\x00")
    client.expect_close(0x81)


@BEFORE_5
def test_auth_does_not_exist_before_5(clients, version):
    client = clients(version)
    client.send(auth())
    client.expect_close()


FROM_SERVERS_ONLY = {
    "connack": packet(CONNACK, 0, b"\x00\x00\x00"),
    "suback": packet(SUBACK, 0, b"\x00\x01\x00\x00"),
    "unsuback": packet(UNSUBACK, 0, b"\x00\x01\x00\x00"),
    "pingresp": b"\xd0\x00",
}


@clause("4.13.1-1")
@pytest.mark.parametrize("name", FROM_SERVERS_ONLY)
@EVERY_VERSION
def test_packets_that_only_servers_send_are_a_protocol_error(clients, version, name):
    client = clients(version)
    client.send(FROM_SERVERS_ONLY[name])
    client.expect_close({0x81, 0x82})


@EVERY_VERSION
def test_pingreq_with_a_body_is_malformed(clients, version):
    client = clients(version)
    client.send(b"\xc0\x01\x00")
    client.expect_close(0x81)


@clause("1.5.4-1", "1.5.4-2", "3.1.1:1.5.3-1", "3.1.1:1.5.3-2", "3.3.2-1", "4.7.3-2", "3.1.1:3.3.2-1", "3.1.1:4.7.3-2")
@EVERY_BAD_UTF8
@EVERY_VERSION
def test_bad_utf8_in_a_topic_is_malformed_1_5_4_1(clients, version, bad):
    client = clients(version)
    client.send(publish(bad, version=version))
    client.expect_close(0x81)


@clause("1.5.4-1", "1.5.4-2", "3.8.3-1", "3.1.1:3.8.3-1")
@EVERY_BAD_UTF8
@pytest.mark.parametrize("version", [V311, V5])
def test_bad_utf8_in_a_filter_is_malformed_3_8_3_1(clients, version, bad):
    client = clients(version)
    client.send(subscribe(1, [(bad, 0)], version))
    client.expect_close(0x81)


@clause("3.10.3-1", "3.1.1:3.10.3-1")
@pytest.mark.parametrize("version", [V311, V5])
def test_bad_utf8_in_unsubscribe_is_malformed_3_10_3_1(clients, version):
    client = clients(version)
    client.send(unsubscribe(1, [b"\xc0\xaf"], version))
    client.expect_close(0x81)


@clause("3.1.3-4", "3.1.1:3.1.3-4", "3.1.3-8")
@EVERY_BAD_UTF8
def test_bad_utf8_in_the_client_id_is_refused_3_1_3_4(clients, bad):
    client = clients.open()
    client.send(connect(bad))
    client.expect_refused({0x81, 0x85})


@clause("1.5.4-1", "3.1.3-11", "3.1.3-12")
@pytest.mark.parametrize("fields", [
    {"user": b"\xed\xa0\x80"},
    {"will": Will(b"a\x00")},
    {"will": Will("a", properties={"content_type": b"\xc0\x80"})},
    {"will": Will("a", properties={"response_topic": b"\xff"})},
    {"will": Will("a", properties={"user_property": ("a", b"\x80")})},
    {"properties": {"user_property": (b"\xff", "a")}},
    {"properties": {"user_property": ("a", b"\xff")}},
    {"properties": {"auth_method": b"\xff"}},
], ids=["user", "will_topic", "will_content_type", "will_response_topic", "will_user_value", "user_name_of_property",
        "user_value", "auth_method"])
def test_bad_utf8_in_connect_is_refused_1_5_4_1(clients, fields):
    client = clients.open()
    client.send(connect(client.client_id, **fields))
    client.expect_refused(0x81)


@clause("3.1.1:3.1.3-11", "3.1.1:3.1.3-10")
@pytest.mark.parametrize("fields", [{"user": b"\xed\xa0\x80"}, {"will": Will(b"a\xff")}], ids=["user", "will_topic"])
def test_bad_utf8_in_connect_closes_without_connack_in_3_1_1(clients, fields):
    client = clients.open(V311)
    client.send(connect(client.client_id, V311, **fields))
    client.expect_close()


@clause("1.5.4-1", "3.3.2-13", "3.3.2-19", "1.5.7-1")
@pytest.mark.parametrize("properties", [
    {"content_type": b"\xed\xa0\x80"}, {"response_topic": b"a\x00"}, {"user_property": (b"\xc0\x80", "")},
    {"user_property": ("", b"\xf8\x88\x80\x80\x80")},
], ids=["content_type", "response_topic", "user_name", "user_value"])
def test_bad_utf8_in_publish_properties_is_malformed_1_5_4_1(clients, properties):
    client = clients()
    client.send(publish("a", properties=properties))
    client.expect_close(0x81)


@pytest.mark.parametrize("bad", list(CONTROL.values()), ids=list(CONTROL))
def test_control_characters_and_non_characters_are_refused(clients, bad):
    client = clients()
    client.send(publish(bad))
    client.expect_close(0x81)


@clause("1.5.4-3", "4.7.3-4", "3.1.1:1.5.3-3", "3.1.1:4.7.3-4")
@EVERY_VERSION
def test_byte_order_mark_is_kept_1_5_4_3(clients, version):
    topic = unique()
    client = clients(version)
    client.subscribe("\ufeff" + topic + "/\ufeff")
    client.publish(topic + "/\ufeff", "without")
    client.publish("\ufeff" + topic + "/\ufeff", "with")
    client.expect_message("\ufeff" + topic + "/\ufeff", "with")


@EVERY_VERSION
def test_every_kind_of_good_utf8_passes_unchanged(clients, version):
    topic = unique() + "/ é\u07ff\u0800\ud7ff\ue000\ufffd\U00010000\U0010fffd"
    client = clients(version)
    client.subscribe(topic)
    client.publish(topic, "x")
    client.expect_message(topic, "x")


@clause("2.2.1-3", "2.2.1-2", "3.1.1:2.3.1-1")
@EVERY_VERSION
@pytest.mark.parametrize("what", ["subscribe", "unsubscribe", "qos1", "qos2"])
def test_packet_identifier_0_is_refused_2_2_1_3(clients, version, what):
    client = clients(version)
    client.send({"subscribe": subscribe(0, [("a", 0)], version), "unsubscribe": unsubscribe(0, ["a"], version),
                 "qos1": publish("a", qos=1, packet_id=0, version=version),
                 "qos2": publish("a", qos=2, packet_id=0, version=version)}[what])
    client.expect_close({0x81, 0x82})


@clause("2.2.1-2")
def test_qos0_has_no_packet_identifier_2_2_1_2(clients):
    client = clients()
    topic = unique()
    client.subscribe(topic)
    client.publish(topic, "x")
    client.expect_bytes(publish(topic, "x"))


@clause("2.2.2-1")
def test_packets_without_properties_carry_length_0_2_2_2_1(clients):
    client = clients()
    topic = unique()
    client.send(subscribe(7, [(topic, 0)]))
    client.expect_bytes("90 04 00 07 00 00")
    client.send(unsubscribe(8, [topic]))
    client.expect_bytes("b0 04 00 08 00 00")


@pytest.mark.parametrize("packet_with_tail", [
    packet(PUBACK, 0, b"\x00\x01\x00\x00\xff"), packet(DISCONNECT, 0, b"\x00\x00\xff"), packet(PUBREL, 2, b"\x00\x01\x00\x00\x01"),
], ids=["puback", "disconnect", "pubrel"])
def test_bytes_after_the_last_field_are_malformed(clients, packet_with_tail):
    client = clients()
    client.send(packet_with_tail)
    client.expect_close(0x81)


@BEFORE_5
@pytest.mark.parametrize("kind", [PUBACK, PUBREC, PUBREL, PUBCOMP], ids=["puback", "pubrec", "pubrel", "pubcomp"])
def test_acknowledgements_before_5_have_two_bytes(clients, version, kind):
    client = clients(version)
    client.send(packet(kind, 2 if kind == PUBREL else 0, b"\x00\x01\x00"))
    client.expect_close()


CUT_SHORT = {
    "publish_topic": packet(PUBLISH, 0, b"\x00\x05ab"),
    "publish_id": packet(PUBLISH, 2, text("a") + b"\x00"),
    "publish_no_properties": packet(PUBLISH, 0, text("a")),
    "publish_property_value": packet(PUBLISH, 0, text("a") + b"\x03\x02\x00\x00"),
    "publish_properties_beyond_the_end": packet(PUBLISH, 0, text("a") + b"\x0a\x01\x00"),
    "subscribe_no_options": packet(SUBSCRIBE, 2, b"\x00\x01\x00" + text("a")),
    "subscribe_filter": packet(SUBSCRIBE, 2, b"\x00\x01\x00\x00\x05a"),
    "unsubscribe_filter": packet(UNSUBSCRIBE, 2, b"\x00\x01\x00\x00\x05a"),
    "puback_one_byte": packet(PUBACK, 0, b"\x00"),
    "puback_empty": packet(PUBACK, 0, b""),
    "pubrel_property_length": packet(PUBREL, 2, b"\x00\x01\x00\x05"),
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_fields_that_reach_beyond_the_packet_are_malformed(clients, name):
    client = clients()
    client.send(CUT_SHORT[name])
    client.expect_close(0x81)


@over_every_transport
@EVERY_VERSION
def test_a_conversation_may_come_byte_by_byte(clients, version):
    client = clients.open(version)
    topic = unique()
    client.send_bytewise(connect(client.client_id, version))
    client.expect(CONNACK, reason=0)
    client.send_bytewise(subscribe(1, [(topic, 2)], version) + publish(topic, b"x" * 200, 2, packet_id=9, version=version))
    client.expect(SUBACK, packet_id=1, reasons=[2])
    got = {client.receive().kind: None for _ in range(1)}
    assert got.keys() <= {PUBREC, PUBLISH}


@over_every_transport
@clause("3.1.4-5")
@EVERY_VERSION
def test_packets_sent_before_connack_are_processed_in_order(clients, version):
    client = clients.open(version)
    topic = unique()
    client.send(connect(client.client_id, version), subscribe(1, [(topic, 0)], version),
                publish(topic, "1", version=version), unsubscribe(2, [topic], version), publish(topic, "2", version=version),
                PINGREQ_BYTES)
    client.expect(CONNACK, reason=0)
    client.expect(SUBACK, packet_id=1)
    client.expect_message(topic, "1")
    client.expect(UNSUBACK, packet_id=2)
    client.expect(PINGRESP)


@clause("3.12.4-1", "3.1.1:3.12.4-1")
@EVERY_VERSION
def test_pingreq_is_answered_3_12_4_1(clients, version):
    client = clients(version)
    client.send(PINGREQ_BYTES * 3)
    client.expect_bytes(PINGRESP_BYTES * 3)


@clause("4.13.1-1", "4.13.2-1")
def test_bad_bytes_harm_nobody_else(clients):
    bystander = clients()
    topic = unique()
    bystander.subscribe(topic)
    for bad in (b"\x00\x00", publish("a/#"), publish("a", flags=6), packet(PUBLISH, 0, b"\xff\xff")):
        client = clients()
        client.send(bad)
        client.expect(DISCONNECT)
        client.expect_close()
    other = clients()
    other.publish(topic, "still here")
    bystander.expect_message(topic, "still here")
