"""Access rules: what clients may publish, subscribe to and receive, and what a reload changes for those who are there."""

import signal
import subprocess

import paho.mqtt.client as paho
import pytest

from harness import *
from harness.broker import program

RULES = """\
groups:
  operators: [anna, ben]
access:
  - {deny: all, topic: "site/secret/#"}
  - {allow: all, group: operators, topic: "#"}
  - {allow: publish, user: "*", topic: "site/%u/#", qos: 1}
  - {allow: subscribe, topic: [news, "client/%c/+"]}
  - {allow: publish, topic: bye, will: yes}
  - {allow: all, user: walker, topic: "retained/#"}
  - {allow: all, client: nobody, address: 192.0.2.0/24}
"""


def line_of(text, broker):
    """FILE:LINE of the first line that holds `text`, as the log names it."""
    lines = broker.config_path.read_text().splitlines()
    return f"{broker.config_path}:{next(number for number, line in enumerate(lines, 1) if text in line)}"


def connected(broker, user=None, version=V5, client_id=None, **fields):
    client = Client(broker, client_id, version=version)
    client.connect(**({"user": user} if user else {}), **fields)
    return client


def asked(client, *filters):
    """The reasons of the SUBACK."""
    return client.subscribe(*filters, expect=None).reasons


def expect_nothing(client, operator):
    """Nothing has come of what the operator published before: a message behind it is the first to come."""
    fence = f"client/{client.client_id}/fence"
    client.subscribe(fence)
    operator.publish(fence, b"fence")
    client.expect_message(fence)
    client.unsubscribe(fence)


def reload(broker, config):
    mark = broker.log_size()
    broker.config_path.write_text(config)
    broker.signal(signal.SIGHUP)
    broker.wait_for_log("config.reloaded", mark)


@pytest.fixture(params=[1, 4], ids=["1worker", "4workers"])
def ruled(start_broker, request):
    return start_broker(config=RULES, workers=request.param)


def test_publish_is_allowed_or_denied_by_the_first_rule(ruled):
    operator, carl = connected(ruled, "anna"), connected(ruled, "carl")
    operator.subscribe("site/carl/#", "site/x", qos=2)
    carl.publish("site/carl/a", b"1", 1)
    assert operator.expect_message().payload == b"1"
    carl.publish("site/anna/a", b"2", 1, reason=0x87)
    assert "no rule matches" in ruled.wait_for_log("site/anna/a")
    carl.publish("site/carl/a", b"3", 2, reason=0x87)
    mark = ruled.log_size()
    operator.publish("site/secret/a", b"4", 1, reason=0x87)
    ruled.wait_for_log(line_of("deny: all", ruled), mark)
    carl.publish("site/anna/a", b"5", 0)
    connected(ruled, "ben").publish("site/x", b"last", 1)
    assert operator.expect_message().payload == b"last"


def test_before_5_a_denied_publish_is_acknowledged_and_dropped(ruled):
    operator, carl = connected(ruled, "anna"), connected(ruled, "carl", V311)
    operator.subscribe("news", qos=2)
    for qos in (0, 1, 2):
        carl.publish("news", b"x", qos)
    operator.expect_nothing(after=operator)


def test_a_subscription_is_allowed_only_whole(ruled):
    carl, old = connected(ruled, "carl", client_id="c1"), connected(ruled, "carl", V311, client_id="c2")
    for topic, reason in [("news", 0), ("client/c1/+", 0), ("client/c1/x", 0), ("client/c2/x", 0x87), ("#", 0x87),
                          ("+", 0x87), ("client/+/x", 0x87), ("client/c1/#", 0x87), ("$SYS/#", 0x87),
                          ("$share/g/news", 0), ("$share/g/#", 0x87)]:
        assert asked(carl, topic) == [reason], topic
    assert asked(old, "#", "news") == [0x80, 0]


def test_a_name_with_a_wildcard_widens_nothing(ruled):
    for name in ("+", "#", "a/b", "$SYS"):
        client = connected(ruled, "dora", client_id=name)
        assert asked(client, f"client/{name}/+") in ([0x87], [0x8F], [0] if name == "$SYS" else [0x87])
        client.publish("site/dora/x", b"", 1)


def test_an_operator_may_not_read_what_is_denied_to_all(ruled):
    anna = connected(ruled, "anna")
    assert asked(anna, "#", "site/#", "site/a/#") == [0x87, 0x87, 0]


def test_a_will_needs_permission_when_it_is_left_and_when_it_is_published(ruled):
    anna = connected(ruled, "anna")
    anna.subscribe("bye")
    bad = Client(ruled, version=V5)
    bad.connect(reason=0x87, user="carl", will=Will("good", b"x"))
    bad = Client(ruled, version=V311)
    bad.connect(reason=5, user="carl", will=Will("good", b"x"))
    carl = connected(ruled, "carl", will=Will("bye", b"1"))
    carl.abort()
    assert anna.expect_message().payload == b"1"
    carl = connected(ruled, "carl", will=Will("bye", b"2"))
    reload(ruled, RULES.replace("topic: bye", "topic: other"))
    carl.abort()
    ruled.wait_for_log(lambda log: "message.dropped" in log and "topic=bye" in log)
    anna.expect_nothing(after=anna)


def test_a_reload_ends_subscriptions_that_are_not_allowed_any_more(ruled):
    carl, old, anna = connected(ruled, "carl"), connected(ruled, "carl", V311), connected(ruled, "anna")
    for each in (carl, old):
        each.subscribe("news", qos=1)
        each.subscribe("$share/g/news", qos=1)
    reload(ruled, RULES.replace("[news, ", "["))
    ruled.wait_for_log(lambda log: log.count("subscription.ended") == 4)
    anna.publish("news", b"secret", 1)
    for each in (carl, old):
        expect_nothing(each, anna)
    reload(ruled, RULES)
    carl.subscribe("news", qos=1)
    anna.publish("news", b"open", 1)
    assert carl.expect_message().payload == b"open"


def test_what_waited_for_a_client_is_judged_when_it_returns(ruled):
    carl = connected(ruled, "carl", client_id="away", clean=False, properties={"session_expiry": 100})
    anna = connected(ruled, "anna")
    carl.subscribe("news", "client/away/x", qos=1)
    carl.disconnect()
    anna.publish("news", b"secret", 1)
    anna.publish("client/away/x", b"open", 1)
    reload(ruled, RULES.replace("[news, ", "["))
    carl = connected(ruled, "carl", client_id="away", clean=False, properties={"session_expiry": 100})
    assert carl.expect_message().payload == b"open"
    anna.publish("news", b"secret", 1)
    expect_nothing(carl, anna)


def test_retained_messages_go_only_where_the_rules_allow(ruled):
    anna, walker = connected(ruled, "anna"), connected(ruled, "walker")
    anna.publish("retained/a", b"1", 1, retain=True)
    anna.publish("other", b"2", 1, retain=True)
    walker.subscribe("retained/#", qos=1)
    assert walker.expect_message().payload == b"1"
    assert asked(walker, "other") == [0x87]
    expect_nothing(walker, anna)


def test_a_refused_file_changes_nothing(ruled):
    carl = connected(ruled, "carl")
    carl.subscribe("news")
    mark = ruled.log_size()
    ruled.config_path.write_text(RULES + "  - {alow: all}\n")
    ruled.signal(signal.SIGHUP)
    assert "did you mean 'allow'" in ruled.wait_for_log("config.kept", mark)
    carl.publish("site/carl/x", b"", 1)
    carl.publish("news", b"", 1, reason=0x87)


def test_addresses_are_compared(start_broker):
    broker = start_broker(config="access:\n- {allow: publish, address: 127.0.0.0/8, topic: near}\n"
                                 "- {allow: publish, address: [10.0.0.0/8, \"::/0\"], topic: far}\n")
    client = connected(broker)
    client.publish("near", b"", 1, reason=0x10)
    client.publish("far", b"", 1, reason=0x87)


def test_listeners_are_compared(start_broker):
    broker = start_broker(config="access: none\n")
    reload(broker, f"access:\n- {{allow: publish, listener: \"{broker.host}:{broker.port}\", topic: here}}\n"
                   "- {allow: publish, listener: \"127.0.0.1:1\", topic: there}\n")
    client = connected(broker)
    client.publish("here", b"", 1, reason=0x10)
    client.publish("there", b"", 1, reason=0x87)


def test_paho_sees_refusals(ruled):
    codes = {}
    client = paho.Client("paho", protocol=paho.MQTTv5)
    client.username_pw_set("carl")
    client.on_subscribe = lambda *arguments: codes.setdefault("subscribe", [code.value for code in arguments[3]])
    client.on_connect = lambda *arguments: client.subscribe([("news", paho.SubscribeOptions(1)),
                                                             ("#", paho.SubscribeOptions(1))])
    client.connect(ruled.host, ruled.port)
    while "subscribe" not in codes:
        client.loop(0.1)
    assert codes["subscribe"] == [1, 0x87]
    client.disconnect()


def test_mosquitto_clients_see_refusals(ruled):
    target = ["-h", ruled.host, "-p", str(ruled.port), "-u", "carl"]
    sub = subprocess.run(["mosquitto_sub", *target, "-t", "#", "-W", "20"], capture_output=True, timeout=60, text=True)
    assert "denied" in (sub.stdout + sub.stderr).lower()
    published = subprocess.run(["mosquitto_pub", *target, "-V", "mqttv5", "-t", "news", "-m", "x", "-q", "1"],
                               capture_output=True, timeout=60, text=True)
    assert "not authorized" in (published.stdout + published.stderr).lower()


def test_options_of_why_do_not_start_a_broker():
    done = subprocess.run([str(program()), "--user", "anna"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "only --why takes this option: user" in done.stderr


def test_why_answers_from_the_file(ruled):
    def why(*arguments):
        done = subprocess.run([str(program()), "-c", str(ruled.config_path), "--why", *arguments], capture_output=True,
                              text=True, timeout=20)
        return done.returncode, done.stdout

    code, text = why("--user", "carl", "publish", "site/carl/x")
    assert code == 0 and line_of("site/%u", ruled) in text
    code, text = why("--user", "anna", "subscribe", "site/#")
    assert code == 1 and line_of("deny: all", ruled) in text
    code, text = why("--user", "carl", "--client", "c1", "subscribe", "news/x")
    assert code == 1 and "no rule matches" in text
    assert why("--client", "nobody", "--address", "192.0.2.7", "publish", "any")[0] == 0
    assert why("publish", "bye")[0] == 1 and why("--will", "publish", "bye")[0] == 0
    assert why("eat", "bye")[0] == 2
