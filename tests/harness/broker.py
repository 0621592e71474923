"""One broker process under test: started on a free port, its log kept, its end checked.

BUSBARD names the program (default: build/release/busbard). If it is a mosquitto, a small configuration is written for
it, so that the tests themselves can be tried against another broker.
"""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from .authority import Authority
from .links import open_socket

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZER_MARKS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "UndefinedBehaviorSanitizer",
                   "runtime error:", "MemorySanitizer")
START_S, STOP_S = 20, 20


def program():
    path = pathlib.Path(os.environ.get("BUSBARD", ROOT / "build/release/busbard"))
    return path if path.is_absolute() else ROOT / path


def is_foreign():
    return program().name == "mosquitto"


def is_sanitized():
    """Whether the program was built with a sanitizer: memory figures mean nothing then."""
    with open(program(), "rb") as file:
        data = file.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    authority = None  # one for all tests, made when it is needed

    def __init__(self, workers=1, config=None, arguments=(), preexec=None, environment=None, via="tcp", **listener):
        """`config` is YAML text for -c (the listener comes from the command line as always). `via`: the protocol of the
        listener, and further keyword arguments are keys of it."""
        self.host, self.port, self.workers = "127.0.0.1", free_port(), workers
        self.folder = tempfile.TemporaryDirectory(prefix="busbar-test-")
        self.log_path = pathlib.Path(self.folder.name) / "log"
        self.config_path = pathlib.Path(self.folder.name) / "busbard.yaml"
        self.config, self.arguments = config, list(arguments)
        self.preexec, self.environment = preexec, environment
        self.process, self.stopped = None, False
        self.via, self.listener = via, listener
        self.unix_path = pathlib.Path(self.folder.name) / "socket"
        if via in ("tls", "wss"):
            Broker.authority = Broker.authority or Authority()
            identity = Broker.authority.issue()
            self.listener = {"certificate": identity.certificate, "key": identity.key, **listener}

    def url(self):
        """The listener, as --listen takes it."""
        keys = "&".join(f"{name}={value}" for name, value in self.listener.items())
        place = self.unix_path if self.via == "unix" else f"{self.host}:{self.port}"
        return f"{self.via}://{place}" + (f"?{keys}" if keys else "")

    def command(self):
        if is_foreign():
            self.config_path.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\n"
                                        "max_queued_messages 0\n")
            return [str(program()), "-c", str(self.config_path)]
        command = [str(program()), "--listen", self.url(), "--workers", str(self.workers)]
        if self.config is not None:
            self.config_path.write_text(self.config)
            command += ["-c", str(self.config_path)]
        return command + self.arguments

    def start(self):
        environment = dict(os.environ, **(self.environment or {}))
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=self.preexec, env=environment)
        self._wait_until_it_accepts()
        return self

    def _wait_until_it_accepts(self):
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self.process.poll() is None, f"the broker ended at once ({self.process.returncode}):\n{self.log()}"
            try:
                open_socket(self, 1).close()
                return
            except OSError:
                time.sleep(0.01)
        self.process.kill()
        raise AssertionError(f"the broker does not accept connections:\n{self.log()}")

    def log(self, start=0):
        with open(self.log_path, "rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")

    def log_size(self):
        return self.log_path.stat().st_size

    def wait_for_log(self, what, start=0, seconds=10):
        """Wait until the log contains `what` (a string, or a function of its text); returns the log."""
        found = what if callable(what) else lambda log: what in log
        until = time.monotonic() + seconds
        while not found(log := self.log(start)):
            assert time.monotonic() < until, f"not in the log: {what}\n{log[-4000:]}"
            assert self.process.poll() is None or found(self.log(start)), f"the broker has ended:\n{log[-4000:]}"
            time.sleep(0.01)
        return log

    def resident_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=STOP_S):
        return self.process.wait(seconds)

    def stop(self):
        """SIGTERM: the broker must exit 0 within seconds and must not have reported anything."""
        if self.stopped or self.process is None:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the broker did not end within {STOP_S} s of SIGTERM:\n{self.log()[-4000:]}") from None
        log = self.log()
        self.folder.cleanup()
        found = next((mark for mark in SANITIZER_MARKS if mark in log), None)
        assert found is None, f"{found} in the log:\n{log[log.index(found) - 200:][:8000]}"
        assert code == 0, f"the broker ended with {code}:\n{log[-4000:]}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()
