"""The programs of the library under test, and what they talk to.

LIBRARY_PROGRAMS names the folder with probe, publish and subscribe (default: build/release/library).
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness.broker import ROOT, SANITIZER_MARKS, free_port

PATIENCE_S = 60


def folder():
    path = pathlib.Path(os.environ.get("LIBRARY_PROGRAMS", ROOT / "build/release/library"))
    return path if path.is_absolute() else ROOT / path


def is_sanitized():
    return b"__asan_init" in (folder() / "probe").read_bytes()


def check_end(name, code, errors, expected=0):
    found = next((mark for mark in SANITIZER_MARKS if mark in errors), None)
    assert found is None, f"{found} from {name}:\n{errors[:8000]}"
    assert code == expected, f"{name} ended with {code}:\n{errors[-4000:]}"


class Way:
    """One way to a server: the URL, and the options that a probe needs for it."""

    def __init__(self, url, **options):
        self.url, self.options = url, options
        self.is_websocket = url.startswith("ws")


def tcp(port):
    return Way(f"mqtt://127.0.0.1:{port}")


class Probe:
    """One connection of the library, driven line by line (tests/library/probe.c says what it understands)."""

    def __init__(self, url, **options):
        self.errors = tempfile.TemporaryFile()
        arguments = [f"{key}={value}" for key, value in dict(options, url=url).items()]
        self.process = subprocess.Popen([str(folder() / "probe"), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)

    def begin(self, *words):
        """Send a command without waiting for its answer."""
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, f"the probe ended ({self.process.wait(PATIENCE_S)}):\n{self.said()}"
        return json.loads(line)

    def __call__(self, *words):
        self.begin(*words)
        return self.answer()

    def ok(self, *words):
        answer = self(*words)
        assert answer["result"] == "ok", answer
        return answer

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def kill(self):
        """Without a DISCONNECT."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            check_end("probe", self.process.wait(PATIENCE_S), self.said())
        self.process.stdout.close()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Mosquitto:
    """Debian's mosquitto on free ports. `listeners` are texts of its configuration, with {} where the port belongs."""

    def __init__(self, *listeners, options="allow_anonymous true\n"):
        self.folder = tempfile.TemporaryDirectory(prefix="busbar-test-")
        self.path = pathlib.Path(self.folder.name)
        self.ports = [free_port() for _ in listeners]
        text = "".join(listener.format(port, folder=self.path) + "\n" for listener, port in zip(listeners, self.ports))
        # It would give up its rights as root, and then could not read the keys of the test.
        user = "user root\n" if os.getuid() == 0 else ""
        (self.path / "conf").write_text(f"per_listener_settings false\nmax_queued_messages 0\n{user}{options}{text}")
        self.process = None

    def start(self):
        self.log = open(self.path / "log", "ab")
        self.process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", str(self.path / "conf")], stdout=self.log,
                                        stderr=self.log)
        until = time.monotonic() + PATIENCE_S
        for port in self.ports:
            while True:
                assert self.process.poll() is None and time.monotonic() < until, (self.path / "log").read_text()
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.01)
        return self

    def stop(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            self.process.wait(PATIENCE_S)
            self.log.close()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()
        self.folder.cleanup()


class Proxy:
    """A way to a port that can be cut, and that can be closed for new connections."""

    def __init__(self, port):
        self.target, self.pairs, self.closed = port, [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.closed:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((near, far))
            for source, sink in (near, far), (far, near):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for side in source, sink:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for side in pair:
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()

    def close(self):
        self.listener.close()
        self.cut()
