"""A client of ours that says exactly the bytes it is told to, and reads every byte that comes back.

    with Client(broker, version=V5) as sub:
        sub.connect()
        sub.subscribe("a/+", qos=1)
        message = sub.expect(PUBLISH, topic="a/b", qos=1)

Nothing sleeps: every wait is for a packet or for the end of the connection. That nothing came is shown by a fence, a
message or a PINGREQ that is answered after whatever should not have come.
"""

import itertools
import os
import select
import socket
import ssl
import time

from . import packets
from .links import open_link
from .packets import (AUTH, CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, TYPE_NAMES,
                      UNSUBACK, V5, parse)

PATIENCE_S = float(os.environ.get("BUSBAR_TEST_PATIENCE", "10"))
_numbers = itertools.count(1)


def unique(stem="t"):
    """A name that no other test uses: for client ids and first levels of topics."""
    return f"{stem}{os.getpid() % 100000}x{next(_numbers)}"


class Closed(AssertionError):
    """The broker closed the connection where a packet was expected."""


class TimedOut(AssertionError):
    """Nothing came in time."""


class Client:
    def __init__(self, broker, client_id=None, version=V5, patience=PATIENCE_S, open_now=True, receive_buffer=None,
                 certificate=None):
        self.broker, self.version, self.patience = broker, version, patience
        self.client_id = unique("c") if client_id is None else client_id
        self.buffer, self.closed, self.reset = bytearray(), False, False
        self.ids = itertools.count(1)
        self.releasing = set()  # identifiers of QoS 2 messages that we have taken and whose PUBREL is still to come
        self.socket, self.connack, self.receive_buffer, self.certificate = None, None, receive_buffer, certificate
        if open_now:
            self.open()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    # ---- The connection.

    def open(self):
        self.socket = open_link(self.broker, self.patience, self.receive_buffer, self.certificate)
        self.buffer, self.closed, self.reset = bytearray(), False, False
        return self

    def reopen(self):
        """A new connection with the same client id; the old one is dropped without a word."""
        self.close()
        return self.open()

    def close(self):
        """End the connection without DISCONNECT."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def abort(self):
        """End the connection with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close()

    def send(self, *pieces):
        """Send bytes. That the broker has closed already is found out by reading, not here."""
        try:
            self.socket.sendall(b"".join(pieces))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.reset = True

    def finish_sending(self):
        """Say that no more bytes will come, and go on reading."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the broker has closed already
            self.reset = True

    def send_bytewise(self, data):
        for at in range(len(data)):
            self.send(data[at:at + 1])

    # ---- Reading.

    def _fill(self, until):
        """Read once; False when the connection has ended."""
        left = until - time.monotonic()
        if not self._has_bytes(left):
            raise TimedOut(f"{self.client_id}: nothing came within {self.patience} s; unread: {bytes(self.buffer[:64]).hex(' ')}")
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:
            self.reset, data = True, b""
        except ssl.SSLEOFError:  # the end of TCP without the end of TLS
            data = b""
        if not data:
            self.closed = True
            return False
        self.buffer += data
        return True

    def _has_bytes(self, seconds):
        """Wait so long for something to read; TLS and WebSocket may have it already."""
        return self.socket.pending() or (seconds > 0 and select.select([self.socket], [], [], seconds)[0])

    def _complete(self):
        """Length of the fixed header and of the whole packet at the front of the buffer, or None."""
        length = 0
        for at in range(1, 5):
            if at >= len(self.buffer):
                return None
            length |= (self.buffer[at] & 0x7F) << 7 * (at - 1)
            if self.buffer[at] < 0x80:
                whole = at + 1 + length
                return (at + 1, whole) if len(self.buffer) >= whole else None
        raise packets.Malformed("a remaining length of more than four bytes")

    def receive(self, patience=None):
        """The next packet; None when the connection has ended cleanly between packets. The PUBREL of a message that
        expect_message took is answered here and not shown."""
        until = time.monotonic() + (self.patience if patience is None else patience)
        while (got := self._next(until)) is not None and got.kind == PUBREL and got.packet_id in self.releasing:
            self.releasing.remove(got.packet_id)
            self.ack(PUBCOMP, got.packet_id)
        return got

    def _next(self, until):
        while (sizes := self._complete()) is None:
            if self.closed or not self._fill(until):
                assert not self.buffer, f"the connection ended inside a packet: {bytes(self.buffer[:64]).hex(' ')}"
                return None
        head, whole = sizes
        raw = bytes(self.buffer[:whole])
        del self.buffer[:whole]
        return parse(raw, head, self.version)

    def receive_now(self):
        """The next packet if it has come already, else None."""
        while self._complete() is None:
            if not self._has_bytes(0.01) or not self._fill(time.monotonic() + 1):
                return None
        return self.receive()

    def receive_unparsed(self):
        """The bytes of the next packet, whatever its version; None when the connection has ended."""
        until = time.monotonic() + self.patience
        while (sizes := self._complete()) is None:
            if self.closed or not self._fill(until):
                return None
        raw = bytes(self.buffer[:sizes[1]])
        del self.buffer[:sizes[1]]
        return raw

    def receive_raw(self, count):
        """The next `count` bytes, not parsed."""
        until = time.monotonic() + self.patience
        while len(self.buffer) < count:
            if self.closed or not self._fill(until):
                raise Closed(f"{self.client_id}: closed after {bytes(self.buffer).hex(' ')}")
        raw = bytes(self.buffer[:count])
        del self.buffer[:count]
        return raw

    # ---- Expecting.

    def expect(self, kind, patience=None, **fields):
        """The next packet must be of this kind and have these fields (properties=... compares them all)."""
        got = self.receive(patience)
        if got is None:
            raise Closed(f"{self.client_id}: closed, expected {TYPE_NAMES[kind]} {fields}")
        assert got.kind == kind, f"{self.client_id}: expected {TYPE_NAMES[kind]} {fields}, got {got}"
        for name, value in fields.items():
            assert getattr(got, name) == value, f"{self.client_id}: expected {name}={value!r}, got {got}"
        return got

    def expect_bytes(self, expected):
        """The next bytes must be exactly these (bytes or hex)."""
        expected = bytes.fromhex(expected) if isinstance(expected, str) else expected
        got = self.receive_raw(len(expected))
        assert got == expected, f"{self.client_id}: expected {expected.hex(' ')}, got {got.hex(' ')}"

    def expect_close(self, reason=None):
        """The connection must end; in 5.0 after a DISCONNECT with `reason` (a code or several), when one is given."""
        if reason is not None and self.version == V5:
            codes = {reason} if isinstance(reason, int) else set(reason)
            got = self.expect(DISCONNECT)
            assert got.reason in codes, f"{self.client_id}: expected one of {[hex(c) for c in codes]}, got {got}"
        got = self.receive()
        assert got is None, f"{self.client_id}: expected the end of the connection, got {got}"

    def expect_refused(self, reason):
        """CONNACK with an error and the end of the connection. `reason` is the code of this client's version."""
        codes = {reason} if isinstance(reason, int) else set(reason)
        got = self.expect(CONNACK)
        assert got.reason in codes, f"expected one of {[hex(c) for c in codes]}, got {got}"
        assert got.session_present is False
        self.expect_close()
        return got

    def expect_alive(self):
        """The connection still answers, and nothing else is waiting to be read."""
        self.send(packets.PINGREQ_BYTES)
        self.expect(PINGRESP)

    def expect_nothing(self, after=None):
        """Nothing has come. With `after`, not even what the client `after` published before this call: a fence message
        travels behind it, from its connection to this one."""
        if after is None:
            return self.expect_alive()
        fence = unique("fence")
        self.subscribe(fence)
        after.publish(fence, b"fence")
        got = self.receive()
        assert got is not None and got.kind == PUBLISH and got.topic == fence, f"{self.client_id}: expected nothing, got {got}"
        self.unsubscribe(fence)

    def collect(self, after):
        """All messages that come before what the client `after` publishes next; their exchanges are finished."""
        fence, messages, seen_suback = unique("fence"), [], False
        self.subscribe(fence, qos=1, expect=False)
        while True:
            got = self.receive()
            assert got is not None, f"{self.client_id}: closed"
            if got.kind == SUBACK and not seen_suback:
                seen_suback = True
                after.publish(fence, b"fence", 1)
            elif got.kind == PUBLISH and got.topic == fence:
                self._finish(got)
                self.unsubscribe(fence)
                return messages
            else:
                assert got.kind == PUBLISH, f"{self.client_id}: expected messages, got {got}"
                messages.append(got)
                self._finish(got)

    # ---- The usual conversations.

    def connect(self, reason=0, **fields):
        """CONNECT and its CONNACK, which must have `reason` (None: any)."""
        fields.setdefault("version", self.version)
        self.send(packets.connect(fields.pop("client_id", self.client_id), **fields))
        self.connack = self.expect(CONNACK)
        assert reason is None or self.connack.reason == reason, f"expected reason {reason:#x}, got {self.connack}"
        if self.connack.properties.get("assigned_client_id"):
            self.client_id = self.connack.properties["assigned_client_id"]
        return self.connack

    def next_id(self):
        return next(self.ids)

    def subscribe(self, *filters, qos=0, no_local=False, retain_as_published=False, retain_handling=0, properties=None,
                  expect=True):
        """SUBSCRIBE to filters (each a string, or a pair of filter and options byte) and its SUBACK. `expect`: True if
        all must be granted as asked, None if any answer will do, False not to wait for the answer."""
        byte = packets.options(qos, no_local, retain_as_published, retain_handling)
        entries = [each if isinstance(each, tuple) else (each, byte) for each in filters]
        packet_id = self.next_id()
        self.send(packets.subscribe(packet_id, entries, self.version, properties))
        if expect is False:
            return packet_id
        got = self.expect(SUBACK, packet_id=packet_id)
        assert len(got.reasons) == len(entries)
        if expect is True:
            assert got.reasons == [options & 3 for _, options in entries], got
        return got

    def unsubscribe(self, *filters, properties=None):
        packet_id = self.next_id()
        self.send(packets.unsubscribe(packet_id, filters, self.version, properties))
        return self.expect(UNSUBACK, packet_id=packet_id)

    def publish(self, topic, payload=b"", qos=0, retain=False, dup=False, properties=None, packet_id=None, reason=None):
        """PUBLISH and, above QoS 0, the whole exchange that belongs to it. Returns the PUBACK or PUBREC."""
        if qos and packet_id is None:
            packet_id = self.next_id()
        self.send(packets.publish(topic, payload, qos, retain, dup, packet_id, self.version, properties))
        if qos == 0:
            return None
        got = self.expect(PUBACK if qos == 1 else PUBREC, packet_id=packet_id)
        if reason is None:
            assert got.reason in (0x00, 0x10), got
        else:
            assert got.reason == reason, got
        if qos == 2 and got.reason < 0x80:
            self.send(packets.ack(PUBREL, packet_id))
            self.expect(PUBCOMP, packet_id=packet_id, reason=0)
        return got

    def start(self, topic, payload=b"", qos=0, retain=False, dup=False, properties=None, packet_id=None):
        """PUBLISH alone, without waiting for any answer. Returns the packet identifier."""
        if qos and packet_id is None:
            packet_id = self.next_id()
        self.send(packets.publish(topic, payload, qos, retain, dup, packet_id, self.version, properties))
        return packet_id

    def ack(self, kind, packet_id, reason=None, properties=None):
        self.send(packets.ack(kind, packet_id, reason, properties))

    def expect_message(self, topic=None, payload=None, finish=True, **fields):
        """A PUBLISH from the broker, and (unless finish is False) our side of its exchange."""
        if topic is not None:
            fields["topic"] = topic
        if payload is not None:
            fields["payload"] = packets.as_bytes(payload)
        got = self.expect(PUBLISH, **fields)
        if finish:
            self._finish(got)
        return got

    def _finish(self, message):
        if message.qos == 1:
            self.ack(PUBACK, message.packet_id)
        elif message.qos == 2:
            self.releasing.add(message.packet_id)
            self.ack(PUBREC, message.packet_id)

    def disconnect(self, reason=None, properties=None):
        """DISCONNECT, and the broker's end of the connection."""
        self.send(packets.disconnect(reason, properties))
        self.expect_close()
        self.close()
