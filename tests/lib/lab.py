# SPDX-License-Identifier: BSD-2-Clause
"""The lab's three tasks as one configuration, and what must be seen in each, told from the entries'
own fields: on the embedded broker, on a real Kafka, and in a machine's journal."""

import collections

from lib import config
from lib.crier import Crier

LETTER = '{"to": "%{pick:Ada|Grace}", "from": "%{alpha:7}@gmail.com", "message": "%{seq}"}'
KEYS = ["red", "green", "blue", "white"]
MAIL, INVOICE = "mail-service", "invoice-service"
WORKERS = "invoice-services"
KEYED = "keyed"


def tasks(bootstrap=None, prefix="", rate=20.0, **more):
    """Task 1: two groups of one consumer. Task 2: seven consumers for five partitions. Task 3:
    keys. Topics are `prefix`task1 …, with five partitions each."""
    names = [prefix + name for name in ("task1", "task2", "task3")]
    return config.build(
        bootstrap=bootstrap,
        topics=[config.topic(name, 5) for name in names],
        producers=[
            config.producer("p1", names[0], LETTER, rate=rate),
            config.producer("p2", names[1], LETTER, rate=rate),
            config.producer("p3", names[2], LETTER, rate=rate, keys=KEYS),
        ],
        groups=[
            config.group(prefix + MAIL, names[0], start="earliest"),
            config.group(prefix + INVOICE, names[0], start="earliest"),
            config.group(prefix + WORKERS, names[1], 7),
            config.group(prefix + KEYED, names[2], 5),
        ],
        **more,
    )


def offsets(entries):
    """{partition: sorted offsets, each once}"""
    found = collections.defaultdict(set)
    for entry in entries:
        found[entry.place[2]].add(entry.place[3])
    return {partition: sorted(seen) for partition, seen in found.items()}


def without_gaps(entries, first=None):
    """Whether each partition has all offsets from its first (or from `first`) to its last."""
    return all(
        seen == list(range(seen[0] if first is None else first, seen[-1] + 1))
        for seen in offsets(entries).values()
    )


def check_task_1(mail, invoice):
    """Each group has every event, from the topic's beginning on."""
    assert without_gaps(mail, 0) and without_gaps(invoice, 0)
    ours, theirs = offsets(mail), offsets(invoice)
    assert set(ours) == set(theirs)
    values = {e.place[2:]: e.first("MESSAGE").split(b": ", 1)[1] for e in mail}
    for entry in invoice:
        if entry.place[2:] in values:
            assert values[entry.place[2:]] == entry.first("MESSAGE").split(b": ", 1)[1]


def check_task_2(entries, group):
    """Five of seven own a partition each and two stand by; no event is consumed by two of them.
    The entries are of a time when the group was stable."""
    owned = Crier.owners(group)
    partitions = sorted(partition for places in owned.values() for _, partition in places)
    assert partitions == list(range(5))
    assert all(len(places) == 1 for places in owned.values())
    states = {c["consumer"]: c["state"] for c in group["consumers"]}
    assert len(states) == 7 and len(group["standbys"]) == 2
    assert {n for n, state in states.items() if state == "standby"} == set(group["standbys"])
    assert {n for n, state in states.items() if state == "owner"} == set(owned)
    assert len({e.place for e in entries}) == len(entries) > 0
    assert without_gaps(entries)
    # The newest entries of each partition come from its owner.
    newest = {e.place[2]: e for e in entries}
    for partition, entry in newest.items():
        consumer = entry.number("CRIER_CONSUMER")
        assert owned[consumer] == [(entry.text("KAFKA_TOPIC"), partition)]


def check_task_3(entries):
    """Every key has one partition, and only one."""
    partitions = collections.defaultdict(set)
    for entry in entries:
        partitions[entry.text("KAFKA_KEY")].add(entry.place[2])
    assert set(partitions) == set(KEYS)
    assert all(len(where) == 1 for where in partitions.values()), partitions
