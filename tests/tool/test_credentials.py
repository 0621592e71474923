"""Passwords from everywhere, and profiles."""

import os
import pty
import select
import subprocess
import time

import pytest

from programs import Mosquitto, environment, run, tool


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A broker that lets in me, with the password "open sesame"."""
    passwords = tmp_path_factory.mktemp("passwords") / "passwords"
    passwords.touch(0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "me", "open sesame"], check=True, capture_output=True, timeout=60)
    with Mosquitto(f"listener {{port}} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n") as server:
        yield server


def test_wrong_and_missing_passwords(guarded):
    run("pub", *guarded.to, "a", "b", code=3)
    run("pub", *guarded.to, "-u", "me", "-P", "wrong", "a", "b", code=3)


def test_from_everywhere(guarded, tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    run("pub", *guarded.to, "-u", "me", "-P", "open sesame", "a", "b")
    run("pub", *guarded.to, "-u", "me", "--password-file", tmp_path / "password", "a", "b")
    run("pub", *guarded.to, "-u", "me", "a", "b", env=environment(BUSBAR_PASSWORD="open sesame"))
    run("pub", "-L", f"mqtt://me:open%20sesame@{guarded.host}:{guarded.port}/a", "-m", "b")


def test_from_a_prompt_that_shows_nothing(guarded):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(tool(), [tool(), "pub", *guarded.to, "-u", "me", "--ask-password", "a", "b"], environment())
    seen, until = b"", time.monotonic() + 20
    while b"Password: " not in seen:
        assert time.monotonic() < until, seen
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 1000)
    os.write(terminal, b"open sesame\n")
    _, status = os.waitpid(pid, 0)
    try:
        seen += os.read(terminal, 1000)
    except OSError:
        pass  # the other side is closed, and there was nothing more
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, seen
    assert b"sesame" not in seen


def test_from_a_profile(guarded, tmp_path):
    (tmp_path / "busbar").mkdir()
    profiles = tmp_path / "busbar/profiles.yaml"
    profiles.write_text(f"site:\n  url: mqtt://{guarded.host}:{guarded.port}\n  username: me\n  pw: open sesame\n"
                        f"default:\n  host: {guarded.host}\n  port: {guarded.port}\n  username: me\n  pw: open sesame\n")
    profiles.chmod(0o600)
    home = dict(environment(), XDG_CONFIG_HOME=str(tmp_path))
    assert run("pub", "--profile", "site", "a", "b", env=home).stderr == ""
    run("pub", "a", "b", env=home)
    run("pub", *guarded.to, "a", "b", env=home, code=3)  # the default profile is for its own broker only
    profiles.chmod(0o644)
    assert "can be read by others" in run("pub", "--profile", "site", "a", "b", env=home).stderr
    assert "did you mean site" in run("pub", "--profile", "siet", "a", "b", env=home, code=1).stderr
