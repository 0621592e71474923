"""The examples do what they say."""

import os
import select
import signal
import subprocess

import pytest

from harness import unique
from programs import PATIENCE_S, Mosquitto, check_end, folder


def publish(url, topic, text, expected=0):
    done = subprocess.run([folder() / "publish", url, topic, text], capture_output=True, timeout=PATIENCE_S)
    check_end("publish", done.returncode, done.stderr.decode(), expected)
    return done.stderr.decode()


class Subscriber:
    def __init__(self, url, client_id, topic_filter):
        self.process = subprocess.Popen([folder() / "subscribe", url, client_id, topic_filter], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline().decode().rstrip("\n")

    def wait_for(self, words):
        while words not in (line := self.process.stderr.readline().decode()):
            assert line, "the subscriber ended"
        return line

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        errors = self.process.stderr.read().decode()
        check_end("subscribe", self.process.wait(PATIENCE_S), errors)
        self.process.stdout.close()
        self.process.stderr.close()


def test_publisher_and_subscriber(way, request):
    if way.options:
        pytest.skip("the examples trust the authorities of the system only")
    top = unique()
    subscriber = Subscriber(way.url, unique(), f"{top}/#")
    subscriber.wait_for("subscribed: granted QoS 1")
    publish(way.url, f"{top}/a/power", "42")
    assert subscriber.line() == f"{top}/a/power 42"
    subscriber.stop()


def test_the_subscriber_connects_again():
    with Mosquitto("listener {} 127.0.0.1") as server:
        url = f"mqtt://127.0.0.1:{server.ports[0]}"
        subscriber = Subscriber(url, "name", "a/#")
        subscriber.wait_for("subscribed")
        publish(url, "a/1", "one")
        assert subscriber.line() == "a/1 one"
        server.stop(signal.SIGKILL)
        subscriber.wait_for("next try in")
        server.start()
        subscriber.wait_for("subscribed")
        publish(url, "a/2", "two")
        assert subscriber.line() == "a/2 two"
        subscriber.stop()


def test_the_microcontroller_stays_connected():
    """examples/bare_metal with a board that this computer plays: it publishes, obeys, and comes back."""
    with Mosquitto("listener {} 127.0.0.1") as server:
        url = f"mqtt://127.0.0.1:{server.ports[0]}"
        subscriber = Subscriber(url, "reader", "site/#")
        subscriber.wait_for("subscribed")
        device = subprocess.Popen([folder() / "bare_metal"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env={**os.environ, "BROKER_HOST": "127.0.0.1", "BROKER_PORT": str(server.ports[0])})
        try:
            assert subscriber.line() == "site/boiler/temperature +21.7"
            publish(url, "site/boiler/relay/set", "1")
            assert device.stdout.readline() == b"relay on\n"
            server.stop(signal.SIGKILL)
            server.start()
            assert subscriber.line() in ("site/boiler/relay/set 1", "site/boiler/temperature +21.7")
            publish_until(device, url, b"relay off\n")
        finally:
            device.kill()
            device.wait()
            errors = device.stderr.read().decode()
        assert errors == ""
        subscriber.stop()


def publish_until(device, url, wanted):
    """The device may not be back yet: say it again until it obeys."""
    while not select.select([device.stdout], [], [], 0.2)[0]:
        publish(url, "site/boiler/relay/set", "0")
    assert device.stdout.readline() == wanted


def test_what_is_wrong_is_said():
    assert "the URL, character 1: must begin with mqtt://" in publish("nonsense", "a", "x", expected=2)
    assert "127.0.0.1:1: connection refused" in publish("mqtt://127.0.0.1:1", "a", "x", expected=1)
    assert "usage" in subprocess.run([folder() / "publish"], capture_output=True, timeout=PATIENCE_S).stderr.decode()
