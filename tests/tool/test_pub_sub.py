"""busbar pub and busbar sub."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import is_sanitized, unique
from programs import PATIENCE_S, Background, environment, run, tool_is_sanitized

SHOWN = ["-F", "%t|%q|%r|%x|%C|%R|%D|%P|%F"]


def of_mosquitto(program, *words, **fields):
    done = subprocess.run([program, *map(str, words)], capture_output=True, timeout=PATIENCE_S, env=environment(), **fields)
    return done.stdout


def test_three_terminals(server, subscribed, top):
    sub = subscribed(top)
    run("pub", *server.to, top + "/a/power", "42")
    run("pub", *server.to, top + "/a/power", "-5.5")
    assert sub.lines(2) == ["42", "-5.5"]


PUBLISH = {
    "message": (["-m", "hello world"], None),
    "empty": (["-n"], None),
    "qos1": (["-q", "1", "-m", "x"], None),
    "qos2": (["-q", "2", "-m", "x"], None),
    "retain": (["-r", "-m", "kept"], None),
    "lines": (["-l"], b"one\n\ntwo\r\n three \nlast without end"),
    "lines_qos2": (["-l", "-q", "2"], b"".join(b"%d\n" % n for n in range(15))),
    "input": (["-s"], bytes(range(256)) * 5),
    "repeat": (["-m", "again", "--repeat", "3"], None),
    "client_id": (["-i", "me", "-m", "x", "-k", "30"], None),
    "id_prefix": (["-I", "me-", "-m", "x"], None),
    "unicode": (["-m", "żółw \u2603"], None),
}


@pytest.mark.parametrize("version", ["mqttv5", "mqttv311", "5", "311"])
@pytest.mark.parametrize("name", PUBLISH)
def test_the_same_command_line_publishes_the_same(mosquitto, background, name, version, top):
    """mosquitto_sub shows what mosquitto_pub has sent, and then what we have."""
    options, text = PUBLISH[name]
    seen = []
    for program in ("mosquitto_pub", None):
        topic = f"{top}/{len(seen)}"
        run("pub", *mosquitto.to, "-r", "-q", "1", topic + "/ready", "ready")
        sub = background(*mosquitto.to, "-V", "5", "-q", "2", "-t", topic + "/#", "-F", "%t %q %r %x", program="mosquitto_sub")
        sub.lines(1)
        words = [*mosquitto.to, "-V", version, "-t", topic + "/t", *options]
        if program:
            subprocess.run([program, *words], input=text or b"", check=True, timeout=PATIENCE_S)
        else:
            run("pub", *words, input=text or b"")
        run("pub", *mosquitto.to, "-q", "2", topic + "/end", "end")
        lines = []
        while not lines or "/end " not in lines[-1]:
            lines += sub.lines(1)
        seen.append([line.replace(topic, "") for line in lines])
        sub.end()
        run("pub", *mosquitto.to, "-r", "-q", "1", "-n", topic + "/t")
    assert seen[0] == seen[1]


SUBSCRIBE = {
    "plain": [],
    "verbose": ["-v"],
    "no_newline": ["-N"],
    "both": ["-v", "-N"],
    "qos": ["-q", "2", "-F", "%t %q %p"],
    "letters": ["-F", "%t|%p|%l|%q|%r|%x|%X|%%|@@|\\\\|\\t"],
    "widths": ["-F", "%-20t|%20t|%.3t|%5l|%05l|%-5l|%8p|%-8p|%030t"],
    "properties": ["-V", "5", "-F", "%A|%C|%D|%E|%F|%P|%R|%S|"],
    "properties_311": ["-V", "311", "-F", "%A|%C|%D|%E|%F|%P|%R|%S|"],
    "json": ["-V", "5", "-F", "%j"],
    "json_311": ["-V", "mqttv311", "-F", "%j"],
    "pretty": ["-V", "5", "-F", "%j", "--pretty"],
    "json_payload": ["-F", "%J"],
    "packet_id": ["-q", "1", "-F", "%m %05m %-5m|"],
    "time": ["-F", "%I @Y-@m-@d"],
    "filter_out": ["-T", "+/text", "-v"],
    "retained_only": ["--retained-only", "-v"],
    "client": ["-i", "me", "-k", "20", "-v"],
}
TIMES = re.compile(rb"\d\d:\d\d:\d\d(\.\d+)?")


@pytest.mark.parametrize("name", SUBSCRIBE)
def test_the_same_command_line_prints_the_same(server, name, top):
    """Byte for byte, but for the time of day."""
    for topic, words in {
            "text": ["hello world"], "number": ["42.50"], "unicode": ["żółw \"quoted\" \\ /\t\u2603"],
            "json": ['{"a": {"b": [1, 2, "x"]}}'],
            "properties": ["x", "-q", "2", "--content-type", "text/plain", "--response-topic", "re/sp", "--correlation-data",
                           "c d", "--utf8", "--user-property", "a=b", "--user-property", "c=d"]}.items():
        run("pub", *server.to, "-r", "-q", "1", f"{top}/{topic}", *words)
    single = {"json_payload": "json", "no_newline": "text", "both": "text", "pretty": "properties", "packet_id": "text"}.get(name)
    count = 1 if single else 4 if name == "filter_out" else 5
    options = [*SUBSCRIBE[name], "-t", f"{top}/{single or '#'}"]
    if "-F" in options and "-q" not in options:
        options = ["-q", "1", *options]
    words = [*server.to, *options, "-C", count, "-W", "10"]
    theirs = of_mosquitto("mosquitto_sub", *words)
    ours = run("sub", *words).stdout
    if name == "json_payload":
        theirs, ours = json.loads(theirs), json.loads(ours)
        for each in (theirs, ours):
            each.pop("tst")
            each.pop("mid", None)
    elif name in ("json", "json_311", "pretty", "time"):
        theirs, ours = TIMES.sub(b"T", theirs), TIMES.sub(b"T", ours)
    # retained messages come in no particular order, and with packet identifiers as the broker likes
    if name in ("json", "json_311", "pretty"):
        theirs, ours = (re.sub(rb'"mid":\t?\d+', b"", each) for each in (theirs, ours))
    if not single:
        theirs, ours = sorted(theirs.splitlines()), sorted(ours.splitlines())
    assert ours == theirs


def test_payload_formats_of_our_own(server, top):
    run("pub", *server.to, "-r", "-s", top, input=b"\x00\xffAB")
    one = [*server.to, "-C", "1", "-W", "10", top]
    assert run("sub", "--hex", *one).stdout == b"00ff4142\n"
    assert run("sub", "--base64", *one).stdout == b"AP9BQg==\n"
    assert run("sub", "--hex", "-v", *one).stdout == f"{top} 00ff4142\n".encode()
    assert run("sub", "-F", "%{topic} %{length} %{HEX}", *one).stdout == f"{top} 4 00FF4142\n".encode()
    assert json.loads(run("sub", "--json", *one).stdout)["payload_base64"] == "AP9BQg=="
    assert run("sub", "-N", *one).stdout == b"\x00\xffAB"


def test_a_payload_that_is_not_json(server, top):
    run("pub", *server.to, "-r", top, "{no")
    done = run("sub", *server.to, "-C", "1", "-W", "10", "-F", "%J", top)
    assert "not valid JSON" in done.stderr and top in done.stderr


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 65536, 3000000])
def test_files_of_every_size(server, subscribed, top, tmp_path, qos, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    sub = subscribed(top, "-q", qos, "-F", "%l %q %x", "-C", "2")
    run("pub", *server.to, "-q", qos, top + "/file", "-f", tmp_path / "file")
    length, got_qos, digits = (sub.wait().rstrip("\n").split(" ") + [""])[:3]
    assert (length, got_qos, digits) == (str(size), str(qos), data.hex())


def test_large_payloads_from_a_pipe(server, background, top):
    data = os.urandom(2000000)
    sub = background("sub", *server.to, "-C", "1", "-N", "-q", "1", "-W", "30", top)
    run("pub", *server.to, "-q", "1", "-r", top, "-f", "-", input=data)
    assert sub.process.stdout.read() == data
    sub.wait()
    run("pub", *server.to, "-q", "1", "-r", "-n", top)


def test_lines_as_they_come(server, subscribed, background, top):
    sub = subscribed(top)
    pub = background("pub", *server.to, "-l", top + "/x", stdin=subprocess.PIPE)
    for line in ("one", "two"):
        pub.process.stdin.write(line.encode() + b"\n")
        pub.process.stdin.flush()
        assert sub.lines(1) == [line]
    pub.wait()


def test_rate_and_repeat(server, subscribed, top):
    sub = subscribed(top)
    start = time.monotonic()
    run("pub", *server.to, top + "/x", "tick", "--repeat", "6", "--rate", "20")
    assert time.monotonic() - start >= 0.25
    assert sub.lines(6) == ["tick"] * 6


def test_many_lines_go_fast_and_in_order(server, subscribed, top):
    sub = subscribed(top, "-q", "1", "-C", "5001")
    run("pub", *server.to, "-q", "1", "-l", "-M", "50", top + "/x", input=b"".join(b"%d\n" % n for n in range(5000)))
    assert sub.wait().split() == [str(n) for n in range(5000)]


@pytest.mark.parametrize("alias", [[], ["--topic-alias"]])
def test_aliases_change_nothing_that_is_seen(server, subscribed, top, alias):
    sub = subscribed(top, "-v")
    run("pub", *server.to, *alias, "-t", top + "/x", "-m", "m", "--repeat", "3")
    assert sub.lines(3) == [top + "/x m"] * 3


def test_properties_arrive(server, subscribed, top):
    sub = subscribed(top, "-V", "5", "-F", "%C|%R|%D|%F|%P|%E")
    run("pub", *server.to, top + "/x", "m", "--content-type", "a/b", "--response-topic", "r", "--correlation-data", "c",
        "--utf8", "--user-property", "k=v=w", "--user-property", "k=", "--expiry", "1000")
    assert sub.lines(1)[0].rsplit("|", 1)[0] == "a/b|r|c|1|k:v=w k:"


def test_will(server, subscribed, background, top):
    sub = subscribed(top, "-v")
    dying = background("sub", *server.to, "-t", top + "/ready", "--will-topic", top + "/will", "--will-payload", "gone",
                       "--will-qos", "1")
    dying.lines(1)
    dying.process.kill()
    assert sub.lines(1) == [top + "/will gone"]


# --- when to end


def test_retained_only_ends_with_the_first_that_is_not(server, background, top):
    run("pub", *server.to, "-r", top + "/a", "kept")
    sub = background("sub", *server.to, "-v", "--retained-only", top + "/#")
    assert sub.lines(1) == [top + "/a kept"]
    run("pub", *server.to, top + "/b", "live")
    assert sub.wait() == ""


def test_idle_ends_well_and_a_time_limit_does_not(server, top):
    run("pub", *server.to, "-r", top, "kept")
    assert run("sub", *server.to, "--idle", "0.3", top).stdout == b"kept\n"
    assert run("sub", *server.to, "-W", "0.5", top, code=4).stdout == b"kept\n"


def test_no_retained(server, background, top):
    run("pub", *server.to, "-r", "-q", "1", top + "/old", "old")
    sub = background("sub", *server.to, "-R", "-v", "-C", "1", "-d", top + "/#")
    deadline = time.monotonic() + 20
    while sub.process.poll() is None and time.monotonic() < deadline:  # until one arrives after the subscription
        run("pub", *server.to, top + "/new", "new")
    assert sub.wait() == f"{top}/new new\n"


def test_remove_retained(server, top):
    for name in "ab":
        run("pub", *server.to, "-r", "-q", "1", f"{top}/{name}", "x")
    run("sub", *server.to, "--remove-retained", "--retained-only", "--idle", "0.5", "-T", f"{top}/b", f"{top}/#")
    assert run("sub", *server.to, "-v", "--idle", "0.3", f"{top}/#").stdout == f"{top}/b x\n".encode()


@pytest.mark.parametrize("version", ["5", "311"])
def test_a_session_keeps_messages(server, top, version):
    session = [*server.to, "-V", version, "-c", "-i", unique(), "-q", "1"]
    run("sub", *session, "-E", top)
    run("pub", *server.to, "-q", "1", top, "while away")
    assert run("sub", *session, "-C", "1", "-W", "10", top).stdout == b"while away\n"
    assert run("sub", *session, "-U", top, "--idle", "0.3").stdout == b""  # it was acknowledged
    run("pub", *server.to, "-q", "1", top, "not any more")
    assert run("sub", *session, "-U", "other", "--idle", "0.3").stdout == b""


def test_what_was_not_printed_stays_in_the_session(server, top):
    session = [*server.to, "-c", "-i", top, "-q", "1", "-t", top]
    run("sub", *session, "-E")
    run("pub", *server.to, "-q", "1", "-t", top, "-l", input=b"1\n2\n3\n4\n")
    assert run("sub", *session, "-C", "1").stdout == b"1\n"
    assert run("sub", *session, "-C", "3").stdout == b"2\n3\n4\n"


def test_what_cannot_be_printed_stays_in_the_session(server, top):
    session = [*server.to, "-c", "-i", top, "-q", "1", "-t", top]
    run("sub", *session, "-E")
    run("pub", *server.to, "-q", "1", "-t", top, "-l", input=b"1\n2\n3\n")
    with open("/dev/full", "wb") as full:
        run("sub", *session, stdout=full, code=6)
    assert run("sub", *session, "-C", "3").stdout == b"1\n2\n3\n"


def flood(packets):
    """The port of a server that accepts one client and one subscription, and then sends `packets` without end."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        link, _ = server.accept()
        with server, link:
            link.recv(65536)
            link.sendall(b"\x20\x03\x00\x00\x00")
            link.recv(65536)
            link.sendall(b"\x90\x04\x00\x01\x00\x00")
            try:
                while True:
                    link.sendall(packets * 10000)
            except OSError:
                pass  # the client has gone

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


@pytest.mark.parametrize("packets", [b"\x30\x05\x00\x01a\x00x", b"\xd0\x00"], ids=["messages", "answers_to_pings"])
@pytest.mark.parametrize("end", ["limit", "signal"])
def test_a_broker_that_never_stops_sending(background, end, packets):
    sub = background("sub", "-d", "-p", flood(packets), "a", *(["-W", "1"] if end == "limit" else []),
                     stdout=subprocess.DEVNULL)
    sub.wait_for_error("connected to")
    if end == "signal":
        sub.process.send_signal(signal.SIGINT)
    sub.wait(code=4 if end == "limit" else 0)


def test_ctrl_c_ends_endless_publishing(server, subscribed, background, top):
    sub = subscribed(top)
    pub = background("pub", *server.to, top + "/a", "x", "--repeat", "0")
    sub.lines(1)
    pub.end()


def test_a_payload_that_was_cut_is_no_success(tmp_path, background, top):
    large = tmp_path / "large"
    with open(large, "wb") as file:
        file.truncate(200_000_000)
    link = socket.create_server(("127.0.0.1", 0))
    pub = background("pub", "-p", link.getsockname()[1], top, "-f", large)
    client, _ = link.accept()
    with link, client:
        client.recv(65536)
        client.sendall(b"\x20\x03\x00\x00\x00")
        client.recv(1)  # the payload is on its way, and nobody reads on
        pub.process.send_signal(signal.SIGINT)
        pub.wait(code=5)


def test_ctrl_c_is_a_good_end(server, subscribed, top):
    sub = subscribed(top)
    sub.end()


def test_a_lost_connection_is_made_again(start_broker, background):
    broker = start_broker(workers=1)
    to = ["-h", broker.host, "-p", str(broker.port)]
    sub = background("sub", *to, "-d", "again")
    sub.wait_for_error("connected to")
    broker.stop()
    broker.process, broker.stopped = None, False
    import tempfile
    broker.folder = tempfile.TemporaryDirectory(prefix="busbar-test-")
    import pathlib
    broker.log_path = pathlib.Path(broker.folder.name) / "log"
    sub.wait_for_error("trying again")
    broker.start()
    sub.wait_for_error("connected to")
    run("pub", *to, "-r", "again", "here")
    assert sub.lines(1) == ["here"]


# --- when it does not work


def test_nobody_listens():
    done = run("pub", "-p", "1", "a", "b", code=2)
    assert "cannot connect to mqtt://localhost:1" in done.stderr and "refused" in done.stderr


def test_no_such_host():
    assert "cannot connect" in run("sub", "-h", "no-such-host.invalid", "a", code=2).stderr


def test_refused_with_the_reason_code(start_broker):
    broker = start_broker(config="anonymous: no\n")
    for version in ("5", "311"):
        done = run("pub", "-h", broker.host, "-p", broker.port, "-V", version, "a", "b", code=3)
        assert re.search(r"refused the connection: .*\(0x8[67]\)", done.stderr), done.stderr


def test_a_message_that_the_broker_does_not_take(start_broker):
    broker = start_broker(config="limits: {payload: 1000}\nfeatures: {maximum_qos: 1, retain: no}\n")
    to = ["-h", broker.host, "-p", broker.port]
    assert "0x9b" in run("pub", *to, "-q", "2", "a", "b", code=3).stderr
    assert "retained" in run("pub", *to, "-r", "a", "b", code=3).stderr
    run("pub", *to, "-q", "1", "-s", "a", input=b"x" * 2000, code=None).returncode in (3, 5)


def test_subscription_refused(start_broker):
    broker = start_broker(config="features: {wildcard: no}\n")
    done = run("sub", "-h", broker.host, "-p", broker.port, "a/#", code=3)
    assert "refused the subscription to a/#" in done.stderr


def test_quiet_says_nothing():
    assert run("pub", "--quiet", "-p", "1", "a", "b", code=2).stderr == ""


WRONG = {
    ("pub",): "topic is missing", ("pub", "a"): "payload is missing", ("pub", "a", "b", "-n"): "Both",
    ("pub", "a", "-l", "-n"): "only one of", ("pub", "a", "-f", "/no/such/file"): None, ("pub", "a", "b", "-q", "3"): "from 0 to 2",
    ("sub",): "filter is missing", ("sub", "a#"): "no topic filter", ("sub", "$share/a"): "$share/GROUP/FILTER", ("sub", "a", "-F", "%z"): "character 1",
    ("sub", "a", "--formta", "x"): "did you mean --format", ("subb", "x"): "did you mean sub",
    ("pub", "a", "b", "-V", "311", "--expiry", "5"): "5.0", ("sub", "a", "-L", "http://x"): "--url",
    ("pub", "a/#", "b", "-h", "HOST", "-p", "PORT"): "'a/#' is no topic",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_told(mosquitto, words):
    expected = WRONG[words]
    words = [{"HOST": mosquitto.host, "PORT": mosquitto.port}.get(word, word) for word in words]
    done = run(*words, code=1 if expected else 6)
    assert (expected or "No such file") in done.stderr, done.stderr


def test_output_that_cannot_be_written(server, top):
    run("pub", *server.to, "-r", top, "kept")
    with open("/dev/full", "wb") as full:
        done = run("sub", *server.to, "-C", "1", "-W", "10", top, stdout=full, code=6)
    assert "standard output" in done.stderr


# --- 256 MB


class Watch(threading.Thread):
    """The most memory that a process has ever had, looked at until its end."""

    def __init__(self, process):
        super().__init__()
        self.process, self.peak_kb = process, 0

    def run(self):
        while self.process.poll() is None:
            try:
                with open(f"/proc/{self.process.pid}/status") as status:
                    self.peak_kb = max([self.peak_kb] + [int(line.split()[1]) for line in status if "VmHWM" in line])
            except OSError:
                return
            time.sleep(0.01)


@pytest.mark.parametrize("qos", [0, 1])
def test_256_mb_in_8_mb_of_memory(start_broker, background, tmp_path, qos):
    broker, size = start_broker(workers=2), 268000000
    to = ["-h", broker.host, "-p", broker.port, "-q", qos]
    block = os.urandom(1 << 20)
    with open(tmp_path / "sent", "wb") as file:
        for at in range(0, size, len(block)):
            file.write(at.to_bytes(8, "big") + block[8:min(len(block), size - at)])
    with open(tmp_path / "got", "wb") as output:
        sub = background("sub", *to, "-N", "-C", "1", "-d", "big", stdout=output)
        sub.wait_for_error("connected to")
        run("sub", "-h", broker.host, "-p", broker.port, "-C", "1", "-W", "30", "$SYS/broker/version")
        pub = background("pub", *to, "big", "-f", tmp_path / "sent")
        watches = [Watch(each.process) for each in (sub, pub)]
        for watch in watches:
            watch.start()
        pub.wait()
        sub.wait()
        for watch in watches:
            watch.join()
    assert subprocess.run(["cmp", tmp_path / "sent", tmp_path / "got"]).returncode == 0
    if not tool_is_sanitized():
        assert all(watch.peak_kb < 8192 for watch in watches), [watch.peak_kb for watch in watches]
