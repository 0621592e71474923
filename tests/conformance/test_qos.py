"""The exchanges of QoS 1 and 2 in both directions, packet identifiers, resending and order (MQTT 5.0 2.2.1, 4.3 to 4.6)."""

import pytest

from harness import *


def persistent(clients, version=V5, client_id=None, **fields):
    if version == V5:
        fields["properties"] = dict(fields.get("properties", {}), session_expiry=1000)
    return clients(version, client_id, clean=False, **fields)


def resume(client, **fields):
    """Drop the connection and come back with the same session."""
    client.reopen()
    if client.version == V5:
        fields["properties"] = dict(fields.get("properties", {}), session_expiry=1000)
    got = client.connect(clean=False, **fields)
    assert got.session_present is (client.version != V31)
    return client


# ---- From the client to the broker.

@clause("4.3.2-5", "3.3.1-1", "3.1.1:4.3.2-2")
@EVERY_VERSION
@pytest.mark.parametrize("dup", [False, True])
def test_qos1_with_the_same_id_after_puback_is_a_new_message_4_3_2_5(clients, version, dup):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic)
    pub.publish(topic, "1", 1, packet_id=5)
    pub.publish(topic, "2", 1, packet_id=5, dup=dup)
    sub.expect_message(topic, "1")
    sub.expect_message(topic, "2")


@clause("4.3.3-10", "4.3.3-8", "3.1.1:4.3.3-2")
@EVERY_VERSION
@pytest.mark.parametrize("dup", [False, True])
def test_qos2_with_the_same_id_before_pubrel_is_not_delivered_twice_4_3_3_10(clients, version, dup):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic)
    for _ in range(3):
        pub.start(topic, "1", 2, packet_id=5, dup=dup)
        pub.expect(PUBREC, packet_id=5)
    pub.ack(PUBREL, 5)
    pub.expect(PUBCOMP, packet_id=5, reason=0)
    sub.expect_message(topic, "1")
    sub.expect_nothing(after=pub)


@clause("4.3.3-12", "4.3.3-11")
@EVERY_VERSION
@pytest.mark.parametrize("dup", [False, True])
def test_qos2_with_the_same_id_after_pubcomp_is_a_new_message_4_3_3_12(clients, version, dup):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic)
    pub.publish(topic, "1", 2, packet_id=5)
    pub.publish(topic, "2", 2, packet_id=5, dup=dup)
    sub.expect_message(topic, "1")
    sub.expect_message(topic, "2")


@clause("4.3.3-10", "4.1.0-1")
@EVERY_VERSION
def test_qos2_ids_survive_a_reconnect_4_3_3_10(clients, version):
    topic, sub = unique(), clients(version)
    pub = persistent(clients, version)
    sub.subscribe(topic)
    pub.start(topic, "1", 2, packet_id=5)
    pub.expect(PUBREC, packet_id=5)
    resume(pub)
    pub.start(topic, "1", 2, packet_id=5, dup=True)
    pub.expect(PUBREC, packet_id=5)
    pub.ack(PUBREL, 5)
    pub.expect(PUBCOMP, packet_id=5)
    sub.expect_message(topic, "1")
    sub.expect_nothing(after=pub)


@clause("3.1.2-4", "3.1.1:3.1.2-6")
@EVERY_VERSION
def test_clean_start_forgets_qos2_ids_3_1_2_4(clients, version):
    topic, sub = unique(), clients(version)
    pub = persistent(clients, version)
    sub.subscribe(topic)
    pub.start(topic, "1", 2, packet_id=5)
    pub.expect(PUBREC, packet_id=5)
    pub.reopen()
    pub.connect(clean=True)
    pub.publish(topic, "2", 2, packet_id=5)
    got = sub.expect_message(topic)
    if got.payload == b"1":  # a broker may pass a message on before its PUBREL or after it
        got = sub.expect_message(topic)
    assert got.payload == b"2"


@clause("4.3.3-9")
def test_refused_qos2_frees_its_id_4_3_3_9(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic)
    pub.publish("$no/" + topic, "1", 2, packet_id=5, reason=0x87)
    pub.publish(topic, "2", 2, packet_id=5)
    sub.expect_message(topic, "2")


@clause("4.3.3-11", "3.1.1:4.3.3-2", "3.1.1:3.6.4-1", "3.7.2-1")
@EVERY_VERSION
def test_pubrel_for_an_unknown_id_gets_pubcomp_4_3_3_11(clients, version):
    client = clients(version)
    client.ack(PUBREL, 77)
    got = client.expect(PUBCOMP, packet_id=77)
    assert got.reason in (0, 0x92)
    client.expect_alive()


@clause("3.6.2-1")
@EVERY_VERSION
def test_pubrec_for_an_unknown_id_gets_pubrel(clients, version):
    client = clients(version)
    client.ack(PUBREC, 77)
    got = client.expect(PUBREL, packet_id=77)
    assert got.reason in (0, 0x92)
    client.expect_alive()


@EVERY_VERSION
@pytest.mark.parametrize("kind", [PUBACK, PUBCOMP], ids=["puback", "pubcomp"])
def test_acknowledgement_of_an_unknown_id_is_ignored(clients, version, kind):
    client = clients(version)
    client.ack(kind, 77)
    client.expect_alive()


@clause("4.3.3-13", "4.3.3-3")
def test_qos2_reaches_subscribers_once_however_often_pubrel_comes(clients):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, qos=2)
    pub.start(topic, "1", 2, packet_id=5)
    pub.expect(PUBREC, packet_id=5)
    for _ in range(3):
        pub.ack(PUBREL, 5)
        pub.expect(PUBCOMP, packet_id=5)
    sub.expect_message(topic, "1", qos=2)
    sub.expect_nothing(after=pub)


@clause("2.2.1-4", "2.2.1-5")
def test_ids_of_both_directions_are_independent(clients):
    topic, client = unique(), clients()
    client.subscribe(topic, qos=2)
    client.start(unique(), "x", 2, packet_id=1)
    client.expect(PUBREC, packet_id=1)
    clients().publish(topic, "y", 2)
    client.expect(PUBLISH, packet_id=1, payload=b"y")
    client.ack(PUBREC, 1)
    client.expect(PUBREL, packet_id=1)
    client.ack(PUBREL, 1)
    client.expect(PUBCOMP, packet_id=1)
    client.ack(PUBCOMP, 1)
    client.expect_alive()


@clause("2.2.1-5", "2.2.1-6", "3.1.1:2.3.1-6", "3.1.1:2.3.1-7")
@EVERY_VERSION
def test_acknowledgements_carry_the_id_of_what_they_acknowledge_2_2_1_5(clients, version):
    client = clients(version)
    for packet_id in (1, 2, 255, 256, 32768, 65535):
        client.send(subscribe(packet_id, [("a", 0)], version))
        client.expect(SUBACK, packet_id=packet_id)
        client.send(unsubscribe(packet_id, ["a"], version))
        client.expect(UNSUBACK, packet_id=packet_id)
        client.publish(unique(), "", 1, packet_id=packet_id)
        client.publish(unique(), "", 2, packet_id=packet_id)


# ---- From the broker to the client.

@clause("4.3.2-2", "4.3.2-3", "4.3.3-2", "2.2.1-4", "3.1.1:2.3.1-4", "3.1.1:4.3.2-1", "3.1.1:4.3.3-1")
@EVERY_VERSION
def test_ids_count_up_from_1_2_2_1_4(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=2)
    for number in range(1, 6):
        pub.publish(topic, str(number), 1 + number % 2)
        got = sub.expect(PUBLISH, payload=str(number).encode(), qos=1 + number % 2, dup=False)
        assert got.packet_id == number


@clause("4.3.3-4", "4.3.3-5", "4.3.3-3", "3.1.1:4.3.3-1")
@EVERY_VERSION
def test_pubrec_is_answered_by_pubrel_4_3_3_4(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", 2)
    sub.expect_bytes(publish(topic, "x", 2, packet_id=1, version=version))
    sub.ack(PUBREC, 1)
    sub.expect_bytes("62 02 00 01")
    sub.ack(PUBREC, 1)
    sub.expect_bytes("62 02 00 01")
    sub.ack(PUBCOMP, 1)
    sub.expect_nothing()


SHORT_FORMS = [lambda kind: ack(kind, 1), lambda kind: ack(kind, 1, 0), lambda kind: ack(kind, 1, 0, {}),
               lambda kind: ack(kind, 1, 0, {"reason_string": "r", "user_property": [("a", "b"), ("a", "b")]})]


@pytest.mark.parametrize("form", SHORT_FORMS, ids=["id", "id_reason", "id_reason_length", "whole"])
def test_short_and_long_forms_of_acknowledgements_are_accepted(clients, form):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", 1)
    sub.expect(PUBLISH, packet_id=1, qos=1)
    sub.send(form(PUBACK))
    sub.expect_alive()
    sub.disconnect()
    sub.open().connect()
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", 2)
    sub.expect(PUBLISH, packet_id=1, qos=2)
    sub.send(form(PUBREC))
    sub.expect(PUBREL, packet_id=1)
    sub.send(form(PUBCOMP))
    sub.expect_alive()
    pub.start(unique(), "x", 2, packet_id=1)
    pub.expect(PUBREC)
    pub.send(form(PUBREL))
    pub.expect(PUBCOMP, packet_id=1)


@pytest.mark.parametrize("kind, code", [(PUBACK, 0x01), (PUBACK, 0x92), (PUBREC, 0x92), (PUBREC, 0x04), (PUBREL, 0x10),
                                        (PUBREL, 0x80), (PUBCOMP, 0x80), (PUBCOMP, 0xFF)])
def test_reason_codes_that_do_not_belong_there_are_refused(clients, kind, code):
    client = clients()
    client.send(ack(kind, 1, code))
    client.expect_close({0x81, 0x82})


@pytest.mark.parametrize("kind", [PUBACK, PUBREC, PUBREL, PUBCOMP], ids=["puback", "pubrec", "pubrel", "pubcomp"])
@pytest.mark.parametrize("properties", [{"topic_alias": 1}, {"reason_string": ["a", "b"]}, b"\x2b\x00"],
                         ids=["foreign", "twice", "unknown"])
def test_properties_that_do_not_belong_into_acknowledgements(clients, kind, properties):
    client = clients()
    client.send(ack(kind, 1, 0, properties))
    client.expect_close({0x81, 0x82})


@EVERY_VERSION
@pytest.mark.parametrize("qos, kind", [(1, PUBREC), (1, PUBCOMP), (2, PUBACK), (2, PUBCOMP)])
def test_acknowledgement_of_the_wrong_kind_is_a_protocol_error(clients, version, qos, kind):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", qos)
    got = sub.expect(PUBLISH, qos=qos)
    sub.ack(kind, got.packet_id)
    sub.expect_close(0x82)


@over_every_transport
@clause("4.4.0-1", "4.6.0-5", "4.6.0-1", "3.3.1-1", "3.1.1:4.4.0-1", "3.1.1:3.3.1-1", "3.1.1:4.6.0-1", "4.1.0-1")
@EVERY_VERSION
def test_unacknowledged_messages_are_resent_with_dup_in_order_4_4_0_1(clients, version):
    topic, pub = unique(), clients(version)
    sub = persistent(clients, version)
    sub.subscribe(topic, qos=2)
    for number in range(6):
        pub.publish(topic, str(number), 1 + number % 2)
    first = [sub.expect(PUBLISH, payload=str(number).encode(), dup=False) for number in range(6)]
    sub.ack(PUBACK, first[2].packet_id)
    sub.expect_alive()
    resume(sub)
    for number in (0, 1, 3, 4, 5):
        got = sub.expect(PUBLISH, payload=str(number).encode(), dup=True, qos=1 + number % 2, retain=False)
        assert got.packet_id == first[number].packet_id
    pub.publish(topic, "newer", 1)
    sub.expect(PUBLISH, payload=b"newer", dup=False)
    sub.expect_alive()


@clause("4.3.3-6", "4.3.3-5", "4.4.0-1", "4.6.0-4", "3.1.1:4.6.0-4")
@EVERY_VERSION
def test_pubrel_is_resent_instead_of_publish_4_3_3_6(clients, version):
    topic, pub = unique(), clients(version)
    sub = persistent(clients, version)
    sub.subscribe(topic, qos=2)
    for number in range(3):
        pub.publish(topic, str(number), 2)
    ids = [sub.expect(PUBLISH).packet_id for _ in range(3)]
    for packet_id in ids[:2]:
        sub.ack(PUBREC, packet_id)
        sub.expect(PUBREL, packet_id=packet_id)
    resume(sub)
    got = [sub.receive() for _ in range(3)]
    assert sorted((each.kind, each.packet_id) for each in got) == [(PUBLISH, ids[2]), (PUBREL, ids[0]), (PUBREL, ids[1])]
    assert [each.packet_id for each in got if each.kind == PUBREL] == ids[:2]
    for packet_id in ids[:2]:
        sub.ack(PUBCOMP, packet_id)
    sub.expect_nothing()
    resume(sub)
    sub.expect(PUBLISH, packet_id=ids[2], dup=True)
    sub.expect_nothing()


@clause("4.4.0-1", "3.1.1:4.4.0-1")
@EVERY_VERSION
def test_nothing_is_resent_while_the_connection_lasts_4_4_0_1(clients, version):
    topic, sub, pub = unique(), clients(version), clients(version)
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "1", 1)
    pub.publish(topic, "2", 2)
    sub.expect(PUBLISH)
    sub.expect(PUBLISH)
    sub.expect_nothing(after=pub)


@clause("4.4.0-2", "4.3.3-4")
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
def test_error_from_the_subscriber_ends_the_message_4_4_0_2(clients, qos, code):
    topic, pub = unique(), clients()
    sub = persistent(clients)
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", qos)
    got = sub.expect(PUBLISH, qos=qos)
    sub.ack(PUBACK if qos == 1 else PUBREC, got.packet_id, code)
    sub.expect_nothing()
    resume(sub)
    sub.expect_nothing()


@pytest.mark.parametrize("code", [0x00, 0x10])
def test_pubrec_with_success_goes_on_with_pubrel(clients, code):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", 2)
    got = sub.expect(PUBLISH, qos=2)
    sub.ack(PUBREC, got.packet_id, code)
    sub.expect(PUBREL, packet_id=got.packet_id, reason=0)


@over_every_transport
@clause("4.6.0-5", "4.6.0-6", "4.5.0-2", "3.1.1:4.6.0-5", "3.1.1:4.6.0-6", "4.6.0-2", "4.6.0-3", "3.1.1:4.6.0-2", "3.1.1:4.6.0-3")
@EVERY_QOS
def test_order_of_one_publisher_is_kept_4_6_0_5(clients, qos):
    topic, sub, pub = unique(), clients(), clients()
    sub.subscribe(topic, qos=qos)
    count = 600
    pub.send(*(publish(topic, u32(number), qos, packet_id=number + 1 if qos else None) for number in range(count)))
    for number in range(count if qos else 0):
        pub.expect(PUBACK if qos == 1 else PUBREC, packet_id=number + 1)
    if qos == 2:
        pub.send(*(ack(PUBREL, number + 1) for number in range(count)))
    for number in range(count):
        sub.expect_message(topic, u32(number))


@clause("4.6.0-6")
def test_order_of_mixed_qos_in_one_queue_4_6_0_6(clients):
    topic, pub = unique(), clients()
    sub = clients(properties={"receive_maximum": 3})
    sub.subscribe(topic, qos=2)
    for number in range(60):
        pub.publish(topic, bytes([number]), number % 3)
    seen = {0: [], 1: [], 2: []}
    while sum(map(len, seen.values())) < 60:
        got = sub.receive()
        if got.kind == PUBLISH:
            seen[got.qos].append(got.payload[0])
            if got.qos:
                sub.ack(PUBACK if got.qos == 1 else PUBREC, got.packet_id)
        else:
            assert got.kind == PUBREL
            sub.ack(PUBCOMP, got.packet_id)
    assert all(values == sorted(values) for values in seen.values())


@clause("4.6.0-5")
@EVERY_VERSION
def test_queued_messages_come_in_order_after_resent_ones_4_6_0_5(clients, version):
    topic, pub = unique(), clients(version)
    sub = persistent(clients, version)
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "0", 1)
    pub.publish(topic, "1", 1)
    sub.expect(PUBLISH)
    sub.expect(PUBLISH)
    sub.disconnect()
    for number in range(2, 40):
        pub.publish(topic, str(number), 1)
    sub.open()
    sub.connect(clean=False)
    for number in range(40):
        got = sub.expect(PUBLISH, payload=str(number).encode())
        assert got.dup is (number < 2), "only what was sent before is a duplicate"
        sub.ack(PUBACK, got.packet_id)


@clause("2.2.1-4", "3.1.1:2.3.1-4")
def test_ids_wrap_and_skip_those_in_flight_2_2_1_4(clients4):
    topic, sub, pub = unique(), clients4(), clients4()
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "held", 1)
    held = sub.expect(PUBLISH, payload=b"held").packet_id
    batch, total, seen = 500, 66000, set()
    for start in range(0, total, batch):
        pub.send(*(publish(topic, b"x", 1, packet_id=1 + number) for number in range(batch)))
        acks = []
        for _ in range(batch):
            got = sub.expect(PUBLISH)
            assert got.packet_id != held
            seen.add(got.packet_id)
            acks.append(ack(PUBACK, got.packet_id))
        sub.send(*acks)
        pub.receive_raw(batch * 4)
    assert len(seen) == 65534
