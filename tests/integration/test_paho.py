"""The broker with Eclipse Paho's Python client, which we did not write."""

import queue

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import unique

PATIENCE_S = 20
BOTH = pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5], ids=["v311", "v5"])


class Paho:
    """A paho client with its own thread; what happens to it comes out of queues."""

    def __init__(self, broker, protocol, client_id=None, clean=True, will=None, properties=None):
        fields = {"clean_session": clean} if protocol != paho.MQTTv5 else {}
        self.client = paho.Client(client_id or unique("paho"), protocol=protocol, **fields)
        self.connected, self.messages, self.done = queue.Queue(), queue.Queue(), queue.Queue()
        self.client.on_connect = lambda client, data, flags, *rest: self.connected.put((flags, rest[0]))
        self.client.on_message = lambda client, data, message: self.messages.put(message)
        self.client.on_subscribe = lambda client, data, mid, granted, *rest: self.done.put(("subscribed", mid))
        self.client.on_disconnect = lambda client, data, reason, *rest: self.done.put(("disconnected", reason))
        if will:
            self.client.will_set(*will)
        start = {"clean_start": clean, "properties": properties} if protocol == paho.MQTTv5 else {}
        self.client.connect(broker.host, broker.port, **start)
        self.client.loop_start()
        self.flags, reason = self.connected.get(timeout=PATIENCE_S)
        assert reason == 0

    def subscribe(self, *arguments, **fields):
        _, mid = self.client.subscribe(*arguments, **fields)
        assert self.done.get(timeout=PATIENCE_S) == ("subscribed", mid)

    def publish(self, *arguments, **fields):
        sent = self.client.publish(*arguments, **fields)
        sent.wait_for_publish(PATIENCE_S)
        assert sent.is_published()

    def expect(self, topic, payload):
        got = self.messages.get(timeout=PATIENCE_S)
        assert (got.topic, got.payload) == (topic, payload)
        return got

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()

    def die(self):
        """End without DISCONNECT."""
        self.client.loop_stop()
        self.client._sock_close()


@pytest.fixture
def pahos(broker):
    made = []

    def make(*arguments, **fields):
        made.append(Paho(broker, *arguments, **fields))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_pass_both_ways(pahos, protocol, qos):
    topic, one, two = unique(), pahos(protocol), pahos(protocol)
    one.subscribe(topic + "/1", qos)
    two.subscribe(topic + "/2", qos)
    for number in range(15):
        one.publish(topic + "/2", b"%d" % number, qos)
        two.publish(topic + "/1", b"%d" % number, qos)
    for number in range(15):
        assert one.expect(topic + "/1", b"%d" % number).qos == qos
        assert two.expect(topic + "/2", b"%d" % number).qos == qos


@BOTH
def test_large_payload(pahos, protocol):
    topic, one, two = unique(), pahos(protocol), pahos(protocol)
    one.subscribe(topic, 2)
    payload = bytes(range(256)) * 20000
    two.publish(topic, payload, 2)
    one.expect(topic, payload)


@BOTH
def test_will(pahos, protocol):
    topic, watcher = unique(), pahos(protocol)
    watcher.subscribe(topic, 1)
    pahos(protocol, will=(topic, b"gone", 1, True)).die()
    watcher.expect(topic, b"gone")
    late = pahos(protocol)
    late.subscribe(topic, 1)
    assert late.expect(topic, b"gone").retain == 1


@BOTH
def test_session_is_resumed(pahos, protocol):
    topic, client_id, pub = unique(), unique("paho"), pahos(protocol)
    keep = None
    if protocol == paho.MQTTv5:
        keep = Properties(PacketTypes.CONNECT)
        keep.SessionExpiryInterval = 100
    first = pahos(protocol, client_id=client_id, clean=False, properties=keep)
    first.subscribe(topic, 2)
    first.stop()
    pub.publish(topic, b"one", 1)
    pub.publish(topic, b"two", 2)
    second = pahos(protocol, client_id=client_id, clean=False, properties=keep)
    assert second.flags["session present"] == 1
    second.expect(topic, b"one")
    second.expect(topic, b"two")


def test_properties_of_5(pahos):
    topic, one, two = unique(), pahos(paho.MQTTv5), pahos(paho.MQTTv5)
    identifier = Properties(PacketTypes.SUBSCRIBE)
    identifier.SubscriptionIdentifier = 123
    one.subscribe(topic, options=SubscribeOptions(1, noLocal=True, retainAsPublished=True), properties=identifier)
    sent = Properties(PacketTypes.PUBLISH)
    sent.ContentType, sent.ResponseTopic, sent.CorrelationData = "text/plain", "answer", b"\x00\x01"
    sent.UserProperty = [("a", "1"), ("a", "2")]
    sent.MessageExpiryInterval, sent.PayloadFormatIndicator, sent.TopicAlias = 100, 1, 1
    two.publish(topic, "x", 1, retain=True, properties=sent)
    got = one.expect(topic, b"x")
    assert got.retain == 1
    assert (got.properties.ContentType, got.properties.ResponseTopic, got.properties.CorrelationData) == \
        ("text/plain", "answer", b"\x00\x01")
    assert got.properties.UserProperty == [("a", "1"), ("a", "2")]
    assert got.properties.SubscriptionIdentifier == [123]
    assert got.properties.MessageExpiryInterval in (99, 100)
    one.client.publish(topic, "not for me", 1)
    two.publish(topic, "", 1, retain=True)
    one.expect(topic, b"")
