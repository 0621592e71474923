"""Listeners: Unix sockets, TLS with and without client certificates, and what a reload does to them."""

import os
import pathlib
import queue
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import paho.mqtt.client as paho
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
    broker.wait_for_log(f"address=unix://{path}")
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
@pytest.mark.parametrize("via", ["tls", "ws", "wss", "unix"])
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


@pytest.mark.parametrize("via", ["tls", "wss"])
def test_large_payload(start_broker, via):
    broker = start_broker(via=via, workers=4)
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


# ---- WebSocket.


def ask(broker, request):
    """The whole answer to an HTTP request, until the broker closes."""
    with open_socket(broker, 10) as plain:
        plain.sendall(request.encode())
        answer = b""
        while piece := plain.recv(4096):
            answer += piece
    return answer.decode()


GOOD = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "mqtt"}


def request(line="GET /mqtt HTTP/1.1", **changes):
    headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "\r\n".join([line] + [f"{name}: {value}" for name, value in headers.items() if value is not None] + ["", ""])


@pytest.fixture(scope="module")
def web():
    with Broker(via="ws", workers=2, config="log: {rate: unlimited}\n", path="/mqtt", origins="https://good.example&origins=https://also.example") as broker:
        yield broker


@pytest.mark.parametrize("asked, status, reason, words", [
    (request("POST /mqtt HTTP/1.1"), 400, "not_websocket", "not a valid GET"),
    (request("GET /mqtt HTTP/1.0"), 400, "not_websocket", "not a valid GET"),
    (request("GET http://localhost/mqtt HTTP/1.1"), 400, "not_websocket", "not a valid GET"),
    (request(Host=None), 400, "not_websocket", "not a valid GET"),
    (request(Upgrade=None, Connection="keep-alive"), 426, "not_websocket", "asks for a page"),
    (request(Sec_WebSocket_Version="8"), 426, "not_websocket", "must be 13"),
    (request(Sec_WebSocket_Key="short=="), 400, "not_websocket", "16 bytes in base64"),
    (request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25j*Q=="), 400, "not_websocket", "16 bytes in base64"),
    (request("GET /other HTTP/1.1"), 404, "web_path", "another path"),
    (request(Origin="https://evil.example"), 403, "origin", "certain origins"),
    (request(Sec_WebSocket_Protocol="chat"), 400, "subprotocol", "must offer the subprotocol mqtt"),
    (request(Sec_WebSocket_Protocol=None), 400, "subprotocol", "must offer the subprotocol mqtt"),
    (request(X="\x01"), 400, "not_websocket", "not a valid GET"),
])
def test_request_that_is_refused(web, asked, status, reason, words):
    mark = web.log_size()
    answer = ask(web, asked)
    assert answer.startswith(f"HTTP/1.1 {status} ") and words in answer.partition("\r\n\r\n")[2]
    assert ("Sec-WebSocket-Version: 13" in answer) == (status == 426)
    web.wait_for_log(lambda log: f"reason={reason}" in log and words in log, mark)


@pytest.mark.parametrize("protocol, selected", [("mqtt", "mqtt"), ("x, mqttv3.1", "mqttv3.1"), ("mqttv3.1, MQTT", "mqtt")])
@pytest.mark.parametrize("origin", [None, "https://good.example", "HTTPS://also.example"])
def test_request_that_is_accepted_6_0_0_4(web, protocol, selected, origin):
    link = WebLink(open_socket(web, 10), path="/mqtt?x=y", protocol=protocol, origin=origin)
    assert link.response.startswith("HTTP/1.1 101 ") and f"Sec-WebSocket-Protocol: {selected}" in link.response
    link.close()


def test_request_in_pieces_with_frames_right_behind_it(web):
    link = WebLink.__new__(WebLink)
    link.lower, link.raw, link.data, link.ended = open_socket(web, 10), bytearray(), bytearray(), False
    whole = request().encode()
    for at in range(len(whole) - 1):
        link.lower.sendall(whole[at:at + 1])
    sent = []
    link.lower, real = type("Tape", (), {"sendall": lambda self, data: sent.append(data)})(), link.lower
    link.send_frame(2, connect("pieces"))
    link.lower = real
    real.sendall(whole[-1:] + b"".join(sent))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += real.recv(4096)
    link.raw += answer.partition(b"\r\n\r\n")[2]
    assert link.recv(4)[0] == CONNACK << 4
    real.close()


def test_request_that_never_ends_is_cut(web):
    mark = web.log_size()
    with open_socket(web, 10) as plain:
        plain.sendall(b"GET /mqtt HTTP/1.1\r\nX: " + b"a" * 8192)
        while plain.recv(4096):
            pass
    web.wait_for_log("longer than 8 KB", mark)


@pytest.mark.parametrize("first, words", [(connect("plain"), "MQTT without WebSocket"), (b"\x16\x03\x01", "speaks TLS"),
                                          (b"\x00", "does not speak HTTP")])
def test_what_is_not_http_is_told(web, first, words):
    mark = web.log_size()
    with open_socket(web, 10) as plain:
        plain.sendall(first)
        assert plain.recv(4096) == b""
    web.wait_for_log(words, mark)


def test_browser_at_a_tcp_port_is_told(start_broker):
    broker = start_broker()
    assert ask(broker, request()) == ""
    broker.wait_for_log('speaks="HTTP: a browser or a WebSocket client')
    broker.wait_for_log("reason=not_mqtt")


def open_web(broker, client_id=None):
    link = WebLink(open_socket(broker, 10))
    link.sendall(connect(client_id or unique()))
    assert link.recv(1 << 10)[0] == CONNACK << 4
    return link


def closing_code(link):
    while (frame := link.next_frame()) is not None:
        if frame[0] == 8:
            return int.from_bytes(frame[1][:2], "big")
    return None


def test_text_frames_end_the_connection_6_0_0_1(web):
    mark, link = web.log_size(), open_web(web)
    link.send_frame(1, PINGREQ_BYTES)
    assert closing_code(link) == 1003
    web.wait_for_log("reason=websocket_frame", mark)


def test_frames_without_a_mask_end_the_connection(web):
    mark, link = web.log_size(), open_web(web)
    link.send_frame(2, PINGREQ_BYTES, masked=False)
    assert closing_code(link) == 1002
    web.wait_for_log("sent a frame without a mask", mark)


@pytest.mark.parametrize("opcode, payload, final", [(3, b"", True), (11, b"", True), (9, b"x" * 126, True), (9, b"x", False),
                                                    (0, b"x", True)])
def test_bad_frames_end_the_connection(web, opcode, payload, final):
    mark, link = web.log_size(), open_web(web)
    link.send_frame(opcode, payload, final)
    assert closing_code(link) in (1002, 0, None)  # without a code, where the frame itself could not be read
    web.wait_for_log("reason=websocket_frame", mark)


def test_packets_across_and_within_frames_6_0_0_2(web):
    link = open_web(web)
    for byte in PINGREQ_BYTES * 3:
        link.send_frame(2, bytes([byte]))
    link.send_frame(2, PINGREQ_BYTES * 3)
    link.send_frame(2, b"", final=False)
    link.send_frame(9, b"are you there?")
    link.send_frame(0, PINGREQ_BYTES[:1], final=False)
    link.send_frame(0, PINGREQ_BYTES[1:] + PINGREQ_BYTES, final=True)
    pongs, got = 0, b""
    while len(got) < 16 or not pongs:
        opcode, payload = link.next_frame()
        pongs += opcode == 10 and payload == b"are you there?"
        got += payload if opcode == 2 else b""
    assert got == b"\xd0\x00" * 8 and pongs == 1
    link.send_frame(8, (1000).to_bytes(2, "big"))
    assert closing_code(link) == 1000
    assert link.next_frame() is None


def test_one_giant_frame_is_not_waited_for(web):
    """What a frame announces is not allocated, and its packets are served as they come."""
    start = web.resident_kb()
    link = open_web(web)
    link.lower.sendall(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\x00\x00\x00\x00" + PINGREQ_BYTES)
    assert link.recv(2) == b"\xd0\x00"
    assert is_sanitized() or web.resident_kb() - start < 4096
    link.close()


def test_broker_ends_with_a_closing_frame(web):
    link, client_id = open_web(web, "ending"), "ending"
    other = open_web(web, client_id)
    assert closing_code(link) == 1000  # taken over
    other.sendall(b"\xe0\x00")
    assert closing_code(other) == 1000


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("via", ["ws", "wss", "tls"])
@pytest.mark.parametrize("version", ["4", "5"], ids=["v311", "v5"])
def test_mqttjs(start_broker, via, version):
    broker = start_broker(via=via, workers=2)
    script = pathlib.Path(__file__).with_name("mqttjs.js")
    environment = dict(os.environ, NODE_PATH=os.environ.get("NODE_PATH", "/usr/share/nodejs"))
    if Broker.authority:
        environment["NODE_EXTRA_CA_CERTS"] = str(Broker.authority.certificate)
    done = subprocess.run(["node", str(script), str(broker.port), version, unique("js"), via], env=environment, timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout + done.stderr


@pytest.mark.parametrize("via", ["tls", "ws", "wss"])
def test_paho(start_broker, via):
    broker, got, ready = start_broker(via=via, workers=2), queue.Queue(), threading.Event()
    client = paho.Client(unique("paho"), transport="websockets" if via != "tls" else "tcp")
    if via != "ws":
        client.tls_set(str(broker.authority.certificate))
    client.on_connect = lambda client, *rest: client.subscribe("paho/#", 2)
    client.on_subscribe = lambda *rest: ready.set()
    client.on_message = lambda client, data, message: got.put((message.topic, message.payload))
    client.connect("localhost" if via != "ws" else broker.host, broker.port)
    client.loop_start()
    assert ready.wait(20)
    for payload in (b"small", os.urandom(300000)):
        client.publish("paho/x", payload, 2)
        assert got.get(timeout=20) == ("paho/x", payload)
    client.disconnect()
    client.loop_stop()


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
