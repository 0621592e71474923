"""Listeners: Unix sockets, TLS with and without client certificates, and what a reload does to them."""

import os
import pathlib
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest

from harness import *

WORKERS = pytest.mark.parametrize("workers", [1, 4])


def s_client(broker, *arguments):
    """What openssl s_client has to say about a connection that it ends at once."""
    command = ["openssl", "s_client", "-connect", f"{broker.host}:{broker.port}", "-CAfile",
               str(broker.authority.certificate), *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return done.stdout + done.stderr


def connected(broker, **fields):
    client = Client(broker, **fields)
    client.connect()
    return client


def reload(broker, config=None):
    """SIGHUP, and wait until it is done. Returns where the log stood before."""
    mark = broker.log_size()
    if config is not None:
        broker.config_path.write_text(config)
    broker.signal(signal.SIGHUP)
    broker.wait_for_log("config.reloaded", mark)
    return mark


# ---- Unix sockets.


def test_unix_socket_has_its_mode_and_says_who_connects(start_broker):
    broker = start_broker(via="unix", mode="0600")
    assert stat.S_IMODE(broker.unix_path.stat().st_mode) == 0o600
    with connected(broker) as client:
        log = broker.wait_for_log(client.client_id)
        assert f'peer="pid {os.getpid()}, uid {os.getuid()}, gid {os.getgid()}"' in log
    broker.stop()
    assert not broker.unix_path.exists()


def test_unix_socket_that_nobody_listens_on_is_replaced(start_broker, tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    broker = start_broker(arguments=["--listen", f"unix://{path}"])
    assert f"address=unix://{path}" in broker.log()
    done = subprocess.run([str(program()), "--listen", f"unix://{path}"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "somebody listens on this socket already" in done.stderr
    assert path.exists()


def test_file_that_is_no_socket_is_not_touched(tmp_path):
    path = tmp_path / "socket"
    path.write_text("precious")
    done = subprocess.run([str(program()), "--listen", f"unix://{path}"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "which is not a socket" in done.stderr
    assert path.read_text() == "precious"


# ---- TLS.


def test_mosquitto_clients_over_tls(start_broker):
    broker = start_broker(via="tls", workers=2)
    common = ["-h", "localhost", "-p", str(broker.port), "--cafile", str(broker.authority.certificate)]
    keep = connected(broker)
    keep.publish("tls/ready", "ready", retain=True, qos=1)
    sub = subprocess.Popen(["mosquitto_sub", *common, "-t", "tls/#", "-C", "2"], stdout=subprocess.PIPE, text=True)
    assert sub.stdout.readline() == "ready\n"
    subprocess.run(["mosquitto_pub", *common, "-t", "tls/a", "-m", "over TLS", "-q", "2"], check=True, timeout=20)
    assert sub.communicate(timeout=20)[0] == "over TLS\n"
    log = broker.wait_for_log("tls=TLSv1.3")
    assert "cipher=TLS_AES_128_GCM_SHA256" in log and f"listener=tls://{broker.host}:{broker.port}" in log


@pytest.fixture
def strict(start_broker):
    """A broker that requires certificates of its clients."""
    authority = Broker.authority = Broker.authority or Authority()
    return start_broker(via="tls", workers=2, client_certificate="required", client_ca=authority.certificate)


def refused(broker, certificate, *reasons):
    mark = broker.log_size()
    with pytest.raises((ssl.SSLError, OSError, Closed)):
        with Client(broker, certificate=certificate) as client:
            client.connect()
    broker.wait_for_log(lambda log: all(each in log for each in ("reason=client_certificate", *reasons)), mark)


def test_client_certificate_is_required_and_named_in_the_log(strict):
    identity = strict.authority.issue("sensor-7", alternatives=None)
    with connected(strict, certificate=identity) as client:
        client.expect_alive()
        strict.wait_for_log('certificate="CN=sensor-7"')
    refused(strict, None, "the client has sent no certificate")


def test_client_certificate_of_another_authority_is_refused(strict):
    other = Authority("somebody else")
    refused(strict, other.issue("sensor-8", alternatives=None), "its issuer is not among the authorities")


def test_expired_client_certificate_is_refused(strict):
    refused(strict, strict.authority.issue("sensor-9", days=-1), "(CN=sensor-9) expired at 2020-02-01")


def test_optional_client_certificate(start_broker):
    authority = Broker.authority = Broker.authority or Authority()
    broker = start_broker(via="tls", client_certificate="optional", client_ca=authority.certificate)
    with connected(broker) as without, connected(broker, certificate=authority.issue("x", alternatives=None)) as with_one:
        without.expect_alive()
        with_one.expect_alive()
    other = Authority("somebody else")
    refused(broker, other.issue("y", alternatives=None), "not trusted")


def test_old_versions_of_tls_are_refused(start_broker):
    broker = start_broker(via="tls")
    s_client(broker, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    broker.wait_for_log("the client and we have no version of TLS in common")
    assert "TLSv1.2" in s_client(broker, "-tls1_2")


def test_tls_minimum_1_3_refuses_1_2(start_broker):
    broker = start_broker(via="tls", tls_minimum="1.3")
    s_client(broker, "-tls1_2")
    broker.wait_for_log("no version of TLS in common")
    assert "TLSv1.3" in s_client(broker)


def test_alpn_is_mqtt_or_nothing(start_broker):
    broker = start_broker(via="tls")
    assert "ALPN protocol: mqtt" in s_client(broker, "-alpn", "x,mqtt")
    assert "No ALPN negotiated" in s_client(broker)
    assert "no application protocol" in s_client(broker, "-alpn", "h2")
    broker.wait_for_log("the client offers protocols (ALPN)")


def test_certificate_is_chosen_by_the_name_that_is_asked_for(start_broker):
    authority = Broker.authority = Broker.authority or Authority()
    first, second = authority.issue("one.example", "DNS:one.example"), authority.issue("two.example", "DNS:*.two.example")
    broker = start_broker(via="tls", certificate=f"{first.certificate}&certificate={second.certificate}",
                          key=f"{first.key}&key={second.key}")
    assert "CN = one.example" in s_client(broker, "-servername", "one.example")
    assert "CN = two.example" in s_client(broker, "-servername", "a.two.example")
    assert "CN = one.example" in s_client(broker, "-servername", "three.example")
    assert "CN = one.example" in s_client(broker, "-noservername")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed_unless_that_is_off(start_broker, version):
    on, off = start_broker(via="tls"), start_broker(via="tls", session_resumption="no")
    for broker, expected in ((on, "Reused"), (off, "New")):
        context = client_context(broker)
        context.minimum_version = context.maximum_version = (
            ssl.TLSVersion.TLSv1_2 if version == "-tls1_2" else ssl.TLSVersion.TLSv1_3)
        kept, reused = None, []
        for _ in range(2):
            link = context.wrap_socket(open_socket(broker, 10), server_hostname="localhost", session=kept)
            link.sendall(connect(unique()))
            assert link.recv(4)[0] == CONNACK << 4
            kept = link.session
            reused.append(link.session_reused)
            link.close()
        assert reused == [False, expected == "Reused"]


def test_what_is_not_tls_is_told_from_what_is(start_broker):
    broker = start_broker(via="tls")
    for first, words in ((b"GET / HTTP/1.1\r\n\r\n", "the client speaks HTTP without TLS"),
                         (connect("plain"), "the client does not speak TLS")):
        mark = broker.log_size()
        with open_socket(broker, 10) as plain:
            plain.sendall(first)
            while plain.recv(4096):
                pass
        broker.wait_for_log(words, mark)


def test_slow_handshake_byte_by_byte(start_broker):
    broker = start_broker(via="tls", workers=2)
    context, incoming, outgoing = client_context(broker), ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with open_socket(broker, 10) as plain, connected(broker) as other:
        def until_done(call, *arguments):
            while True:
                try:
                    return call(*arguments)
                except ssl.SSLWantReadError:
                    send_bytewise()
                    other.expect_alive()
                    incoming.write(plain.recv(65536))

        def send_bytewise():
            for byte in outgoing.read():
                plain.sendall(bytes([byte]))

        until_done(tls.do_handshake)
        tls.write(connect("slow"))
        send_bytewise()
        assert until_done(tls.read, 64)[0] == CONNACK << 4


def test_handshake_must_end_in_time(start_broker):
    broker = start_broker(via="tls", config="limits: {connect_timeout: 1 s}\n")
    with open_socket(broker, 10) as silent:
        start = time.monotonic()
        assert silent.recv(1) == b""
        assert 0.5 < time.monotonic() - start < 6
    broker.wait_for_log("reason=connect_timeout")


@WORKERS
@pytest.mark.parametrize("via", ["tls", "unix"])
def test_packets_right_behind_connect_arrive_at_home(start_broker, via, workers):
    """CONNECT, SUBSCRIBE and many PUBLISH in one piece: all that was read moves with the connection."""
    broker = start_broker(via=via, workers=workers)
    for number in range(12):
        with Client(broker) as client:
            payloads = [bytes([number]) * size for size in (1, 100, 20000, 70000, 3)]
            publishes = [publish("a", payload, 1, packet_id=at + 2) for at, payload in enumerate(payloads)]
            client.send(connect(client.client_id), subscribe(1, [("a", 0)]), *publishes)
            client.expect(CONNACK)
            client.expect(SUBACK)
            got = [client.receive() for _ in range(2 * len(payloads))]
            assert [each.payload for each in got if each.kind == PUBLISH] == payloads
            client.disconnect()


def test_large_payload_over_tls(start_broker):
    broker = start_broker(via="tls", workers=4)
    payload = os.urandom(1 << 20) * 20
    with connected(broker) as sub, connected(broker) as pub:
        sub.subscribe("large", qos=1)
        pub.publish("large", payload, qos=1)
        sub.expect_message("large", payload)


def test_end_of_tls_is_told(start_broker):
    """close_notify, so that a client can tell the end from a cut."""
    broker = start_broker(via="tls")
    link = client_context(broker).wrap_socket(open_socket(broker, 10), server_hostname="localhost",
                                              suppress_ragged_eofs=False)
    link.sendall(connect(unique()) + b"\xe0\x00")
    got = b""
    while piece := link.recv(4096):
        got += piece
    assert got[0] == CONNACK << 4
    link.close()


@pytest.mark.parametrize("what", ["missing", "no certificate", "other key"])
def test_start_fails_with_the_file_that_is_bad(tmp_path, what):
    authority = Broker.authority = Broker.authority or Authority()
    one, other = authority.issue(), authority.issue()
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    certificate, key, words = {
        "missing": (tmp_path / "none.pem", one.key, f"{tmp_path}/none.pem: No such file"),
        "no certificate": (empty, one.key, f"{empty}: not a PEM file with a certificate"),
        "other key": (one.certificate, other.key, f"{other.key}: the key is not that of the certificate in "),
    }[what]
    url = f"tls://127.0.0.1:0?certificate={certificate}&key={key}"
    done = subprocess.run([str(program()), "--listen", url], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_listener_has_a_limit_of_its_own(start_broker):
    broker = start_broker(connections=2)
    with connected(broker) as first, connected(broker) as second:
        with open_socket(broker, 10) as third:
            assert third.recv(1) == b""
        broker.wait_for_log("reason=listener_full")
        first.close()
        second.expect_alive()
        until = time.monotonic() + 10
        while True:
            try:
                connected(broker).close()
                return
            except (Closed, OSError):
                assert time.monotonic() < until


# ---- A reload.


def listener(port, identity=None, **more):
    keys = {"protocol": "tls", "certificate": identity.certificate, "key": identity.key} if identity else {}
    return {"address": "127.0.0.1", "port": port, **keys, **more}


def config_of(*listeners):
    lines = ("  - {" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}" for each in listeners)
    return "listeners:\n" + "\n".join(lines) + "\n"


class Configured(Broker):
    """A broker whose listeners stand in its file alone; `at` is one of them for a client to dial."""

    def __init__(self, *listeners, **settings):
        super().__init__(config=config_of(*listeners), **settings)
        self.port = listeners[0]["port"]

    def command(self):
        self.config_path.write_text(self.config)
        return [str(program()), "-c", str(self.config_path)]

    def at(self, port, via="tcp"):
        other = object.__new__(Broker)
        other.host, other.port, other.via, other.authority = self.host, port, via, Broker.authority
        return other


def ports(count):
    probes = [socket.socket() for _ in range(count)]
    for each in probes:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in probes]
    for each in probes:
        each.close()
    return found


def test_listeners_come_and_go_by_reload():
    authority = Broker.authority = Broker.authority or Authority()
    identity, (a, b, c) = authority.issue(), ports(3)
    with Configured(listener(a), listener(b, identity)) as broker:
        old, over_tls = connected(broker.at(a)), connected(broker.at(b, "tls"))
        reload(broker, config_of(listener(c), listener(b, identity, connections=5)))
        new = connected(broker.at(c))
        with pytest.raises(OSError):
            open_socket(broker.at(a), 1)
        new.subscribe("x")
        old.publish("x", "1", qos=1)
        over_tls.publish("x", "2", qos=1)
        assert [new.expect_message("x").payload for _ in range(2)] == [b"1", b"2"]
        assert "listener.closed" in broker.log()
        reload(broker, config_of(listener(a, identity), listener(c)))  # the same address, another protocol
        connected(broker.at(a, "tls")).close()
        old.expect_alive()
        over_tls.expect_alive()


def test_certificates_are_read_again_at_sighup():
    authority = Broker.authority = Broker.authority or Authority()
    first, second, (port,) = authority.issue("first"), authority.issue("second"), ports(1)
    with Configured(listener(port, first)) as broker:
        there = broker.at(port, "tls")
        assert "CN = first" in s_client(there)
        old = connected(there)
        for kind in ("certificate", "key"):
            os.replace(getattr(second, kind), getattr(first, kind))
        reload(broker)
        assert "CN = second" in s_client(there)
        old.expect_alive()
        pathlib.Path(first.key).write_text("nothing")
        mark = reload(broker)
        broker.wait_for_log("listener.kept", mark)
        assert "CN = second" in s_client(there)
        old.expect_alive()
