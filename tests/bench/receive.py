# SPDX-License-Identifier: BSD-2-Clause
"""What follow.c does, without crierd and the journal: receives a topic's events with an ordinary
client. Says "ready" when an event of each partition has come, and prints at the end how many
nanoseconds each event took that says when it was sent. The bench runs it beside what it
measures."""

import sys
import time

import confluent_kafka

SENT = b'"sent": '


def main():
    bootstrap, topic, partitions, count = sys.argv[1:]
    client = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-receive",
                                       "enable.auto.commit": False})
    client.assign([confluent_kafka.TopicPartition(topic, n, confluent_kafka.OFFSET_BEGINNING)
                   for n in range(int(partitions))])
    seen, took = set(), []
    while len(took) < int(count):
        message = client.poll(1)
        now = time.time_ns()
        if not message or message.error():
            continue
        _, said, rest = message.value().partition(SENT)
        if said:
            took.append(now - int(rest.partition(b",")[0]))
        elif message.partition() not in seen:
            seen.add(message.partition())
            if len(seen) == int(partitions):
                print("ready", flush=True)
    client.close()
    print("\n".join(map(str, took)))


if __name__ == "__main__":
    main()
