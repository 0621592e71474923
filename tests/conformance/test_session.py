"""Sessions: clean start, take-over, expiry, what is kept (MQTT 5.0 3.1.2.4, 3.1.2.11.2, 3.1.4, 4.1)."""

import pytest

from harness import *

KEEP = {"session_expiry": 1000}


def persistent(clients, version=V5, client_id=None):
    return clients(version, client_id, clean=False, properties=KEEP if version == V5 else None)


@clause("3.1.2-5", "3.2.2-3", "3.2.2-2", "3.1.1:3.1.2-4", "3.1.1:3.2.2-2", "3.1.1:3.2.2-3", "3.1.1:3.2.2-1")
@pytest.mark.parametrize("version", [V311, V5])
def test_session_present_tells_the_truth_3_2_2_3(clients, version):
    client = persistent(clients, version)
    assert client.connack.session_present is False
    client.disconnect()
    assert client.open().connect(clean=False, properties=KEEP if version == V5 else None).session_present is True
    client.disconnect()
    assert client.open().connect(clean=True).session_present is False
    client.disconnect()
    assert client.open().connect(clean=False).session_present is False


@clause("3.1:connack")
def test_connack_of_3_1_has_no_session_present(clients):
    client = persistent(clients, V31)
    client.disconnect()
    client.open().send(connect(client.client_id, V31, clean=False))
    client.expect_bytes("20 02 00 00")


@clause("3.1.2-5", "4.1.0-1", "3.1.1:3.1.2-4", "3.1.1:3.1.2-5", "3.1.1:4.1.0-1")
@EVERY_VERSION
@pytest.mark.parametrize("qos", [1, 2])
def test_subscriptions_and_messages_are_kept_while_away_3_1_2_5(clients, version, qos):
    topic, pub, sub = unique(), clients(version), persistent(clients, version)
    sub.subscribe(topic + "/+", qos=qos)
    sub.disconnect()
    for number in range(50):
        pub.publish(f"{topic}/{number}", u32(number), qos)
    sub.open().connect(clean=False)
    for number in range(50):
        sub.expect_message(f"{topic}/{number}", u32(number), qos=qos, dup=False)
    sub.expect_nothing(after=pub)


def test_qos0_messages_are_not_kept_while_away(clients):
    topic, pub, sub = unique(), clients(), persistent(clients)
    sub.subscribe(topic, qos=2)
    sub.disconnect()
    pub.publish(topic, "0", 0)
    pub.publish(topic, "1", 1)
    sub.open().connect(clean=False)
    sub.expect_message(topic, "1")


@clause("3.1.2-4", "3.1.2-6", "3.1.1:3.1.2-6", "3.1.1:3.1.2-7", "3.1.4-4", "3.1.1:3.1.4-3")
@EVERY_VERSION
def test_clean_start_discards_the_old_session_3_1_2_4(clients, version):
    topic, pub, sub = unique(), clients(version), persistent(clients, version)
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "in flight", 1)
    sub.expect(PUBLISH)
    sub.close()
    pub.publish(topic, "queued", 1)
    sub.open()
    assert sub.connect(clean=True).session_present is False
    sub.expect_nothing(after=pub)
    pub.publish(topic, "not subscribed any more", 1)
    sub.expect_nothing(after=pub)


def test_clean_start_with_expiry_keeps_the_new_session(clients):
    topic, pub = unique(), clients()
    sub = clients(clean=True, properties=KEEP)
    sub.subscribe(topic, qos=1)
    sub.disconnect()
    pub.publish(topic, "x", 1)
    assert sub.open().connect(clean=False).session_present is True
    sub.expect_message(topic, "x")


@clause("3.1.2-6")
def test_session_without_expiry_ends_with_the_connection(clients):
    client = clients(clean=False)
    client.subscribe(unique())
    client.disconnect()
    assert client.open().connect(clean=False).session_present is False


@clause("3.1.1:3.1.2-6")
def test_clean_session_1_is_not_kept_in_3_1_1(clients):
    client = clients(V311, clean=True)
    client.disconnect()
    assert client.open().connect(clean=False).session_present is False


@over_every_transport
@clause("3.1.4-3", "3.1.1:3.1.4-2", "3.1.1:4.1.0-2")
@EVERY_VERSION
def test_takeover_closes_the_old_connection_3_1_4_3(clients, version):
    topic, pub, old = unique(), clients(version), persistent(clients, version)
    old.subscribe(topic, qos=1)
    new = persistent(clients, version, old.client_id)
    assert new.connack.session_present is (version != V31)
    old.expect_close(0x8E)
    old.close()
    pub.publish(topic, "x", 1)
    new.expect_message(topic, "x")


@pytest.mark.parametrize("old_version", [V311, V5])
@pytest.mark.parametrize("new_version", [V311, V5])
def test_takeover_between_versions(clients, old_version, new_version):
    topic, pub, old = unique(), clients(), persistent(clients, old_version)
    old.subscribe(topic, qos=1)
    new = persistent(clients, new_version, old.client_id)
    old.expect_close(0x8E)
    pub.publish(topic, "x", 1)
    new.expect_message(topic, "x", qos=1)


@over_every_transport
@clause("3.1.4-3")
def test_many_takeovers_in_a_row(clients):
    topic, pub = unique(), clients()
    client_id = unique()
    made = []
    for _ in range(40):
        made.append(clients.open(client_id=client_id))
        made[-1].send(connect(client_id, clean=False, properties=KEEP), subscribe(1, [(topic, 1)]))
        made[-1].expect(CONNACK)
    for old in made[:-1]:
        while (got := old.receive()) is not None:
            assert got.kind == SUBACK or (got.kind, got.reason) == (DISCONNECT, 0x8E)
    made[-1].expect(SUBACK)
    pub.publish(topic, "x", 1)
    made[-1].expect_message(topic, "x")


@over_every_transport
def test_takeover_race_of_many_connections_leaves_one(clients):
    client_id = unique()
    made = [clients.open(client_id=client_id) for _ in range(30)]
    for each in made:
        each.send(connect(client_id, clean=False, properties=KEEP))
    for each in made:
        each.expect(CONNACK, reason=0)
    alive = 0
    for each in made:
        each.send(PINGREQ_BYTES)
        got = each.receive()
        if got is not None and got.kind == PINGRESP:
            alive += 1
        else:
            assert got is None or got.reason == 0x8E
    assert alive >= 1
    last = clients(client_id=client_id, clean=False)
    assert last.connack.session_present is True
    last.expect_alive()


def test_late_close_of_the_old_connection_leaves_the_session_alone(clients):
    topic, pub, old = unique(), clients(), clients()
    new = clients(client_id=old.client_id)
    new.subscribe(topic)
    old.send(PINGREQ_BYTES, disconnect())
    old.close()
    pub.publish(topic, "x")
    new.expect_message(topic, "x")


@clause("3.1.2-23", "4.1.0-2")
def test_session_expires_after_its_interval_3_1_2_23(clients4):
    topic, pub = unique(), clients4()
    sub = clients4(clean=False, properties={"session_expiry": 1})
    sub.subscribe("$share/g/" + topic, qos=1)
    sub.disconnect()
    clock = clients4(will=Will(topic, properties={"will_delay": 2}), properties={"session_expiry": 100})
    watcher = clients4()
    watcher.subscribe(topic)
    clock.close()
    watcher.expect_message(topic, "will")  # two seconds have passed
    assert sub.open().connect(clean=False).session_present is False
    sub.expect_nothing(after=pub)


@clause("4.1.0-1")
def test_session_does_not_expire_while_connected_4_1_0_1(clients4):
    topic, watched = unique(), unique()
    sub, watcher = clients4(clean=False, properties={"session_expiry": 1}), clients4()
    sub.subscribe(topic, qos=1)
    watcher.subscribe(watched)
    clients4(will=Will(watched, properties={"will_delay": 2}), properties={"session_expiry": 100}).close()
    watcher.expect_message(watched, "will")
    watcher.publish(topic, "x", 1)
    sub.expect_message(topic, "x")
    sub.close()
    assert sub.open().connect(clean=False).session_present is True


def test_disconnect_changes_the_session_expiry(clients):
    client = clients(clean=False, properties=KEEP)
    client.disconnect(0, {"session_expiry": 0})
    assert client.open().connect(clean=False).session_present is False
    client.disconnect()
    client.open().connect(properties={"session_expiry": 1})
    client.disconnect(0, {"session_expiry": 1000})
    assert client.open().connect(clean=False).session_present is True


@clause("3.14.2-2")
def test_disconnect_cannot_give_an_expiry_to_a_session_without_one(clients):
    client = clients(properties={"session_expiry": 0})
    client.send(disconnect(0, {"session_expiry": 10}))
    client.expect_close(0x82)
    assert client.open().connect(clean=False).session_present is False


def test_disconnect_may_repeat_expiry_0(clients):
    client = clients()
    client.send(disconnect(0, {"session_expiry": 0}))
    client.expect_close()


@clause("3.1.1:3.1.2-4", "3.1.3-2")
def test_session_goes_on_in_another_version(clients):
    topic, pub = unique(), clients()
    sub = persistent(clients, V311)
    sub.subscribe(topic, qos=1)
    sub.close()
    pub.publish(topic, "x", 1, properties={"content_type": "t"})
    again = clients(V5, sub.client_id, clean=False)
    assert again.connack.session_present is True
    assert again.expect_message(topic, "x", qos=1).properties == {"content_type": "t"}
def test_client_ids_that_look_alike_have_sessions_of_their_own(clients):
    one = unique()
    for client_id in (one, one + " ", one.upper() + "z", one + "/", "é" + one):
        assert clients(client_id=client_id, clean=False, properties=KEEP).connack.session_present is False


def test_nothing_of_one_client_reaches_another(clients):
    topic = unique()
    first, second = persistent(clients), clients()
    first.subscribe(topic, qos=1)
    first.close()
    second.publish(topic, "x", 1)
    second.expect_alive()
    clients().expect_alive()
    first.open().connect(clean=False)
    first.expect_message(topic, "x")
