"""The brokers that the tests of the tool share."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import unique
from programs import Background, Mosquitto, Server, run


@pytest.fixture(scope="session")
def mosquitto():
    with Mosquitto() as server:
        yield server


@pytest.fixture(params=["busbard", "mosquitto"])
def server(request):
    """Every test that takes it runs with both brokers."""
    if request.param == "mosquitto":
        return request.getfixturevalue("mosquitto")
    return Server("busbard", request.getfixturevalue("broker4").port)


@pytest.fixture
def background():
    """Start programs that are ended when the test ends."""
    started = []

    def start(*words, **fields):
        started.append(Background(*words, **fields))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def subscribed(server, background):
    """A subscriber to top/# whose subscription is in place: it has printed a retained message already."""

    def start(top, *words, program=None):
        run("pub", *server.to, "-r", "-q", "1", top + "/ready", "ready")
        kind = ["sub"] if program is None else []
        made = background(*kind, *server.to, "-t", top + "/#", *words, program=program)
        made.lines(1)
        return made

    return start


@pytest.fixture
def top():
    return unique()
