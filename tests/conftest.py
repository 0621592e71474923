"""The brokers that tests share, and what is shown when a test fails."""

import pytest

from harness import Broker, Client, V5, is_foreign


class Brokers:
    """The brokers alive in this test run, with the length of each one's log when the present test began."""

    def __init__(self):
        self.marks = {}

    def add(self, broker):
        self.marks[broker] = 0

    def test_begins(self):
        self.marks = {broker: broker.log_size() for broker in self.marks if not broker.stopped}


alive = Brokers()


def pytest_runtest_setup(item):
    alive.test_begins()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for broker, mark in alive.marks.items():
            if not broker.stopped:
                ended = "" if broker.process.poll() is None else f", ended with {broker.process.poll()}"
                report.sections.append((f"log of the broker on port {broker.port}{ended}", broker.log(mark)[-6000:]))


def run_shared(**settings):
    broker = Broker(**settings)
    broker.start()
    alive.add(broker)
    yield broker
    broker.stop()


TRANSPORTS = ["tls", "ws", "wss", "unix"]


def pytest_generate_tests(metafunc):
    """Every test that takes the shared broker runs with one worker and with four; those that are marked for it also over
    every other transport."""
    if "broker" not in metafunc.fixturenames:
        return
    everywhere = any(metafunc.definition.iter_markers("over_every_transport")) and not is_foreign()
    metafunc.parametrize("broker", [1, 4] + (TRANSPORTS if everywhere else []), indirect=True, scope="session",
                         ids=["1worker", "4workers"] + (TRANSPORTS if everywhere else []))


@pytest.fixture(scope="session")
def broker(request):
    """A broker with the default settings."""
    if isinstance(request.param, int):
        yield from run_shared(workers=request.param)
    else:
        yield from run_shared(workers=4, via=request.param)


@pytest.fixture(scope="session")
def broker4():
    """For tests that take long, or for which the number of workers makes no difference; $SYS every second."""
    yield from run_shared(workers=4, config="sys: {interval: 1 s}\n")


@pytest.fixture
def start_broker():
    """Start brokers with settings of their own; they are stopped and checked when the test ends."""
    started = []

    def start(**settings):
        broker = Broker(**settings)
        started.append(broker)
        broker.start()
        alive.add(broker)
        return broker

    yield start
    for broker in started:
        broker.stop()


class Clients:
    """Makes connected clients and closes them when the test ends."""

    def __init__(self, broker):
        self.broker, self.made = broker, []

    def open(self, version=V5, client_id=None, **fields):
        """A TCP connection, nothing said yet."""
        client = Client(self.broker, client_id, version, **fields)
        self.made.append(client)
        return client

    def __call__(self, version=V5, client_id=None, **connect):
        """A client that has had its CONNACK."""
        client = self.open(version, client_id)
        client.connect(**connect)
        return client

    def close(self):
        for client in self.made:
            client.close()


@pytest.fixture
def clients(broker):
    made = Clients(broker)
    yield made
    made.close()


@pytest.fixture
def clients4(broker4):
    made = Clients(broker4)
    yield made
    made.close()
