# SPDX-License-Identifier: BSD-2-Clause
"""The lab's three tasks on the embedded broker: fan-out, competing consumers with standbys and a
take-over, and keys. Told from the entries' own fields."""

import collections
import re

import pytest

from lib import config, journald, oracle, wait
from lib.crier import Crier

LETTER = '{"to": "%{pick:Ada|Grace}", "from": "%{alpha:7}@gmail.com", "message": "%{seq}"}'
KEYS = ["red", "green", "blue", "white"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One daemon that runs all three tasks, each on a topic of its own: (crier, journal)."""
    with journald.FakeJournal(tmp_path_factory.mktemp("lab") / "journal") as journal:
        tasks = config.build(
            topics=[config.topic(name, 5) for name in ("task1", "task2", "task3")],
            producers=[
                config.producer("p1", "task1", LETTER, rate=20.0),
                config.producer("p2", "task2", LETTER, rate=20.0),
                config.producer("p3", "task3", LETTER, rate=20.0, keys=KEYS),
            ],
            groups=[
                config.group("mail-service", "task1", start="earliest"),
                config.group("invoice-service", "task1", start="earliest"),
                config.group("invoice-services", "task2", 7),
                config.group("keyed", "task3", 5),
            ],
        )
        with Crier(tasks, journal) as crier:
            crier.wait_stable()
            yield crier, journal


@pytest.mark.xdist_group("lab")
def test_task_1_each_group_gets_every_event(lab):
    _, journal = lab
    places = {}
    for group in ("mail-service", "invoice-service"):
        events = journal.wait_events(60, group=group, topic="task1")
        places[group] = [e.place[2:] for e in events]
        assert len(places[group]) == len(set(places[group]))
    # Each group has each partition from its first event on without a gap.
    for group, seen in places.items():
        for partition, offsets in by_partition(seen).items():
            assert offsets == list(range(len(offsets))), (group, partition)


def by_partition(places):
    found = collections.defaultdict(list)
    for partition, offset in places:
        found[partition].append(offset)
    return found


@pytest.mark.xdist_group("lab")
def test_task_2_five_consumers_own_a_partition_and_two_stand_by(lab):
    crier, journal = lab
    group = crier.group("invoice-services")
    owned = crier.owners(group)
    assert sorted(p for places in owned.values() for p in places) == [
        ("task2", n) for n in range(5)
    ]
    assert all(len(places) == 1 for places in owned.values())
    assert len(group["standbys"]) == 2
    states = {c["consumer"]: c["state"] for c in group["consumers"]}
    assert {n for n, state in states.items() if state == "standby"} == set(group["standbys"])
    assert {n for n, state in states.items() if state == "owner"} == set(owned)
    # No event is consumed twice, and who writes a partition's entries is who owns it.
    events = journal.wait_events(60, group="invoice-services")
    assert len({e.place for e in events}) == len(events)
    for event in events[-20:]:
        place = (event.text("KAFKA_TOPIC"), event.number("KAFKA_PARTITION"))
        assert owned[event.number("CRIER_CONSUMER")] == [place]


@pytest.mark.xdist_group("lab")
def test_task_2_the_rebalance_is_recorded_with_owners_and_standbys(lab):
    crier, journal = lab
    records = [
        r
        for r in journal.records("GROUP_REBALANCED")
        if r.text("KAFKA_GROUP") == "invoice-services"
    ]
    assert records
    text = records[-1].text("MESSAGE") + records[-1].text("CRIER_ASSIGNMENT")
    for standby in crier.group("invoice-services")["standbys"]:
        assert re.search(rf"\b{standby}\b", text)


@pytest.mark.xdist_group("lab")
def test_task_3_each_key_stays_on_one_partition(lab):
    _, journal = lab
    events = journal.wait_events(80, group="keyed")
    partitions = collections.defaultdict(set)
    for event in events:
        partitions[event.text("KAFKA_KEY")].add(event.number("KAFKA_PARTITION"))
    assert set(partitions) == set(KEYS)
    assert all(len(where) == 1 for where in partitions.values()), partitions


@pytest.mark.xdist_group("lab")
def test_consumers_are_numbered_across_the_daemon(lab):
    crier, _ = lab
    numbers = [c["consumer"] for g in crier.status()["groups"] for c in g["consumers"]]
    assert numbers == list(range(14))


@pytest.mark.short
def test_stdout_prints_the_labs_lines(start):
    crier = start(
        config.build(
            topics=[config.topic("post.office", 5)],
            producers=[config.producer("office", "post.office", LETTER, rate=10.0)],
            groups=[config.group("mail", "post.office")],
        )
    )
    line = re.compile(
        r'^Consumer 0: \{"to": "(Ada|Grace)", "from": "[A-Za-z]{7}@gmail\.com", "message": "\d+"\}'
        r" \(key: None\)$",
        re.M,
    )
    wait.until(lambda: len(line.findall(crier.stdout)) >= 5, 30, lambda: crier.stdout)
    lines = crier.stdout.splitlines()
    assert all(line.match(text) for text in lines if text.startswith("Consumer ")), lines


def test_standby_takes_over_when_owner_is_killed(start, place):
    """Two of the group's seven members live in a second crierd, which dies without leaving."""
    first_journal = journald.FakeJournal(place / "first")
    second_journal = journald.FakeJournal(place / "second")
    with first_journal, second_journal:
        first = start(
            config.build(
                topics=[config.topic("post", 5)],
                producers=[config.producer("office", "post", rate=20.0)],
                groups=[config.group("invoices", "post", 5, start="earliest")],
            ),
            first_journal,
        )
        others = config.build(
            bootstrap=first.bootstrap,
            groups=[config.group("invoices", "post", 2, start="earliest")],
        )

        def shared():
            groups = [first.group("invoices"), second.group("invoices")]
            places = [p for g in groups for own in Crier.owners(g).values() for p in own]
            stable = all(group["stable"] for group in groups)
            return groups if stable and len(places) == len(set(places)) == 5 else None

        # Which members own something is Kafka's choice: once more where both of them stand by.
        for _ in range(5):
            second = start(others, second_journal)
            ours, theirs = wait.until(shared, 60, lambda: (first.status(), second.status()))
            if Crier.owners(theirs):
                break
            assert second.stop()[0] == 0
        second.kill()
        standbys = set(ours["standbys"])
        assert standbys
        after = first.wait_stable(owners=5, timeout=60)["groups"][0]
        assert standbys <= set(Crier.owners(after))
        # Nothing is lost: what the group had committed is in one of the two journals.
        wait.until(lambda: first.group("invoices")["lag"] == 0, 30, lambda: first.group("invoices"))
        content = oracle.broker_content(first.bootstrap, "post")
        commits = oracle.committed(first.bootstrap, "invoices", "post")
        first_journal.wait_events(1)
        report = oracle.compare(content, first_journal.events() + second_journal.events(), commits)
        assert not report.committed_missing, (report, first.group("invoices"))
