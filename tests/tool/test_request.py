"""busbar request and busbar respond."""

import json
import os
import socket
import subprocess
import threading

import pytest

from harness import packets
from programs import run


@pytest.fixture
def responder(server, background):
    """Start `busbar respond`; it is ready when this returns."""

    def start(filter, *words, options=()):
        made = background("respond", *server.to, "-d", *options, filter, "--", *words)
        made.wait_for_error("connected to")
        # Its subscription went out with CONNECT's answer; a message there and back on the same connection is not ours to
        # send, so ask until somebody answers.
        for _ in range(100):
            if run("request", *server.to, filter.replace("+", "ready"), "-n", "-W", "0.3", code=None).returncode != 4:
                return made
        raise AssertionError("nobody answers")

    return start


def test_the_output_of_a_command_is_the_answer(server, responder, top):
    responder(top, "tr", "a-z", "A-Z")
    assert run("request", *server.to, top, "hello").stdout == b"HELLO\n"
    assert run("request", *server.to, "-N", "-q", "2", "-s", top, input=b"a\nb").stdout == b"A\nB"


def test_the_command_knows_topic_and_properties(server, responder, top):
    responder(top + "/+", "sh", "-c", "env | grep ^BUSBAR_ | sort")
    done = run("request", *server.to, "-q", "1", top + "/x", "-n", "--content-type", "a/b", "--correlation-data", "\x01c",
               "--response-topic", top + "-answers", "--user-property", "first name=x y", "--user-property", "LD_PRELOAD=z",
               env=None)
    assert done.stdout.decode().splitlines() == [
        "BUSBAR_CONTENT_TYPE=a/b", "BUSBAR_CORRELATION_DATA=0163", "BUSBAR_PROPERTY_FIRST_NAME=x y",
        "BUSBAR_PROPERTY_LD_PRELOAD=z", "BUSBAR_QOS=1", f"BUSBAR_RESPONSE_TOPIC={top}-answers", "BUSBAR_RETAIN=0",
        f"BUSBAR_TOPIC={top}/x", ""]


FAILURES = {
    "exit": (["sh", "-c", "echo half; exit 3"], [], "exit code 3", b"half\n\n"),
    "signal": (["sh", "-c", "kill -9 $$"], [], "killed by signal 9", b""),
    "no_command": (["/no/such/command"], [], "cannot be started", b""),
    "late": (["sleep", "100"], ["-W", "0.1"], "took too long", b""),
    "large_answer": (["cat", "/dev/zero"], ["--answer-size", "10KB"], "too large", None),
    "large_request": (["cat"], ["--request-size", "10"], "larger than 10 bytes", b""),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_answered(server, responder, top, name):
    words, options, expected, output = FAILURES[name]
    responder(top, *words, options=options)
    done = run("request", *server.to, top, "more than ten bytes", code=7)
    assert expected in done.stderr, done.stderr
    assert output is None or done.stdout == output


def test_large_requests_and_answers(server, responder, top, tmp_path):
    data = os.urandom(1500000)
    (tmp_path / "file").write_bytes(data)
    responder(top, "cat")
    assert run("request", *server.to, "-q", "1", "-N", top, "-f", tmp_path / "file").stdout == data


def test_a_command_that_does_not_read_its_input(server, responder, top):
    responder(top, "echo", "done")
    assert run("request", *server.to, "-s", top, input=b"x" * 500000).stdout == b"done\n\n"


def test_several_answers(server, responder, top):
    for name in "ab":
        responder(top, "echo", name)
    got = run("request", *server.to, "-N", "-C", "2", top, "who?").stdout
    assert sorted(got.split()) == [b"a", b"b"]
    got = run("request", *server.to, "-N", "-C", "0", "-W", "1", top, "who?").stdout
    assert sorted(got.split()) == [b"a", b"b"]


def test_nobody_answers(server, top):
    done = run("request", *server.to, "-q", "1", "-W", "0.3", top, "anyone?", code=4)
    assert "0 answers" in done.stderr and ("nobody subscribes" in done.stderr or server.name == "mosquitto")


def test_json_answers(server, responder, top):
    responder(top, "echo", "x", options=["--content-type", "text/plain"])
    got = json.loads(run("request", *server.to, "--json", top, "x").stdout)
    assert got["payload"] == "x\n" and got["properties"]["content-type"] == "text/plain"


def test_commands_run_side_by_side_but_not_too_many(server, responder, background, top, tmp_path):
    """Each command waits until two run; the third request is answered because the first two have ended."""
    script = f"echo x >>{tmp_path}/began; while [ $(wc -l <{tmp_path}/began) -lt 2 ]; do sleep 0.01; done; echo ok"
    responder(top, "sh", "-c", f"[ $BUSBAR_QOS = 0 ] && exit; {script}", options=["-j", "2"])
    asking = [background("request", *server.to, "-q", "1", "-N", top, "x") for _ in range(3)]
    assert [each.wait() for each in asking] == ["ok\n"] * 3


def test_who_comes_when_all_are_busy_is_told(server, responder, background, top, tmp_path):
    responder(top, "sh", "-c", f"[ $BUSBAR_QOS = 0 ] && exit; cat {tmp_path}/go", options=["-j", "1", "--waiting", "0"])
    os.mkfifo(tmp_path / "go")
    first = background("request", *server.to, "-q", "1", "-N", top, "x")
    with open(tmp_path / "go", "w") as go:  # opens when the command has begun
        done = run("request", *server.to, "-q", "1", top, "y", code=7)
        assert "busy" in done.stderr
        go.write("went")
    assert first.wait() == "went"


def test_what_is_no_request_is_said(server, responder, top):
    made = responder(top, "cat")
    run("pub", *server.to, top, "just a message")
    made.wait_for_error("no response topic")


def test_count_ends_it(server, background, top):
    made = background("respond", *server.to, "-d", "-C", "1", top, "--", "cat")
    made.wait_for_error("connected to")
    while run("request", *server.to, "-W", "0.3", top, "x", code=None).returncode == 4:
        pass
    made.wait()


@pytest.mark.parametrize("words", [["request", "a"], ["request", "a", "b", "-V", "311"], ["respond", "a"], ["respond"],
                                   ["respond", "a#", "--", "x"]], ids=" ".join)
def test_wrong_usage(words):
    run(*words, code=1)


class Greedy:
    """A broker that sends one request after the other and acknowledges no answer."""

    REQUESTS = 10300  # more than answers may wait

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        link, _ = self.socket.accept()
        link.recv(65536)  # CONNECT
        link.sendall(bytes.fromhex("2003000000"))
        subscribe = link.recv(65536)
        link.sendall(b"\x90\x04" + subscribe[2:4] + b"\x00\x00")
        threading.Thread(target=self.read, args=[link], daemon=True).start()
        for number in range(self.REQUESTS):
            link.sendall(packets.publish("ask", b"x", 1, packet_id=1 + number, properties={"response_topic": "answer"}))
        self.ended.wait(60)
        link.close()

    def read(self, link):
        while link.recv(65536):
            pass


def test_answers_that_nobody_takes_are_bounded(background):
    broker = Greedy()
    made = background("respond", "-h", "127.0.0.1", "-p", broker.port, "--waiting", "0", "-j", "1", "ask", "--", "sleep", "60")
    made.wait_for_error("a request is dropped: the broker has 10000 answers to take")
    broker.ended.set()
