"""CONNECT: what is accepted, what is refused, and how (MQTT 5.0 3.1 and 3.2)."""

import pytest

from harness import *


def refused(clients, data, reason, version=V5):
    """Send a CONNECT that breaks the format: 5.0 gets a CONNACK with the reason, older versions only the close."""
    client = clients.open(version)
    client.send(data)
    if version == V5:
        client.expect_refused(reason)
    else:
        client.expect_close()


@clause("3.1.0-1", "3.1.1:3.1.0-1")
@pytest.mark.parametrize("first", [PINGREQ_BYTES, publish("a", "x"), subscribe(1, [("a", 0)]), disconnect(0), auth(0, {}),
                                   b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
                         ids=["pingreq", "publish", "subscribe", "disconnect", "auth", "http", "tls"])
def test_first_packet_must_be_connect_3_1_0_1(clients, first):
    client = clients.open()
    client.send(first)
    got = client.receive()
    if got is not None:
        assert got.kind == CONNACK and got.reason >= 0x80
        client.expect_close()


@clause("3.1.0-1")
def test_what_comes_before_connect_is_not_processed_3_1_0_1(clients):
    topic = unique()
    sub, bad = clients(), clients.open()
    sub.subscribe(topic)
    bad.send(publish(topic, "x"), connect(bad.client_id))
    while bad.receive() is not None:
        pass
    sub.expect_nothing(after=clients())


@over_every_transport
@clause("3.1.0-2", "3.1.1:3.1.0-2")
@EVERY_VERSION
def test_second_connect_is_a_protocol_error_3_1_0_2(clients, version):
    client = clients(version)
    client.send(connect(client.client_id, version))
    client.expect_close(0x82)


@clause("3.1.2-1", "3.1.1:3.1.2-1")
@pytest.mark.parametrize("protocol", ["MQTX", "mqtt", "MQT", "", "MQTT5", "MQIsdq", "HTTP"])
@EVERY_VERSION
def test_unknown_protocol_name_3_1_2_1(clients, protocol, version):
    client = clients.open(version)
    client.send(connect(client.client_id, version, protocol=protocol))
    got = client.receive()
    if got is not None:
        assert got.kind == CONNACK and got.reason in (1, 0x84)
        client.expect_close()


@clause("3.1.2-2", "3.2.2-8")
@pytest.mark.parametrize("level", [6, 7, 42, 255])
def test_unknown_level_is_unsupported_protocol_version_3_1_2_2(clients, level):
    client = clients.open()
    client.send(connect(client.client_id, level=level))
    client.expect_refused(0x84)


@clause("3.1.2-2", "3.1.1:3.1.2-2")
@pytest.mark.parametrize("level", [0, 1, 2])
def test_unknown_lower_level_gets_return_code_1_3_1_2_2(clients, level):
    client = clients.open(V311)
    client.send(connect(client.client_id, V311, level=level))
    client.expect_refused({1, 0x84})


@clause("3.1:name")
@pytest.mark.parametrize("protocol, level", [("MQIsdp", 4), ("MQIsdp", 5), ("MQTT", 3)])
def test_names_and_levels_belong_together(clients, protocol, level):
    client = clients.open(V311)
    client.send(connect(client.client_id, V311, protocol=protocol, level=level))
    got = client.receive()
    if got is not None:
        assert got.kind == CONNACK and got.reason in (1, 0x84)
        client.expect_close()


@clause("3.1.2-3", "3.1.1:3.1.2-3")
@pytest.mark.parametrize("version", [V311, V5])
def test_reserved_flag_must_be_0_3_1_2_3(clients, version):
    refused(clients, connect("a", version, flags=0x03), 0x81, version)


@clause("2.1.3-1")
@pytest.mark.parametrize("flags", [1, 2, 4, 8])
@EVERY_VERSION
def test_flags_of_the_fixed_header_of_connect_2_1_3_1(clients, version, flags):
    client = clients.open(version)
    client.send(connect("a", version, header_flags=flags))
    client.finish_sending()
    if (got := client.receive_unparsed()) is not None:  # the version is not known yet: a CONNACK is not asked for
        assert got[0] == 0x20 and got[3] in (1, 0x81)
        client.expect_close()


@clause("3.1.2-11", "3.1.2-13", "3.1.1:3.1.2-11", "3.1.1:3.1.2-13", "3.1.1:3.1.2-15")
@pytest.mark.parametrize("flags", [0x0A, 0x12, 0x22], ids=["qos1", "qos2", "retain"])
@pytest.mark.parametrize("version", [V311, V5])
def test_will_qos_and_retain_without_will_flag_are_malformed_3_1_2_11(clients, flags, version):
    refused(clients, connect("a", version, flags=flags), 0x81, version)


@clause("3.1.2-12", "3.1.1:3.1.2-14")
@EVERY_VERSION
def test_will_qos_3_is_malformed_3_1_2_12(clients, version):
    refused(clients, connect("a", version, will=Will("a", qos=3)), 0x81, version)


@clause("3.1.2-9", "3.1.2-17", "3.1.2-19", "3.1.3-1", "3.1.1:3.1.2-9", "3.1.1:3.1.2-19", "3.1.1:3.1.2-21", "3.1.1:3.1.3-1")
@pytest.mark.parametrize("flags", [0x82, 0x42, 0x06, 0xC6], ids=["user", "password", "will", "all"])
@pytest.mark.parametrize("version", [V311, V5])
def test_fields_that_the_flags_announce_must_be_there_3_1_3_1(clients, flags, version):
    refused(clients, connect("a", version, flags=flags), 0x81, version)


@clause("3.1.2-16", "3.1.2-18", "3.1.1:3.1.2-18", "3.1.1:3.1.2-20", "3.1.1:3.1.2-10")
@EVERY_VERSION
def test_fields_that_the_flags_do_not_announce_must_not_be_there_3_1_2_16(clients, version):
    refused(clients, connect("a", version, tail=text("user") + text("password")), 0x81, version)


@clause("3.1.1:3.1.2-22")
def test_password_without_user_name_is_refused_in_3_1_1(clients):
    client = clients.open(V311)
    client.send(connect(client.client_id, V311, password="secret"))
    client.expect_close()


def test_password_without_user_name_is_allowed_in_5(clients):
    clients(password=b"\x00\xff binary")


@EVERY_VERSION
def test_user_name_and_binary_password_are_accepted(clients, version):
    clients(version, user="user", password=b"\x00\xff\xed\xa0\x80")


@clause("3.1:client-id")
def test_client_id_of_3_1_has_1_to_23_bytes(clients):
    clients(V31, client_id=unique("x" * 12)[:23].ljust(23, "y"))
    for client_id in ("", "y" * 24):
        client = clients.open(V31)
        client.send(connect(client_id, V31))
        client.expect_refused(2)


@clause("3.1.3-5", "3.1.1:3.1.3-5", "3.1.3-3")
@pytest.mark.parametrize("version", [V311, V5])
def test_client_ids_of_1_to_23_letters_and_digits_are_accepted_3_1_3_5(clients, version):
    clients(version, client_id="0123456789abcdefghijABC")
    clients(version, client_id="DEFGHIJKLMNOPQRSTUVWXYZ")
    clients(version, client_id="klmnopqrstuvwxyz")
    clients(version, client_id="Z")


@pytest.mark.parametrize("version", [V311, V5])
def test_long_client_ids_are_accepted_or_refused_as_such(clients, version):
    client = clients.open(version, client_id=unique("long" * 4000))
    client.connect(reason=None)
    assert client.connack.reason in (0, 2, 0x85)


@clause("3.1.1:3.1.3-8", "3.1.1:3.1.3-9")
def test_empty_client_id_needs_clean_session_in_3_1_1(clients):
    client = clients.open(V311)
    client.send(connect("", V311, clean=False))
    client.expect_refused(2)


@clause("3.1.1:3.1.3-6", "3.1.1:3.1.3-7")
def test_empty_client_id_with_clean_session_is_served_in_3_1_1(clients):
    first, second = clients(V311, client_id=""), clients(V311, client_id="")
    first.expect_alive()
    second.expect_alive()


@clause("3.1.3-6", "3.1.3-7", "3.2.2-16")
def test_server_assigns_unique_client_ids_3_2_2_16(clients):
    made = [clients(client_id="") for _ in range(20)]
    ids = [each.connack.properties["assigned_client_id"] for each in made]
    assert len(set(ids)) == 20 and "" not in ids
    for each in made:
        each.expect_alive()


@clause("3.1.3-7", "3.2.2-16")
def test_assigned_client_id_with_a_session_can_be_resumed_3_1_3_7(clients):
    first = clients(client_id="", clean=False, properties={"session_expiry": 60})
    assert first.connack.session_present is False
    assigned = first.connack.properties["assigned_client_id"]
    first.disconnect()
    second = clients(client_id=assigned, clean=False)
    assert second.connack.session_present is True
    assert "assigned_client_id" not in second.connack.properties


def test_given_client_id_is_not_assigned(clients):
    assert "assigned_client_id" not in clients().connack.properties


@clause("3.1.4-6", "3.1.1:3.1.4-5")
def test_what_follows_a_refused_connect_is_not_processed_3_1_4_6(clients):
    topic = unique()
    sub, bad = clients(), clients.open()
    sub.subscribe(topic)
    bad.send(connect("a", will=Will("a", qos=3)), publish(topic, "x"))
    bad.expect_refused(0x81)
    sub.expect_nothing(after=clients())


@clause("3.1.4-1", "3.1.1:3.1.4-1")
@pytest.mark.parametrize("properties", [
    {"session_expiry": [1, 2]}, {"receive_maximum": [1, 2]}, {"maximum_packet_size": [100, 100]},
    {"topic_alias_maximum": [1, 1]}, {"request_response_info": [0, 0]}, {"request_problem_info": [0, 0]},
    {"auth_method": ["a", "a"]}, {"auth_method": "a", "auth_data": [b"a", b"a"]},
], ids=lambda properties: next(reversed(properties)))
def test_property_twice_in_connect_is_a_protocol_error(clients, properties):
    refused(clients, connect("a", properties=properties), 0x82)


@pytest.mark.parametrize("properties", [
    {"receive_maximum": 0}, {"maximum_packet_size": 0}, {"request_response_info": 2}, {"request_problem_info": 2},
], ids=lambda properties: next(iter(properties)))
def test_property_values_that_are_not_allowed_in_connect(clients, properties):
    refused(clients, connect("a", properties=properties), {0x82, 0x81})


@clause("3.15.2-1")
def test_auth_data_without_method_is_a_protocol_error(clients):
    refused(clients, connect("a", properties={"auth_data": b"x"}), 0x82)


ALLOWED_IN_CONNECT = {"session_expiry", "auth_method", "auth_data", "request_problem_info", "request_response_info",
                      "receive_maximum", "topic_alias_maximum", "user_property", "maximum_packet_size"}
SAMPLES = {"byte": 1, "u16": 1, "u32": 1, "varint": 1, "text": "x", "binary": b"x", "pair": ("x", "y")}


@pytest.mark.parametrize("name", sorted(PROPERTIES.keys() - ALLOWED_IN_CONNECT))
def test_property_that_does_not_belong_into_connect(clients, name):
    refused(clients, connect("a", properties={name: SAMPLES[PROPERTIES[name][1]]}), {0x81, 0x82})


WILL_PROPERTIES = {"will_delay", "payload_format", "message_expiry", "content_type", "response_topic", "correlation_data",
                   "user_property"}


@pytest.mark.parametrize("name", sorted(PROPERTIES.keys() - WILL_PROPERTIES))
def test_property_that_does_not_belong_into_a_will(clients, name):
    refused(clients, connect("a", will=Will("a", properties={name: SAMPLES[PROPERTIES[name][1]]})), {0x81, 0x82})


@pytest.mark.parametrize("name", sorted(WILL_PROPERTIES - {"user_property"}))
def test_will_property_twice_is_a_protocol_error(clients, name):
    value = SAMPLES[PROPERTIES[name][1]]
    refused(clients, connect("a", will=Will("a", properties={name: [value, value]})), 0x82)


@pytest.mark.parametrize("identifier", [0x00, 0x04, 0x2B, 0x7F, 0x80])
def test_unknown_property_is_refused(clients, identifier):
    refused(clients, connect("a", properties=varint(identifier) + b"\x00"), {0x81, 0x82})


def test_every_property_of_connect_is_accepted(clients):
    clients(properties={"session_expiry": 10, "receive_maximum": 5, "maximum_packet_size": 1000, "topic_alias_maximum": 3,
                        "request_response_info": 1, "request_problem_info": 1, "user_property": [("a", "b"), ("a", "b")]},
            will=Will("a", properties={"will_delay": 1, "payload_format": 1, "message_expiry": 2, "content_type": "c",
                                       "response_topic": "d", "correlation_data": b"e", "user_property": [("f", "g")]}))


@clause("3.3.2-2", "3.1.3-11", "4.7.1-1")
@pytest.mark.parametrize("topic", ["a/#", "+/a", "#", ""], ids=["hash", "plus", "hash_alone", "empty"])
def test_will_topic_must_be_a_topic_name(clients, topic):
    client = clients.open()
    client.send(connect(client.client_id, will=Will(topic)))
    client.expect_refused({0x81, 0x82, 0x90})


@clause("3.3.2-14")
def test_response_topic_of_a_will_has_no_wildcards(clients):
    refused(clients, connect("a", will=Will("a", properties={"response_topic": "a/+"})), {0x81, 0x82, 0x90})


def test_will_to_the_brokers_own_topics_is_refused(clients):
    client = clients.open()
    client.send(connect(client.client_id, will=Will("$SYS/x")))
    got = client.expect(CONNACK)
    assert got.reason in (0, 0x87, 0x90)
    if got.reason:
        client.expect_close()


# ---- CONNACK.

@clause("3.2.0-1", "3.2.0-2", "3.2.2-1", "3.1.4-5", "3.1.1:3.1.4-4", "3.1.1:3.2.0-1")
@BEFORE_5
def test_connack_comes_first_and_once_3_2_0_1(clients, version):
    client = clients.open(version)
    client.send(connect(client.client_id, version), PINGREQ_BYTES)
    client.expect_bytes("20 02 00 00 d0 00")


@clause("3.2.0-1", "3.2.0-2", "3.2.2-1", "3.1.4-5")
def test_connack_of_5_comes_first_and_once_3_2_0_1(clients):
    client = clients()
    client.expect_alive()
    known = client.connack.properties
    assert known.get("maximum_qos") is None, "2 must not be announced [3.2.2.3.4]"
    assert all(known.get(name, 1) == 1 for name in ("retain_available", "wildcard_available", "shared_available",
                                                    "subscription_id_available"))
    assert known.get("receive_maximum", 1) > 0 and known.get("maximum_packet_size", 1) > 0


@over_every_transport
@clause("3.2.0-1")
def test_connack_comes_before_messages_of_the_old_session_3_2_0_1(clients):
    topic, sub, pub = unique(), clients(clean=False, properties={"session_expiry": 60}), clients()
    sub.subscribe(topic, qos=1)
    sub.disconnect()
    pub.publish(topic, "x", qos=1)
    sub.open().connect(clean=False)
    sub.expect_message(topic, "x", qos=1)


@clause("3.1.2-28")
@pytest.mark.parametrize("properties", [{}, {"request_response_info": 0}], ids=["absent", "0"])
def test_no_response_information_unless_asked_3_1_2_28(clients, properties):
    assert "response_info" not in clients(properties=properties).connack.properties


@clause("3.1.2-29")
def test_no_reason_string_when_problem_information_is_off_3_1_2_29(clients):
    client = clients(properties={"request_problem_info": 0})
    client.send(subscribe(1, [("a/#/b", 0)]))
    got = client.expect(SUBACK)
    assert got.reasons[0] >= 0x80 and got.properties == {}
    client.send(unsubscribe(2, ["nothing/here"]))
    assert client.expect(UNSUBACK).properties == {}
    got = client.publish("$SYS/x", qos=1, reason=0x87)
    assert got.properties == {}


@over_every_transport
@clause("3.2.2-7", "3.1.1:3.2.2-5", "3.2.2-6", "3.1.1:3.2.2-4")
def test_connection_is_closed_after_an_error_in_connack_3_2_2_7(clients):
    refused(clients, connect("a", level=9), 0x84)


@clause("3.2.2-19", "3.2.2-20")
def test_connack_fits_the_maximum_packet_size_of_the_client_3_2_2_19(clients):
    client = clients.open()
    client.send(connect(client.client_id, properties={"maximum_packet_size": 20, "auth_method": "none"}))
    assert len(client.expect(CONNACK, reason=0x8C).raw) <= 20
    client.expect_close()
    client = clients.open()
    client.send(connect(client.client_id, properties={"maximum_packet_size": 60}))
    assert len(client.expect(CONNACK, reason=0).raw) <= 60


@clause("4.12.0-1", "3.1.4-2", "4.12.0-6")
def test_unknown_authentication_method_is_refused_4_12_0_1(clients):
    client = clients.open()
    client.send(connect(client.client_id, properties={"auth_method": "GS2-KRB5", "auth_data": b"x"}))
    client.expect_refused(0x8C)
