# SPDX-License-Identifier: BSD-2-Clause
"""crierd --verify against a real Kafka, for what the embedded broker does not have: transactions,
time look-ups, deleted records, and a group that has members."""

import json
import os
import time

import confluent_kafka

from lib import commit, config, journalfile, kafka
from lib.crier import run

EPOCH = "0123456789abcdef" * 2
MINE = os.getuid()

pytestmark = journalfile.needed


def events(cluster, topic):
    """{offset: timestamp} of what a consumer gets, and the offset behind the end of the log."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": cluster.bootstrap, "group.id": "test", "enable.partition.eof": True,
        "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found = {}
    while True:
        m = consumer.poll(20)
        assert m is not None
        if m.error():
            break
        found[m.offset()] = m.timestamp()[1]
    end = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=10)[1]
    consumer.close()
    return found, end


def commit_ours(cluster, topic, *ends):
    """The ends of the topic's partitions."""
    cluster_id = cluster.admin().list_topics(timeout=10).cluster_id
    commit.commit(cluster.bootstrap, topic, topic, dict(enumerate(ends)),
                  commit.metadata(EPOCH, cluster_id))


def write_entries(place, topic, entries):
    """A journal with entries of [(partition, offset, timestamp)]: the folder."""
    files = place / "files"
    files.mkdir(exist_ok=True)
    (files / "a.journal").unlink(missing_ok=True)
    now = int(time.time() * 1000)
    journalfile.write(files / "a.journal", [{"at_ms": 10 ** 12, "_UID": MINE}] + [
        {"at_ms": now + n, "_UID": MINE, "CRIER_EPOCH": EPOCH, "KAFKA_GROUP": topic,
         "KAFKA_TOPIC": topic, "KAFKA_PARTITION": partition, "KAFKA_OFFSET": offset,
         "MESSAGE": "an event",
         "KAFKA_TIMESTAMP": timestamp} for n, (partition, offset, timestamp) in enumerate(entries)])
    return files


def run_verify(cluster, place, topic, *more):
    """The exit code and the partitions' lines."""
    path = place / "verify.conf"
    path.write_text(config.text({**config.cluster(cluster.bootstrap),
                                 "groups": [{"name": topic, "topics": [topic]}]}))
    done = run("--verify", "-c", path, *more, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, [line for line in lines if line["kind"] == "partition"]


def verify(cluster, place, topic, entries, *more):
    """The exit code and the line of the topic's only partition; entries: {offset: timestamp}."""
    files = write_entries(place, topic, [(0, *entry) for entry in entries.items()])
    code, (line,) = run_verify(cluster, place, topic, f"--journal-directory={files}", *more)
    return code, line


def without(entries, *offsets):
    return {offset: t for offset, t in entries.items() if offset not in offsets}


def transactions(cluster, topic):
    """Committed and aborted ones; the log ends with a marker that is no event."""
    producer = confluent_kafka.Producer({"bootstrap.servers": cluster.bootstrap,
                                         "transactional.id": topic})
    producer.init_transactions(20)
    for end in (producer.commit_transaction, producer.abort_transaction,
                producer.commit_transaction):
        producer.begin_transaction()
        for n in range(10):
            producer.produce(topic, str(n))
        producer.flush(20)
        end(20)


def test_gaps_of_transactions_are_no_losses(cluster, name, place):
    cluster.create_topic(name)
    transactions(cluster, name)
    found, end = events(cluster, name)
    assert len(found) == 20 and end == 33 and max(found) == 31
    # As one who has read to the end commits.
    commit_ours(cluster, name, end)
    code, line = verify(cluster, place, name, found)
    assert code == 0 and (line["events"], line["entries"], line["committed"]) == (20, 20, 33)
    code, line = verify(cluster, place, name, without(found, 25))
    assert code == 1 and line["findings"] == [{"kind": "lost", "first": 25, "last": 25}]


def test_since_is_looked_up_and_deleted_records_are_told(cluster, name, place):
    cluster.create_topic(name)
    producer = confluent_kafka.Producer({"bootstrap.servers": cluster.bootstrap})
    begin = 1_700_000_000_000
    for n in range(5000):
        producer.produce(name, b"x", partition=0, timestamp=begin + n)
    producer.flush(20)
    found, end = events(cluster, name)
    commit_ours(cluster, name, end)
    entries = without(found, 100, 4000, 4500)
    code, line = verify(cluster, place, name, entries)
    assert code == 1 and line["lost"] == 3
    code, line = verify(cluster, place, name, entries, "--since=2023-11-14T22:13:24.000Z")
    assert found[4000] == begin + 4000  # which is that time
    assert code == 1 and (line["first"], line["events"], line["lost"]) == (4000, 1000, 2)
    code, line = verify(cluster, place, name, entries, "--since=2023-11-14T22:13:24.501Z")
    assert code == 0 and (line["first"], line["events"]) == (4501, 499)
    path = place / "delete.json"
    path.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": name, "partition": 0, "offset": 4100}]}))
    kafka.java("org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server",
               cluster.bootstrap, "--offset-json-file", str(path))
    code, line = verify(cluster, place, name, entries)
    assert code == 1 and (line["retention"], line["first"], line["lost"]) == (4100, 4100, 1)


def test_group_with_members_is_only_looked_at(cluster, name, place, start):
    """Its members do not notice, and no topic is made."""
    cluster.create_topic(name)
    cluster.produce(name, [(None, str(n), None) for n in range(100)])
    crier = start({**config.cluster(cluster.bootstrap), "groups": [
        {"name": name, "topics": [name], "consumers": 1, "start": "earliest", "log": False}]})
    crier.wait_stable()
    found, _ = events(cluster, name)
    code, line = verify(cluster, place, name, found)
    assert line["guarantee"] in ("at-least-once", None)
    path = place / "verify.conf"
    path.write_text(config.text({**config.cluster(cluster.bootstrap), "groups": [
        {"name": name, "topics": ["none-" + name]}]}))
    done = run("--verify", "-c", path, f"--journal-directory={place / 'files'}", timeout=60)
    assert done.returncode == 0 and "there is no such topic" in done.stdout
    assert not cluster.topic_partitions("none-" + name)
    assert crier.group(name)["rebalances"] == 1 and crier.group(name)["stable"]


def timed_verify(cluster, place, topic, partitions, count):
    """How long it takes for so many events of each of so many partitions, in seconds."""
    cluster.create_topic(topic, partitions)
    moment = int(time.time() * 1000)
    entries = [(p, n, moment + n) for p in range(partitions) for n in range(count)]
    producer = confluent_kafka.Producer({"bootstrap.servers": cluster.bootstrap})
    for partition, _, timestamp in entries:
        producer.produce(topic, b"x", partition=partition, timestamp=timestamp)
    producer.flush(20)
    commit_ours(cluster, topic, *[count] * partitions)
    files = write_entries(place, topic, entries)
    begun = time.monotonic()
    code, lines = run_verify(cluster, place, topic, f"--journal-directory={files}")
    took = time.monotonic() - begun
    assert code == 0 and len(lines) == partitions, lines
    assert all((line["events"], line["entries"]) == (count, count) for line in lines)
    return took


def test_many_partitions_take_little_longer_than_one_with_all_their_events(cluster, name, place):
    """When one has been read to its end, a broker is not asked to wait for more of it."""
    one = timed_verify(cluster, place, name, 1, 4000)
    many = timed_verify(cluster, place, f"{name}many", 40, 100)
    assert many < 20 * one, (many, one)
