# SPDX-License-Identifier: BSD-2-Clause
"""The oracle of every fault test: what a broker holds against what a journal holds, by group,
topic, partition and offset. Says what is lost, duplicated, reordered, and what was committed and is
missing."""

import collections
import time

import confluent_kafka

from lib import wait

Report = collections.namedtuple(
    "Report", "expected written lost duplicated reordered committed_missing altered"
)


def consumer(bootstrap, group="oracle", **more):
    return confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **more,
        }
    )


def partitions(client, topic):
    metadata = client.list_topics(topic, timeout=10)
    return sorted(metadata.topics[topic].partitions)


def broker_content(bootstrap, topic, timeout=30):
    """All that the topic holds: {(partition, offset): (key, value)}. Reads each partition up to the
    end that it has when the call begins."""
    client = consumer(bootstrap)
    try:
        ends = {}
        for partition in partitions(client, topic):
            low, high = _watermarks(client, topic, partition, timeout)
            if high > low:
                ends[partition] = (low, high)
        client.assign(
            [confluent_kafka.TopicPartition(topic, p, low) for p, (low, _) in ends.items()]
        )
        content = {}
        open_partitions = set(ends)
        deadline = time.monotonic() + timeout
        while open_partitions:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"the broker does not hand out {topic} {sorted(open_partitions)} in time"
                )
            for message in client.consume(1000, timeout=0.2):
                assert not message.error(), message.error()
                content[message.partition(), message.offset()] = (message.key(), message.value())
                if message.offset() >= ends[message.partition()][1] - 1:
                    open_partitions.discard(message.partition())
        return {place: kv for place, kv in content.items() if place[1] < ends[place[0]][1]}
    finally:
        client.close()


def _watermarks(client, topic, partition, timeout):
    """The partition's first offset and its end. A broker that has just come back may say for a
    while that it does not lead what it leads."""
    place = confluent_kafka.TopicPartition(topic, partition)

    def ask():
        try:
            return client.get_watermark_offsets(place, timeout=10)
        except confluent_kafka.KafkaException as error:
            said.append(error)
            return None

    said = []
    return wait.until(ask, timeout, lambda: f"the ends of {topic} {partition}: {said[-1]}")


def committed(bootstrap, group, topic):
    """The group's committed offsets of a topic: {partition: offset}, without partitions that have
    none."""
    client = consumer(bootstrap, group)
    try:
        return committed_of(client, topic)
    finally:
        client.close()


def committed_of(client, topic):
    """The same, of the group that this client is made for."""
    wanted = [confluent_kafka.TopicPartition(topic, p) for p in partitions(client, topic)]
    return {p.partition: p.offset for p in client.committed(wanted, timeout=10) if p.offset >= 0}


def compare(content, entries, commits=None, since=None):
    """Compares one topic's content at the broker with one group's entries.

    content:  {(partition, offset): (key, value)} as broker_content() returns it entries:  journal
    entries of that group and topic, in the order written commits:  {partition: committed offset}:
    below it, from `since` on, nothing may be missing since:    {partition: offset} where the group
    began; what lies below is not expected (default: all is)"""
    since = since or {}
    expected = {place for place in content if place[1] >= since.get(place[0], 0)}
    times = collections.Counter()
    highest = {}
    reordered, altered = [], []
    for entry in entries:
        place = entry.place[2:]
        times[place] += 1
        if times[place] == 1 and place[1] < highest.get(place[0], -1):
            reordered.append(place)
        highest[place[0]] = max(place[1], highest.get(place[0], -1))
        if place in content and not _same(entry, content[place]):
            altered.append(place)
    lost = sorted(expected - set(times))
    return Report(
        expected=len(expected),
        written=len(times),
        lost=lost,
        duplicated=sorted(place for place, n in times.items() if n > 1),
        reordered=reordered,
        committed_missing=[p for p in lost if commits is not None and p[1] < commits.get(p[0], 0)],
        altered=altered,
    )


def _same(entry, key_and_value):
    """Whether the entry has the event's key, and its value where it carries that in a field of its
    own."""
    key, value = key_and_value
    if entry.first("KAFKA_KEY") != key:
        return False
    carried = entry.first("KAFKA_VALUE")
    return carried is None or carried == value
