"""What the whole-broker tests stand on: packets byte by byte, a raw client, and the broker's process."""

import pytest

from .authority import Authority, Identity
from .broker import Broker, is_foreign, is_sanitized, program
from .client import Client, Closed, TimedOut, unique
from .links import WebLink, client_context, open_link, open_socket
from .packets import *  # noqa: F401,F403  (the packet types and builders are the vocabulary of every test)
from .packets import V31, V311, V5, Will

clause = pytest.mark.clause
over_every_transport = pytest.mark.over_every_transport

EVERY_VERSION = pytest.mark.parametrize("version", [V31, V311, V5], ids=["v31", "v311", "v5"])
BEFORE_5 = pytest.mark.parametrize("version", [V31, V311], ids=["v31", "v311"])
EVERY_QOS = pytest.mark.parametrize("qos", [0, 1, 2], ids=["qos0", "qos1", "qos2"])
