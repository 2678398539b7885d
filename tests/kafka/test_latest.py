# SPDX-License-Identifier: BSD-2-Clause
"""`start = "latest"` is where the group began: what comes into being later is read whole."""

import pytest
from confluent_kafka import admin

from lib import config, kafka, oracle, wait
from lib.crier import Crier
from lib.member import LabScript

DELIVERIES = ("at-least-once", "at-most-once")


def build(cluster, name, topics=None, consumers=1, **group):
    return config.build(
        bootstrap=cluster.bootstrap,
        groups=[config.group(name, topics or [name], consumers, **group)],
    )


def events(text, partition=None, count=20):
    return [(None, b"%s %d" % (text.encode(), n), None, partition) for n in range(count)]


def grow(cluster, topic, partitions):
    """Gives the topic more partitions, and each new one 20 events at once."""
    old = len(cluster.topic_partitions(topic))
    client = cluster.admin()
    client.create_partitions([admin.NewPartitions(topic, partitions)])[topic].result()
    wait.until(lambda: len(cluster.topic_partitions(topic)) == partitions, 20, "partitions")
    for partition in range(old, partitions):
        cluster.produce(topic, events("new", partition))


def wait_begun(cluster, name, ends, topic=None):
    """Waits until the group has committed where it begins: {partition: offset}."""
    wait.until(
        lambda: oracle.committed(cluster.bootstrap, name, topic or name) == ends,
        60,
        lambda: f"{ends}: {oracle.committed(cluster.bootstrap, name, topic or name)}",
    )


def check(journal, name, count):
    """Waits for the events that are new: all of them, each once, and none of the old ones."""
    found = journal.wait_events(count, group=name, timeout=60)
    texts = [entry.text("MESSAGE") for entry in found]
    assert all(": new " in text for text in texts), texts
    assert len({entry.place for entry in found}) == len(found) == count


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_partitions_that_are_added_are_read_from_their_beginning(
    cluster, name, start, journal, delivery
):
    cluster.create_topic(name)
    cluster.produce(name, events("old"))
    crier = start(build(cluster, name, delivery=delivery), journal)
    crier.wait_stable(owners=1)
    grow(cluster, name, 3)
    check(journal, name, 40)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_topic_that_comes_later_is_read_from_its_beginning(
    cluster, name, start, journal, delivery
):
    cluster.create_topic(name)
    cluster.produce(name, events("old"))
    later = f"{name}later"
    crier = start(build(cluster, name, [name, later], delivery=delivery), journal)
    crier.wait_stable(owners=1)
    cluster.create_topic(later, 2)
    cluster.produce(later, events("new", 0) + events("new", 1))
    check(journal, name, 40)


def test_a_group_whose_only_topic_comes_later_reads_it_from_its_beginning(
    cluster, name, start, journal
):
    crier = start(build(cluster, name), journal)
    wait.until(lambda: crier.group(name)["trouble"], 30, lambda: crier.status())
    cluster.create_topic(name, 2)
    cluster.produce(name, events("new", 0) + events("new", 1))
    check(journal, name, 40)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_what_comes_while_nobody_reads_is_read_from_its_beginning(
    cluster, name, start, journal, delivery
):
    cluster.create_topic(name)
    cluster.produce(name, events("old"))
    later = f"{name}later"
    setup = build(cluster, name, [name, later], delivery=delivery)
    crier = start(setup, journal)
    wait_begun(cluster, name, {0: 20})
    crier.stop()
    cluster.create_topic(later)
    cluster.produce(later, events("new", 0))
    grow(cluster, name, 2)
    cluster.produce(name, events("new", 0))
    start(setup, journal)
    check(journal, name, 60)


@pytest.mark.parametrize("consumers", (1, 3))
def test_two_daemons_that_begin_a_group_begin_it_once(
    cluster, name, start, journal, place, consumers
):
    """Whoever owns which partition then: none of what is older is read, all of what is newer."""
    cluster.create_topic(name, 5)
    for partition in range(5):
        cluster.produce(name, events("old", partition))
    setup = build(cluster, name, consumers=consumers)
    with Crier(setup, journal, ready=False), Crier(setup, journal, ready=False):
        wait_begun(cluster, name, {partition: 20 for partition in range(5)})
        for partition in range(5):
            cluster.produce(name, events("new", partition))
        check(journal, name, 100)
        wait_begun(cluster, name, {partition: 40 for partition in range(5)})


def test_a_group_that_was_deleted_begins_another_time(cluster, name, start, journal):
    cluster.create_topic(name, 2)
    crier = start(build(cluster, name), journal)
    wait_begun(cluster, name, {0: 0, 1: 0})
    crier.change("Scale", group=name, count=0)
    wait.until(lambda: not crier.group(name)["consumers"], 30, lambda: crier.status())
    cluster.produce(name, events("old", 0) + events("old", 1))
    kafka.java(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        *("--bootstrap-server", cluster.bootstrap, "--delete", "--group", name),
    )
    crier.change("Scale", group=name, count=1)
    crier.wait_stable(owners=1)
    wait_begun(cluster, name, {0: 20, 1: 20})
    cluster.produce(name, events("new", 0))
    check(journal, name, 20)


def test_a_member_of_another_make_that_has_the_first_partition_does_not_hold_the_group_up(
    cluster, name, start, journal
):
    cluster.create_topic(name, 2)
    cluster.produce(name, events("old", 0) + events("old", 1))
    # The members' names decide who has the first partition.
    with LabScript(cluster.bootstrap, name, [name], properties=["client.id=a"]) as script:
        wait.until(script.owned, 30, lambda: script.stderr)
        crier = start(build(cluster, name), journal)
        crier.wait_stable(owners=1, timeout=60)
        assert script.owned() == [0]
        wait.until(
            lambda: 1 in oracle.committed(cluster.bootstrap, name, name), 30,
            lambda: crier.status(),
        )
        cluster.produce(name, events("new", 1))
        check(journal, name, 20)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_member_that_waits_for_the_group_to_begin_does_not_hold_up_its_rebalance(
    cluster, name, start, journal, delivery
):
    cluster.create_topic(name, 3)
    # So long the member waits for the first partition's owner, which commits nothing.
    patience = "session.timeout.ms=300000"
    with LabScript(cluster.bootstrap, name, [name], properties=["client.id=a"]) as first:
        wait.until(first.owned, 30, lambda: first.stderr)
        crier = start(build(cluster, name, delivery=delivery, properties=[patience]), journal)
        wait.until(lambda: first.owned() == [0, 1], 30, lambda: first.stderr)
        with LabScript(cluster.bootstrap, name, [name], properties=["client.id=z"]) as last:
            wait.until(lambda: last.owned() == [2], 30, lambda: (last.stderr, crier.stderr))
