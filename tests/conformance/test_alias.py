"""Topic aliases in both directions (MQTT 5.0 3.3.2.3.4)."""

import pytest

from harness import *


def alias(number):
    return {"topic_alias": number}


@pytest.fixture
def pub(clients):
    client = clients()
    assert client.connack.properties.get("topic_alias_maximum", 0) >= 5
    return client


@clause("3.3.2-12", "3.3.2-7")
def test_alias_stands_for_its_topic_3_3_2_12(clients, pub):
    topic, sub = unique(), clients()
    sub.subscribe(topic + "/#")
    pub.publish(topic + "/a", "1", properties=alias(1))
    pub.publish("", "2", properties=alias(1))
    pub.publish("", "3", 1, properties=alias(1))
    pub.publish("", "4", 2, properties=alias(1))
    for payload in "1234":
        assert sub.expect_message(topic + "/a", payload).properties == {}


@clause("3.3.2-12")
def test_every_alias_up_to_the_maximum_is_accepted_3_3_2_12(clients, pub):
    topic, sub = unique(), clients()
    sub.subscribe(topic + "/#")
    most = pub.connack.properties["topic_alias_maximum"]
    for number in range(1, most + 1):
        pub.publish(f"{topic}/{number}", "", properties=alias(number))
    for number in range(1, most + 1):
        sub.expect_message(f"{topic}/{number}")
    for number in range(most, 0, -1):
        pub.publish("", "", properties=alias(number))
    for number in range(most, 0, -1):
        sub.expect_message(f"{topic}/{number}")


def test_alias_can_be_mapped_anew(clients, pub):
    topic, sub = unique(), clients()
    sub.subscribe(topic + "/#")
    for name in "aba":
        pub.publish(f"{topic}/{name}", "", properties=alias(2))
        pub.publish("", "", properties=alias(2))
        sub.expect_message(f"{topic}/{name}")
        sub.expect_message(f"{topic}/{name}")


@clause("3.3.2-8")
def test_alias_0_is_refused_3_3_2_8(pub):
    pub.send(publish("a", properties=alias(0)))
    pub.expect_close({0x94, 0x82})


@clause("3.3.2-9")
def test_alias_above_the_maximum_is_refused_3_3_2_9(pub):
    pub.send(publish("a", properties=alias(pub.connack.properties["topic_alias_maximum"] + 1)))
    pub.expect_close(0x94)


def test_unknown_alias_is_a_protocol_error(pub):
    pub.send(publish("", properties=alias(3)))
    pub.expect_close({0x82, 0x94})


@clause("3.3.2-7")
def test_aliases_end_with_the_connection_3_3_2_7(clients):
    pub = clients(clean=False, properties={"session_expiry": 100})
    pub.publish(unique(), "", properties=alias(1))
    pub.expect_alive()
    pub.reopen()
    pub.connect(clean=False)
    pub.send(publish("", properties=alias(1)))
    pub.expect_close({0x82, 0x94})


def test_aliases_of_connections_are_independent(clients):
    topic, sub, one, two = unique(), clients(), clients(), clients()
    sub.subscribe(topic + "/#")
    one.publish(topic + "/1", "", properties=alias(1))
    two.publish(topic + "/2", "", properties=alias(1))
    one.publish("", "", 1, properties=alias(1))
    two.publish("", "", 1, properties=alias(1))
    assert sorted(sub.expect_message().topic[-1] for _ in range(4)) == ["1", "1", "2", "2"]


def test_alias_with_a_retained_message_keeps_the_topic(clients, pub):
    topic = unique()
    pub.publish(topic, "x", properties=alias(1))
    pub.publish("", "kept", 1, retain=True, properties=alias(1))
    sub = clients()
    sub.subscribe(topic)
    assert sub.expect_message(topic, "kept", retain=True).properties == {}


def test_alias_is_set_even_if_the_publish_is_refused(clients, pub):
    pub.publish("$no/such", "", 1, properties=alias(1), reason=0x87)
    pub.publish("", "", 1, properties=alias(1), reason=0x87)
    pub.expect_alive()


@clause("3.1.2-27", "3.3.2-11", "3.1.2-26")
@pytest.mark.parametrize("properties", [{}, {"topic_alias_maximum": 0}], ids=["absent", "0"])
def test_no_alias_to_clients_that_allow_none_3_1_2_27(clients, properties):
    topic, pub, sub = unique(), clients(), clients(properties=properties)
    sub.subscribe(topic)
    for _ in range(5):
        pub.publish(topic, "x")
    for _ in range(5):
        assert sub.expect_message(topic, "x").properties == {}


class Aliases:
    """The client's side of outgoing aliases."""

    def __init__(self, most):
        self.most, self.topics = most, {}

    def resolve(self, got):
        number = got.properties.get("topic_alias")
        if number is not None:
            assert 1 <= number <= self.most
            if got.topic:
                self.topics[number] = got.topic
            return self.topics[number]
        assert got.topic
        return got.topic


@clause("3.1.2-26", "3.3.2-10", "3.3.2-11")
@pytest.mark.parametrize("most", [1, 3, 65535])
def test_outgoing_aliases_stay_below_the_clients_maximum_3_1_2_26(clients, most):
    topic, pub, sub = unique(), clients(), clients(properties={"topic_alias_maximum": most})
    sub.subscribe(topic + "/#", qos=1)
    aliases, expected = Aliases(most), []
    for number in range(120):
        expected.append(f"{topic}/{number % 7}")
        pub.publish(expected[-1], "x", 1)
    assert [aliases.resolve(sub.expect_message()) for _ in expected] == expected


def test_alias_is_not_used_up_by_a_message_that_was_dropped(clients):
    topic, pub = unique(), clients()
    sub = clients(properties={"topic_alias_maximum": 5, "maximum_packet_size": 200})
    sub.subscribe(topic)
    aliases = Aliases(5)
    pub.publish(topic, b"x" * 300)
    for _ in range(3):
        pub.publish(topic, "small")
        assert aliases.resolve(sub.expect_message(payload="small")) == topic


def test_resent_publish_carries_its_topic(clients):
    topic, pub = unique(), clients()
    properties = {"topic_alias_maximum": 5, "session_expiry": 100}
    sub = clients(clean=False, properties=properties)
    sub.subscribe(topic, qos=1)
    for _ in range(3):
        pub.publish(topic, "x", 1)
        sub.expect(PUBLISH)
    sub.reopen()
    sub.connect(clean=False, properties=properties)
    aliases = Aliases(5)
    for _ in range(3):
        assert aliases.resolve(sub.expect(PUBLISH, dup=True)) == topic
