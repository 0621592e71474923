"""Publish after subscribe, between workers.

A subscriber has its SUBACK; then a publisher at home on another worker publishes to a topic whose route its worker has
in its cache, from a time without that subscriber. The message must come. Other subscriptions come and go meanwhile.
BUSBAR_RACE_ROUNDS says how often (3,000 by default; 100,000 takes minutes).
"""

import os
import threading

import pytest

from harness import *

ROUNDS = int(os.environ.get("BUSBAR_RACE_ROUNDS", "3000"))
LANES = 8  # subscribers that go through their rounds side by side


class Churn(threading.Thread):
    """A client whose subscriptions come and go until it is told to stop."""

    def __init__(self, broker, top):
        super().__init__(daemon=True)
        self.client, self.top, self.going, self.failure = Client(broker), top, True, None
        self.client.connect()

    def run(self):
        number = 0
        try:
            while self.going:
                filters = [f"{self.top}/{number % 50}/x", f"{self.top}/+/{number % 7}", f"+/{self.top}/{number % 13}"]
                self.client.send(subscribe(1, [(each, 0) for each in filters]), unsubscribe(2, filters))
                for _ in range(2):
                    while self.client.receive().kind == PUBLISH:
                        pass
                number += 1
        except AssertionError as failure:
            self.failure = failure

    def stop(self):
        self.going = False
        self.join()
        self.client.close()
        assert self.failure is None, self.failure


@pytest.mark.parametrize("topic_filter", ["{}/{}", "{}/+/#", "+/{1}/#", "$share/g/{}/{}"], ids=["exact", "plus", "leading", "shared"])
def test_message_published_after_suback_arrives(broker4, topic_filter):
    top = unique("race")
    subs, pubs = [Client(broker4) for _ in range(LANES)], [Client(broker4) for _ in range(LANES)]
    for client in subs + pubs:
        client.connect()
    tops = [f"{top}l{lane}" for lane in range(LANES)]
    churn = [Churn(broker4, top) for _ in range(2)]
    for each in churn:
        each.start()
    try:
        for round_number in range(ROUNDS // LANES // 4):
            race_once(subs, pubs, tops, topic_filter, round_number)
    finally:
        for each in churn:
            each.stop()
        for client in subs + pubs:
            client.close()


def race_once(subs, pubs, tops, topic_filter, number):
    """One round in all lanes at once; lane k's subscriber is a different client than its publisher each round."""
    count = len(subs)
    topics = [f"{tops[lane]}/{lane}" for lane in range(count)]
    publishers = [pubs[(lane + number) % count] for lane in range(count)]
    for lane, publisher in enumerate(publishers):  # the route without the subscriber goes into the cache
        publisher.send(publish(topics[lane], "before", 1, packet_id=1))
    for publisher in publishers:
        publisher.expect(PUBACK)
    filters = [topic_filter.format(tops[lane], lane) for lane in range(count)]
    for lane, sub in enumerate(subs):
        sub.send(subscribe(1, [(filters[lane], 0)]))
    waiting = set(range(count))
    for lane in waiting:
        subs[lane].expect(SUBACK, packet_id=1, reasons=[0])
        publishers[lane].send(publish(topics[lane], f"after {number}"))
    for lane in waiting:
        while (got := subs[lane].expect(PUBLISH)).topic != topics[lane]:
            pass
        assert got.payload == f"after {number}".encode(), got
        subs[lane].send(unsubscribe(2, [filters[lane]]))
    for lane in waiting:
        while subs[lane].receive().kind != UNSUBACK:
            pass
