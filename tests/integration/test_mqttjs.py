"""The broker with MQTT.js: messages, large payloads, retained messages, wills, sessions, properties."""

import os
import pathlib
import shutil
import subprocess

import pytest

from harness import unique

SCRIPT = pathlib.Path(__file__).with_name("mqttjs.js")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("version", ["3", "4", "5"], ids=["v31", "v311", "v5"])
def test_mqttjs(broker, version):
    environment = dict(os.environ, NODE_PATH=os.environ.get("NODE_PATH", "/usr/share/nodejs"))
    done = subprocess.run(["node", str(SCRIPT), str(broker.port), version, unique("js")], env=environment, timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout + done.stderr
