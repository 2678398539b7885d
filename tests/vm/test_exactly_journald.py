# SPDX-License-Identifier: BSD-2-Clause
"""journald that dies, stands still, drops, has no room or no socket: every event of the group
stands in the journal once."""

import collections

import pytest

from lib import exactly, faults, trial, wait

TIMES = 50 if trial.LONG else 5


def test_journald_killed_and_restarted_under_full_load(lab, note):
    with lab() as t:
        with t.feeder(full=True, ahead=60000):
            for how in t.random.sample(["kill", "restart"] * TIMES, 2 * TIMES):
                if how == "kill":
                    t.journald.kill_and_wait()
                else:
                    t.machine.run("systemctl", "restart", "systemd-journald")
                t.stopped.wait(t.random.uniform(0, 1.5))
            t.wait_progress()
        t.finish(note)


def test_journald_that_stands_still(lab, note):
    with lab() as t:
        with t.feeder(ahead=60000):
            with t.journald.frozen():
                t.stopped.wait(30 if trial.LONG else 10)
            t.wait_progress()
        t.finish(note)


def test_rate_limit_that_drops(lab, note, rate_limit):
    """journald says nothing to the sender of what it drops."""
    with lab() as t:
        t.produce(60000 if trial.LONG else 15000)
        t.wait_settled(300)
        report = t.finish(note)
        note(f"{len(report.cut)} without their values")
        t.notices("ENTRIES_LOST")


@pytest.mark.parametrize("memory", [False, True], ids=["disk", "disk-and-memory"])
def test_full_disk(lab, note, small_disk, memory):
    with lab() as t:
        with t.feeder(ahead=20000, rate=3000):
            with faults.full_disk(t.machine, memory):
                t.stopped.wait(30 if trial.LONG else 8)
            t.wait_progress(5000)
        t.finish(note)
        if memory:
            t.notices("ENTRIES_LOST")


def test_journal_that_may_not_be_read(lab, note):
    """What was sent and a recovery wait then, which is said; they go on by themselves."""
    with lab() as t:
        with t.feeder(ahead=20000):
            with faults.unreadable(t.machine):
                t.machine.run("crierctl", "kill", "0")
                wait.until(
                    lambda: (t.service.status()["sink"]["trouble"] or {}).get("code")
                    == "journal-unreadable",
                    60,
                    t.stand,
                )
            t.wait_progress(2500)
            assert t.service.status()["sink"]["trouble"] is None
        t.finish(note)
    said, over = (
        {entry.text("CRIER_TROUBLE") for entry in t.service.records(kind)}
        for kind in ("TROUBLE", "TROUBLE_OVER")
    )
    assert "journal-unreadable" in said and said == over


def test_journal_socket_that_is_gone(lab, note):
    """Under a crierd that runs, and under one that starts meanwhile."""
    with lab() as t:
        with t.feeder(ahead=60000):
            with faults.journal_socket_gone(t.machine):
                t.stopped.wait(10 if trial.LONG else 3)
            t.wait_progress(2500)
            with faults.journal_socket_gone(t.machine):
                t.unit.kill()
                t.stopped.wait(2)
            t.wait_progress(2500)
        t.finish(note)


def test_vacuum_takes_nothing_that_was_not_copied_first(lab, note, faulty):
    """What journald threw away before it was committed may be written again, with a notice."""
    faults.configure_journald(
        faulty, RateLimitBurst=0, SystemMaxUse="16M", SystemMaxFileSize="8M"
    )
    with exactly.Copier(faulty) as copier:
        with lab() as t:
            with t.feeder(full=True, ahead=60000):
                for _ in range(5 if trial.LONG else 2):
                    t.wait_progress(25000)
                    t.unit.kill()
                    t.wait_progress()
            t.wait_settled()
            report = t.report(copier.journal())
            note(f"{report.explain()}; CRIER_SEED={t.seed}")
            standing = t.report()
            assert len(standing.lost) > 1000, "nothing was vacuumed"
            assert not (report.lost or report.again or report.strange or report.altered)
            if t.exactly:
                check_notices(copier.journal(), t.group, report)
            t.check_health()
    faults.configure_journald(faulty, RateLimitBurst=0)


def check_notices(journal, group, report):
    """Each partition with events that were written again says so, and how many; where a recovery
    found nothing at all it cannot know what had stood there."""
    fields = {"ENTRIES_LOST": "CRIER_COUNT", "PARTITION_RECOVERED": "CRIER_WRITTEN"}
    told, unknown, said = collections.Counter(), set(), []
    for kind, field in fields.items():
        for notice in journal.notices(kind, KAFKA_GROUP=group):
            partition = int(notice["KAFKA_PARTITION"])
            told[partition] += int(notice[field])
            said.append(notice["MESSAGE"])
            if notice.get("CRIER_FOUND") == "0":
                unknown.add(partition)
    for partition, n in collections.Counter(event.partition for event in report.twice).items():
        assert told[partition] >= n or partition in unknown, "\n".join([*said, report.explain()])


def test_oracle_finds_what_a_rate_limit_takes_from_at_least_once(lab, note, rate_limit):
    """An oracle that cannot fail is worth nothing."""
    with lab(delivery="at-least-once") as t:
        t.produce(15000)
        t.wait_settled()
        report = t.report()
        note(str(report))
        assert len(report.lost) > 1000 and not report.twice
