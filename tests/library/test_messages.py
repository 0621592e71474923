"""The library over every transport."""

import pytest

from harness import unique
from programs import is_sanitized

VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5.0"])


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish_and_receive(way, probe, version, qos):
    top = unique()
    client = probe(way, version=version)
    client.ok("connect")
    assert client.ok("subscribe", f"{top}/#", qos)["code"] == qos
    for number in range(5):
        client.ok("publish", f"{top}/{number}", qos, 0, f"text {number} of {top}")
    for number in range(5):
        got = client.ok("receive")
        assert (got["topic"], got["payload"]) == (f"{top}/{number}", f"text {number} of {top}")
        assert (got["qos"], got["retain"], got["offset"]) == (qos, 0, 0)
    client.ok("unsubscribe", f"{top}/#")
    client.ok("subscribe", f"{top}-fence", 0)
    client.ok("publish", f"{top}/unheard", qos, 0, "x")
    client.ok("publish", f"{top}-fence", 0, 0, "nothing came before")
    assert client.ok("receive")["topic"] == f"{top}-fence"
    client.ok("disconnect")


@VERSIONS
def test_retained(way, probe, version):
    topic = unique()
    client = probe(way, version=version)
    client.ok("connect")
    client.ok("publish", topic, 1, 1, "42")
    client.ok("subscribe", topic, 1)
    got = client.ok("receive")
    assert (got["payload"], got["retain"]) == ("42", 1)
    client.ok("publish", topic, 1, 1, "")
    client.ok("disconnect")


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_large_payloads_stream(way, probe, qos):
    topic = unique()
    size = 60001 if way.is_slow else 3000001  # mosquitto 2.0 writes 4 KB to a WebSocket, then waits for 100 ms
    sender, receiver = probe(way), probe(way, buffer=8192)
    receiver.ok("connect")
    receiver.ok("subscribe", topic, qos)
    sender.ok("connect")
    receiver.begin("collect")
    sender.ok("stream", topic, qos, size)
    got = receiver.answer()
    assert got["result"] == "ok" and got["good"] and got["size"] == size and got["pieces"] > 1
    for client in sender, receiver:
        client.ok("disconnect")


@VERSIONS
def test_will(way, probe, version):
    topic = unique()
    watcher, dying = probe(way, version=version), probe(way, version=version, will=topic, will_text="gone")
    watcher.ok("connect")
    watcher.ok("subscribe", topic, 1)
    dying.ok("connect")
    dying.kill()
    assert watcher.ok("receive")["payload"] == "gone"
    polite = probe(way, version=version, will=topic, will_text="not sent")
    polite.ok("connect")
    polite.ok("disconnect")
    watcher.ok("publish", topic, 0, 0, "nothing came before")
    assert watcher.ok("receive")["payload"] == "nothing came before"


@pytest.mark.parametrize("server, send, receive, qos",
                         [("mosquitto", "tcp", "tcp", 0), ("mosquitto", "tcp", "tcp", 1), ("mosquitto", "tls", "tls", 0),
                          ("mosquitto", "wss", "tcp", 0), ("busbard", "tcp", "tcp", 2), ("busbard", "wss", "wss", 1)])
def test_a_giant_payload_needs_little_memory(request, probe, server, send, receive, qos):
    """256 MB, as much as MQTT can carry, through less than 8 MB of resident memory in each client."""
    topic = unique()
    size = 20000000 if is_sanitized() else 268000000
    ways = request.getfixturevalue(server).ways
    sender, receiver = (probe(ways[name], patience=120000) for name in (send, receive))
    receiver.ok("connect")
    receiver.ok("subscribe", topic, 0)
    sender.ok("connect")
    receiver.begin("collect")
    sender.ok("stream", topic, qos, size)
    got = receiver.answer()
    assert got["result"] == "ok" and got["good"] and got["size"] == size
    if not is_sanitized():
        for client in sender, receiver:
            assert client.ok("memory")["peak_kb"] < 8 * 1024
