"""The processes that are measured: how each is started on a free port of 127.0.0.1, and how it ends.

A Subject says how to start one; start(subject) gives a running one and ends it when the block is left. Every run has a
fresh process on a fresh port, so that no run inherits memory or half-closed connections from the one before.
"""

import contextlib
import itertools
import os
import pathlib
import resource
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

START_S, STOP_S = 10, 15
PORTS = range(18900, 28900)  # below those that the system gives to clients

# What a user sets who wants it fast and wants no message dropped: the defaults hold back after 20 messages in flight
# and drop after 1,000, and wait for more to send.
MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
log_type error
log_type warning
"""

_ports = itertools.cycle(PORTS)


class Failed(Exception):
    """A run that gave no figure, and why."""


class Subject:
    """`command` is a list of words in which {port} and {config} are filled in; `config` is the text of that file."""

    def __init__(self, name, command, config=None):
        self.name, self.command, self.config = name, command, config


class Running:
    def __init__(self, process, port, log):
        self.process, self.port, self.log = process, port, log

    @property
    def pid(self):
        return self.process.pid

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""


def busbard(program, workers):
    command = [program, "--listen", "127.0.0.1:{port}", "--workers", str(workers), "--log-level", "warning"]
    return Subject("busbard" if workers == 2 else f"busbard-{workers}", command)


def relay(program):
    return Subject("relay", [program, "{port}"])


def mosquitto():
    """Debian's, or what MOSQUITTO names; None where there is none."""
    program = os.environ.get("MOSQUITTO") or shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    return Subject("mosquitto", [program, "-c", "{config}"], MOSQUITTO_CONF) if program else None


def given(argument):
    """NAME=COMMAND, as --broker has it."""
    name, _, command = argument.partition("=")
    if not name or "{port}" not in command:
        raise ValueError(f"--broker {argument}: write NAME=COMMAND, with {{port}} where its port belongs")
    return Subject(name, shlex.split(command))


def version_of(subject):
    """mosquitto's: the first line of its help says "mosquitto version 2.0.11"."""
    run = subprocess.run([subject.command[0], "-h"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return run.stdout.partition("version ")[2].split("\n")[0]


def allow_many_files():
    """As many open files as the system lets us have; brokers inherit it. Returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def await_listener(running):
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if running.process.poll() is not None:
            raise Failed(f"it ended at its start with code {running.process.returncode}{running.last_words()}")
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"it does not listen after {START_S} s{running.last_words()}")


def stop(process):
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def start(subject):
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port = next(port for port in _ports if is_free(port))
        config, log = pathlib.Path(folder, "config"), pathlib.Path(folder, "log")
        config.write_text((subject.config or "").format(port=port))
        os.chmod(folder, 0o755)  # a broker that gives up root still reads its configuration
        command = [word.replace("{port}", str(port)).replace("{config}", str(config)) for word in subject.command]
        with open(log, "wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        running = Running(process, port, log)
        try:
            await_listener(running)
            yield running
            if process.poll() is not None:
                raise Failed(f"it ended during the run with code {process.returncode}{running.last_words()}")
        finally:
            stop(process)
