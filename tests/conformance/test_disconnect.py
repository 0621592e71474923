"""DISCONNECT, AUTH, keep alive, and how connections end (MQTT 5.0 3.1.2.10, 3.14, 3.15, 4.12, 4.13)."""

import time

import pytest

from harness import *


@clause("3.14.4-1", "3.14.4-2", "3.1.1:3.14.4-1", "3.1.1:3.14.4-2")
@EVERY_VERSION
def test_connection_is_closed_after_disconnect_3_14_4_2(clients, version):
    client = clients(version)
    client.send(disconnect())
    client.expect_close()


@pytest.mark.parametrize("data", [b"\xe0\x00", b"\xe0\x01\x00", b"\xe0\x02\x00\x00"], ids=["empty", "reason", "whole"])
def test_every_form_of_disconnect_is_accepted(clients, data):
    client = clients()
    client.send(data)
    client.expect_close()


@BEFORE_5
def test_disconnect_with_a_body_is_malformed_before_5(clients, version):
    client = clients(version)
    client.send(b"\xe0\x01\x00")
    client.expect_close()


@clause("3.14.2-1")
@pytest.mark.parametrize("code", [0x01, 0x02, 0x7F, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x9D, 0xA2, 0xFF], ids=hex)
def test_disconnect_with_a_reason_that_clients_may_not_use_3_14_2_1(clients, code):
    client = clients()
    client.send(disconnect(code))
    client.expect_close({0x81, 0x82})


@pytest.mark.parametrize("properties", [{"topic_alias": 1}, {"server_reference": "x"}, {"session_expiry": [1, 1]}, b"\x2b",
                                        {"reason_string": ["a", "b"]}], ids=["alias", "server", "twice", "unknown", "reasons"])
def test_properties_that_are_not_allowed_in_disconnect(clients, properties):
    client = clients(properties={"session_expiry": 5})
    client.send(disconnect(0, properties))
    client.expect_close({0x81, 0x82})


def test_properties_of_disconnect_are_accepted(clients):
    client = clients(properties={"session_expiry": 5})
    client.disconnect(0, {"session_expiry": 1, "reason_string": "bye", "user_property": [("a", "b"), ("a", "b")]})


@clause("4.13.1-1", "4.13.2-1", "3.14.4-1", "3.14.4-2", "3.1.1:4.8.0-1")
@EVERY_VERSION
def test_nothing_is_processed_after_an_error_4_13_1_1(clients, version):
    topic, sub, client = unique(), clients(version), clients(version)
    sub.subscribe(topic)
    client.send(publish("a/+", version=version), publish(topic, "late", version=version), PINGREQ_BYTES)
    client.expect_close({0x81, 0x82, 0x90})
    sub.expect_nothing(after=clients(version))


def test_reason_arrives_although_unread_bytes_follow(clients):
    client = clients()
    client.send(b"\x00\x00" + b"x" * 1000000)
    client.expect_close(0x81)


@clause("3.14.0-1")
def test_no_disconnect_before_connack_3_14_0_1(clients):
    for data in (b"\x10\x02\x00\x04", connect("a", will=Will("a", qos=3)), packet(CONNECT, 0, b"\xff" * 20), b"\x00\x00"):
        client = clients.open()
        client.send(data)
        client.finish_sending()
        while (got := client.receive()) is not None:
            assert got.kind == CONNACK


@clause("3.14.2-2")
def test_server_sends_no_session_expiry_in_disconnect_3_14_2_2(clients):
    client = clients(clean=False, properties={"session_expiry": 100})
    client.send(b"\x00\x00")
    assert "session_expiry" not in client.expect(DISCONNECT).properties


# ---- Keep alive.

@clause("3.1.2-22", "3.1.1:3.1.2-24", "3.1.2-20")
@EVERY_VERSION
def test_silence_ends_the_connection_after_one_and_a_half_keep_alives_3_1_2_22(clients4, version):
    topic, watcher = unique(), clients4()
    watcher.subscribe(topic)
    client = clients4(version, keep_alive=1, will=Will(topic))
    start = time.monotonic()
    client.expect_close(0x8D)
    assert 1.4 <= time.monotonic() - start < 4
    watcher.expect_message(topic, "will")


@clause("3.1.2-22")
def test_what_the_broker_sends_does_not_count_as_a_sign_of_life(clients4):
    topic, pub, sub = unique(), clients4(), clients4(keep_alive=1)
    sub.subscribe(topic)
    start = time.monotonic()
    while True:
        pub.publish(topic, "tick")
        got = sub.receive()
        if got.kind == DISCONNECT:
            break
        assert time.monotonic() - start < 5
        time.sleep(0.05)
    assert got.reason == 0x8D


@clause("3.1.2-22")
def test_any_packet_is_a_sign_of_life(clients4):
    client = clients4(keep_alive=1)
    for send in (lambda: client.send(PINGREQ_BYTES), lambda: client.publish(unique(), "x"), lambda: client.ack(PUBACK, 9),
                 lambda: client.send(publish("a")[:2]) or client.send(publish("a")[2:])):
        time.sleep(0.9)
        send()
    client.buffer.clear()
    client.send(PINGREQ_BYTES)
    got = client.receive()
    while got.kind == PINGRESP and client.buffer:
        got = client.receive()
    assert got.kind == PINGRESP


@clause("3.1.2-22")
def test_keep_alive_0_is_off(clients4):
    client = clients4(keep_alive=0)
    time.sleep(2.2)
    client.expect_alive()


@clause("3.2.2-21", "3.2.2-22", "3.1.2-21")
def test_servers_keep_alive_is_used_by_the_server_3_2_2_21(start_broker):
    broker = start_broker(config="limits: {keep_alive: 1 s}\n")
    with Client(broker) as client, Client(broker) as never, Client(broker, version=V311) as old:
        assert client.connect(keep_alive=600).properties["server_keep_alive"] == 1
        assert never.connect(keep_alive=0).properties["server_keep_alive"] == 1
        old.connect(keep_alive=600)
        start = time.monotonic()
        client.expect_close(0x8D)
        never.expect_close(0x8D)
        assert time.monotonic() - start < 4
        old.expect_alive()


# ---- AUTH.

@clause("4.12.0-6", "4.12.0-7")
@pytest.mark.parametrize("code", [0x00, 0x18, 0x19], ids=hex)
def test_auth_without_a_method_in_connect_is_a_protocol_error_4_12_0_7(clients, code):
    client = clients()
    client.send(auth(code, {"auth_method": "x"}))
    client.expect_close(0x82)


@clause("4.12.0-7")
def test_empty_auth_is_a_protocol_error(clients):
    client = clients()
    client.send(auth())
    client.expect_close({0x81, 0x82})


@clause("3.15.2-1")
@pytest.mark.parametrize("code", [0x01, 0x17, 0x80, 0xFF], ids=hex)
def test_unknown_reason_in_auth_is_refused_3_15_2_1(clients, code):
    client = clients()
    client.send(auth(code, {"auth_method": "x"}))
    client.expect_close({0x81, 0x82})


@clause("4.12.0-1")
@pytest.mark.parametrize("method", ["", "PLAIN", "SCRAM-SHA-256", "x" * 1000])
def test_method_that_is_not_offered_is_refused_4_12_0_1(clients, method):
    client = clients.open()
    client.send(connect(client.client_id, properties={"auth_method": method}), publish("a"))
    client.expect_refused(0x8C)
