"""A relay of MQTT 3.1.1 messages that does one thing wrong, now and then: what a checker of deliveries must find.

It knows exact filters, `+` levels and QoS 0 to 2, and serves one process of its tests. `fault` is called with the number
of each delivery (from 0) and its PUBLISH packet, and returns the packets that are sent in its place.
"""

import asyncio
import threading


def drop(every):
    return lambda number, packet: [] if number % every == every - 1 else [packet]


def repeat(every):
    return lambda number, packet: [packet, packet] if number % every == every - 1 else [packet]


def swap(every):
    """Holds a delivery back until after the next one."""
    held = []

    def fault(number, packet):
        if number % every == every - 1:
            held.append(packet)
            return []
        return [packet] + [held.pop() for _ in list(held)]
    return fault


def damage(every):
    def fault(number, packet):
        return [packet[:-1] + bytes([packet[-1] ^ 1])] if number % every == every - 1 else [packet]
    return fault


def shorten(every):
    def fault(number, packet):
        return [bytes([packet[0], packet[1] - 1]) + packet[2:-1]] if number % every == every - 1 else [packet]
    return fault


class Liar:
    """`with Liar(fault) as liar:` listens on liar.port. `astray`: every so many deliveries go to somebody else, too."""

    def __init__(self, fault=lambda number, packet: [packet], astray=0, refuse=False, hang_up_after=0):
        self.fault, self.astray, self.refuse, self.hang_up_after = fault, astray, refuse, hang_up_after
        self.deliveries, self.subscriptions, self.writers = 0, {}, []
        self.port = None

    def __enter__(self):
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started,))
        self.thread.start()
        started.wait()
        return self

    def __exit__(self, *unused):
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join()

    def run(self, started):
        asyncio.run(self.serve(started))

    async def serve(self, started):
        self.loop, self.stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.attend, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self.stopped.wait()
        server.close()
        for writer in self.writers:
            writer.close()

    async def attend(self, reader, writer):
        self.writers.append(writer)
        try:
            while await self.packet(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        for subscribers in self.subscriptions.values():
            subscribers.discard(writer)
        writer.close()

    async def packet(self, reader, writer):
        first, remaining, shift = (await reader.readexactly(1))[0], 0, 0
        while True:
            byte = (await reader.readexactly(1))[0]
            remaining |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        body = await reader.readexactly(remaining)
        return self.handle(first, body, writer)

    def handle(self, first, body, writer):
        kind = first >> 4
        if kind == 1:
            writer.write(b"\x20\x02\x00" + (b"\x05" if self.refuse else b"\x00"))
        elif kind == 3:
            self.publish(first, body, writer)
        elif kind in (5, 6):
            writer.write((b"\x62\x02" if kind == 5 else b"\x70\x02") + body[:2])
        elif kind == 8:
            self.subscribe(body, writer)
        elif kind == 12:
            writer.write(b"\xd0\x00")
        return kind != 14

    def subscribe(self, body, writer):
        at, codes = 2, b""
        while at < len(body):
            length = int.from_bytes(body[at:at + 2], "big")
            self.subscriptions.setdefault(body[at + 2:at + 2 + length], set()).add(writer)
            codes += bytes([body[at + 2 + length]])
            at += 3 + length
        writer.write(bytes([0x90, 2 + len(codes)]) + body[:2] + codes)

    def publish(self, first, body, writer):
        qos, length = first >> 1 & 3, int.from_bytes(body[:2], "big")
        topic, identifier = body[2:2 + length], body[2 + length:4 + length] if qos else b""
        if qos:
            writer.write((b"\x40\x02" if qos == 1 else b"\x50\x02") + identifier)
        packet = bytes([first, len(body)]) + body  # bodies of these tests are short
        for subscriber in list(self.subscriptions.get(topic, ())):
            self.deliver(subscriber, packet)

    def deliver(self, subscriber, packet):
        number = self.deliveries
        self.deliveries += 1
        for sent in self.fault(number, packet):
            subscriber.write(sent)
        if self.astray and number % self.astray == self.astray - 1:
            other = next(one for several in self.subscriptions.values() for one in several if one is not subscriber)
            other.write(packet)
        if self.hang_up_after and number == self.hang_up_after:
            subscriber.close()
