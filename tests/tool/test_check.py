"""busbar check."""

import json
import pathlib
import sys

import pytest

from programs import Mosquitto, run

sys.path.append(str(pathlib.Path(__file__).parents[1] / "library"))
from certificates import Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def tls(certificates, name):
    return (f"listener {{port}} 127.0.0.1\nallow_anonymous true\nsys_interval 1\ncafile {certificates.certificate('ca')}\n"
            f"certfile {certificates.certificate(name)}\nkeyfile {certificates.key(name)}\n")


@pytest.mark.parametrize("version", ["5", "311"])
def test_a_good_broker(server, version):
    done = run("check", "--json", "-V", version, server.url)
    facts = json.loads(done.stdout)
    assert facts["ok"] and facts["problems"] == [] and facts["url"] == server.url
    assert server.name.replace("busbard", "busbar") in facts["broker"]
    expected = {"mqtt_5": True, "mqtt_311": True, "anonymous": True, "maximum_qos": 2, "retain": True, "wildcard": True}
    if version == "5":
        expected.update({"shared": True, "subscription_id": True, "keep_alive_s": 60})
        assert facts["topic_alias_maximum"] > 0
    assert expected.items() <= facts.items()
    assert run("sub", *server.to, "--idle", "0.3", "-v", "busbar-check/#").stdout == b"", "nothing remains"


def test_text(server):
    text = run("check", *server.to).stdout.decode()
    assert "MQTT 5.0" in text and "2, tried" in text and "yes, tried" in text and "Nothing looks wrong." in text


def test_what_is_switched_off(start_broker):
    broker = start_broker(config="features: {maximum_qos: 1, retain: no, shared: no, wildcard: no, "
                                 "subscription_identifiers: no}\nlimits: {topic_aliases: 0, keep_alive: 30}\n")
    facts = json.loads(run("check", "--json", f"mqtt://{broker.host}:{broker.port}").stdout)
    assert {"maximum_qos": 1, "retain": False, "shared": False, "wildcard": False, "subscription_id": False,
            "topic_alias_maximum": 0, "keep_alive_s": 30}.items() <= facts.items()


def test_a_user_who_may_not_publish(tmp_path):
    (tmp_path / "acl").write_text("topic read other\n")
    with Mosquitto(f"listener {{port}} 127.0.0.1\nallow_anonymous true\nacl_file {tmp_path}/acl\n") as server:
        run("check", *server.to)


def test_nobody_there():
    done = run("check", "-p", "1", code=2)
    assert "refused" in done.stdout.decode()
    assert json.loads(run("check", "--json", "-p", "1", code=2).stdout)["ok"] is False


def test_refused(start_broker):
    broker = start_broker(config="anonymous: no\n")
    assert "0x8" in run("check", "-h", broker.host, "-p", broker.port, code=3).stdout.decode()


def test_tls(certificates):
    with Mosquitto(tls(certificates, "server")) as server:
        url, ca = f"mqtts://localhost:{server.port}", ["--cafile", certificates.certificate("ca")]
        facts = json.loads(run("check", "--json", "--days", "1", url, *ca).stdout)
        assert facts["ok"] and facts["tls_version"] == "TLSv1.3" and facts["certificates"][0]["subject"] == "CN=server"
        assert 0 <= facts["certificates"][0]["days_left"] <= 2 and facts["maximum_qos"] == 2
        soon = json.loads(run("check", "--json", url, *ca, code=7).stdout)
        assert any("ends in" in problem for problem in soon["problems"])
        strange = json.loads(run("check", "--json", "--days", "1", url, code=7).stdout)
        assert strange["problems"] and strange["certificates"][0]["subject"] == "CN=server"


@pytest.mark.parametrize("name", ["expired", "wrong_name"])
def test_bad_certificates_are_shown(certificates, name):
    with Mosquitto(tls(certificates, name)) as server:
        facts = json.loads(run("check", "--json", "--days", "0", f"mqtts://localhost:{server.port}", "--cafile",
                               certificates.certificate("ca"), code=7).stdout)
    assert facts["problems"] and facts["certificates"][0]["subject"] == f"CN={name}"


def test_pub_and_sub_with_tls(certificates, background):
    with Mosquitto(tls(certificates, "server")) as server:
        to = ["-h", "localhost", "-p", server.port, "--cafile", certificates.certificate("ca")]
        run("pub", *to, "-r", "-q", "1", "a", "secret")
        assert run("sub", *to, "-C", "1", "-W", "10", "a").stdout == b"secret\n"
        run("pub", "-h", "localhost", "-p", server.port, "--tls", "a", "b", code=2)
        run("pub", "-h", "localhost", "-p", server.port, "--trust-all", "a", "b")
