"""Wills (MQTT 5.0 3.1.2.5 to 3.1.2.7, 3.1.3.2, 3.14.4)."""

import pytest

from harness import *


@pytest.fixture
def topic():
    return unique("will")


def watcher(clients, topic, version=V5, qos=2):
    sub = clients(version)
    sub.subscribe(topic, qos=qos)
    return sub


@over_every_transport
@clause("3.1.2-8", "3.1.2-7", "3.1.2-14", "3.1.1:3.1.2-8", "3.1.1:3.1.2-16")
@EVERY_VERSION
@EVERY_QOS
def test_will_is_published_when_the_connection_is_lost_3_1_2_8(clients, version, qos, topic):
    sub = watcher(clients, topic, version)
    clients(version, will=Will(topic, b"gone\x00\xff", qos)).close()
    sub.expect_message(topic, b"gone\x00\xff", qos=qos, retain=False, dup=False)


@clause("3.1.2-8")
@EVERY_VERSION
def test_will_is_published_after_a_reset(clients, version, topic):
    sub = watcher(clients, topic, version)
    clients(version, will=Will(topic)).abort()
    sub.expect_message(topic, "will")


@over_every_transport
@clause("3.1.2-8", "3.1.1:3.1.2-8")
@EVERY_VERSION
def test_will_is_published_after_a_protocol_error_3_1_2_8(clients, version, topic):
    sub = watcher(clients, topic, version)
    client = clients(version, will=Will(topic))
    client.send(b"\x00\x00")
    client.expect_close(0x81)
    sub.expect_message(topic, "will")


@clause("3.14.4-3", "3.1.2-10", "3.1.1:3.14.4-3", "3.1.1:3.1.2-10", "3.1.1:3.1.2-12")
@EVERY_VERSION
def test_disconnect_removes_the_will_3_14_4_3(clients, version, topic):
    sub = watcher(clients, topic, version)
    clients(version, will=Will(topic)).disconnect()
    if version == V5:
        clients(version, will=Will(topic)).disconnect(0x00)
        clients(version, will=Will(topic)).disconnect(0x00, {})
    sub.expect_nothing(after=clients(version))


@clause("3.14.4-3", "3.1.2-10")
@pytest.mark.parametrize("reason", [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99])
def test_disconnect_with_another_reason_publishes_the_will(clients, reason, topic):
    sub = watcher(clients, topic)
    clients(will=Will(topic)).disconnect(reason)
    sub.expect_message(topic, "will")


@over_every_transport
def test_bytes_after_disconnect_are_ignored(clients, topic):
    sub = watcher(clients, topic)
    client = clients(will=Will(topic))
    client.send(disconnect(0x00), publish(topic, "late"), b"\xff\xff\xff\xff\xff\xff")
    client.expect_close()
    sub.expect_nothing(after=clients())


@clause("3.1.2-8", "3.1.4-3")
@EVERY_VERSION
def test_will_of_a_taken_over_connection_is_published(clients, version, topic):
    sub = watcher(clients, topic, version)
    old = clients(version, will=Will(topic))
    clients(version, client_id=old.client_id)
    old.expect_close(0x8E)
    sub.expect_message(topic, "will")


@clause("3.1.2-14", "3.1.2-15", "3.1.1:3.1.2-16", "3.1.1:3.1.2-17")
@EVERY_VERSION
def test_will_retain_1_is_stored_3_1_2_15(clients, version, topic):
    sub = watcher(clients, topic, version)
    clients(version, will=Will(topic, qos=1, retain=True)).close()
    sub.expect_message(topic, "will", retain=False)
    watcher(clients, topic, version).expect_message(topic, "will", retain=True, qos=1)


@clause("3.1.2-14")
@EVERY_VERSION
def test_will_retain_0_is_not_stored_3_1_2_14(clients, version, topic):
    sub = watcher(clients, topic, version)
    clients(version, will=Will(topic)).close()
    sub.expect_message(topic, "will")
    late = watcher(clients, topic, version)
    late.expect_nothing(after=clients(version))


def test_empty_retained_will_removes_the_retained_message(clients, topic):
    pub = clients()
    pub.publish(topic, "x", 1, retain=True)
    sub = watcher(clients, topic)
    sub.expect_message(topic, "x", retain=True)
    clients(will=Will(topic, b"", retain=True)).close()
    sub.expect_message(topic, "")
    watcher(clients, topic).expect_nothing(after=pub)


@clause("3.1.3-10", "3.1.2-7")
def test_properties_of_the_will_are_forwarded_without_the_delay(clients, topic):
    sub = watcher(clients, topic)
    properties = {"payload_format": 1, "content_type": "text", "response_topic": "r", "correlation_data": b"\x00c",
                  "user_property": [("b", "1"), ("a", "2"), ("b", "3")]}
    client = clients(will=Will(topic, properties=dict(properties, will_delay=0)))
    client.close()
    assert sub.expect_message(topic, "will").properties == properties


def test_message_expiry_of_the_will_counts_from_its_publication(clients, topic):
    sub = watcher(clients, topic)
    clients(will=Will(topic, properties={"message_expiry": 30})).close()
    assert sub.expect_message(topic, "will").properties["message_expiry"] in (29, 30)


@clause("3.1.3-9")
def test_will_delay_is_waited_for_3_1_3_9(clients4, topic):
    sub, pub = watcher(clients4, topic), clients4()
    clients4(properties={"session_expiry": 60}, will=Will(topic, properties={"will_delay": 1})).close()
    sub.expect_nothing(after=pub)
    sub.expect_message(topic, "will")


@clause("3.1.3-9")
@pytest.mark.parametrize("clean", [False, True])
def test_client_that_returns_within_the_delay_3_1_3_9(clients4, topic, clean):
    sub, pub = watcher(clients4, topic), clients4()
    client = clients4(properties={"session_expiry": 60}, will=Will(topic, "old", properties={"will_delay": 2}))
    client.reopen()
    client.connect(clean=clean, properties={"session_expiry": 60}, will=Will(topic, "new"))
    if clean:
        sub.expect_message(topic, "old")  # its session has ended [3.1.2-8]
    client.close()
    sub.expect_message(topic, "new")  # and "old" never came, or only when its session had ended
    sub.expect_nothing(after=pub)


@clause("3.1.3-9")
def test_client_that_returns_without_a_will_is_rid_of_the_old_one_3_1_3_9(clients4, topic):
    sub, pub = watcher(clients4, topic), clients4()
    client = clients4(properties={"session_expiry": 60}, will=Will(topic, "old", properties={"will_delay": 1}))
    client.reopen()
    client.connect(clean=False, properties={"session_expiry": 60})
    clients4(properties={"session_expiry": 60}, will=Will(topic, "later", properties={"will_delay": 2})).close()
    sub.expect_message(topic, "later")  # so the time of "old" is over
    sub.expect_nothing(after=pub)


@clause("3.1.2-8", "3.1.3-9")
def test_will_comes_at_once_when_the_session_ends_with_the_connection(clients, topic):
    sub = watcher(clients, topic)
    clients(properties={"session_expiry": 0}, will=Will(topic, properties={"will_delay": 3600})).close()
    sub.expect_message(topic, "will")


@clause("3.1.2-8")
def test_will_comes_when_the_session_expires_before_the_delay(clients4, topic):
    sub = watcher(clients4, topic)
    clients4(properties={"session_expiry": 1}, will=Will(topic, properties={"will_delay": 3600})).close()
    sub.expect_message(topic, "will")


def test_will_comes_when_disconnect_ends_the_session(clients, topic):
    sub = watcher(clients, topic)
    client = clients(properties={"session_expiry": 60}, will=Will(topic, properties={"will_delay": 3600}))
    client.disconnect(0x04, {"session_expiry": 0})
    sub.expect_message(topic, "will")


def test_will_delay_holds_for_a_takeover_that_resumes(clients, topic):
    sub, pub = watcher(clients, topic), clients()
    old = clients(clean=False, properties={"session_expiry": 60}, will=Will(topic, properties={"will_delay": 3600}))
    new = clients(client_id=old.client_id, clean=False, properties={"session_expiry": 60})
    old.expect_close(0x8E)
    new.expect_alive()
    sub.expect_nothing(after=pub)


@clause("3.1.2-8")
def test_large_will_is_published_whole(clients, topic):
    sub = watcher(clients, topic)
    clients(will=Will(topic, b"w" * 65535, 1)).close()
    sub.expect_message(topic, b"w" * 65535)
