"""What is wrong with a certificate is said; nothing is sent to a server that is not trusted."""

import re

import pytest

from programs import Mosquitto, Way


def fails(probe, way, **options):
    answer = probe(way, **options)("connect")
    assert answer["result"] == "lost", answer
    return answer["error"]


@pytest.fixture(scope="module")
def bad_servers(certificates):
    """Listeners whose certificates are not good: {name: port}."""
    names = ["wrong_name", "expired"]
    listeners = [f"listener {{}} 127.0.0.1\ncertfile {certificates.certificate(name)}\nkeyfile {certificates.key(name)}"
                 for name in names]
    with Mosquitto(*listeners) as server:
        yield dict(zip(names, server.ports))


def test_a_client_certificate_is_shown(mosquitto, certificates, probe):
    ours = {"cert": certificates.certificate("client"), "key": certificates.key("client")}
    client = probe(mosquitto.ways["mutual"], **ours)
    client.ok("connect")
    client.ok("publish", "a", 1, 0, "x")
    client.ok("disconnect")


def test_without_a_client_certificate(mosquitto, probe):
    assert re.search("the server wants a client certificate", fails(probe, mosquitto.ways["mutual"]))


def test_a_client_certificate_that_the_server_does_not_trust(mosquitto, certificates, probe):
    other = {"cert": certificates.certificate("other_ca"), "key": certificates.key("other_ca")}
    assert re.search("the server (does not trust|has refused) our certificate", fails(probe, mosquitto.ways["mutual"], **other))


def test_an_authority_that_we_do_not_trust(mosquitto, certificates, probe):
    error = fails(probe, mosquitto.ways["tls"], ca=certificates.certificate("other_ca"))
    assert re.search(r"the server's certificate is not trusted: .*\(CN=(server|ca), issued by CN=ca\)", error)


def test_the_system_does_not_trust_it_either(mosquitto, probe):
    error = fails(probe, Way(mosquitto.ways["tls"].url))
    assert "the server's certificate is not trusted" in error


def test_a_certificate_for_another_host(bad_servers, certificates, probe):
    way = Way(f"mqtts://localhost:{bad_servers['wrong_name']}", ca=certificates.certificate("ca"))
    assert "the server's certificate is not for localhost, but for broker.example" in fails(probe, way)


def test_an_expired_certificate(bad_servers, certificates, probe):
    way = Way(f"mqtts://localhost:{bad_servers['expired']}", ca=certificates.certificate("ca"))
    assert "the server's certificate (CN=expired) expired at 2020-02-01 00:00:00 UTC" in fails(probe, way)
    probe(way, any_certificate=1).ok("connect")


def test_a_port_without_tls(mosquitto, probe):
    way = Way(mosquitto.ways["tcp"].url.replace("mqtt://", "mqtts://"))
    assert re.search("does not speak TLS|closed the connection during the TLS handshake|reset", fails(probe, way))


def test_a_port_without_websocket(mosquitto, probe):
    way = Way(mosquitto.ways["tcp"].url.replace("mqtt://", "ws://"))
    assert re.search("closed the connection instead of answering|reset|does not speak HTTP", fails(probe, way))
