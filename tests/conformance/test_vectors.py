"""Every bad packet of tests/vectors, sent to a live broker: the right reason, the end of the connection, no other harm."""

import pathlib

import pytest

from harness import *

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "vectors"
CODES = {"malformed": 0x81, "protocol": 0x82, "version": 0x84, "not_mqtt": 0x84, "client_id": 0x85, "filter_invalid": 0x8F,
         "topic_invalid": 0x90, "topic_alias": 0x94, "packet_too_large": 0x95, "payload_format": 0x99,
         "qos_unsupported": 0x9B}
FROM_CLIENTS = ["connect", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "unsubscribe", "disconnect",
                "auth", "header"]


def vectors():
    for name in FROM_CLIENTS:
        for line in (FOLDER / f"{name}.txt").read_text().splitlines():
            line = line.split("#", 1)[0].strip()
            if line:
                head, data = line.split("=", 1)
                vector, version, status = head.split()
                yield name, vector, int(version), status, bytes.fromhex(data.replace(" ", ""))


BAD = [vector for vector in vectors() if vector[3] not in ("ok", "more")]


@pytest.fixture(scope="module")
def bystander(broker):
    """A connection that must not notice any of this."""
    with Client(broker) as client:
        client.connect()
        client.subscribe("bystander/#")
        yield client
        client.publish("bystander/end", "x")
        client.expect_message("bystander/end", "x")


@pytest.mark.parametrize("kind, version, status, data", [vector[:1] + vector[2:] for vector in BAD],
                         ids=[vector[1] for vector in BAD])
def test_bad_vector_is_refused(clients, bystander, kind, version, status, data):
    client = clients.open(version)
    if kind == "connect" or (kind == "header" and data[:1] and data[0] >> 4 == CONNECT):
        client.send(data)
        client.finish_sending()
        refused_before_connack(client, version, status, data)
    else:
        client.connect()
        client.send(data)
        client.expect_close(CODES[status])
    bystander.expect_alive()


def says_version(data):
    """Whether the CONNECT can be read up to its version; if not, the connection may be closed without a CONNACK."""
    body = next((data[at + 1:] for at in range(1, 5) if data[at] < 0x80), b"")
    return data[0] == CONNECT << 4 and body[:7] == b"\x00\x04MQTT\x05"


def refused_before_connack(client, version, status, data):
    client.version = V5 if status in ("version", "not_mqtt") else version
    first = client.receive_unparsed()
    if version == V5 and status not in ("version", "not_mqtt") and says_version(data):
        assert first is not None, "no CONNACK"
        assert first[0] == CONNACK << 4 and first[3] == CODES[status], first.hex(" ")
    elif first is not None:
        assert first[0] == CONNACK << 4 and first[3] in (1, 2, 4, 5, CODES[status]), first.hex(" ")
    if first is not None:
        client.expect_close()
