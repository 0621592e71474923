"""The servers that the tests of the library share."""

import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from certificates import Certificates
from programs import Mosquitto, Probe, Way, tcp


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def mosquitto(certificates, tmp_path_factory):
    """One mosquitto with a listener for each transport; `ways` names them."""
    socket = tmp_path_factory.mktemp("unix") / "socket"
    tls = f"cafile {certificates.certificate('ca')}\ncertfile {certificates.certificate('server')}\n" \
          f"keyfile {certificates.key('server')}\n"
    server = Mosquitto("listener {} 127.0.0.1", "listener {} 127.0.0.1\n" + tls,
                       "listener {} 127.0.0.1\nprotocol websockets", "listener {} 127.0.0.1\nprotocol websockets\n" + tls,
                       "listener {} 127.0.0.1\nrequire_certificate true\n" + tls,
                       options=f"allow_anonymous true\nlistener 0 {socket}\n")
    with server:
        plain, tls_port, web, web_tls, mutual = server.ports
        ca = {"ca": certificates.certificate("ca")}
        server.ways = {
            "tcp": tcp(plain),
            "tls": Way(f"mqtts://localhost:{tls_port}", **ca),
            "ws": Way(f"ws://localhost:{web}/mqtt"),
            "wss": Way(f"wss://localhost:{web_tls}/mqtt", **ca),
            "unix": Way(f"unix:{socket}"),
            "mutual": Way(f"mqtts://localhost:{mutual}", **ca),
        }
        yield server


@pytest.fixture(params=["busbard", "tcp", "tls", "ws", "wss", "unix"])
def way(request):
    """busbard over TCP, and mosquitto over everything."""
    if request.param == "busbard":
        broker = request.getfixturevalue("broker4")
        return tcp(broker.port)
    return request.getfixturevalue("mosquitto").ways[request.param]


@pytest.fixture
def probe():
    """Makes probes, which are closed and checked when the test ends."""
    made = []

    def make(way, **options):
        made.append(Probe(way.url, **dict(way.options, **options)))
        return made[-1]

    yield make
    for each in made:
        each.close()
