"""What the tests of the tool run: busbar itself, mosquitto's clients beside it, and a mosquitto."""

import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time

from harness.broker import ROOT, SANITIZER_MARKS, free_port

PATIENCE_S = 30


def tool():
    """BUSBAR names the program; by default it is the release build's."""
    path = pathlib.Path(os.environ.get("BUSBAR", ROOT / "build/release/busbar"))
    return str(path if path.is_absolute() else ROOT / path)


def tool_is_sanitized():
    data = pathlib.Path(tool()).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def environment(**more):
    """Without profiles and passwords of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BUSBAR_")}
    return dict(clean, XDG_CONFIG_HOME="/nonexistent", TZ="UTC", **more)


def check_sanitizers(text):
    found = next((mark for mark in SANITIZER_MARKS if mark in text), None)
    assert found is None, text[-8000:]


def run(*words, code=0, patience=PATIENCE_S, env=None, **fields):
    """Run busbar to its end; `code` is the exit code that is expected (None: any)."""
    done = subprocess.run([tool(), *map(str, words)], stdout=fields.pop("stdout", subprocess.PIPE),
                          stderr=subprocess.PIPE, timeout=patience, env=env or environment(), **fields)
    done.stderr = done.stderr.decode("utf-8", "replace")
    check_sanitizers(done.stderr)
    assert code is None or done.returncode == code, (done.returncode, done.stderr)
    return done


class Background:
    """busbar, or another program, while the test goes on."""

    def __init__(self, *words, program=None, env=None, **fields):
        self.process = subprocess.Popen([program or tool(), *map(str, words)], env=env or environment(),
                                        stdout=fields.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, **fields)

        self.rest = {self.process.stdout: b"", self.process.stderr: b""}

    def _line(self, stream):
        """One line, or None at the end; read without a buffer of Python's, so that select sees what there is."""
        until = time.monotonic() + PATIENCE_S
        while b"\n" not in self.rest[stream]:
            ready, _, _ = select.select([stream], [], [], max(0, until - time.monotonic()))
            assert ready, f"no line came; so far: {self.rest[stream][-2000:]}"
            data = os.read(stream.fileno(), 65536)
            if not data:
                return None
            self.rest[stream] += data
        line, _, self.rest[stream] = self.rest[stream].partition(b"\n")
        return line.decode("utf-8", "replace")

    def lines(self, count):
        return [self._line(self.process.stdout) for _ in range(count)]

    def wait_for_error(self, text):
        """Read standard error until a line has `text`."""
        while (line := self._line(self.process.stderr)) is not None:
            if text in line:
                return line
        raise AssertionError(f"not said: {text}")

    def end(self, number=signal.SIGINT):
        """Ask it to end; returns what it still printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self, code=0):
        out, error = self.process.communicate(timeout=PATIENCE_S)
        error = error.decode("utf-8", "replace")
        check_sanitizers(error)
        assert code is None or self.process.returncode == code, (self.process.returncode, error)
        return (self.rest.get(self.process.stdout, b"") + (out or b"")).decode("utf-8", "replace")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Server:
    """A broker to talk to; `to` are the options that lead there, for busbar and for mosquitto's clients."""

    def __init__(self, name, port, host="127.0.0.1"):
        self.name, self.host, self.port = name, host, port
        self.to = ["-h", host, "-p", str(port)]
        self.url = f"mqtt://{host}:{port}"


class Mosquitto:
    """Debian's mosquitto with a configuration of the test's own; "{port}" in it is a free port."""

    def __init__(self, config="listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\n"):
        self.folder = tempfile.TemporaryDirectory(prefix="busbar-test-")
        self.port = free_port()
        self.config = pathlib.Path(self.folder.name) / "mosquitto.conf"
        stay_root = "user root\n" if os.geteuid() == 0 else ""  # or it could not read the test's files
        self.config.write_text(stay_root + config.replace("{port}", str(self.port)))
        self.process = None

    def __enter__(self):
        self.log = open(pathlib.Path(self.folder.name) / "log", "wb")
        path = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen(["mosquitto", "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env=path)
        self._wait_until_it_accepts()
        return Server("mosquitto", self.port)

    def _wait_until_it_accepts(self):
        import socket
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until, "mosquitto does not start"
                time.sleep(0.01)

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        self.folder.cleanup()
