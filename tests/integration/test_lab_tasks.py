# SPDX-License-Identifier: BSD-2-Clause
"""The lab's three tasks on the embedded broker: fan-out, competing consumers with standbys and a
take-over, and keys. Told from the entries' own fields."""

import re

import pytest

from lib import config, journald, lab, oracle, wait
from lib.crier import Crier


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One daemon that runs all three tasks, each on a topic of its own: the daemon, its journal,
    and how many entries there were when all groups were stable."""
    with journald.FakeJournal(tmp_path_factory.mktemp("lab") / "journal") as journal:
        with Crier(lab.tasks(), journal) as crier:
            crier.wait_stable()
            yield crier, journal, len(journal.entries)


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
def test_task_2_the_rebalance_is_recorded_with_owners_and_standbys(running):
    crier, journal, _ = running
    records = [
        r for r in journal.records("GROUP_REBALANCED") if r.text("KAFKA_GROUP") == lab.WORKERS
    ]
    assert records
    text = records[-1].text("MESSAGE") + records[-1].text("CRIER_ASSIGNMENT")
    for standby in crier.group(lab.WORKERS)["standbys"]:
        assert re.search(rf"\b{standby}\b", text)


@pytest.mark.xdist_group("lab")
def test_task_3_each_key_stays_on_one_partition(running):
    _, journal, _ = running
    lab.check_task_3(journal.wait_events(80, group=lab.KEYED))


@pytest.mark.xdist_group("lab")
def test_consumers_are_numbered_across_the_daemon(running):
    crier, _, _ = running
    numbers = [c["consumer"] for g in crier.status()["groups"] for c in g["consumers"]]
    assert numbers == list(range(14))


@pytest.mark.short
def test_stdout_prints_the_labs_lines(start):
    crier = start(
        config.build(
            topics=[config.topic("post.office", 5)],
            producers=[config.producer("office", "post.office", lab.LETTER, rate=10.0)],
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


def test_standby_takes_over_when_owner_is_killed(start, journal):
    """Two of the group's seven members live in a crierd of their own, which dies without leaving;
    the broker is in a third."""
    host = start(
        config.build(
            topics=[config.topic("post", 5)],
            producers=[config.producer("office", "post", rate=20.0)],
        )
    )

    def members(count):
        group = config.group("invoices", "post", count, start="earliest")
        return start(config.build(bootstrap=host.bootstrap, groups=[group]), journal)

    def shared():
        groups = [doomed.group("invoices"), heir.group("invoices")]
        places = [p for g in groups for own in Crier.owners(g).values() for p in own]
        stable = all(group["stable"] for group in groups)
        return groups if stable and len(places) == len(set(places)) == 5 else None

    # Which members own something is Kafka's choice: again where those that are to die stand by.
    for _ in range(5):
        doomed = members(2)
        doomed.wait_stable(timeout=60)
        heir = members(5)
        theirs, ours = wait.until(shared, 60, lambda: (doomed.status(), heir.status()))
        if Crier.owners(theirs):
            break
        assert doomed.stop()[0] == heir.stop()[0] == 0
    standbys = set(ours["standbys"])
    assert standbys, (theirs, ours)
    doomed.kill()
    after = heir.wait_stable(owners=5, timeout=60)["groups"][0]
    assert standbys <= set(Crier.owners(after))
    # Nothing is lost: what the group committed is in the journal.
    wait.until(lambda: heir.group("invoices")["lag"] == 0, 30, lambda: heir.group("invoices"))
    content = oracle.broker_content(host.bootstrap, "post")
    assert heir.stop()[0] == 0
    commits = oracle.committed(host.bootstrap, "invoices", "post")
    assert sum(commits.values()) > 0
    assert not oracle.compare(content, journal.events(), commits).committed_missing
