"""The process: command line, configuration, exit codes, signals, log."""

import json
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from harness import *
from harness.broker import free_port

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) [a-z0-9_.]+( [a-z0-9_.]+=.*)?$")


def run(*arguments, config=None, folder=None):
    if config is not None:
        (folder / "busbard.yaml").write_text(config)
        arguments += ("-c", str(folder / "busbard.yaml"))
    return subprocess.run([str(program()), *arguments], capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize("option", ["--help", "--version", "--help-config", "-h", "-V"])
def test_help_goes_to_standard_output(option):
    done = run(option)
    assert done.returncode == 0 and done.stdout and not done.stderr


@pytest.mark.parametrize("arguments", [["--nonsense"], ["stray"], ["--listen", "nonsense"], ["--listen", "127.0.0.1:99999"],
                                       ["--workers", "0"], ["--workers", "many"], ["-c", "/no/such/file"],
                                       ["--log-level", "loud"]], ids=" ".join)
def test_wrong_usage_exits_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout


BAD_CONFIGS = {
    "unknown_key": ("limits:\n  conections: 5\n", r"busbard\.yaml:2:3: .*conections.*connections"),
    "unknown_top": ("worker: 5\n", r"busbard\.yaml:1:1: .*worker.*workers"),
    "bad_number": ("limits:\n  inflight: many\n", r"busbard\.yaml:2:13: .*inflight.*many"),
    "out_of_range": ("limits:\n  inflight: 70000\n", r"busbard\.yaml:2:13: .*65535"),
    "bad_size": ("limits:\n  payload: 3 parsecs\n", r"busbard\.yaml:2:12: .*parsecs"),
    "twice": ("workers: 1\nworkers: 2\n", r"busbard\.yaml:2:1: .*workers"),
    "syntax": ("limits: [\n", r"busbard\.yaml:"),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_bad_configuration_exits_2_and_says_where(tmp_path, name):
    config, expected = BAD_CONFIGS[name]
    for check in ([], ["--check"]):
        done = run(*check, config=config, folder=tmp_path)
        assert done.returncode == 2, done.stderr
        assert re.search(expected, done.stderr), done.stderr


def test_check_accepts_a_good_file_and_exits_0(tmp_path):
    done = run("--check", config="limits: {inflight: 7}\n", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_port_that_is_taken_exits_1(broker4):
    done = run("--listen", f"127.0.0.1:{broker4.port}")
    assert done.returncode == 1 and str(broker4.port) in done.stderr


def test_several_listeners(start_broker):
    other = free_port()
    broker = start_broker(arguments=["--listen", f"127.0.0.1:{other}"])
    with Client(broker) as one, Client(broker, open_now=False) as two:
        broker.port, first = other, broker.port
        two.open()
        broker.port = first
        one.connect()
        two.connect()
        one.subscribe("a")
        two.publish("a", "x")
        one.expect_message("a", "x")


def test_nothing_listens_without_being_told_but_this_machine():
    done = run("--check")
    assert done.returncode == 0 and "127.0.0.1:1883" in done.stdout and "0.0.0.0" not in done.stdout


@clause("4.13.2-1")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
@pytest.mark.parametrize("workers", [1, 4])
def test_signal_stops_with_8b_to_clients_of_5(start_broker, number, workers):
    broker = start_broker(workers=workers)
    five = [Client(broker) for _ in range(8)]
    older = [Client(broker, version=version) for version in (V31, V311)]
    silent = Client(broker)
    for client in five + older:
        client.connect(will=Will("gone"))
    start = time.monotonic()
    broker.signal(number)
    for client in five:
        client.expect_close(0x8B)
        client.close()
    for client in older + [silent]:
        client.expect_close()
        client.close()
    assert broker.wait(10) == 0
    assert time.monotonic() - start < 8
    broker.stop()


def test_stopping_does_not_wait_for_a_client_that_reads_nothing(start_broker):
    broker = start_broker(config="shutdown_timeout: 1 s\n")
    with Client(broker, receive_buffer=4096) as stuck, Client(broker) as pub:
        stuck.connect()
        pub.connect()
        stuck.subscribe("a")
        for _ in range(40):
            pub.publish("a", b"x" * 100000)
        pub.expect_alive()
        start = time.monotonic()
        broker.stop()
        assert time.monotonic() - start < 10


def test_log_lines_are_events(start_broker):
    broker = start_broker(arguments=["--log-level", "debug"])
    with Client(broker) as client, Client(broker) as bad:
        client.connect()
        client.disconnect()
        bad.connect()
        bad.send(b"\x00\x00")
        bad.expect_close(0x81)
    broker.wait_for_log("malformed")
    broker.signal(signal.SIGTERM)
    assert broker.wait() == 0
    for line in broker.log().splitlines():
        assert LINE.match(line), line


def test_log_as_json(start_broker):
    broker = start_broker(arguments=["--log-format", "json"])
    broker.signal(signal.SIGTERM)
    assert broker.wait() == 0
    lines = [json.loads(line) for line in broker.log().splitlines()]
    assert lines and all({"time", "level", "event"} <= line.keys() for line in lines)


def test_log_cannot_be_forged_by_client_ids(start_broker):
    broker = start_broker(arguments=["--log-level", "debug"])
    with Client(broker, client_id="a b=\"c\"\u2028\u202e é") as client:
        client.connect(user="x y=z")
    broker.signal(signal.SIGTERM)
    assert broker.wait() == 0
    for line in broker.log().splitlines():
        assert LINE.match(line) and "\u202e" not in line, line


def test_log_is_limited_where_peers_could_flood_it(start_broker):
    broker = start_broker()
    for _ in range(300):
        with Client(broker) as client:
            client.send(b"\x00\x00")
    with Client(broker) as client:
        client.connect()
    assert len(broker.log().splitlines()) < 150


def test_sighup_reloads_what_it_can_and_names_what_waits(start_broker):
    broker = start_broker(config="limits: {inflight: 10}\n")
    with Client(broker) as client:
        assert "maximum_qos" not in client.connect().properties
        mark = broker.log_size()
        broker.config_path.write_text("limits: {inflight: 10}\nfeatures: {maximum_qos: 1}\nio_uring: off\n")
        broker.signal(signal.SIGHUP)
        broker.wait_for_log("io_uring", mark)
        until = time.monotonic() + 10
        while True:
            with Client(broker) as later:
                if later.connect().properties.get("maximum_qos") == 1:
                    break
            assert time.monotonic() < until
        client.expect_alive()


def test_sighup_with_a_bad_file_changes_nothing(start_broker):
    broker = start_broker(config="features: {maximum_qos: 1}\n")
    mark = broker.log_size()
    broker.config_path.write_text("features: {maximum_qos: 7}\n")
    broker.signal(signal.SIGHUP)
    broker.wait_for_log("maximum_qos", mark)
    with Client(broker) as client:
        assert client.connect().properties["maximum_qos"] == 1


def test_anonymous_clients_can_be_refused(start_broker):
    broker = start_broker(config="anonymous: no\n")
    with Client(broker) as five, Client(broker, version=V311) as older:
        five.send(connect(five.client_id))
        five.expect_refused({0x86, 0x87})
        older.send(connect(older.client_id, V311))
        older.expect_refused({4, 5})


def test_connect_must_come_in_time(start_broker):
    broker = start_broker(config="limits: {connect_timeout: 1 s}\n")
    with Client(broker) as silent, Client(broker) as slow, Client(broker) as good:
        good.connect()
        slow.send(b"\x10")
        start = time.monotonic()
        for client in (silent, slow):
            while (got := client.receive()) is not None:
                assert got.kind == CONNACK
        assert 0.5 < time.monotonic() - start < 6
        good.expect_alive()


def test_connect_byte_by_byte_does_not_stretch_the_time(start_broker):
    broker = start_broker(config="limits: {connect_timeout: 1 s}\n")
    with Client(broker) as slow:
        data, start = connect("c" * 200), time.monotonic()
        for at in range(len(data)):
            slow.send(data[at:at + 1])
            try:
                slow.receive(patience=0.1)
            except TimedOut:
                continue
            break
        assert time.monotonic() - start < 6, "the time runs from the start of the connection"


def test_connections_above_the_limit_are_refused_with_a_reason(start_broker):
    broker = start_broker(config="limits: {connections: 5}\n", workers=2)
    made = [connect_patiently(broker) for _ in range(5)]
    with Client(broker) as extra:
        extra.send(connect("extra"))
        got = extra.receive()
        assert got is None or (got.kind == CONNACK and got.reason in (0x97, 0x89))
    for client in made:
        client.expect_alive()
    made.pop().disconnect()
    made.append(connect_patiently(broker))
    for client in made:
        client.close()


def connect_patiently(broker):
    """Connect; try again while connections that have just been closed still count."""
    until = time.monotonic() + 10
    while True:
        client = Client(broker)
        client.send(connect(client.client_id))
        got = client.receive()
        if got is not None and got.reason == 0:
            return client
        client.close()
        assert time.monotonic() < until, f"refused: {got}"


def test_file_descriptors_that_run_out(start_broker):
    """New connections wait or fail; those that exist go on; when some leave, new ones are served; the log says it once."""
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    broker = start_broker(workers=2, preexec=few_files)
    first, second = Client(broker), Client(broker)
    first.connect()
    second.connect()
    first.subscribe("a")
    crowd = []
    for _ in range(100):
        try:
            crowd.append(socket.create_connection((broker.host, broker.port), timeout=2))
        except OSError:
            break
    second.publish("a", "still served")
    first.expect_message("a", "still served")
    broker.wait_for_log("no_files")
    assert broker.log().count("no_files") <= 5
    for each in crowd:
        each.close()
    until = time.monotonic() + 15
    while True:
        try:
            with Client(broker, patience=2) as late:
                late.connect()
                late.expect_alive()
                break
        except (AssertionError, OSError):
            assert time.monotonic() < until, "it does not recover"
    first.close()
    second.close()
