"""Shared subscriptions (MQTT 5.0 4.8.2)."""

import pytest

from harness import *


def members(clients, topic, count, group="g", version=V5, qos=1, **connect):
    made = [clients(version, **connect) for _ in range(count)]
    for each in made:
        each.subscribe(f"$share/{group}/{topic}", qos=qos)
    return made


def collect(made, pub):
    """What each of the clients got of all that `pub` has published before."""
    return [each.collect(after=pub) for each in made]


@clause("4.8.2-1", "4.8.2-2")
@pytest.mark.parametrize("topic_filter", ["$share/g", "$share//a", "$share/g+/a", "$share/#/a", "$share/+/a", "$share/g/",
                                          "$share/", "$share/g/a#", "$share/g/a/#/b", "$share/g#/a"])
@EVERY_VERSION
def test_share_names_and_filters_are_checked_4_8_2_1(clients, version, topic_filter):
    client = clients(version)
    client.send(subscribe(1, [(topic_filter, 1)], version))
    got = client.receive()
    if got.kind == SUBACK:
        assert got.reasons == [0x8F if version == V5 else 0x80]
    else:
        assert got.kind == DISCONNECT and got.reason in (0x81, 0x8F)


@EVERY_VERSION
def test_each_message_goes_to_one_member(clients, version):
    topic, pub = unique(), clients(version)
    made = members(clients, topic, 4, version=version)
    for number in range(40):
        pub.publish(topic, bytes([number]), 1)
    got = [[each.payload[0] for each in seen] for seen in collect(made, pub)]
    assert sorted(sum(got, [])) == list(range(40))
    assert all(seen == sorted(seen) for seen in got)
    assert all(len(seen) >= 4 for seen in got), "nobody is left out"


def test_groups_are_told_apart_by_name_and_filter(clients):
    topic, pub = unique(), clients()
    made = members(clients, topic, 1, "g1") + members(clients, topic, 1, "g2") + members(clients, topic + "/#", 1, "g1")
    pub.publish(topic, "x", 1)
    for each in made:
        each.expect_message(topic, "x")


def test_normal_and_shared_subscription_of_one_client_are_two(clients):
    topic, pub, client = unique(), clients(), clients()
    client.subscribe(topic, f"$share/g/{topic}")
    pub.publish(topic, "x")
    client.expect_message(topic, "x")
    client.expect_message(topic, "x")
    client.expect_nothing(after=pub)
    client.unsubscribe(topic)
    pub.publish(topic, "y")
    client.expect_message(topic, "y")
    client.expect_nothing(after=pub)


@clause("4.8.2-3")
def test_granted_qos_holds_for_each_member_4_8_2_3(clients):
    topic, pub = unique(), clients()
    made = [members(clients, topic, 1, qos=qos)[0] for qos in (0, 1, 2)]
    for number in range(12):
        pub.publish(topic, bytes([number]), 2)
    for qos, seen in enumerate(collect(made, pub)):
        assert seen and {each.qos for each in seen} == {qos}


@clause("3.8.3-4")
def test_no_local_is_forbidden_on_shared_subscriptions_3_8_3_4(clients):
    client = clients()
    client.send(subscribe(1, [("$share/g/a", options(no_local=True))]))
    client.expect_close(0x82)


@EVERY_VERSION
def test_shared_subscriptions_get_no_retained_messages(clients, version):
    topic, pub = unique(), clients(version)
    pub.publish(topic, "kept", 1, retain=True)
    (sub,) = members(clients, topic, 1, version=version)
    sub.expect_nothing(after=pub)
    pub.publish(topic, "live", 1)
    sub.expect_message(topic, "live")


@pytest.mark.parametrize("topic_filter, topic", [("/a", "/a"), ("+/x", "{}/x"), ("#", "{}"), ("//", "//")])
def test_filter_behind_the_group_may_be_any(clients, topic_filter, topic):
    name, pub, sub = unique(), clients(), clients()
    sub.subscribe(f"$share/{name}/{topic_filter}", qos=0)
    pub.publish(topic.format(name), "x")
    sub.expect_message(topic.format(name), "x")
    assert sub.unsubscribe(f"$share/{name}/{topic_filter}").reasons == [0]


def test_unsubscribed_member_gets_nothing_more(clients):
    topic, pub = unique(), clients()
    one, two = members(clients, topic, 2)
    assert one.unsubscribe(f"$share/g/{topic}").reasons == [0]
    assert one.unsubscribe(f"$share/g/{topic}").reasons == [0x11]
    for number in range(6):
        pub.publish(topic, bytes([number]), 1)
    assert [len(seen) for seen in collect([one, two], pub)] == [0, 6]


@clause("4.8.2-6")
@pytest.mark.parametrize("qos, kind", [(1, PUBACK), (2, PUBREC)], ids=["puback", "pubrec"])
def test_error_of_a_member_discards_the_message_4_8_2_6(clients, qos, kind):
    topic, pub = unique(), clients()
    made = members(clients, topic, 2, qos=2)
    for number in range(2):
        pub.publish(topic, "x", qos)
    refusals = 0
    for _ in range(300):
        for each in made:
            if (got := each.receive_now()) is not None:
                each.ack(kind, got.packet_id, 0x83)
                refusals += 1
        if refusals == 2:
            break
    assert refusals == 2
    assert collect(made, pub) == [[], []]


@clause("4.8.2-4")
def test_qos2_in_flight_stays_with_its_member_4_8_2_4(clients):
    topic, pub, other = unique(), clients(), clients()
    away = clients(clean=False, properties={"session_expiry": 100})
    away.subscribe(f"$share/g/{topic}", qos=2)
    pub.publish(topic, "x", 2)
    first = away.expect(PUBLISH, qos=2)
    other.subscribe(f"$share/g/{topic}", qos=2)
    away.close()
    other.expect_nothing(after=pub)
    away.open()
    assert away.connect(clean=False).session_present is True
    again = away.expect(PUBLISH, qos=2, dup=True)
    assert (again.packet_id, again.payload) == (first.packet_id, b"x")
    away.ack(PUBREC, again.packet_id)
    away.expect(PUBREL)


@clause("4.8.2-5")
def test_qos2_in_flight_ends_with_the_session_4_8_2_5(clients):
    topic, pub, other = unique(), clients(), clients()
    (gone,) = members(clients, topic, 1, qos=2)
    pub.publish(topic, "x", 2)
    gone.expect(PUBLISH, qos=2)
    other.subscribe(f"$share/g/{topic}", qos=2)
    gone.disconnect()
    other.expect_nothing(after=pub)


def test_connected_members_are_preferred(clients):
    topic, pub = unique(), clients()
    away = clients(clean=False, properties={"session_expiry": 100})
    away.subscribe(f"$share/g/{topic}", qos=1)
    (here,) = members(clients, topic, 1)
    away.disconnect()
    for number in range(10):
        pub.publish(topic, bytes([number]), 1)
    assert len(collect([here], pub)[0]) == 10


def test_nothing_is_lost_while_all_members_are_away(clients):
    topic, pub = unique(), clients()
    made = members(clients, topic, 2, clean=False, properties={"session_expiry": 100})
    for each in made:
        each.disconnect()
    for number in range(10):
        pub.publish(topic, bytes([number]), 1)
    for each in made:
        each.open().connect(clean=False, properties={"session_expiry": 100})
    got = collect(made, pub)
    assert sorted(each.payload[0] for seen in got for each in seen) == list(range(10))


@pytest.mark.parametrize("attempt", range(6))  # with several workers: pairs at home on the same one and on different ones
def test_full_member_is_passed_over(clients, attempt):
    topic, pub = unique(), clients()
    full, free = members(clients, topic, 1, properties={"receive_maximum": 1})[0], members(clients, topic, 1)[0]
    for number in range(20):
        pub.publish(topic, bytes([number]), 1)
    # A message that goes on from one worker to another may come later than a fence: so wait for the messages themselves.
    taken = [free.expect_message(topic).payload[0] for _ in range(19)]
    last = None
    for _ in range(300):
        if (last := full.receive_now() or free.receive_now()) is not None:
            break
    assert last is not None and sorted(taken + [last.payload[0]]) == list(range(20))
    full.expect_nothing()


def test_members_that_come_and_go(clients):
    topic, pub = unique(), clients()
    stay = members(clients, topic, 2)
    for _ in range(10):
        guest = members(clients, topic, 1)[0]
        guest.disconnect()
    for number in range(10):
        pub.publish(topic, bytes([number]), 1)
    got = collect(stay, pub)
    assert sorted(each.payload[0] for seen in got for each in seen) == list(range(10))


def test_shared_subscription_carries_its_identifier(clients):
    topic, pub, sub = unique(), clients(), clients()
    sub.subscribe(f"$share/g/{topic}", properties={"subscription_id": 42})
    pub.publish(topic, "x")
    assert sub.expect_message(topic, "x").properties == {"subscription_id": [42]}
