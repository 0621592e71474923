#!/usr/bin/python3
"""Sends payloads of 268,000,000 bytes through a broker, one after the other, until its standard input is closed.

usage: giant.py PORT

One client publishes at QoS 0, another one receives and checks the length; the next payload begins when the last one
has arrived. Prints "ready" when both are connected, and in the end one line of JSON.
"""

import json
import socket
import sys
import threading
import time

PAYLOAD = 268_000_000
TOPIC = b"giant"
CHUNK = memoryview(bytes(range(256)) * 4096)  # 1 MB


def length_field(value):
    field = bytearray()
    while True:
        value, low = divmod(value, 128)
        field.append(low | (128 if value else 0))
        if not value:
            return bytes(field)


def packet(first_byte, body):
    return bytes([first_byte]) + length_field(len(body)) + body


def text(value):
    return len(value).to_bytes(2, "big") + value


def ask(link, request, answer_bytes):
    link.sendall(request)
    answer = link.recv(answer_bytes, socket.MSG_WAITALL)
    if len(answer) != answer_bytes or answer[-1] >= 0x80 or (answer[0] == 0x20 and answer[-1]):
        sys.exit(f"giant.py: the broker answered {answer.hex(' ') or 'nothing'}")


def client(port, name):
    link = socket.create_connection(("127.0.0.1", port))
    ask(link, packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x00" + text(name)), 4)
    return link


class Flow:
    """One payload after the other, from one connection to the other."""

    def __init__(self, port):
        self.source, self.sink = client(port, b"giant-source"), client(port, b"giant-sink")
        ask(self.sink, packet(0x82, b"\x00\x01" + text(TOPIC) + b"\x00"), 5)
        self.head = b"\x30" + length_field(2 + len(TOPIC) + PAYLOAD) + text(TOPIC)
        self.arrived = threading.Semaphore(0)
        self.payloads = self.bytes = 0

    def send(self):
        while True:
            self.source.sendall(self.head)
            for _ in range(PAYLOAD // len(CHUNK)):
                self.source.sendall(CHUNK)
            self.source.sendall(CHUNK[:PAYLOAD % len(CHUNK)])
            self.arrived.acquire()

    def receive(self):
        buffer = memoryview(bytearray(len(CHUNK)))
        while True:
            missing = len(self.head) + PAYLOAD
            while missing:
                got = self.sink.recv_into(buffer[:min(missing, len(buffer))])
                if not got:
                    return
                missing -= got
                self.bytes += got
            self.payloads += 1
            self.arrived.release()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    flow = Flow(int(sys.argv[1]))
    print("ready", flush=True)
    began = time.monotonic()
    for work in (flow.receive, flow.send):
        threading.Thread(target=work, daemon=True).start()
    sys.stdin.read()
    print(json.dumps({"payloads": flow.payloads, "bytes": flow.bytes, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()
