# SPDX-License-Identifier: BSD-2-Clause
"""Small things that a test does with a broker, real or embedded, as any client would."""

import confluent_kafka

# Larger than every event of the tests.
LARGEST = 8 * 1024 * 1024


def produce(bootstrap, topic, events):
    """Puts events into a topic and waits until the broker has them. An event is (key, value),
    (key, value, headers), (key, value, headers, partition) or these and a timestamp in
    milliseconds."""
    client = confluent_kafka.Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "message.max.bytes": LARGEST,
            "linger.ms": 5,
        }
    )
    failed = []

    def delivered(error, _):
        if error:
            failed.append(error)

    for event in events:
        key, value, headers, partition, timestamp = (tuple(event) + (None,) * 3)[:5]
        more = {} if partition is None else {"partition": partition}
        more.update({} if timestamp is None else {"timestamp": timestamp})
        client.produce(
            topic, value=value, key=key, headers=headers or [], on_delivery=delivered, **more
        )
        client.poll(0)
    assert client.flush(30) == 0 and not failed, failed


def ends(bootstrap, topic):
    """{partition: offset behind the newest event}"""
    client = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "ends"})
    try:
        found = {}
        for partition in client.list_topics(topic, timeout=10).topics[topic].partitions:
            place = confluent_kafka.TopicPartition(topic, partition)
            found[partition] = client.get_watermark_offsets(place, timeout=10)[1]
        return found
    finally:
        client.close()


def timestamps(bootstrap, topic, partition=0):
    """{offset: timestamp} of the events of a partition, to its end."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "test",
                                         "enable.partition.eof": True,
                                         "auto.offset.reset": "earliest",
                                         "enable.auto.commit": False})
    consumer.assign([confluent_kafka.TopicPartition(topic, partition, 0)])
    found = {}
    while True:
        m = consumer.poll(10)
        assert m is not None
        if m.error():
            consumer.close()
            return found
        found[m.offset()] = m.timestamp()[1]
