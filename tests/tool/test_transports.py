"""Every way that a URL can lead: TCP, WebSocket and Unix sockets with mosquitto (TLS is in test_check.py)."""

import json

import pytest

from programs import Mosquitto, run


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    socket = tmp_path_factory.mktemp("unix") / "a socket"
    link = socket.with_name("socket")
    config = f"listener {{port}} 127.0.0.1\nprotocol websockets\nlistener 0 {link}\nallow_anonymous true\n"
    with Mosquitto(config) as server:
        socket.symlink_to(link)
        yield {"ws": f"ws://127.0.0.1:{server.port}/mqtt", "unix": f"unix:{link}",
               "unix_with_blank": "unix:" + str(socket).replace(" ", "%20")}


@pytest.mark.parametrize("name", ["ws", "unix", "unix_with_blank"])
def test_a_message_there_and_back(urls, top, name):
    data = bytes(range(256)) * 100
    run("pub", "-L", urls[name], "-r", "-q", "1", "-s", top, input=data)
    assert run("sub", urls[name], "-N", "-C", "1", "-W", "10", top).stdout == data
    assert json.loads(run("check", "--json", urls[name]).stdout)["maximum_qos"] == 2


def test_unix_as_an_option(urls, top):
    run("pub", "--unix", urls["unix"].removeprefix("unix:"), "-r", top, "x")
    assert run("sub", "--unix", urls["unix"].removeprefix("unix:"), "-C", "1", "-W", "10", top).stdout == b"x\n"
