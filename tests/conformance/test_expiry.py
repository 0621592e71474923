"""Message expiry (MQTT 5.0 3.3.2.3.3). The clock of these tests is a delayed will: when it arrives, its time has passed."""

import pytest

from harness import *


def wait(clients, seconds):
    """Return when the broker's own clock says that so many seconds have passed."""
    topic, watcher = unique("clock"), clients()
    watcher.subscribe(topic)
    clients(properties={"session_expiry": 100}, will=Will(topic, properties={"will_delay": seconds})).close()
    watcher.expect_message(topic, "will")


def expiry(seconds):
    return {"message_expiry": seconds}


@clause("3.3.2-6")
@EVERY_QOS
def test_interval_is_forwarded_3_3_2_6(clients, qos):
    topic, pub, sub = unique(), clients(), clients()
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "x", qos, properties={"content_type": "c", "message_expiry": 100, "user_property": ("a", "b")})
    got = sub.expect_message(topic, "x").properties
    assert got["message_expiry"] in (99, 100) and got["content_type"] == "c" and got["user_property"] == [("a", "b")]


@clause("3.3.2-5", "3.3.2-6")
def test_queued_and_retained_messages_count_down_and_expire_3_3_2_5(clients4):
    topic, kept, pub = unique(), unique(), clients4()
    sub = clients4(clean=False, properties={"session_expiry": 100})
    sub.subscribe(topic, qos=2)
    sub.disconnect()
    for qos in (1, 2):
        pub.publish(topic, "short", qos, properties=expiry(1))
        pub.publish(topic, "long", qos, properties=expiry(100))
        pub.publish(topic, "never", qos)
    pub.publish(kept + "/short", "x", 1, retain=True, properties=expiry(1))
    pub.publish(kept + "/long", "x", 1, retain=True, properties=expiry(100))
    wait(clients4, 2)
    sub.open().connect(clean=False)
    for qos in (1, 2):
        assert 95 <= sub.expect_message(topic, "long", qos=qos).properties["message_expiry"] <= 98
        assert sub.expect_message(topic, "never", qos=qos).properties == {}
    sub.expect_nothing(after=pub)
    sub.subscribe(kept + "/#")
    assert 95 <= sub.expect_message(kept + "/long", retain=True).properties["message_expiry"] <= 98
    sub.expect_nothing(after=pub)


@clause("3.3.2-5", "4.3.3-7", "4.3.3-13")
def test_expiry_does_not_stop_an_exchange_that_has_begun_4_3_3_7(clients4):
    topic, pub = unique(), clients4()
    sub = clients4(clean=False, properties={"session_expiry": 100, "receive_maximum": 2})
    sub.subscribe(topic, qos=2)
    pub.publish(topic, "a", 2, properties=expiry(1))
    pub.publish(topic, "b", 2, properties=expiry(1))
    pub.publish(topic, "waits too long", 2, properties=expiry(1))
    first, second = sub.expect(PUBLISH, payload=b"a"), sub.expect(PUBLISH, payload=b"b")
    sub.ack(PUBREC, first.packet_id)
    sub.expect(PUBREL, packet_id=first.packet_id)
    pub.start(topic, "in", 2, packet_id=77, properties=expiry(1))
    pub.expect(PUBREC, packet_id=77)
    wait(clients4, 2)
    pub.ack(PUBREL, 77)
    pub.expect(PUBCOMP, packet_id=77, reason=0)
    sub.ack(PUBCOMP, first.packet_id)
    sub.ack(PUBREC, second.packet_id)
    sub.expect(PUBREL, packet_id=second.packet_id)
    sub.ack(PUBCOMP, second.packet_id)
    sub.expect_nothing(after=pub)


def test_expired_message_in_flight_frees_its_place_after_a_reconnect(clients4):
    topic, pub = unique(), clients4()
    properties = {"session_expiry": 100, "receive_maximum": 1}
    sub = clients4(clean=False, properties=properties)
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "short", 1, properties=expiry(1))
    pub.publish(topic, "next", 1)
    sub.expect(PUBLISH, payload=b"short")
    sub.close()
    wait(clients4, 2)
    sub.open().connect(clean=False, properties=properties)
    got = sub.expect(PUBLISH)
    if got.payload == b"short":  # its delivery had begun: sending it again is allowed
        sub.ack(PUBACK, got.packet_id)
        got = sub.expect(PUBLISH)
    assert got.payload == b"next"


def test_expiry_0_is_gone_at_once(clients4):
    topic, pub = unique(), clients4()
    pub.publish(topic, "x", 1, retain=True, properties=expiry(0))
    wait(clients4, 1)
    sub = clients4()
    sub.subscribe(topic)
    sub.expect_nothing(after=pub)


def test_expiry_of_a_replaced_retained_message_does_not_remove_the_newer(clients4):
    topic, pub, sub = unique(), clients4(), clients4()
    pub.publish(topic, "old", 1, retain=True, properties=expiry(1))
    pub.publish(topic, "new", 1, retain=True)
    wait(clients4, 2)
    sub.subscribe(topic)
    assert sub.expect_message(topic, "new", retain=True).properties == {}


@pytest.mark.parametrize("version", [V31, V311])
def test_older_subscribers_get_no_interval(clients, version):
    topic, pub, sub = unique(), clients(), clients(version)
    sub.subscribe(topic, qos=1)
    pub.publish(topic, "x", 1, properties=expiry(100))
    sub.expect_bytes(publish(topic, "x", 1, packet_id=1, version=version))
