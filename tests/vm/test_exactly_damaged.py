# SPDX-License-Identifier: BSD-2-Clause
"""A journal file that is damaged while entries in it are not committed yet. Where journald has
closed it in order the search that cannot read it says so and names it, nothing is written
meanwhile, and when the file is moved away what was not committed is written again. Where journald
has put it aside as it found it, as after a loss of power, that is written again at once. What was
committed and only there is lost, as verify says."""

import json
import os

import pytest

from lib import exactly, faults, wait

EVENTS = 2000
STATE_OFFSET, STATE_ONLINE = 16, b"\1"
TAIL_OFFSET = 136


def used(path):
    """How much of the file has something in it: Journal File Format, tail_object_offset."""
    with open(path, "rb") as file:
        return int.from_bytes(file.read(TAIL_OFFSET + 8)[TAIL_OFFSET:], "little")


def overwrite(t, path):
    """Random bytes in most of it, to its end: a search reads no more of it than it needs."""
    size = used(path)
    with open(path, "r+b") as file:
        file.seek(size // 8)
        file.write(t.random.randbytes(size - size // 8))


def cut(_, path):
    """Its second half is gone."""
    os.truncate(path, used(path) // 2)


def newest(machine, pattern):
    found = machine.shell(f"ls -t /var/log/journal/*/{pattern} | head -n 1").stdout.strip()
    assert found, pattern
    return found


def archived(t, damage):
    """Damages a file that journald has put aside. Returns its path and what was in it."""
    t.machine.run("journalctl", "--rotate")
    path = newest(t.machine, "system@*.journal")
    inside = events_in(t, path)
    damage(t, t.machine.path(path))
    return path, inside


def unclean(t, damage):
    """Damages the file that journald writes to, as a loss of power does: journald puts it aside
    when it starts."""
    path = newest(t.machine, "system.journal")
    with faults.journal_socket_gone(t.machine):
        inside = events_in(t, path)
        damage(t, t.machine.path(path))
        with open(t.machine.path(path), "r+b") as file:
            file.seek(STATE_OFFSET)
            file.write(STATE_ONLINE)
    return newest(t.machine, "system@*.journal~"), inside


def events_in(t, path):
    journal = exactly.Journal(t.machine)
    journal.where = ["--file", path]
    rows, _ = journal.rows(t.group, t.topic, t.exactly)
    assert len(rows) > EVENTS
    return {row.event for row in rows}


def trouble(t):
    return (t.service.status()["sink"]["trouble"] or {}).get("text", "")


@pytest.fixture
def stays_dead(faulty):
    """crierd that was killed does not come back by itself, and so not before the damage is done."""
    faults.drop_in(faulty, "crierd.service", "stays-dead", "[Service]\nRestart=no\n")
    yield
    faults.drop_in(faulty, "crierd.service", "stays-dead", None)


def kill_under_load(t):
    """Leaves more in the journal than is committed."""
    # An older file shows verify that what is missing later was not vacuumed.
    t.produce(300)
    t.wait_settled()
    t.machine.run("journalctl", "--rotate")
    with t.feeder(rate=1000):
        t.wait_progress(EVENTS)
        t.unit.kill()
        wait.until(lambda: t.unit.pid is None, 30, "crierd is dead")


def committed_of(inside, commits):
    gone = {event for event in inside if event.offset < commits.get(event.partition, 0)}
    assert 0 < len(gone) < len(inside)
    return gone


def lost(t):
    """How many events are lost, as verify says."""
    told = t.machine.run("crierctl", "verify", "--json", check=False)
    assert told.returncode == 1, told
    return sum(p["lost"] for p in json.loads(told.stdout)["partitions"])


@pytest.mark.parametrize("damage", [overwrite, cut])
def test_damaged_file_stops_a_recovery_until_it_is_moved_away(lab, note, stays_dead, damage):
    with lab() as t:
        kill_under_load(t)
        path, inside = archived(t, damage)
        commits = t.committed()
        t.service.restart()
        name = os.path.basename(path)
        wait.until(lambda: name in trouble(t), 30, t.stand)
        assert not t.service.events() and t.committed() == commits
        t.machine.shell(f"mkdir -p /var/log/damaged; mv '{path}' /var/log/damaged")
        t.wait_settled()
        gone = committed_of(inside, commits)
        note(f"{len(inside)} events in the file, {len(gone)} of them committed")
        t.finish(note, expected=set(t.snapshot()) - gone)
        assert not trouble(t)
        assert lost(t) == len(gone)
    t.machine.run("rm", "-r", "/var/log/damaged")


def test_file_that_was_not_closed_stops_no_recovery(lab, note, stays_dead):
    with lab() as t:
        kill_under_load(t)
        _, inside = unclean(t, overwrite)
        commits = t.committed()
        t.service.restart()
        t.wait_settled()
        gone = committed_of(inside, commits)
        report = t.finish(note, expected=set(t.snapshot()) - gone)
        seen = {event for event in gone if event in report.seen}
        note(f"{len(inside)} events in the file, {len(gone)} committed, {len(seen)} of them seen")
        assert not trouble(t)
        assert lost(t) == len(gone - seen)
