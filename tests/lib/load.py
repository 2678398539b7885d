# SPDX-License-Identifier: BSD-2-Clause
"""Load on a topic as a thread: as much as its group can take, or a steady rate. It never runs
further ahead of the group's commits than it is told, so that the end of a test does not wait for
what nobody needed."""

import random
import threading
import time

import confluent_kafka

from lib import exactly

PADDING = b"x" * 80
# So often a steady rate has its next events, in batches that cost the brokers little.
TICK_SECONDS = 0.05


class Feeder:
    """Produces until it is stopped, or has made `count` events. `ahead`: how many events the group
    may have to catch up; `rate`: events a second, None for as many as that. Use it as a context
    manager."""

    def __init__(self, bootstrap, topic, group, ahead=20000, rate=None, count=None, seed=0):
        self.bootstrap, self.topic, self.group = bootstrap, topic, group
        self.ahead, self.rate, self.count = ahead, rate, count
        self.random = random.Random(seed)
        self.made = 0
        self.lag = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.error = None

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it, and waits until the broker has all that was made."""
        self.stopped.set()
        if self.thread.is_alive():
            self.thread.join()

    def _run(self):
        try:
            self.producer = confluent_kafka.Producer(
                {
                    "bootstrap.servers": self.bootstrap,
                    "enable.idempotence": True,
                    "linger.ms": 10,
                    "log_level": 0,
                    # Until a broker that stands still is given up, librdkafka 2.0 asks all the time
                    # whether it may send.
                    "socket.timeout.ms": 3000,
                    "reconnect.backoff.max.ms": 1000,
                }
            )
            self.partitions = exactly.ranges(self.bootstrap, self.topic)
            self.before = sum(high for _, high in self.partitions.values())
            self._feed()
            assert self.producer.flush(90) == 0, "the broker does not take what was produced"
        except BaseException as error:
            self.error = error
            raise

    def _feed(self):
        client = exactly.Client(self.bootstrap, self.group)
        begun = looked = time.monotonic()
        fits = self.ahead
        try:
            while not self.stopped.is_set() and self.made != self.count:
                now = time.monotonic()
                if now - looked > 0.2 or fits <= 0:
                    fits = self._room(client, fits)
                    looked = time.monotonic()
                due = fits
                if self.rate is not None:
                    ticks = int((now - begun) / TICK_SECONDS)
                    due = min(fits, int(ticks * TICK_SECONDS * self.rate) - self.made)
                if self.count is not None:
                    due = min(due, self.count - self.made)
                due = min(due, 2000)
                if due <= 0:
                    self.stopped.wait(TICK_SECONDS / 2)
                    continue
                self._produce(due)
                fits -= due
        finally:
            client.close()

    def _room(self, client, before):
        """How many more events the group can be given now."""
        places = [confluent_kafka.TopicPartition(self.topic, p) for p in self.partitions]
        found = client.attempt(lambda consumer: consumer.committed(places, timeout=2))
        if not found:
            return min(before, 0)
        self.lag = self.before + self.made - sum(max(p.offset, 0) for p in found[0])
        return self.ahead - self.lag

    def _produce(self, count):
        for _ in range(count):
            value = b"%d %s" % (self.made, PADDING[: self.random.randrange(40, 80)])
            while True:
                try:
                    self.producer.produce(
                        self.topic, value, partition=self.made % len(self.partitions)
                    )
                    break
                except BufferError:
                    if self.stopped.is_set():
                        return
                    self.producer.poll(0.1)
            self.made += 1
        self.producer.poll(0)
