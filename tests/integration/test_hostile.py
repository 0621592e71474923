"""Clients that are slow, silent, greedy or malicious: bounded memory, and nobody else is harmed."""

import time

import pytest

from harness import *

SMALL = """
limits: {output_buffer: 64 KB, queued_messages: 1000, queued_bytes: 1 MB}
"""


@pytest.fixture(scope="module")
def small():
    with Broker(workers=2, config=SMALL) as broker:
        yield broker


@pytest.fixture
def innocents(small):
    """A publisher and a subscriber that must be served whatever happens; their check is run by calling the fixture."""
    topic = unique("innocent")
    with Client(small) as sub, Client(small) as pub:
        sub.connect()
        pub.connect()
        sub.subscribe(topic, qos=1)

        def check():
            start = time.monotonic()
            pub.publish(topic, "x", 1)
            sub.expect_message(topic, "x")
            return time.monotonic() - start

        check()
        yield check


def announce(broker, count, before_connect):
    """Connections that announce 256 MB and send next to nothing of it."""
    made = []
    for _ in range(count):
        client = Client(broker)
        if before_connect:
            client.send(b"\x10\xff\xff\xff\x7f")
        else:
            client.connect(keep_alive=0)
            client.send(b"\x30\xff\xff\xff\x7f" + text("a") + b"\x00" + b"x" * 1024)
        made.append(client)
    return made


@pytest.mark.parametrize("before_connect", [True, False], ids=["before_connect", "after_connect"])
def test_announced_lengths_cost_nothing(small, innocents, before_connect):
    for client in announce(small, 100, before_connect):  # once, for what the process keeps after the first time
        client.close()
    innocents()
    settle(small)
    idle = [Client(small) for _ in range(100)]
    if not before_connect:
        for client in idle:
            client.connect(keep_alive=0)
    settle(small)
    plain_kb = small.resident_kb()
    for client in idle:
        client.close()
    innocents()
    made = announce(small, 100, before_connect)
    innocents()
    settle(small)
    with_announced_kb = small.resident_kb()
    for client in made:
        client.close()
    if not is_sanitized():
        assert with_announced_kb - plain_kb < 1024


def settle(broker):
    """Wait until the resident memory stays the same for a moment."""
    last, same = -1, 0
    for _ in range(200):
        now = broker.resident_kb()
        same = same + 1 if now == last else 0
        if same == 10:
            return
        last = now
        time.sleep(0.01)


def test_slow_reader_of_qos0_loses_messages_and_costs_little(small, innocents):
    topic = unique()
    with Client(small, receive_buffer=4096) as slow, Client(small) as pub:
        slow.connect()
        pub.connect()
        slow.subscribe(topic)
        before_kb = small.resident_kb()
        for _ in range(40):
            pub.send(*(publish(topic, b"x" * 10000) for _ in range(100)))
            pub.expect_alive()
        assert innocents() < 5
        if not is_sanitized():
            assert small.resident_kb() - before_kb < 12000
        got = slow.collect(after=pub)
        assert 0 < len(got) < 4000
        assert all(each.payload == b"x" * 10000 for each in got)


def test_asking_without_reading_the_answers_is_bounded(small, innocents):
    with Client(small, receive_buffer=4096) as deaf:
        deaf.connect(keep_alive=0)
        before_kb = small.resident_kb()
        deaf.socket.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):  # the broker has stopped reading
            while sent < 100_000_000:
                sent += deaf.socket.send(PINGREQ_BYTES * 100_000)
        assert innocents() < 5
        if not is_sanitized():
            assert small.resident_kb() - before_kb < 12000
        answers = 0
        deaf.socket.settimeout(10)
        while answers < sent - sent % 2:  # and goes on as soon as the answers are read
            answers += len(deaf.socket.recv(1 << 20))


def test_acknowledgements_withheld_for_memory_come_when_another_worker_frees_it(start_broker):
    broker = start_broker(workers=4, config="limits: {memory: 24 MB, queued_bytes: 100 MB}\n")
    topic, keeper = unique(), unique("keeper")
    with Client(broker, keeper) as client:
        client.connect(properties={"session_expiry": 1000})
        client.subscribe(topic, qos=1)
    with Client(broker, patience=1) as filler:
        filler.connect(keep_alive=0)
        with pytest.raises(TimedOut):
            for number in range(1, 1000):
                filler.start(topic, b"x" * 60000, 1, packet_id=number)
                filler.expect(PUBACK)
        others = [Client(broker) for _ in range(8)]
        for other in others:
            other.connect(keep_alive=0)  # an event for each worker, so that each knows that memory is short
            other.start(unique(), "x", 1, packet_id=1)
        time.sleep(0.5)  # every worker sleeps
        with Client(broker, keeper) as client:
            client.connect()  # clean start: the memory is free
        for other in others:
            other.expect(PUBACK)
            other.close()


def test_a_subscribe_with_millions_of_filters_is_refused_by_its_length(small, innocents):
    with Client(small) as greedy:
        greedy.connect()
        greedy.send(b"\x82" + varint(5_000_000), u16(1) + b"\x00")
        greedy.expect(DISCONNECT, reason=0x95)
        greedy.expect_close()
    assert innocents() < 1


def test_the_same_wildcard_again_and_again_costs_little(small, innocents):
    with Client(small, receive_buffer=4096) as greedy:
        greedy.connect(keep_alive=0)
        before_kb = small.resident_kb()
        for number in range(1, 4):
            greedy.send(packet(SUBSCRIBE, 2, u16(number) + b"\x00" + (text("#") + b"\x00") * 200_000))
        assert innocents() < 5
        if not is_sanitized():
            assert small.resident_kb() - before_kb < 12000


def drain(client):
    """All messages that wait for the client: until a round of acknowledgements brings no more."""
    messages, came = [], True
    while came:
        client.send(PINGREQ_BYTES)
        came = False
        while (got := client.receive()).kind == PUBLISH:
            messages.append(got)
            client.ack(PUBACK, got.packet_id)
            came = True
    return messages


def test_slow_reader_of_qos1_has_a_bounded_queue(small, innocents):
    topic = unique()
    with Client(small, receive_buffer=4096) as slow, Client(small) as pub:
        slow.connect(keep_alive=0, properties={"receive_maximum": 10})
        pub.connect()
        slow.subscribe(topic, qos=1)
        before_kb = small.resident_kb()
        for number in range(3000):
            pub.send(publish(topic, u32(number) + b"x" * 1000, 1, packet_id=1 + number % 1000))
            if number % 500 == 499:
                for _ in range(500):
                    pub.expect(PUBACK)
        assert innocents() < 5
        if not is_sanitized():
            assert small.resident_kb() - before_kb < 12000
        numbers = [int.from_bytes(each.payload[:4], "big") for each in drain(slow)]
        assert 500 <= len(numbers) <= 1100 and numbers == sorted(numbers)


def test_writer_of_a_byte_at_a_time_does_not_hold_up_others(small, innocents):
    with Client(small) as slow:
        slow.connect()
        data = publish("slow/" + unique(), b"x" * 100)
        for at in range(0, len(data)):
            slow.send(data[at:at + 1])
            if at % 20 == 0:
                assert innocents() < 2
        slow.expect_alive()


def test_half_open_connection_of_a_client_that_vanished(small, innocents):
    """The client is gone without a word and its keep alive passes: the will comes, the place is free."""
    topic = unique()
    with Client(small) as watcher, Client(small) as gone:
        watcher.connect()
        watcher.subscribe(topic)
        gone.connect(keep_alive=1, will=Will(topic))
        assert innocents() < 2
        watcher.expect_message(topic, "will")


def test_storm_of_connections(small, innocents):
    for _ in range(10):
        made = [Client(small) for _ in range(60)]
        for number, client in enumerate(made):
            if number % 3:
                client.send(connect(client.client_id))
        for number, client in enumerate(made):
            if number % 3:
                client.expect(CONNACK, reason=0)
            client.abort() if number % 2 else client.close()
        assert innocents() < 5


def test_many_topics_leave_nothing_behind(small, innocents):
    with Client(small) as pub:
        pub.connect()
        before_kb = None
        for part in range(20):
            pub.send(*(publish(f"many/{part}/{number}/{unique()}", b"") for number in range(10000)))
            pub.expect_alive()
            if part == 4:
                before_kb = small.resident_kb()
        assert innocents() < 5
        if not is_sanitized():
            assert small.resident_kb() - before_kb < 20000


def test_filters_of_every_shape(small, innocents):
    """2^12 different places of wildcards: each costs what a subscription costs, and matching stays quick."""
    top, bits = unique(), 12
    with Client(small) as greedy, Client(small) as pub:
        greedy.connect()
        pub.connect()
        filters = [top + "/" + "/".join("+" if shape >> bit & 1 else "a" for bit in range(bits)) for shape in range(1 << bits)]
        for at in range(0, len(filters), 512):
            greedy.subscribe(*filters[at:at + 512])
        start = time.monotonic()
        pub.publish(top + "/a" * bits, "all", 1)
        assert len(greedy.collect(after=pub)) >= 1
        assert time.monotonic() - start < 5
        start = time.monotonic()
        for _ in range(200):
            pub.publish(top + "/b" * bits, "one", 0)
        assert len(greedy.collect(after=pub)) == 200
        assert time.monotonic() - start < 10
        assert innocents() < 2


def test_deep_filters_and_topics_up_to_the_limit(small, innocents):
    with Client(small) as client, Client(small) as pub:
        client.connect()
        pub.connect()
        top = unique()
        for levels in (50, 100, 199):
            topic = top + "/x" * levels
            client.subscribe(top + "/+" * levels, topic)
            pub.publish(topic, "x")
            assert client.collect(after=pub)
            client.unsubscribe(top + "/+" * levels, topic)
        got = client.subscribe(top + "/x" * 200, top + "/+" * 1000, expect=None)
        assert all(reason >= 0x80 for reason in got.reasons)
        assert innocents() < 2


def test_memory_of_subscriptions_comes_back(small, innocents):
    filters = [f"memory/{number}/{unique()}" for number in range(20000)]

    def once():
        with Client(small) as client:
            client.connect()
            for at in range(0, len(filters), 2000):
                client.subscribe(*filters[at:at + 2000])
            client.disconnect()
        innocents()

    once()
    before_kb = small.resident_kb()
    for _ in range(4):
        once()
    if not is_sanitized():
        assert small.resident_kb() - before_kb < 8000


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 8, 13])
def test_connections_that_end_anywhere(small, innocents, size):
    whole = connect("ends") + subscribe(1, [("a/b", 1)]) + publish("a/b", b"x" * 50, 1, packet_id=1) + disconnect()
    for start in range(0, len(whole), 29):
        with Client(small) as client:
            client.send(whole[:start + size])
    assert innocents() < 2


def test_random_bytes_after_connect(small, innocents):
    import random
    numbers = random.Random(20240229)
    for _ in range(300):
        with Client(small) as client:
            client.connect()
            client.send(bytes(numbers.randrange(256) for _ in range(numbers.randrange(1, 60))))
            client.finish_sending()
            try:
                while client.receive() is not None:
                    pass
            except AssertionError as wrong:
                raise AssertionError("the answer to random bytes is not MQTT") from wrong
    assert innocents() < 2


def test_packet_types_changed_bit_by_bit(small, innocents):
    """A good conversation with each single bit of it flipped."""
    good = publish("bits/a", b"payload", 1, packet_id=3, properties={"content_type": "c", "user_property": ("a", "b")}) + \
        subscribe(4, [("bits/+", 1)], properties={"subscription_id": 200}) + ack(PUBREL, 9, 0, {"reason_string": "r"})
    for at in range(len(good) * 8):
        changed = bytearray(good)
        changed[at // 8] ^= 1 << at % 8
        with Client(small) as client:
            client.send(connect(client.client_id), bytes(changed))
            client.finish_sending()
            while client.receive() is not None:
                pass
    assert innocents() < 2
