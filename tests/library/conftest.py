"""The servers that the tests of the library share."""

import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from certificates import Certificates
from harness import Broker
from harness.broker import free_port
from programs import Mosquitto, Probe, Way, tcp

TRANSPORTS = ["tcp", "tls", "ws", "wss", "unix"]


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


@pytest.fixture(scope="session")
def busbard(certificates, tmp_path_factory):
    """One busbard with a listener for each transport; `ways` names them, as those of mosquitto."""
    path = tmp_path_factory.mktemp("unix") / "socket"
    tls, web, web_tls = free_port(), free_port(), free_port()
    identity = f"?certificate={certificates.certificate('server')}&key={certificates.key('server')}"
    listeners = [f"tls://127.0.0.1:{tls}{identity}", f"ws://127.0.0.1:{web}", f"wss://127.0.0.1:{web_tls}{identity}",
                 f"unix://{path}"]
    broker = Broker(workers=4, arguments=[word for listener in listeners for word in ("--listen", listener)])
    broker.start()
    ca = {"ca": certificates.certificate("ca")}
    broker.ways = {
        "tcp": tcp(broker.port),
        "tls": Way(f"mqtts://localhost:{tls}", **ca),
        "ws": Way(f"ws://localhost:{web}/mqtt"),
        "wss": Way(f"wss://localhost:{web_tls}/mqtt", **ca),
        "unix": Way(f"unix:{path}"),
    }
    yield broker
    broker.stop()


@pytest.fixture(params=[(server, transport) for server in ("busbard", "mosquitto") for transport in TRANSPORTS],
                ids="-".join)
def way(request):
    """busbard and mosquitto, over everything."""
    server, transport = request.param
    way = request.getfixturevalue(server).ways[transport]
    way.is_slow = server == "mosquitto" and way.is_websocket
    return way


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
