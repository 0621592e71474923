"""MQTT packets as bytes, built exactly as told (also wrongly), and read back into plain structures.

Builders take every field as a parameter and check nothing: a test that wants a wrong packet says so in its arguments.
Readers are strict: whatever the broker sends must be well formed, or `Malformed` is raised and the test fails.
Nothing here opens a socket.
"""

import struct
from dataclasses import dataclass, field

V31, V311, V5 = 3, 4, 5

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = range(1, 9)
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(9, 16)

TYPE_NAMES = ["RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
              "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"]

# name -> (identifier, type)
PROPERTIES = {
    "payload_format": (0x01, "byte"),
    "message_expiry": (0x02, "u32"),
    "content_type": (0x03, "text"),
    "response_topic": (0x08, "text"),
    "correlation_data": (0x09, "binary"),
    "subscription_id": (0x0B, "varint"),
    "session_expiry": (0x11, "u32"),
    "assigned_client_id": (0x12, "text"),
    "server_keep_alive": (0x13, "u16"),
    "auth_method": (0x15, "text"),
    "auth_data": (0x16, "binary"),
    "request_problem_info": (0x17, "byte"),
    "will_delay": (0x18, "u32"),
    "request_response_info": (0x19, "byte"),
    "response_info": (0x1A, "text"),
    "server_reference": (0x1C, "text"),
    "reason_string": (0x1F, "text"),
    "receive_maximum": (0x21, "u16"),
    "topic_alias_maximum": (0x22, "u16"),
    "topic_alias": (0x23, "u16"),
    "maximum_qos": (0x24, "byte"),
    "retain_available": (0x25, "byte"),
    "user_property": (0x26, "pair"),
    "maximum_packet_size": (0x27, "u32"),
    "wildcard_available": (0x28, "byte"),
    "subscription_id_available": (0x29, "byte"),
    "shared_available": (0x2A, "byte"),
}
PROPERTY_BY_ID = {identifier: (name, kind) for name, (identifier, kind) in PROPERTIES.items()}

# What a server may send in each packet (MQTT 5.0, 2.2.2.2).
SERVER_MAY_SEND = {
    CONNACK: {"session_expiry", "receive_maximum", "maximum_qos", "retain_available", "maximum_packet_size",
              "assigned_client_id", "topic_alias_maximum", "reason_string", "user_property", "wildcard_available",
              "subscription_id_available", "shared_available", "server_keep_alive", "response_info",
              "server_reference", "auth_method", "auth_data"},
    PUBLISH: {"payload_format", "message_expiry", "content_type", "response_topic", "correlation_data",
              "subscription_id", "topic_alias", "user_property"},
    PUBACK: {"reason_string", "user_property"},
    PUBREC: {"reason_string", "user_property"},
    PUBREL: {"reason_string", "user_property"},
    PUBCOMP: {"reason_string", "user_property"},
    SUBACK: {"reason_string", "user_property"},
    UNSUBACK: {"reason_string", "user_property"},
    DISCONNECT: {"reason_string", "user_property", "server_reference"},
    AUTH: {"auth_method", "auth_data", "reason_string", "user_property"},
}

# The reason codes that a server may send in each packet (MQTT 5.0, 2.4 and the tables of section 3).
ACK_CODES = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
SERVER_REASONS = {
    CONNACK: {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
              0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
    PUBACK: ACK_CODES,
    PUBREC: ACK_CODES,
    PUBREL: {0x00, 0x92},
    PUBCOMP: {0x00, 0x92},
    SUBACK: {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    UNSUBACK: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    DISCONNECT: {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
                 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
    AUTH: {0x00, 0x18},
}


# ---- Building.

def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


def varint(number, width=0):
    """A Variable Byte Integer; `width` asks for (too) many bytes."""
    out = bytearray()
    while True:
        number, digit = number >> 7, number & 0x7F
        more = number > 0 or len(out) + 1 < width
        out.append(digit | (0x80 if more else 0))
        if not more:
            return bytes(out)


def as_bytes(value):
    return value.encode("utf-8") if isinstance(value, str) else bytes(value)


def text(value):
    data = as_bytes(value)
    return u16(len(data)) + data


def property_bytes(name, value):
    identifier, kind = PROPERTIES[name]
    if kind == "pair":
        encoded = text(value[0]) + text(value[1])
    elif kind in ("text", "binary"):
        encoded = text(value)
    else:
        encoded = {"byte": lambda n: bytes([n]), "u16": u16, "u32": u32, "varint": varint}[kind](value)
    return bytes([identifier]) + encoded


def property_list(properties):
    """The encoded properties without their length. `properties`: bytes taken as they are, or a dict in which a list of
    values repeats the property (a pair of strings is one user property)."""
    if properties is None:
        return b""
    if isinstance(properties, (bytes, bytearray)):
        return bytes(properties)
    out = b""
    for name, value in properties.items():
        for each in value if isinstance(value, list) else [value]:
            out += property_bytes(name, each)
    return out


def with_length(properties):
    encoded = property_list(properties)
    return varint(len(encoded)) + encoded


def packet(kind, flags, body, length=None):
    """Any packet: `length` announces another remaining length than the body's own (a number, or the bytes themselves)."""
    if length is None:
        length = len(body)
    if isinstance(length, int):
        length = varint(length)
    return bytes([kind << 4 | flags]) + length + body


@dataclass
class Will:
    topic: str
    payload: bytes = b"will"
    qos: int = 0
    retain: bool = False
    properties: dict = field(default_factory=dict)


def connect(client_id="", version=V5, clean=True, keep_alive=60, will=None, user=None, password=None, properties=None,
            flags=None, protocol=None, level=None, header_flags=0, tail=b""):
    if protocol is None:
        protocol = "MQIsdp" if version == V31 else "MQTT"
    if flags is None:
        flags = 0x02 if clean else 0x00
        if will is not None:
            flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        flags |= (0x40 if password is not None else 0) | (0x80 if user is not None else 0)
    body = text(protocol) + bytes([version if level is None else level, flags]) + u16(keep_alive)
    if version == V5:
        body += with_length(properties)
    body += text(client_id)
    if will is not None:
        if version == V5:
            body += with_length(will.properties)
        body += text(will.topic) + text(will.payload)
    if user is not None:
        body += text(user)
    if password is not None:
        body += text(password)
    return packet(CONNECT, header_flags, body + tail)


def publish(topic, payload=b"", qos=0, retain=False, dup=False, packet_id=None, version=V5, properties=None, flags=None):
    if flags is None:
        flags = (8 if dup else 0) | qos << 1 | (1 if retain else 0)
    body = text(topic)
    if packet_id is not None:
        body += u16(packet_id)
    if version == V5:
        body += with_length(properties)
    return packet(PUBLISH, flags, body + as_bytes(payload))


def ack(kind, packet_id, reason=None, properties=None, flags=None):
    """PUBACK, PUBREC, PUBREL, PUBCOMP: short without a reason, longer with a reason, whole with properties."""
    body = u16(packet_id)
    if reason is not None or properties is not None:
        body += bytes([reason or 0])
    if properties is not None:
        body += with_length(properties)
    if flags is None:
        flags = 2 if kind == PUBREL else 0
    return packet(kind, flags, body)


def subscribe(packet_id, entries, version=V5, properties=None, flags=2):
    """`entries`: (filter, options byte) each."""
    body = u16(packet_id) + (with_length(properties) if version == V5 else b"")
    for topic_filter, options in entries:
        body += text(topic_filter) + bytes([options])
    return packet(SUBSCRIBE, flags, body)


def unsubscribe(packet_id, filters, version=V5, properties=None, flags=2):
    body = u16(packet_id) + (with_length(properties) if version == V5 else b"")
    return packet(UNSUBSCRIBE, flags, body + b"".join(text(each) for each in filters))


def options(qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    return qos | (4 if no_local else 0) | (8 if retain_as_published else 0) | retain_handling << 4


def disconnect(reason=None, properties=None, flags=0):
    body = b"" if reason is None else bytes([reason])
    if properties is not None:
        body += with_length(properties)
    return packet(DISCONNECT, flags, body)


def auth(reason=None, properties=None, flags=0):
    body = b"" if reason is None else bytes([reason])
    if properties is not None:
        body += with_length(properties)
    return packet(AUTH, flags, body)


PINGREQ_BYTES = b"\xc0\x00"
PINGRESP_BYTES = b"\xd0\x00"


# ---- Reading what the broker sent.

class Malformed(AssertionError):
    """The broker sent bytes that the standard does not allow."""


@dataclass
class Packet:
    """One packet from the broker. Fields that its type does not have are None."""
    kind: int
    flags: int
    raw: bytes
    reason: int = None            # CONNACK, acknowledgements, DISCONNECT, AUTH
    reasons: list = None          # SUBACK, UNSUBACK
    packet_id: int = None
    session_present: bool = None
    topic: str = None
    payload: bytes = None
    qos: int = None
    retain: bool = None
    dup: bool = None
    properties: dict = field(default_factory=dict)

    def __str__(self):
        shown = ", ".join(f"{name}={value!r:.80}" for name, value in vars(self).items()
                          if name not in ("kind", "flags", "raw") and value not in (None, {}))
        return f"{TYPE_NAMES[self.kind]}({shown})"


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Malformed(f"packet ends early: {self.data[:64].hex(' ')}")
        self.at += count
        return self.data[self.at - count:self.at]

    def byte(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if shift > 7 and byte == 0:
                    raise Malformed("a variable byte integer in more bytes than needed")
                return value
            if shift == 28:
                raise Malformed("a variable byte integer of more than four bytes")

    def binary(self):
        return self.take(self.u16())

    def text(self):
        return self.binary().decode("utf-8")

    def left(self):
        return len(self.data) - self.at

    def properties(self, kind):
        inner = Reader(self.take(self.varint()))
        out = {}
        while inner.left():
            identifier = inner.varint()
            if identifier not in PROPERTY_BY_ID:
                raise Malformed(f"unknown property {identifier:#x}")
            name, form = PROPERTY_BY_ID[identifier]
            if name not in SERVER_MAY_SEND[kind]:
                raise Malformed(f"a server must not send {name} in {TYPE_NAMES[kind]}")
            value = (inner.text(), inner.text()) if form == "pair" else getattr(inner, form)()
            if name == "user_property" or name == "subscription_id":
                out.setdefault(name, []).append(value)
            elif name in out:
                raise Malformed(f"property {name} twice")
            else:
                out[name] = value
        return out


def check_flags(kind, flags):
    expected = 2 if kind == PUBREL else 0
    if kind != PUBLISH and flags != expected:
        raise Malformed(f"flags {flags:#x} in {TYPE_NAMES[kind]}")


def parse(raw, head, version):
    """`raw` is one whole packet, `head` the length of its fixed header."""
    kind, flags = raw[0] >> 4, raw[0] & 0x0F
    check_flags(kind, flags)
    read, out = Reader(raw[head:]), Packet(kind, flags, raw)
    if kind == CONNACK:
        acknowledge = read.byte()
        if acknowledge > 1:
            raise Malformed("reserved CONNACK flags")
        out.session_present, out.reason = bool(acknowledge), read.byte()
        if version == V5:
            out.properties = read.properties(kind)
        elif out.reason > 5:
            raise Malformed(f"return code {out.reason}")
    elif kind == PUBLISH:
        out.dup, out.qos, out.retain = bool(flags & 8), flags >> 1 & 3, bool(flags & 1)
        out.topic = read.text()
        if out.qos:
            out.packet_id = read.u16()
        if out.qos == 3 or out.packet_id == 0 or (out.dup and out.qos == 0):
            raise Malformed("QoS, packet identifier or DUP")
        if version == V5:
            out.properties = read.properties(kind)
        out.payload = read.take(read.left())
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        out.packet_id, out.reason = read.u16(), 0
        if version == V5 and read.left():
            out.reason = read.byte()
            if read.left():
                out.properties = read.properties(kind)
    elif kind in (SUBACK, UNSUBACK):
        out.packet_id = read.u16()
        if version == V5:
            out.properties = read.properties(kind)
        out.reasons = list(read.take(read.left()))
    elif kind in (DISCONNECT, AUTH):
        if version != V5:
            raise Malformed(f"{TYPE_NAMES[kind]} from a server before 5.0")
        out.reason = 0
        if read.left():
            out.reason = read.byte()
            if read.left():
                out.properties = read.properties(kind)
    elif kind != PINGRESP:
        raise Malformed(f"a server must not send {TYPE_NAMES[kind]}")
    if read.left():
        raise Malformed(f"bytes after the last field of {TYPE_NAMES[kind]}")
    check_reasons(out, version)
    return out


def check_reasons(out, version):
    if version == V5 and out.kind in SERVER_REASONS:
        for reason in out.reasons or ([] if out.reason is None else [out.reason]):
            if reason not in SERVER_REASONS[out.kind]:
                raise Malformed(f"reason {reason:#04x} in {TYPE_NAMES[out.kind]}")
    elif out.kind == SUBACK and not set(out.reasons) <= {0, 1, 2, 0x80}:
        raise Malformed(f"return codes {out.reasons}")
    elif version != V5 and out.kind == UNSUBACK and out.reasons:
        raise Malformed("UNSUBACK with a payload before 5.0")
