"""The broker with mosquitto_pub and mosquitto_sub."""

import os
import signal
import subprocess

import pytest

from harness import Client, V311, is_sanitized, unique

PATIENCE_S = 90
EVERY = pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])


def arguments(program, broker, version, *more):
    return [program, "-h", broker.host, "-p", str(broker.port), "-V", version, *more]


def pub(broker, version, *more, **fields):
    subprocess.run(arguments("mosquitto_pub", broker, version, *more), check=True, timeout=PATIENCE_S, **fields)


class Sub:
    """mosquitto_sub in the background. `ready` waits until its subscription is in place, by asking the broker through a
    retained message that only this subscriber's filter brings."""

    def __init__(self, broker, version, topic, *more, output=subprocess.PIPE):
        self.process = subprocess.Popen(arguments("mosquitto_sub", broker, version, "-t", topic, *more), stdout=output)

    def lines(self, count):
        return [self.process.stdout.readline().decode().rstrip("\n") for _ in range(count)]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)


@pytest.fixture
def subs(broker):
    made = []

    def make(version, top, *more):
        """A subscriber to top/# that has its subscription already."""
        pub(broker, "mqttv5", "-t", top + "/ready", "-m", "ready", "-r", "-q", "1")
        made.append(Sub(broker, version, top + "/#", "-v", *more))
        assert made[-1].lines(1) == [top + "/ready ready"]
        return made[-1]

    yield make
    for each in made:
        each.end()


@EVERY
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_publish_and_subscribe(broker, subs, version, qos):
    top = unique()
    sub = subs(version, top, "-q", "2")
    pub(broker, version, "-t", top + "/a", "-m", "42", "-q", qos)
    pub(broker, version, "-t", top + "/b", "-q", qos, "-l", input=b"one\ntwo\nthree\n")
    assert sub.lines(4) == [top + "/a 42", top + "/b one", top + "/b two", top + "/b three"]


@EVERY
def test_retained(broker, version):
    topic = unique()
    pub(broker, version, "-t", topic, "-m", "42", "-r", "-q", "1")
    done = subprocess.run(arguments("mosquitto_sub", broker, version, "-t", topic, "-C", "1", "-W", "20", "-F", "%r %t %p"),
                          capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stdout.decode() == f"1 {topic} 42\n"
    pub(broker, version, "-t", topic, "-n", "-r", "-q", "1")


@EVERY
def test_will(broker, subs, version):
    top = unique()
    watcher = subs(version, top)
    dying = Sub(broker, version, top + "/ready", "-v", "--will-topic", top + "/will", "--will-payload", "gone")
    assert dying.lines(1) == [top + "/ready ready"]
    dying.process.kill()
    dying.process.wait()
    assert watcher.lines(1) == [top + "/will gone"]


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_shared(broker, subs, version):
    top = unique()
    members = [subs(version, top) for _ in range(2)]
    for member in members:
        member.end()
    members = [Sub(broker, version, f"$share/g/{top}/#", "-t", f"{top}/ready", "-q", "1") for _ in range(2)]
    for member in members:
        assert member.lines(1) == ["ready"]
    for number in range(10):
        pub(broker, version, "-t", top + "/x", "-m", str(number), "-q", "1")
    for member in members:
        pub(broker, version, "-t", f"{top}/ready", "-m", "end", "-q", "1")
        member.end()
    got = [line for member in members for line in member.process.stdout.read().decode().split()]
    assert sorted(line for line in got if line.isdigit()) == [str(number) for number in range(10)]


@EVERY
def test_file_as_payload(broker, subs, version, tmp_path):
    top, data = unique(), bytes(range(1, 256)) * 4000
    (tmp_path / "data").write_bytes(data)
    pub(broker, version, "-t", top, "-f", str(tmp_path / "data"), "-r", "-q", "2")
    done = subprocess.run(arguments("mosquitto_sub", broker, version, "-t", top, "-C", "1", "-W", "20", "-N", "-q", "2"),
                          capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stdout == data
    pub(broker, version, "-t", top, "-n", "-r")


def test_properties_on_the_command_line(broker, subs):
    topic = unique()
    pub(broker, "mqttv5", "-t", topic, "-m", "x", "-r", "-D", "publish", "content-type", "text", "-D", "publish",
        "user-property", "name", "value", "-D", "publish", "message-expiry-interval", "100")
    done = subprocess.run(arguments("mosquitto_sub", broker, "mqttv5", "-t", topic, "-C", "1", "-W", "20", "-F", "%C %P %p"),
                          capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stdout.decode().split() == ["text", "name:value", "x"]


def test_payload_of_268_million_bytes_passes_unchanged(start_broker, tmp_path):
    """Both clients hold the whole payload in memory, so this is one of the slower tests."""
    broker, size = start_broker(workers=2), 268000000
    source, target = tmp_path / "source", tmp_path / "target"
    block = os.urandom(1 << 20)
    with open(source, "wb") as file:
        for at in range(0, size, len(block)):
            file.write(at.to_bytes(8, "big") + block[8:min(len(block), size - at)])
    assert source.stat().st_size == size
    with Client(broker) as client:  # the first client pays for what the broker needs once
        client.connect()
        client.publish("warm/up", b"x" * 100000, 2)
    before_kb = broker.resident_kb()
    with open(target, "wb") as output:
        sub = Sub(broker, "mqttv311", "big/#", "-t", "$SYS/broker/version", "-q", "1", "-C", "2", "-N", output=output)
        wait_for_first_bytes(target)
        head = target.stat().st_size  # the retained version shows that the subscription is in place
        pub(broker, "mqttv311", "-t", "big/one", "-f", str(source), "-q", "1")
        assert sub.process.wait(120) == 0
    assert target.stat().st_size == head + size
    with open(source, "rb") as sent, open(target, "rb") as got:
        got.seek(head)
        while chunk := sent.read(1 << 22):
            assert got.read(len(chunk)) == chunk
    if not is_sanitized():
        wait_until(lambda: broker.resident_kb() < before_kb + 20000, lambda: f"{before_kb} KB before, {broker.resident_kb()} after")


def wait_for_first_bytes(path):
    wait_until(lambda: path.stat().st_size > 0, lambda: "nothing came from $SYS")


def wait_until(happened, complaint, seconds=20):
    import time
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, complaint()
        time.sleep(0.05)


def test_connection_refused_is_told_to_old_clients(broker):
    with Client(broker, version=V311) as client:
        client.send(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00")
        client.expect_refused(2)
