"""Connections that break, and what survives."""

import signal
import subprocess

import pytest

from harness import unique
from programs import Mosquitto, Proxy, Way, tcp

AGAIN = {"retry_min": 20, "retry_max": 100}


@pytest.fixture
def proxy(request):
    made = []

    def make(port):
        made.append(Proxy(port))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=["busbard", "mosquitto"])
def port(request):
    if request.param == "busbard":
        return request.getfixturevalue("broker4").port
    return request.getfixturevalue("mosquitto").ports[0]


def receive_new(client, seen):
    """The next payload that was not seen: one whose acknowledgement was lost comes again (QoS 1)."""
    while (payload := client.ok("receive")["payload"]) in seen:
        pass
    seen.add(payload)
    return payload


@pytest.mark.parametrize("version", ["3.1.1", "5.0"])
def test_a_cut_connection_is_made_again_and_the_session_goes_on(port, proxy, probe, version):
    top, between = unique(), proxy(port)
    cut = tcp(between.port)
    away = probe(cut, version=version, id=unique(), expiry=300, **AGAIN)
    other = probe(tcp(port), version=version)
    other.ok("connect")
    away.ok("connect")
    away.ok("subscribe", f"{top}/#", 1)
    seen = set()
    for number in range(3):
        between.closed = True
        between.cut()
        other.ok("publish", f"{top}/x", 1, 0, f"while away {number}")
        between.closed = False
        assert receive_new(away, seen) == f"while away {number}"
        between.cut()
        away.ok("publish", f"{top}/back", 2, 0, f"back {number}")
        assert receive_new(away, seen) == f"back {number}"


def test_a_session_survives_the_process(port, probe):
    top, way, name = unique(), tcp(port), unique()
    first = probe(way, id=name, expiry=300)
    first.ok("connect")
    first.ok("subscribe", f"{top}/#", 1)
    first.kill()
    other = probe(way)
    other.ok("connect")
    other.ok("publish", f"{top}/x", 1, 0, "kept")
    second = probe(way, id=name, expiry=300)
    second.ok("connect")
    assert second.ok("receive")["payload"] == "kept"
    second.ok("disconnect")


def test_messages_that_were_not_acknowledged_survive_the_process(port, proxy, probe, tmp_path):
    """In a store that is a folder."""
    topic, between, name = unique(), proxy(port), unique()
    way = tcp(between.port)
    listener = probe(tcp(port))
    listener.ok("connect")
    listener.ok("subscribe", topic, 1)
    first = probe(way, id=name, expiry=300, store=tmp_path / "store", patience=500, **AGAIN)
    first.ok("connect")
    between.closed = True
    between.cut()
    assert first("publish", topic, 1, 0, "not lost")["result"] == "timeout"
    first.kill()
    between.closed = False
    second = probe(way, id=name, expiry=300, store=tmp_path / "store")
    second.ok("connect")
    second.ok("publish", topic, 1, 0, "next")
    assert [listener.ok("receive")["payload"] for _ in range(2)] == ["not lost", "next"]
    second.ok("disconnect")


def test_a_server_that_restarts_is_found_again(probe):
    with Mosquitto("listener {} 127.0.0.1") as server:
        client = probe(tcp(server.ports[0]), **AGAIN)
        client.ok("connect")
        client.ok("subscribe", "a", 1)
        server.stop(signal.SIGKILL)
        client.begin("publish", "b", 1, 0, "waits for the server")
        server.start()
        assert client.answer()["result"] == "ok"
        client.ok("subscribe", "a", 1)
        client.ok("publish", "a", 1, 0, "again")
        assert client.ok("receive")["payload"] == "again"


def test_all_urls_are_tried(port, probe):
    client = probe(Way(f"mqtt://127.0.0.1:1 mqtt://127.0.0.1:{port}"), **AGAIN)
    client.ok("connect")
    client.ok("publish", "a", 1, 0, "x")


def test_credentials_come_from_the_url(probe, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "user", "p@ss:word"], check=True)
    with Mosquitto("listener {} 127.0.0.1", options=f"password_file {passwords}\n") as server:
        probe(Way(f"mqtt://user:p%40ss%3Aword@127.0.0.1:{server.ports[0]}")).ok("connect")
        for wrong in "user:wrong@", "user@", "":
            for version, code in ("5.0", 0x87), ("3.1.1", 0x87):
                answer = probe(Way(f"mqtt://{wrong}127.0.0.1:{server.ports[0]}"), version=version)("connect")
                assert (answer["result"], answer["code"]) == ("refused", code)
                assert answer["error"] == "the server refused the connection: not authorized (0x87)"


def test_too_many_messages_for_the_inbox(port, probe):
    """A call that waits for something else puts messages aside up to a bound, and none is lost."""
    topic, count = unique(), 50
    slow, fast = probe(tcp(port), inbox=1000), probe(tcp(port))
    slow.ok("connect")
    slow.ok("subscribe", topic, 1)
    fast.ok("connect")
    for number in range(count):
        fast.ok("publish", topic, 1, 0, f"{number} " + "x" * 100)
    result = "ok"
    while result == "ok":
        result = slow("publish", "elsewhere", 1, 0, "y")["result"]
    assert result == "inbox"
    got = [slow.ok("receive")["payload"] for _ in range(count)]
    assert [int(text.split()[0]) for text in got] == list(range(count))
    slow.ok("publish", "elsewhere", 1, 0, "y")
