# SPDX-License-Identifier: BSD-2-Clause
"""The lab's three tasks on a real Kafka, and members of other makes in one of our groups."""

import pytest

from lib import config, journald, lab, member, oracle, wait
from lib.crier import Crier


@pytest.fixture(scope="module")
def running(cluster, tmp_path_factory):
    """One daemon that runs all three tasks: the daemon, its journal, and how many entries there
    were when all groups were stable."""
    with journald.FakeJournal(tmp_path_factory.mktemp("lab") / "journal") as journal:
        with Crier(lab.tasks(cluster.bootstrap), journal) as crier:
            crier.wait_stable()
            yield crier, journal, len(journal.entries)


@pytest.mark.xdist_group("lab")
def test_topics_are_created_as_configured(running, cluster):
    _, journal, _ = running
    created = {r.text("KAFKA_TOPIC") for r in journal.records("TOPIC_CREATED")}
    assert created == {"task1", "task2", "task3"}
    assert {len(cluster.topic_partitions(topic)) for topic in created} == {5}


@pytest.mark.xdist_group("lab")
def test_task_1_each_group_gets_every_event(running):
    _, journal, _ = running
    lab.check_task_1(
        journal.wait_events(60, group=lab.MAIL), journal.wait_events(60, group=lab.INVOICE)
    )


@pytest.mark.xdist_group("lab")
def test_task_2_five_consumers_own_a_partition_and_two_stand_by(running):
    crier, journal, stable = running
    events = journal.wait_events(60, group=lab.WORKERS, since=stable)
    lab.check_task_2(events, crier.group(lab.WORKERS))


@pytest.mark.xdist_group("lab")
def test_task_2_kafkas_own_tool_sees_the_same_members(running, cluster):
    crier, _, _ = running
    described = cluster.describe_group(lab.WORKERS)
    for consumer, places in crier.owners(crier.group(lab.WORKERS)).items():
        line = next(
            text
            for text in described.splitlines()
            if text.split()[1:3] == list(map(str, places[0]))
        )
        assert line.split()[-1] == f"crier-{lab.WORKERS}-consumer-{consumer}"


@pytest.mark.xdist_group("lab")
def test_task_3_each_key_stays_on_one_partition(running):
    _, journal, _ = running
    lab.check_task_3(journal.wait_events(80, group=lab.KEYED))


def test_standby_takes_over_when_owner_is_killed(cluster, name, start, journal):
    """Two of the group's seven members live in a second crierd, which dies without leaving."""
    cluster.create_topic(name, 5)

    def members(count):
        group = config.group(name, name, count, start="earliest")
        office = config.producer("office", name, rate=100.0)
        return config.build(
            bootstrap=cluster.bootstrap, groups=[group], producers=[office] if count > 2 else []
        )

    def shared():
        groups = [doomed.group(name), heir.group(name)]
        places = [p for g in groups for own in Crier.owners(g).values() for p in own]
        stable = all(group["stable"] for group in groups)
        return groups if stable and len(places) == len(set(places)) == 5 else None

    heir = start(members(5), journal)
    for _ in range(8):
        doomed = start(members(2), journal)
        theirs, ours = wait.until(shared, 60, lambda: (doomed.status(), heir.status()))
        if Crier.owners(theirs):
            break
        assert doomed.stop()[0] == 0
    standbys = set(ours["standbys"])
    assert standbys, (theirs, ours)
    doomed.kill()
    after = heir.wait_stable(owners=5, timeout=60)["groups"][0]
    assert standbys <= set(Crier.owners(after))
    assert heir.stop()[0] == 0
    report = oracle.compare(
        oracle.broker_content(cluster.bootstrap, name),
        journal.events(),
        oracle.committed(cluster.bootstrap, name, name),
    )
    assert report.written > 100
    assert not report.committed_missing and not report.altered


@pytest.mark.parametrize("make", ["python", "kcat"])
def test_member_of_another_make_shares_a_groups_partitions(cluster, name, start, journal, make):
    """It joins, gets its share, prints events, and gives its partitions back when it leaves; each
    event is in one of the two places."""
    cluster.create_topic(name, 3)
    crier = start(
        config.build(
            bootstrap=cluster.bootstrap,
            producers=[config.producer("office", name, rate=50.0, count=1000)],
            groups=[config.group(name, name, 1, start="earliest")],
        ),
        journal,
    )
    crier.wait_stable(owners=1)
    if make == "python":
        other = member.LabScript(cluster.bootstrap, name, [name], start="earliest")
        printed = other.printed
    else:
        other = member.Kcat(cluster.bootstrap, name, name, ["auto.offset.reset=earliest"])
        printed = other.lines

    def owned():
        return sorted(p for own in crier.owners(crier.group(name)).values() for _, p in own)

    with other:
        wait.until(
            lambda: other.owned() and owned() and sorted(owned() + other.owned()) == [0, 1, 2],
            60,
            lambda: (owned(), other.owned(), other.stderr),
        )
        wait.until(lambda: len(printed()) >= 50, 30, "50 events at the other member")
        assert other.stop() == 0
        wait.until(lambda: owned() == [0, 1, 2], 30, lambda: crier.group(name))
        wait.until(lambda: crier.producer("office")["state"] == "done", 40, "1000 events")
        wait.until(lambda: crier.group(name)["lag"] == 0, 30, lambda: crier.group(name))
        count = len(printed())
        # kcat commits what it has fetched, also if it is stopped before it has printed it.
        unknown = 0 if make == "python" else 5
        journal.wait_events(1000 - count - unknown)
