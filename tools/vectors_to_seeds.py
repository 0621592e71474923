#!/usr/bin/env python3
"""Write the packet vectors as seeds for the fuzz targets: vectors_to_seeds.py VECTORS FOLDER

VECTORS is tests/vectors (its README.md says what a line is). FOLDER gets one folder for each fuzz target of the decoders,
with one binary file for each vector that the target can read, named after the vector.
"""
import pathlib
import sys

# Fuzz target -> files of vectors; those of one packet are read by one target (src/wire/input_fuzz.h).
TARGETS = {
    "header_fuzz": None,
    "utf8_fuzz": None,
    "property_fuzz": ["connect", "publish", "puback", "subscribe", "disconnect", "auth"],
    "connect_fuzz": ["connect"],
    "publish_fuzz": ["publish"],
    "ack_fuzz": ["puback", "pubrec", "pubrel", "pubcomp"],
    "subscribe_fuzz": ["subscribe", "unsubscribe"],
    "client_fuzz": ["connack_from_server", "publish", "puback", "pubrec", "pubrel", "pubcomp", "suback_from_server",
                    "unsuback_from_server", "disconnect_from_server", "auth_from_server"],
    "connack_fuzz": ["connack_from_server"],
    "suback_fuzz": ["suback_from_server", "unsuback_from_server"],
    "disconnect_fuzz": ["disconnect", "disconnect_from_server", "auth", "auth_from_server"],
}


def read_vectors(path):
    """Yield (name, version, bytes) for each line of one file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line:
            words, hexadecimal = line.split("=")
            name, version, _status = words.split()
            yield name, int(version), bytes.fromhex(hexadecimal)


def after_header(packet):
    """The packet without its fixed header."""
    at = 1
    while at < len(packet) and packet[at] & 0x80:
        at += 1
    return packet[at + 1 :]


def property_list(packet, version):
    """Where the property list of a 5.0 packet starts, for the packets that have it after fields of a known length."""
    body = after_header(packet)
    skip = {1: 10, 4: 3, 8: 2, 14: 1, 15: 1}.get(packet[0] >> 4)
    if packet[0] >> 4 == 3 and len(body) >= 2:
        skip = 2 + int.from_bytes(body[:2], "big") + (2 if packet[0] & 0x06 else 0)
    return body[skip:] if version == 5 and skip is not None else b""


def client_program(packet, version):
    """What src/client/client_fuzz.c reads: options, a transport, CONNECT sent, CONNACK, an exchange, then this packet."""
    setup = bytes([(1 if version == 5 else 0) | 2 | 31 << 3, 0x20 | 0x04, 1])
    connack = b"\x20\x03\0\0\0" if version == 5 else b"\x20\x02\0\0"
    send, arrive, publish = b"\x05", b"\0", b"\x08"
    return (setup + send + arrive + bytes([len(connack)]) + connack + publish + b"\x04\x05" + publish + b"\x09\x05" + send +
            arrive + bytes([min(len(packet), 255)]) + packet + send)


def seed(target, packet, version):
    """The input that `target` wants for this vector; empty when it can do nothing with it."""
    if not packet:
        return b""
    if target == "header_fuzz":
        return packet[:5]
    if target == "utf8_fuzz":
        return after_header(packet)
    if target == "property_fuzz":
        found = property_list(packet, version)
        return bytes([packet[0] >> 4]) + found if found else b""
    if target == "client_fuzz":
        return client_program(packet, version)
    return bytes([version - 3]) + packet


def write_seeds(vectors, folder):
    for target, names in TARGETS.items():
        into = folder / target
        into.mkdir(parents=True, exist_ok=True)
        for path in sorted(vectors.glob("*.txt")):
            if names is not None and path.stem not in names:
                continue
            for name, version, packet in read_vectors(path):
                content = seed(target, packet, version)
                if content:
                    (into / name).write_bytes(content)


def main(arguments):
    if len(arguments) != 2 or not pathlib.Path(arguments[0]).is_dir():
        sys.exit(__doc__)
    write_seeds(pathlib.Path(arguments[0]), pathlib.Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
