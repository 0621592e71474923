"""Settings that change what clients meet: limits, shared strategies, io_uring, listeners, systemd, the log file."""

import os
import signal
import socket
import threading
import time

import pytest

from harness import *


def connected(broker, version=V5, **fields):
    client = Client(broker, version=version)
    client.connect(**fields)
    return client


def share(broker, group, count, topic):
    made = [connected(broker) for _ in range(count)]
    for each in made:
        each.subscribe(f"$share/{group}/{topic}", qos=1)
    return made


@pytest.mark.parametrize("workers", [1, 4])
def test_sticky_shared_subscription_stays_with_one_member(start_broker, workers):
    broker = start_broker(config="features: {shared_strategy: sticky}\n", workers=workers)
    members, pub = share(broker, "g", 4, "a"), connected(broker)
    for number in range(40):
        pub.publish("a", bytes([number]), 1)
    taken = [len(each.collect(after=pub)) for each in members]
    assert sorted(taken) == [0, 0, 0, 40]
    chosen = members.pop(taken.index(40))
    chosen.disconnect()
    for number in range(10):
        pub.publish("a", bytes([number]), 1)
    assert sorted(len(each.collect(after=pub)) for each in members) == [0, 0, 10]


@pytest.mark.parametrize("workers", [1, 4])
def test_hash_shared_subscription_keeps_each_publisher_with_one_member(start_broker, workers):
    broker = start_broker(config="features: {shared_strategy: hash}\n", workers=workers)
    members, pubs = share(broker, "g", 3, "a"), [connected(broker) for _ in range(8)]
    for _ in range(5):
        for name, pub in enumerate(pubs):
            pub.publish("a", bytes([name]), 1)
    seen = [[message.payload[0] for message in each.collect(after=pubs[0])] for each in members]
    for name in range(8):
        assert sorted(each.count(name) for each in seen) == [0, 0, 5], "one member has all of this publisher's messages"


def test_qos0_messages_are_kept_where_that_is_asked_for(start_broker):
    broker = start_broker(config="limits: {queue_qos0: yes}\n")
    sub, pub = connected(broker, clean=False, properties={"session_expiry": 100}), connected(broker)
    sub.subscribe("a", qos=1)
    sub.disconnect()
    pub.publish("a", "0", 0)
    pub.publish("a", "1", 1)
    sub.open().connect(clean=False)
    got = [sub.expect_message("a") for _ in range(2)]
    assert sorted((each.payload, each.qos) for each in got) == [(b"0", 0), (b"1", 1)]


def test_full_queue_of_an_absent_client_keeps_its_limit(start_broker):
    broker = start_broker(config="limits: {queued_messages: 5, inflight: 2}\n")
    sub, pub = connected(broker, clean=False, properties={"session_expiry": 100}), connected(broker)
    sub.subscribe("a", qos=1)
    sub.disconnect()
    for number in range(20):
        got = pub.start("a", bytes([number]), 1)
        assert pub.expect(PUBACK, packet_id=got).reason in (0, 0x97)
    sub.open().connect(clean=False)
    kept = []
    while True:
        sub.send(PINGREQ_BYTES)
        got = sub.receive()
        if got.kind == PINGRESP:
            break
        while got.kind == PUBLISH:
            kept.append(got.payload[0])
            sub.ack(PUBACK, got.packet_id)
            got = sub.receive()
    assert 5 <= len(kept) <= 7 and kept == sorted(kept)


def test_retained_messages_above_the_limit_are_refused(start_broker):
    broker = start_broker(config="limits: {retained_messages: 3}\n")
    pub = connected(broker)
    for number in range(3):
        pub.publish(str(number), "x", 1, retain=True)
    pub.publish("3", "x", 1, retain=True, reason=0x97)
    pub.publish("0", "new value", 1, retain=True)
    pub.publish("1", "", 1, retain=True)
    pub.publish("3", "x", 1, retain=True)
    sub = connected(broker)
    sub.subscribe("+", qos=1)
    assert sorted(sub.expect_message(retain=True).topic for _ in range(3)) == ["0", "2", "3"]


def test_sessions_above_the_limit_are_refused(start_broker):
    broker = start_broker(config="limits: {sessions: 2}\n")
    first, second = connected(broker), connected(broker, clean=False, properties={"session_expiry": 100})
    second.disconnect()
    with Client(broker) as third:
        third.send(connect(third.client_id))
        third.expect_refused({0x97, 0x89})
    second.open().connect(clean=True)
    first.expect_alive()


def test_memory_limit_slows_publishers_and_keeps_the_process_small(start_broker):
    """40 MB for a client that is away, where 16 MB are allowed: nobody is killed, and what was acknowledged is there."""
    broker = start_broker(workers=2, config="limits: {memory: 16 MB, queued_messages: 4000000, queued_bytes: 1 GB}\n")
    away = connected(broker, clean=False, properties={"session_expiry": 1000})
    away.subscribe("flood", qos=1)
    away.disconnect()
    start_kb, total, window = broker.resident_kb(), 20000, 400
    pub, other = connected(broker, keep_alive=0), connected(broker)
    answers, done = [], threading.Event()

    def flood():
        sent = 0
        while len(answers) < total:
            while sent < total and sent - len(answers) < window:
                pub.send(publish("flood", u32(sent) + b"x" * 2000, 1, packet_id=1 + sent % 60000))
                sent += 1
            answers.append(pub.expect(PUBACK, patience=60).reason)
        done.set()

    threading.Thread(target=flood, daemon=True).start()
    most_kb = 0
    for _ in range(40):
        most_kb = max(most_kb, broker.resident_kb())
        other.expect_alive()
        if done.wait(0.05):
            break
    away.open().connect(clean=False, keep_alive=0)
    numbers = []
    while not (done.is_set() and len(numbers) >= sum(code == 0 for code in answers)):
        got = away.expect(PUBLISH)
        numbers.append(int.from_bytes(got.payload[:4], "big"))
        away.ack(PUBACK, got.packet_id)
    assert len(answers) == total and set(answers) <= {0, 0x97}
    assert numbers == sorted(numbers)
    if not is_sanitized():
        assert most_kb - start_kb < 48000


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_both_ways_of_sending(start_broker, mode):
    broker = start_broker(config=f"io_uring: {mode}\n", workers=2)
    subs, pub = [connected(broker) for _ in range(50)], connected(broker)
    for sub in subs:
        sub.subscribe("a", qos=1)
    for size in (0, 10, 1000, 1100, 20000, 70000, 3, 300000):
        pub.publish("a", b"x" * size, 1)
    for sub in subs:
        for size in (0, 10, 1000, 1100, 20000, 70000, 3, 300000):
            sub.expect_message("a", b"x" * size, qos=1)


def test_ipv6_listener(start_broker):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no IPv6")
    start_broker(arguments=["--listen", f"[::1]:{port}"])
    with socket.create_connection(("::1", port), timeout=10) as link:
        link.sendall(connect("six", V311))
        assert link.recv(10) == b"\x20\x02\x00\x00"


def test_systemd_is_told_of_readiness_watchdog_and_stopping(start_broker, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(15)
        broker = start_broker(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"})
        seen = notify.recv(4096)
        while b"READY=1" not in seen:
            seen = notify.recv(4096)
        while b"WATCHDOG=1" not in seen:
            seen = notify.recv(4096)
        broker.signal(signal.SIGTERM)
        while b"STOPPING=1" not in seen:
            seen = notify.recv(4096)
        assert broker.wait() == 0


def test_log_file_is_opened_anew_at_sighup(start_broker, tmp_path):
    path, moved = tmp_path / "busbard.log", tmp_path / "busbard.log.1"
    broker = start_broker(config=f"log: {{file: {path}, level: debug}}\n")
    assert path.stat().st_size > 0
    os.rename(path, moved)
    broker.signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until, "no new log file"
        time.sleep(0.01)
    with Client(broker) as client:
        client.connect()
    until = time.monotonic() + 10
    while client.client_id not in path.read_text():
        assert time.monotonic() < until, path.read_text()
        time.sleep(0.01)
    assert client.client_id not in moved.read_text()
