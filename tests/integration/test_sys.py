"""The figures under $SYS/broker, by the names that users of mosquitto know."""

import re
import time

import pytest

from harness import *

TOPICS = [
    "version", "uptime", "clients/connected", "clients/disconnected", "clients/total", "clients/maximum", "clients/expired",
    "messages/received", "messages/sent", "bytes/received", "bytes/sent",
    "publish/messages/received", "publish/messages/sent", "publish/messages/dropped",
    "publish/bytes/received", "publish/bytes/sent",
    "retained messages/count", "subscriptions/count", "shared_subscriptions/count",
    *(f"load/{what}/{when}" for what in ("messages/received", "messages/sent", "bytes/received", "bytes/sent",
                                         "publish/received", "publish/sent", "connections") for when in ("1min", "5min", "15min")),
]


@pytest.fixture(scope="module")
def sys_broker():
    with Broker(workers=2, config="sys: {interval: 1 s}\n") as broker:
        yield broker


class Figures:
    """The newest value of each topic under $SYS/broker."""

    def __init__(self, broker):
        self.client, self.values = Client(broker), {}
        self.client.connect()
        self.client.subscribe("$SYS/broker/#")

    def read(self):
        got = self.client.expect_message()
        self.values[got.topic.removeprefix("$SYS/broker/")] = got.payload.decode()

    def until(self, happened, seconds=15):
        end = time.monotonic() + seconds
        while True:
            try:
                if happened(self.values):
                    return self.values
            except KeyError:
                pass
            assert time.monotonic() < end, self.values
            self.read()

    def number(self, name):
        return float(self.values[name])


@pytest.fixture
def figures(sys_broker):
    made = Figures(sys_broker)
    yield made
    made.client.close()


def test_names_that_users_know_are_there(figures):
    missing = set(TOPICS)
    end = time.monotonic() + 10
    while missing - figures.values.keys() and time.monotonic() < end:
        figures.read()
    assert missing <= figures.values.keys(), sorted(missing - figures.values.keys())


def test_version_and_uptime(figures):
    values = figures.until(lambda values: values["version"] and values["uptime"])
    assert re.match(r"busbar", values["version"])
    first = int(re.match(r"\d+", values["uptime"]).group())
    figures.until(lambda values: int(re.match(r"\d+", values["uptime"]).group()) > first)


def test_clients_are_counted(sys_broker, figures):
    figures.until(lambda values: values["clients/connected"])
    others = [Client(sys_broker) for _ in range(3)]
    base = None
    for other in others:
        other.connect(clean=False, properties={"session_expiry": 1000})
    figures.until(lambda values: float(values["clients/connected"]) >= 4)
    base = figures.number("clients/disconnected")
    for other in others:
        other.disconnect()
    figures.until(lambda values: float(values["clients/disconnected"]) == base + 3)
    figures.until(lambda values: float(values["clients/total"]) >= 4 and float(values["clients/maximum"]) >= 4)
    for other in others:
        other.open().connect(clean=True)
        other.disconnect()
    figures.until(lambda values: float(values["clients/disconnected"]) == base)


def test_messages_are_counted(sys_broker, figures):
    figures.until(lambda values: values["publish/messages/received"] and values["bytes/received"])
    received, size = figures.number("publish/messages/received"), figures.number("bytes/received")
    with Client(sys_broker) as pub:
        pub.connect()
        for _ in range(50):
            pub.publish("counted", b"x" * 100, 1)
    figures.until(lambda values: float(values["publish/messages/received"]) >= received + 50)
    figures.until(lambda values: float(values["bytes/received"]) >= size + 5000)
    figures.until(lambda values: float(values["load/publish/received/1min"]) > 0)


def test_retained_messages_and_subscriptions_are_counted(sys_broker, figures):
    figures.until(lambda values: values["retained messages/count"] and values["subscriptions/count"])
    retained, subscriptions = figures.number("retained messages/count"), figures.number("subscriptions/count")
    with Client(sys_broker) as client:
        client.connect()
        for number in range(5):
            client.publish(f"kept/{number}", "x", 1, retain=True)
        client.subscribe("a", "b/+", "$share/g/c")
        figures.until(lambda values: float(values["retained messages/count"]) == retained + 5)
        figures.until(lambda values: float(values["subscriptions/count"]) >= subscriptions + 2)
        for number in range(5):
            client.publish(f"kept/{number}", "", 1, retain=True)
        figures.until(lambda values: float(values["retained messages/count"]) == retained)


def test_dropped_messages_are_counted(sys_broker, figures):
    figures.until(lambda values: values["publish/messages/dropped"])
    before = figures.number("publish/messages/dropped")
    with Client(sys_broker) as sub, Client(sys_broker) as pub:
        sub.connect(properties={"maximum_packet_size": 50})
        pub.connect()
        sub.subscribe("d")
        for _ in range(5):
            pub.publish("d", b"x" * 100)
        figures.until(lambda values: float(values["publish/messages/dropped"]) >= before + 5)


def test_figures_are_retained_and_current(sys_broker):
    with Client(sys_broker) as client:
        client.connect()
        client.subscribe("$SYS/broker/version")
        client.expect_message("$SYS/broker/version", retain=True)


def test_figures_can_be_switched_off(start_broker):
    broker = start_broker(config="sys: {interval: off}\n")
    with Client(broker) as client:
        client.connect()
        client.subscribe("$SYS/#")
        client.expect_nothing()
