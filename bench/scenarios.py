"""What is measured: the scenarios, and the rows of the table that are made from their figures.

A Scenario runs one subject once and returns a dictionary of figures. A Row says how one figure becomes a cell: taken
from which scenario, divided by whose figure of the same round, and what it should be. bench/README.md says in words
what each row means.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import typing

import brokers

HERE = pathlib.Path(__file__).resolve().parent
RUN_S = 300  # longer than any run takes

BUSBARD, BUSBARD_1, MOSQUITTO, RELAY = "busbard", "busbard-1", "mosquitto", "relay"
REFUSED = ("lost", "misrouted", "corrupt", "reordered", "refused", "protocol_errors", "closed_by_broker", "failed")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all runs of one invocation have in common."""

    busbar: str  # the programs
    subscriptions: str
    seconds: float
    idle_connections: int
    subscriptions_now: int


def output_of(command):
    """The JSON line that a load generator prints."""
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_S)
    try:
        figures = json.loads(run.stdout)
    except ValueError:
        raise brokers.Failed((run.stderr.strip().splitlines() or ["no figures"])[-1]) from None
    if run.returncode:
        wrong = ", ".join(f"{figures[name]} {name}" for name in REFUSED if figures.get(name))
        raise brokers.Failed(wrong or f"exit code {run.returncode}")
    return figures


def load(settings, broker, arguments):
    command = [settings.busbar, "bench", "--host", "127.0.0.1", "--port", str(broker.port), "--broker-pid",
               str(broker.pid), "--protocol-version", "311", "--keepalive", "300", "--json"]
    return output_of(command + [word.format(settings=settings) for word in arguments.split()])


class Load:
    """One run of `busbar bench`; `relay_arguments` where the bare relay can only do something simpler."""

    def __init__(self, arguments, subjects, relay_arguments=None):
        self.arguments, self.subjects, self.relay_arguments = arguments, subjects, relay_arguments

    def run(self, settings, subject):
        arguments = self.relay_arguments if subject.name == RELAY and self.relay_arguments else self.arguments
        with brokers.start(subject) as broker:
            return load(settings, broker, arguments)


class Subscriptions:
    """A million subscriptions; bench/subscriptions.c drives the broker."""

    subjects = [BUSBARD, MOSQUITTO]

    def run(self, settings, subject):
        with brokers.start(subject) as broker:
            figures = output_of([settings.subscriptions, "--port", str(broker.port), "--broker-pid", str(broker.pid),
                                 "--subscriptions", str(settings.subscriptions_now), "--seconds",
                                 str(settings.seconds)])
        figures["other_cores"] = max(value for name, value in figures.items() if name.endswith("_other_cores"))
        return figures


class Giant:
    """Latency of small messages while giants pass: through another process of that broker beside it, then through it.

    There is no other_cores: the giants' own client is one of the others."""

    subjects = [BUSBARD, MOSQUITTO]
    LOAD = "pairs --pubs 50 --subs 50 --qos 1 --rate 5000 --time {settings.seconds}"

    def run(self, settings, subject):
        with brokers.start(subject) as broker, brokers.start(subject) as beside:
            apart = self.latency(settings, broker, beside)
            through = self.latency(settings, broker, broker)
        return {"p99_apart_us": apart["lat_p99_us"], "p99_through_us": through["lat_p99_us"],
                "p50_apart_us": apart["lat_p50_us"], "p50_through_us": through["lat_p50_us"],
                "max_apart_us": apart["lat_max_us"], "max_through_us": through["lat_max_us"],
                "payloads_apart": apart["payloads"], "payloads_through": through["payloads"]}

    def latency(self, settings, broker, of_giants):
        giants = subprocess.Popen([sys.executable, HERE / "giant.py", str(of_giants.port)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        try:
            if giants.stdout.readline().strip() != "ready":
                raise brokers.Failed("the client of giant payloads was not served")
            figures = load(settings, broker, self.LOAD)
            passed, _ = giants.communicate(timeout=60)
        finally:
            giants.kill()
            giants.wait()
        figures["payloads"] = json.loads(passed)["payloads"]
        if not figures["payloads"]:
            raise brokers.Failed("no giant payload arrived within the time")
        return figures


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    what: str
    scenario: str
    figure: typing.Callable  # from a run's figures to the number
    unit: str
    target: float
    per: str = None  # divided by this subject's figure of the same round
    at_least: bool = False  # the target is a lower bound
    subject: str = BUSBARD
    relay_then: float = None  # what the relay's figure was where the target was set

    def holds(self, value):
        return value >= self.target if self.at_least else value <= self.target


PASSING = [RELAY, BUSBARD, MOSQUITTO]  # those that pass messages on
TIMED = " --time {settings.seconds}"
PACED = "pairs --pubs 50 --subs 50 --qos 1 --rate 5000"


def delivered(figures):
    return figures["cpu_us_per_delivered"]


def named(name):
    return lambda figures: figures[name]


SCENARIOS = {f"{shape}-{qos}": Load(f"{shape} --qos {qos}" + TIMED, PASSING)
             for shape, levels in (("fanin", 2), ("fanout", 3), ("pairs", 3)) for qos in range(levels)}
SCENARIOS |= {
    "pairs-16k": Load("pairs --qos 0 --size 16384" + TIMED, PASSING),
    "paced": Load(PACED + TIMED, [RELAY, BUSBARD_1, BUSBARD, MOSQUITTO]),
    "wildcard": Load("wildcard --qos 0 --sites 500" + TIMED, PASSING, relay_arguments="pairs --qos 0" + TIMED),
    "connect": Load("connect" + TIMED, [BUSBARD, MOSQUITTO]),
    "retained": Load("retained --repeat 5", [BUSBARD, MOSQUITTO]),
    "offline": Load("offline", [BUSBARD, MOSQUITTO]),
    "idle": Load("idle --subs {settings.idle_connections} --hold 5", [BUSBARD, MOSQUITTO]),
    "giant": Giant(),
    "subscriptions": Subscriptions(),
}


def relay_row(key, what, target, relay_then, **more):
    scenario = more.pop("scenario", key)
    return Row(key, what, scenario, delivered, "µs", target, per=RELAY, relay_then=relay_then, **more)


def kept(part):
    """How much of the speed among few subscriptions is left among many."""
    return lambda figures: figures[f"{part}_per_s"] / figures["few_per_s"]


def retained_bytes(figures):
    """Beyond payload and topic, which is ret/<0 to 99>/<0 to 999> (of 100,000 on average 9.79 bytes)."""
    return figures["rss_bytes_per_retained"] - figures["size"] - 9.79


ROWS = [
    relay_row("fanin-0", "fan-in, QoS 0", 2.2, 0.11),
    relay_row("fanin-1", "fan-in, QoS 1", 2.5, 0.16),
    relay_row("fanout-0", "fan-out, QoS 0", 1.5, 0.41),
    relay_row("fanout-1", "fan-out, QoS 1", 1.6, 0.55),
    relay_row("fanout-2", "fan-out, QoS 2", 2.0, 0.65),
    relay_row("pairs-0", "pairs, QoS 0", 1.7, 0.33),
    relay_row("pairs-1", "pairs, QoS 1", 1.8, 0.52),
    relay_row("pairs-2", "pairs, QoS 2", 1.6, 1.0),
    relay_row("pairs-16k", "pairs, QoS 0, 16 KB", 0.5, 12),
    relay_row("paced-1", "5,000 messages a second, QoS 1, one worker", 1.1, 20, scenario="paced", subject=BUSBARD_1),
    relay_row("paced-2", "5,000 messages a second, QoS 1, two workers", 1.4, 20, scenario="paced"),
    relay_row("wildcard", "55,600 filters, QoS 0 (relay: pairs)", 1.7, 0.33),
    Row("connect", "connect and disconnect", "connect", named("cpu_us_per_connect"), "µs", 0.8, per=MOSQUITTO),
    Row("latency-p50", "latency at 5,000 messages a second, median", "paced", named("lat_p50_us"), "µs", 1.0,
        per=MOSQUITTO),
    Row("latency-p99", "latency at 5,000 messages a second, 99 %", "paced", named("lat_p99_us"), "µs", 1.0,
        per=MOSQUITTO),
    Row("giant", "the same while 268 MB payloads pass, ÷ while they pass elsewhere", "giant",
        lambda figures: figures["p99_through_us"] / figures["p99_apart_us"], "×", 1.5),
    Row("subscribe", "subscribe", "wildcard", named("cpu_us_per_filter"), "µs", 1.2),
    Row("retained-memory", "a retained message beyond topic and payload", "retained", retained_bytes, "bytes", 300),
    Row("retained-stored", "retained message stored", "retained", named("cpu_us_per_set"), "µs", 1.2),
    Row("retained-fetched", "retained message fetched", "retained", delivered, "µs", 0.6),
    Row("offline-memory", "a message queued for an offline session", "offline", named("rss_bytes_per_stored"),
        "bytes", 350),
    Row("offline-stored", "queued message stored", "offline", named("cpu_us_per_stored"), "µs", 1.0),
    Row("offline-fetched", "queued message fetched", "offline", delivered, "µs", 1.0),
    Row("idle-memory", "an idle connection with one subscription", "idle", named("rss_bytes_per_conn"), "bytes", 1024),
    Row("idle-cpu", "CPU of 15,000 idle connections, per second", "idle",
        lambda figures: figures["hold_cpu_s"] * 1000 / figures["hold_s"], "ms", 1.0),
    Row("subscriptions-memory", "one of 1,000,000 subscriptions", "subscriptions", named("bytes_per_subscription"),
        "bytes", 150),
    Row("subscriptions-same", "speed kept among 1,000,000, the same 1,000 topics", "subscriptions", kept("same"), "×",
        0.667, at_least=True),
    Row("subscriptions-all", "speed kept among 1,000,000, topics drawn from all", "subscriptions", kept("all"), "×",
        0.667, at_least=True),
    Row("churn-same", "the same 1,000 topics while 1,000 a second come and go", "subscriptions", kept("same_churn"),
        "×", 0.667, at_least=True),
    Row("churn-all", "topics drawn from all while 1,000 a second come and go", "subscriptions", kept("all_churn"), "×",
        0.667, at_least=True),
]
