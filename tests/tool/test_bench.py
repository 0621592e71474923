"""`busbar bench`: each scenario against the broker, and against one that does something wrong, which must be found."""

import json
import pathlib
import sys
import xml.dom.minidom

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "library"))

from certificates import Certificates
from harness.broker import free_port
import liar
import programs

FOUND, REFUSED, NO_CONNECTION, USAGE = 7, 3, 2, 1
SMALL = ["--pubs", "4", "--subs", "4", "--count", "50"]
LIAR = SMALL + ["-V", "311", "--patience", "0.5"]


@pytest.fixture(scope="module")
def broker(broker4):
    return broker4


def run(*arguments, port=None, code=0):
    where = ["-h", "127.0.0.1", "-p", port] if port else []
    done = programs.run("bench", *arguments, *where, code=code)
    done.stdout = done.stdout.decode()
    return done


def figures_of(*arguments, port=None, code=0):
    return json.loads(run(*arguments, "--json", port=port, code=code).stdout)


def assert_all_came(figures, messages):
    assert figures["expected"] == figures["received"] == messages
    assert all(figures[name] == 0 for name in ("lost", "duplicated", "reordered", "misrouted", "corrupt"))
    assert figures["complete"] and "refused" not in figures and "closed_by_broker" not in figures


@pytest.mark.parametrize("version", ["311", "5"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.parametrize("scenario, deliveries", [("pairs", 200), ("fanin", 800), ("fanout", 800), ("shared", 200)])
def test_each_message_comes_once(broker, scenario, deliveries, qos, version):
    assert_all_came(figures_of(scenario, *SMALL, "--qos", qos, "-V", version, port=broker.port), deliveries)


def test_wildcard_reaches_four_clients(broker):
    figures = figures_of("wildcard", "--pubs", "3", "--subs", "16", "--sites", "6", "--ders", "2", "--points", "3",
                         "--count", "40", port=broker.port)
    assert_all_came(figures, 3 * 40 * 4)
    assert figures["filters"] == 36 + 12 + 6 + 6


@pytest.mark.parametrize("scenario", ["pairs", "fanin", "fanout", "shared"])
def test_threads_share_the_work(broker, scenario):
    figures = figures_of(scenario, "--pubs", "6", "--subs", "6", "--count", "50", "--threads", "3", "--qos", "1",
                         port=broker.port)
    assert_all_came(figures, 300 if scenario in ("pairs", "shared") else 1800)


def test_publishers_alone_are_acknowledged(broker):
    figures = figures_of("pub", "--pubs", "4", "--count", "50", "--qos", "2", port=broker.port)
    assert figures["sent"] == figures["acked"] == 200 and figures["lat_n"] == 200


def test_a_subscriber_alone_counts_what_others_publish(broker, background):
    subscriber = background("bench", "sub", "--pubs", "3", "--time", "2", "--json", "-h", "127.0.0.1", "-p", broker.port)
    while subscriber.process.poll() is None:
        figures_of("pub", "--pubs", "3", "--count", "20", port=broker.port)
    heard = json.loads(subscriber.wait())
    assert heard["received"] > 0 and heard["corrupt"] == heard["misrouted"] == 0


def test_retained_messages_are_fetched_and_cleared(broker):
    figures = figures_of("retained", "--count", "300", "--repeat", "2", "--pubs", "2", "--qos", "1", port=broker.port)
    assert_all_came(figures, 600)
    assert figures["retained"] == 300
    again = figures_of("retained", "--count", "1", "--pubs", "1", port=broker.port)
    assert_all_came(again, 1)


def test_offline_sessions_are_fetched(broker):
    figures = figures_of("offline", "--pubs", "2", "--subs", "5", "--count", "30", port=broker.port)
    assert_all_came(figures, 150)
    assert figures["session_present"] == 5


def test_offline_in_two_phases(broker):
    phase = ["offline", "--pubs", "2", "--subs", "5", "--count", "30", "--qos", "2", "-I", "two-phases", "--phase"]
    assert figures_of(*phase, "store", port=broker.port)["expected"] == 0
    assert_all_came(figures_of(*phase, "fetch", port=broker.port), 150)


def test_connections_come_and_go(broker):
    figures = figures_of("connect", "--subs", "10", "--count", "100", port=broker.port)
    assert figures["cycles"] == figures["started"] == 100 and figures["failed"] == 0 and figures["lat_n"] == 100


def test_idle_connections_stay(broker):
    figures = figures_of("idle", "--subs", "50", "--hold", "0.1", "--broker-pid", broker.process.pid,
                         port=broker.port)
    assert figures["connections"] == figures["still_up"] == 50
    assert figures["rss_kb"] > 0 and figures["threads"] > 1 and "rss_after_disconnect_kb" in figures


def test_a_rate_is_kept(broker):
    figures = figures_of("pairs", "--pubs", "5", "--rate", "500", "--time", "1", "--warm-up", "0", port=broker.port)
    assert_all_came(figures, figures["sent"])
    assert 450 <= figures["sent"] <= 501 and figures["lat_n"] == figures["sent"]


def test_large_payloads(broker):
    assert_all_came(figures_of("pairs", "--pubs", "2", "--count", "5", "--size", "600000", "--qos", "1",
                               port=broker.port), 10)


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(broker, tmp_path):
    page = tmp_path / "page.html"
    done = run("pairs", "--time", "0.3", "--pubs", "3", "--tag", "<&>", "--html", page, port=broker.port)
    assert "all as it should be" in done.stdout
    text = page.read_text()
    document = xml.dom.minidom.parseString(text)
    assert len(document.getElementsByTagName("svg")) == 3
    assert not document.getElementsByTagName("script") and not document.getElementsByTagName("link")
    assert "http" not in text and "url(" not in text and "src=" not in text
    for plot in document.getElementsByTagName("svg"):
        titles = [node for node in plot.getElementsByTagName("text") if node.getAttribute("class") == "axis-title"]
        assert len(titles) == 2 and all(title.firstChild.data for title in titles)
        assert any(node.getAttribute("class") == "legend" for node in plot.getElementsByTagName("text"))


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """mosquitto over everything: options that lead there."""
    made, ports = Certificates(tmp_path_factory.mktemp("certificates")), [free_port() for _ in range(3)]
    tls = f"certfile {made.certificate('server')}\nkeyfile {made.key('server')}\n"
    config = (f"listener {{port}} 127.0.0.1\nlistener {ports[0]} 127.0.0.1\n{tls}"
              f"listener {ports[1]} 127.0.0.1\nprotocol websockets\n"
              f"listener {ports[2]} 127.0.0.1\nprotocol websockets\n{tls}allow_anonymous true\n")
    trust = ["--cafile", made.certificate("ca")]
    with programs.Mosquitto(config):
        yield {"tls": ["-L", f"mqtts://localhost:{ports[0]}", *trust], "ws": ["-L", f"ws://localhost:{ports[1]}/mqtt"],
               "wss": ["-L", f"wss://localhost:{ports[2]}/mqtt", *trust]}


@pytest.mark.parametrize("way", ["tls", "ws", "wss"])
def test_over_every_transport(ways, way):
    assert_all_came(figures_of("pairs", *SMALL, "--qos", "2", *ways[way]), 200)
    assert_all_came(figures_of("fanout", "--pubs", "1", "--subs", "2", "--count", "5", "--size", "20000", *ways[way]), 10)
    assert figures_of("connect", "--subs", "5", "--count", "20", *ways[way])["cycles"] == 20


def test_a_server_that_is_not_trusted_is_told(ways):
    done = run("pairs", *ways["tls"][:2], code=NO_CONNECTION)
    assert "certificate is not trusted" in done.stderr


# --- Brokers that do something wrong


@pytest.mark.parametrize("scenario, deliveries", [("pairs", 200), ("fanin", 800)])
def test_an_honest_relay_is_believed(scenario, deliveries):
    with liar.Liar() as relay:
        assert_all_came(figures_of(scenario, *LIAR, port=relay.port), deliveries)


@pytest.mark.parametrize("qos", ["0", "1"])
def test_loss_is_found(qos):
    with liar.Liar(liar.drop(every=50)) as relay:
        figures = figures_of("fanin", *LIAR, "--qos", qos, port=relay.port, code=FOUND)
        assert figures["lost"] > 0 and not figures["complete"]
        assert figures["expected"] - figures["received"] == figures["lost"]


def test_repetition_is_found():
    with liar.Liar(liar.repeat(every=50)) as relay:
        figures = figures_of("pairs", *LIAR, "--qos", "2", port=relay.port, code=FOUND)
        assert figures["duplicated"] == 4 and figures["received"] == 204 and figures["lost"] == 0
        assert figures["complete"]


def test_repetition_at_qos_1_is_told_but_allowed():
    with liar.Liar(liar.repeat(every=50)) as relay:
        assert figures_of("pairs", *LIAR, "--qos", "1", port=relay.port)["duplicated"] == 4


def test_disorder_is_found():
    with liar.Liar(liar.swap(every=50)) as relay:
        figures = figures_of("fanin", "--pubs", "1", "--subs", "1", "--count", "201", "-V", "311", port=relay.port,
                             code=FOUND)
        assert figures["reordered"] == 4 and figures["lost"] == 0 and figures["complete"]


@pytest.mark.parametrize("fault", [liar.damage, liar.shorten])
def test_damage_is_found(fault):
    with liar.Liar(fault(every=50)) as relay:
        figures = figures_of("pairs", *LIAR, port=relay.port, code=FOUND)
        assert figures["corrupt"] == figures["lost"] > 0


def test_messages_that_go_astray_are_found():
    with liar.Liar(astray=50) as relay:
        figures = figures_of("pairs", *LIAR, port=relay.port, code=FOUND)
        assert figures["misrouted"] == 4 and figures["lost"] == 0


def test_a_connection_that_is_lost_is_found():
    with liar.Liar(hang_up_after=20) as relay:
        assert figures_of("pairs", *LIAR, port=relay.port, code=FOUND)["closed_by_broker"] == 1


def test_a_refused_connection_is_told():
    with liar.Liar(refuse=True) as relay:
        done = run("pairs", *LIAR, port=relay.port, code=REFUSED)
        assert "refused the connection with code 0x87" in done.stderr


def test_no_broker_is_told():
    with liar.Liar() as relay:
        port = relay.port
    done = run("pairs", port=port, code=NO_CONNECTION)
    assert f"127.0.0.1:{port}: connection refused" in done.stderr


@pytest.mark.parametrize("arguments, why", [
    (["juggle"], "juggle"), (["pairs", "--size", "15"], "16"), (["pairs", "--qos", "3"], "3"),
    (["retained", "--time", "1"], "take no time"), (["pairs", "--time", "1", "--count", "1"], "only one of them"),
    (["wildcard", "--subs", "3"], "at least 4 subscribers"), (["pairs", "--retry"], "--retry")])
def test_what_makes_no_sense_is_refused(arguments, why):
    assert why in run(*arguments, port=1, code=USAGE).stderr


def test_what_is_missing_or_called_otherwise_is_said():
    assert "A scenario is missing: pub, sub, pairs" in run(code=USAGE).stderr
    assert "did you mean --time?" in run("pairs", "--seconds", "5", code=USAGE).stderr


def test_the_broker_may_be_an_argument(broker):
    assert_all_came(figures_of("pairs", *SMALL, f"mqtt://127.0.0.1:{broker.port}"), 200)
