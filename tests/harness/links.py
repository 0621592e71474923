"""Connections to a broker, over whatever its listener speaks. Each is used like a socket: sendall, recv, fileno, close,
and `pending`, whether bytes have come that the socket itself does not show any more."""

import base64
import os
import socket
import ssl
import struct


class Link:
    """A plain socket."""

    def __init__(self, plain):
        self.socket = plain

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def pending(self):
        return 0


def client_context(broker, certificate=None):
    context = ssl.create_default_context(cafile=str(broker.authority.certificate))
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.key)
    return context


class WebLink:
    """Binary frames (RFC 6455) on top of another link, with the least that a client must do."""

    def __init__(self, lower, path="/mqtt", protocol="mqtt", origin=None):
        self.lower, self.raw, self.data, self.ended = lower, bytearray(), bytearray(), False
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
        lines += [f"Origin: {origin}"] if origin else []
        lower.sendall("\r\n".join(lines + ["", ""]).encode())
        while b"\r\n\r\n" not in self.raw:
            got = lower.recv(4096)
            if not got:
                break
            self.raw += got
        head, _, rest = bytes(self.raw).partition(b"\r\n\r\n")
        self.response = head.decode("latin-1")
        self.raw = bytearray(rest)

    def __getattr__(self, name):
        return getattr(self.lower, name)

    def send_frame(self, opcode, payload, final=True, masked=True):
        mask = os.urandom(4) if masked else b""
        head = bytes([(0x80 if final else 0) | opcode])
        bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if masked:
            key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
            payload = (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
        self.lower.sendall(head + mask + payload)

    def sendall(self, data):
        if data:
            self.send_frame(2, bytes(data))

    def next_frame(self):
        """(opcode, payload) of the next frame, or None at the end of the connection."""
        while (frame := self._cut_frame()) is None:
            got = self.lower.recv(1 << 18)
            if not got:
                return None
            self.raw += got
        return frame

    def _cut_frame(self):
        if len(self.raw) < 2:
            return None
        assert not self.raw[1] & 0x80, "a server does not mask"
        length, at = self.raw[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(self.raw) < at + size:
                return None
            length, at = int.from_bytes(self.raw[at:at + size], "big"), at + size
        if len(self.raw) < at + length:
            return None
        frame = (self.raw[0] & 0x0F, bytes(self.raw[at:at + length]))
        del self.raw[:at + length]
        return frame

    def recv(self, room):
        while not self.data and not self.ended:
            frame = self.next_frame()
            if frame is None or frame[0] == 8:
                self.ended = True
                if frame:
                    self._answer(8, frame[1])
            elif frame[0] == 9:
                self._answer(10, frame[1])
            elif frame[0] in (0, 2):
                self.data += frame[1]
        got = bytes(self.data[:room])
        del self.data[:room]
        return got

    def _answer(self, opcode, payload):
        try:
            self.send_frame(opcode, payload)
        except OSError:  # the broker is gone
            pass

    def pending(self):
        return len(self.data) or (len(self.raw) >= 2 and self._is_whole()) or self.lower.pending()

    def _is_whole(self):
        kept = bytes(self.raw)
        frame = self._cut_frame()
        self.raw[:] = kept
        return frame is not None


def open_socket(broker, patience, receive_buffer=None):
    family = socket.AF_UNIX if broker.via == "unix" else socket.AF_INET
    plain = socket.socket(family, socket.SOCK_STREAM)
    if receive_buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.settimeout(patience)
    plain.connect(str(broker.unix_path) if broker.via == "unix" else (broker.host, broker.port))
    if family != socket.AF_UNIX:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def open_link(broker, patience=10, receive_buffer=None, certificate=None):
    """A connection to the broker's first listener, ready for MQTT."""
    link = Link(open_socket(broker, patience, receive_buffer))
    if broker.via in ("tls", "wss"):
        link = client_context(broker, certificate).wrap_socket(link.socket, server_hostname="localhost")
    if broker.via in ("ws", "wss"):
        link = WebLink(link)
        assert " 101 " in link.response.splitlines()[0], link.response
    return link
