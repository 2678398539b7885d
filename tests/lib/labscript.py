# SPDX-License-Identifier: BSD-2-Clause
"""A program as the lab has it: a thread for each producer and each consumer on confluent_kafka,
which polls, prints and commits. It stands for the member that a student starts beside crier, and
for what crier is measured against."""

import argparse
import json
import random
import signal
import string
import sys
import threading

import confluent_kafka

TEXTS = (
    "We will have affordable prices, right?",
    "The parcel is on its way.",
    "Could you send me the invoice?",
)
NAMES = ("Ada Lovelace", "Grace Hopper", "Edsger Dijkstra")


class Producer(threading.Thread):
    """Makes events at a steady rate until it is stopped."""

    def __init__(self, options, stopped):
        super().__init__()
        self.options = options
        self.stopped = stopped
        self.producer = confluent_kafka.Producer({"bootstrap.servers": options.bootstrap})

    def run(self):
        made = 0
        while not self.stopped.is_set():
            sender = "".join(random.choices(string.ascii_letters, k=7))
            event = {
                "to": random.choice(NAMES),
                "from": f"{sender}@gmail.com",
                "message": random.choice(TEXTS),
            }
            key = self.options.key[made % len(self.options.key)] if self.options.key else None
            self.producer.produce(self.options.topic, value=json.dumps(event), key=key)
            self.producer.poll(0)
            made += 1
            self.stopped.wait(1.0 / self.options.rate)
        self.producer.flush(10)


class Consumer(threading.Thread):
    """Prints and commits each event of its group until it is stopped."""

    def __init__(self, number, group, options, stopped):
        super().__init__()
        self.number = number
        self.options = options
        self.stopped = stopped
        self.consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": options.bootstrap,
                "group.id": group,
                "auto.offset.reset": options.start,
                "enable.auto.commit": False,
                **dict(p.split("=", 1) for p in options.property),
            }
        )

    def run(self):
        self.consumer.subscribe([self.options.topic], on_assign=self.assigned)
        while not self.stopped.is_set():
            message = self.consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                print(f"Consumer {self.number}: {message.error()}", file=sys.stderr, flush=True)
                continue
            key = message.key().decode(errors="replace") if message.key() is not None else None
            value = (
                message.value().decode(errors="replace") if message.value() is not None else None
            )
            print(f"Consumer {self.number}: {value} (key: {key})", flush=True)
            self.consumer.commit(message)
        self.consumer.close()

    def assigned(self, _, partitions):
        print(
            f"Consumer {self.number} owns {sorted(p.partition for p in partitions)}",
            file=sys.stderr,
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--producers", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1.0, help="events per second and producer")
    parser.add_argument("--key", action="append", default=[], help="taken in turn; may be repeated")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        help="the group of one consumer; one consumer for each --group",
    )
    parser.add_argument("--start", choices=("earliest", "latest"), default="latest")
    parser.add_argument(
        "--property", action="append", default=[], help="a property of the consumers"
    )
    options = parser.parse_args()
    stopped = threading.Event()
    threads = [Producer(options, stopped) for _ in range(options.producers)]
    threads += [Consumer(n, group, options, stopped) for n, group in enumerate(options.group)]

    def stop(*_):
        print("SIGINT received. Stopping thread...", flush=True)
        stopped.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
