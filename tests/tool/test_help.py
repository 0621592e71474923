"""Help, manual pages and completions: all made from the tables of the commands."""

import re
import shutil
import subprocess

import pytest

from programs import environment, run, tool

COMMANDS = re.findall(r"^  (\w+)", subprocess.run([tool(), "--help"], capture_output=True, text=True).stdout.split("Options:")[0], re.M)


def test_there_are_commands():
    assert {"pub", "sub", "request", "respond", "check", "top", "help"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    text = run(command, "--help").stdout.decode()
    assert text.startswith(f"Usage: busbar {command}") and "Examples:" in text and "Exit codes:" in text
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith(("  busbar", "  sensors"))), text
    assert run("help", command).stdout.decode() == text


@pytest.mark.parametrize("page", [None, *COMMANDS])
def test_manual_pages_render_without_warnings(page, tmp_path):
    file = tmp_path / "page.1"
    file.write_bytes(run("manual", *([page] if page else [])).stdout)
    done = subprocess.run(["man", "--warnings", "-l", str(file)], capture_output=True, timeout=60,
                          env=environment(MANWIDTH="80", LANG="C.UTF-8"))
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert b"EXIT STATUS" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_scripts(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=run("completion", shell).stdout, check=True, timeout=60)


def completed(*words):
    """What bash offers for the last of these words."""
    script = run("completion", "bash").stdout.decode()
    array = " ".join(f"'{word}'" for word in words)
    script += f"\nCOMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _busbar; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    return subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def test_bash_completes():
    assert completed("busbar", "su") == ["sub"]
    assert completed("busbar", "sub", "--retained") == ["--retained-only"]
    assert completed("busbar", "sub", "-V", "mqttv3") == ["mqttv311"]
    assert "pub" in completed("busbar", "help", "")
    assert completed("busbar", "completion", "z") == ["zsh"]


def test_fish_completes(tmp_path):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    (tmp_path / "busbar.fish").write_bytes(run("completion", "fish").stdout)
    done = subprocess.run(["fish", "-c", f"source {tmp_path}/busbar.fish; complete -C 'busbar sub --retained'"],
                          capture_output=True, text=True, check=True, timeout=60,
                          env=environment(HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path)))
    assert "--retained-only" in done.stdout


def test_version_and_nothing_at_all():
    assert re.match(rb"busbar \d+\.\d+\.\d+\n", run("--version").stdout)
    assert "Usage" in run(code=1).stderr
