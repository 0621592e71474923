"""busbar top, on a real terminal of its own."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from programs import environment, run, tool

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def test_one_page(server):
    text = run("top", "--once", *server.to).stdout.decode()
    assert "clients connected" in text and "messages in /s" in text and "subscriptions" in text
    assert server.name.replace("busbard", "busbar") + " version" in text and "\x1b" not in text


def test_json(server, background):
    watched = background("top", "--json", *server.to)
    sub = background("sub", *server.to, "count/me")
    first = json.loads(watched.lines(1)[0])
    assert first["clients"] >= 1 and first["uptime_s"] >= 0 and "messages_in" in first
    for _ in range(50):
        run("pub", *server.to, "-q", "1", "-l", "count/me", input=b"x\n" * 50)
        if json.loads(watched.lines(1)[0])["messages_in"] > 0:
            break
    else:
        raise AssertionError("no rate was seen")
    watched.end()
    sub.end()


def test_without_a_terminal(server):
    assert "--once" in run("top", *server.to, code=1, stdin=subprocess.DEVNULL).stderr


def test_a_broker_without_sys(start_broker):
    broker = start_broker(config="sys: {interval: off}\n")
    done = run("top", "--once", "--patience", "0.5", "-h", broker.host, "-p", broker.port, code=4)
    assert "$SYS" in done.stderr


class Terminal:
    """A program on a pseudo-terminal; `seen` is all that it has written."""

    def __init__(self, *words, program=None, rows=30, columns=100):
        self.seen = b""
        self.ours, theirs = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.process = subprocess.Popen([program or tool(), *map(str, words)], stdin=theirs, stdout=theirs, stderr=theirs,
                                        env=environment(LANG="C.UTF-8", TERM="xterm"), preexec_fn=self._own)

    def _own(self):
        """In the child: the terminal is that of a session of its own."""
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, text, start=0):
        until = time.monotonic() + 20
        while text not in self.seen[start:]:
            assert time.monotonic() < until, self.seen[start:][-3000:]
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536)

    def press(self, keys):
        os.write(self.ours, keys)

    def end(self):
        code = self.process.wait(20)
        self.wait_for(LEAVE)
        assert termios.tcgetattr(self.theirs) == self.before, "the terminal is as it was"
        os.close(self.ours)
        os.close(self.theirs)
        return code


def test_q_quits(server):
    terminal = Terminal("top", *server.to)
    terminal.wait_for(ENTER)
    terminal.wait_for(b"clients connected")
    terminal.wait_for("█".encode())
    terminal.press(b"q")
    assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV],
                         ids=lambda number: number.name)
def test_signals_give_the_terminal_back(mosquitto, number):
    terminal = Terminal("top", *mosquitto.to)
    terminal.wait_for(ENTER)
    terminal.process.send_signal(number)
    code = terminal.end()
    assert code == (0 if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) else -number)


def test_ctrl_z_and_back(mosquitto):
    """A shell with job control brings it back at once."""
    terminal = Terminal("-m", "-c", f"{tool()} top {' '.join(mosquitto.to)}; fg", program="/bin/bash")
    terminal.wait_for(ENTER)
    mark = len(terminal.seen)
    terminal.press(b"\x1a")
    terminal.wait_for(LEAVE, mark)
    terminal.wait_for(ENTER, mark)
    terminal.press(b"q")
    assert terminal.end() == 0


def test_it_follows_the_size_of_the_window(mosquitto):
    terminal = Terminal("top", *mosquitto.to)
    terminal.wait_for(b"clients connected")
    terminal.resize(8, 60)
    mark = len(terminal.seen)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.wait_for(b"\x1b[H", mark)
    terminal.wait_for(b"\x1b[H", len(terminal.seen))  # the next page: the one before it is complete
    page = terminal.seen[mark:].split(b"\x1b[H")[1]
    assert page.count(b"\n") <= 7
    terminal.press(b"q")
    assert terminal.end() == 0
