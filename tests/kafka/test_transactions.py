# SPDX-License-Identifier: BSD-2-Clause
"""Transactions: what holds no events is passed and committed, and one that is open is named."""

import json

import confluent_kafka
import pytest

from lib import config, kafka, oracle, wait

DELIVERIES = ("at-least-once", "at-most-once")


def build(cluster, name, **group):
    return config.build(
        bootstrap=cluster.bootstrap,
        groups=[config.group(name, name, start="earliest", **group)],
    )


def producer(cluster, name):
    client = confluent_kafka.Producer(
        {"bootstrap.servers": cluster.bootstrap, "transactional.id": name}
    )
    client.init_transactions(20)
    return client


def begin(client, topic, count=10):
    client.begin_transaction()
    for number in range(count):
        client.produce(topic, str(number))
    client.flush(20)


def wait_committed(cluster, crier, name, end):
    """Waits until nothing is left to read, and that is committed."""
    wait.until(
        lambda: crier.group(name)["lag"] == 0
        and oracle.committed(cluster.bootstrap, name, name) == {0: end},
        20,
        lambda: crier.group(name),
    )


def delete_records(cluster, place, topic, offset):
    path = place / "delete.json"
    partition = {"topic": topic, "partition": 0, "offset": offset}
    path.write_text(json.dumps({"version": 1, "partitions": [partition]}))
    kafka.java(
        "org.apache.kafka.tools.DeleteRecordsCommand",
        *("--bootstrap-server", cluster.bootstrap, "--offset-json-file", path),
    )


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_aborted_transactions_are_passed_and_their_removal_is_no_loss(
    cluster, name, start, journal, place, delivery
):
    cluster.create_topic(name)
    setup = build(cluster, name, delivery=delivery)
    crier = start(setup, journal)
    crier.wait_stable(owners=1)
    client = producer(cluster, name)
    for _ in range(3):
        begin(client, name)
        client.abort_transaction(20)
    wait_committed(cluster, crier, name, 33)
    crier.kill()
    delete_records(cluster, place, name, 33)
    again = start(setup, journal)
    again.wait_stable(owners=1, timeout=60)
    cluster.produce(name, [(None, b"next")])
    assert journal.wait_events(1, group=name)[0].number("KAFKA_OFFSET") == 33
    wait_committed(cluster, again, name, 34)
    assert not journal.records("POSITION_RESET") and not journal.records("RETENTION")


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_the_mark_behind_the_last_event_is_passed(cluster, name, start, journal, delivery):
    """A log that ends with a committed transaction, and one with events and an aborted one."""
    cluster.create_topic(name)
    client = producer(cluster, name)
    begin(client, name)
    client.commit_transaction(20)
    crier = start(build(cluster, name, delivery=delivery), journal)
    journal.wait_events(10, group=name)
    wait_committed(cluster, crier, name, 11)
    cluster.produce(name, [(None, b"plain")])
    begin(client, name, 3)
    client.abort_transaction(20)
    journal.wait_events(11, group=name)
    wait_committed(cluster, crier, name, 16)


def open_ms(crier, name):
    (consumer,) = crier.group(name)["consumers"]
    return [p["open_transaction_ms"] for p in consumer["partitions"]]


def test_an_open_transaction_is_named_until_it_ends(cluster, name, start, journal):
    cluster.create_topic(name)
    crier = start(build(cluster, name), journal)
    cluster.produce(name, [(None, b"before")])
    journal.wait_events(1, group=name)
    client = producer(cluster, name)
    begin(client, name)
    cluster.produce(name, [(None, b"behind")])
    wait.until(lambda: (open_ms(crier, name)[0] or 0) >= 2000, 20, lambda: crier.group(name))
    assert crier.group(name)["lag"] == 11
    line = f"open transaction: {name}/0 of group {name}, for "
    for verb in ("status", "groups"):
        shown = crier.ctl(verb).stdout
        assert line in shown and ", at offset 1\n" in shown, shown
    client.commit_transaction(20)
    journal.wait_events(12, group=name)
    wait.until(lambda: open_ms(crier, name) == [None], 10, lambda: crier.group(name))
    wait_committed(cluster, crier, name, 13)
    assert "open transaction" not in crier.ctl("status").stdout


def test_what_is_not_read_yet_is_no_open_transaction(cluster, name, start, journal):
    cluster.create_topic(name)
    crier = start(build(cluster, name), journal)
    cluster.produce(name, [(None, b"before")])
    journal.wait_events(1, group=name)
    crier.change("Pause", targets=[name])
    cluster.produce(name, [(None, b"behind")])
    wait.until(lambda: crier.group(name)["lag"] == 1, 20, lambda: crier.group(name))
    wait.holds(lambda: open_ms(crier, name) == [None], 4, lambda: crier.group(name))


def test_who_reads_what_is_not_committed_waits_for_no_transaction(cluster, name, start, journal):
    cluster.create_topic(name)
    properties = ["isolation.level=read_uncommitted"]
    crier = start(build(cluster, name, properties=properties), journal)
    client = producer(cluster, name)
    begin(client, name)
    journal.wait_events(10, group=name)
    wait_committed(cluster, crier, name, 10)
    wait.holds(lambda: open_ms(crier, name) == [None], 3, lambda: crier.group(name))
    client.abort_transaction(20)
    wait_committed(cluster, crier, name, 11)
