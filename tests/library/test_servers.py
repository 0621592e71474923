"""Servers that do not do what one hopes for, played byte by byte."""

import contextlib
import socket
import struct
import threading

import pytest

from programs import Way, tcp

CONNACK_OK = bytes.fromhex("2003000000")


def text(words):
    return struct.pack(">H", len(words)) + words.encode()


def packet(first, body):
    return bytes([first, len(body)]) + body


def connack(code, *properties):
    joined = b"".join(properties)
    return packet(0x20, bytes([0, code, len(joined)]) + joined)


def disconnect(code, *properties):
    joined = b"".join(properties)
    return packet(0xE0, bytes([code, len(joined)]) + joined)


REASON, REFERENCE = b"\x1f", b"\x1c"


@contextlib.contextmanager
def server(*says, close=True):
    """For each connection in turn: read CONNECT, send what is to be said, close. Yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        for words in says:
            try:
                connection, _ = listener.accept()
                connection.recv(4096)
                connection.sendall(words)
                held.append(connection)
                if close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    for each in held + [listener]:
        each.close()


def test_a_server_that_says_nothing(probe):
    with server(b"", close=False) as port:
        answer = probe(tcp(port), timeout=300)("connect")
    assert (answer["result"], answer["error"]) == ("lost", "the server did not answer in time")


def test_nobody_answers_in_the_time_of_the_caller(probe):
    with server(b"", close=False) as port:
        answer = probe(tcp(port), patience=300)("connect")
    assert (answer["result"], answer["error"]) == ("timeout", "the server did not answer in time")


def test_the_reason_of_a_refusal_is_told(probe):
    with server(connack(0x87, REASON + text("not you"))) as port:
        answer = probe(tcp(port))("connect")
    assert (answer["result"], answer["code"]) == ("refused", 0x87)
    assert answer["error"] == "the server refused the connection: not authorized (0x87): not you"


def test_the_reason_of_an_end_is_told(probe):
    with server(CONNACK_OK + disconnect(0x8B, REASON + text("good night"))) as port:
        client = probe(tcp(port))
        client.ok("connect")
        answer = client("receive")
    assert (answer["result"], answer["code"]) == ("lost", 0x8B)
    assert answer["error"] == "the server ended the connection: server shutting down (0x8b): good night"


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x02\x00\x00", b"\x20\xff\xff\xff\xff\x7f",
                                  CONNACK_OK + CONNACK_OK])
def test_a_server_that_breaks_the_protocol(probe, says):
    with server(says) as port:
        client = probe(tcp(port))
        answer = client("connect")
        if answer["result"] == "ok":
            answer = client("receive")
    assert answer["result"] == "lost"
    assert answer["error"].startswith("the server broke the protocol")


@pytest.mark.parametrize("say", [lambda reference: connack(0x9C, reference),
                                 lambda reference: CONNACK_OK + disconnect(0x9D, reference)], ids=["connack", "disconnect"])
def test_a_redirection_is_followed_only_where_that_is_wanted(mosquitto, probe, say):
    plain = mosquitto.ways["tcp"].url.removeprefix("mqtt://")
    again = {"retry_min": 10, "retry_max": 100}
    with server(*[say(REFERENCE + text(plain))] * 2) as port:
        client = probe(tcp(port), redirects=1, **again)
        while client("connect")["result"] != "ok" or client("publish", "a", 1, 0, "x")["result"] != "ok":
            pass
    with server(say(REFERENCE + text(plain))) as port:
        client = probe(tcp(port))
        answer = client("connect")
        if answer["result"] == "ok":
            answer = client("receive")
    assert answer["result"] in ("refused", "lost") and answer["code"] in (0x9C, 0x9D)


def test_an_address_that_does_not_answer_is_given_up(probe, mosquitto):
    """A listener whose queue is full takes no connection and refuses none."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for each in fill:
        each.setblocking(False)
        each.connect_ex(full.getsockname())
    answer = probe(tcp(full.getsockname()[1]), address_timeout=300)("connect")
    assert answer["result"] == "lost"
    assert answer["error"] == f"127.0.0.1:{full.getsockname()[1]}: no answer in time"
    for each in fill + [full]:
        each.close()


def test_a_name_that_does_not_exist(probe):
    answer = probe(Way("mqtt://does-not-exist.invalid"))("connect")
    assert answer["result"] == "lost"
    assert answer["error"].startswith("does-not-exist.invalid: ")
