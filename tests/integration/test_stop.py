# SPDX-License-Identifier: BSD-2-Clause
"""SIGINT and SIGTERM: stop producing, write and commit what was consumed, leave, exit with 0. The
broker lives in another crierd, so that what was committed can be looked up afterwards."""

import collections
import signal
import time

import pytest

from lib import config, oracle, wait

STOP = "SIGINT received. Stopping thread..."


@pytest.fixture
def host(start):
    return start(config.build(topics=[config.topic("busy", 5)]))


def load(host, consumers=3):
    """A fast producer and a group."""
    return config.build(
        bootstrap=host.bootstrap,
        producers=[config.producer("p", "busy", "constant", rate=3000.0)],
        groups=[config.group("g", "busy", consumers, start="earliest")],
    )


def stopped_under_load(start, host, journal, number, consumers):
    """Stops a crierd under load and returns the oracle's report and the committed offsets."""
    crier = start(load(host, consumers), journal)
    crier.wait_stable(owners=consumers, timeout=60)
    journal.wait_events(len(journal.events()) + 500, timeout=60)
    code, seconds = crier.stop(number)
    assert code == 0, crier.stderr
    assert seconds < 2 * wait.SLOWNESS
    assert (STOP in crier.stdout + crier.stderr) == (number == signal.SIGINT)
    wait.until(lambda: journal.records("STOPPED"), 5, lambda: journal.records())
    assert [e.kind for e in journal.records()][-2:] == ["STOPPING", "STOPPED"]
    content = oracle.broker_content(host.bootstrap, "busy")
    commits = oracle.committed(host.bootstrap, "g", "busy")
    return oracle.compare(content, journal.events(), commits), commits


@pytest.mark.short
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_stop_under_load_commits_exactly_what_was_written(start, host, journal, number):
    report, commits = stopped_under_load(start, host, journal, number, 1)
    assert not report.committed_missing and not report.duplicated and not report.reordered
    ends = collections.Counter()
    for entry in journal.events():
        partition, offset = entry.place[2:]
        ends[partition] = max(ends[partition], offset + 1)
    assert ends == commits


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_stop_of_several_consumers_under_load_loses_nothing(start, host, journal, number):
    """The embedded broker refuses commits while a group rebalances, and each consumer that leaves
    makes it rebalance: events may stand twice after the next start, but none is lost."""
    for _ in range(2):
        report, _ = stopped_under_load(start, host, journal, number, 3)
        assert not report.committed_missing and not report.reordered


def test_group_is_left_so_that_another_member_takes_over_at_once(start, host, journal):
    setup = config.build(
        bootstrap=host.bootstrap, groups=[config.group("g", "busy", 1, start="earliest")]
    )
    first = start(setup, journal)
    first.wait_stable(owners=1)
    second = start(setup, journal)
    second.wait_stable(timeout=60)
    assert first.stop()[0] == 0
    begin = time.monotonic()
    wait.until(
        lambda: sum(len(p) for p in second.owners(second.group("g")).values()) == 5,
        30,
        lambda: second.group("g"),
    )
    # A member that had died would be missed only after its session time-out and a rebalance.
    assert time.monotonic() - begin < 9 * wait.SLOWNESS


def test_second_signal_ends_at_once(start, host, journal):
    """The journal takes nothing, so that the first signal alone would wait for it."""
    crier = start(load(host), journal)
    journal.wait_events(100, timeout=60)
    journal.stall()
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 20, lambda: crier.status())
    crier.send(signal.SIGTERM)
    wait.until(lambda: crier.notification("STOPPING") == "1", 5, lambda: crier.notifications())
    begin = time.monotonic()
    crier.send(signal.SIGTERM)
    crier.wait(5)
    assert time.monotonic() - begin < 1 * wait.SLOWNESS


def test_stop_is_bounded_when_the_journal_takes_nothing(start, host, journal):
    crier = start(load(host), journal)
    journal.wait_events(100, timeout=60)
    journal.stall()
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 20, lambda: crier.status())
    _, seconds = crier.stop(timeout=20)
    assert seconds < 10 * wait.SLOWNESS
    journal.resume()
    content = oracle.broker_content(host.bootstrap, "busy")
    commits = oracle.committed(host.bootstrap, "g", "busy")
    journal.wait_events(len([p for p in content if p[1] < commits.get(p[0], 0)]))
    assert not oracle.compare(content, journal.events(), commits).committed_missing


def test_stop_with_the_broker_gone_takes_at_most_five_seconds(start, host, journal):
    crier = start(load(host), journal)
    crier.wait_stable(owners=3, timeout=60)
    journal.wait_events(100, timeout=60)
    host.kill()
    wait.until(lambda: crier.status()["cluster"]["state"] == "lost", 20, lambda: crier.status())
    code, seconds = crier.stop(timeout=20)
    assert code == 0, crier.stderr
    assert seconds < 5 * wait.SLOWNESS


def test_stop_right_after_the_start(start):
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[config.producer("p", "t", rate=1.0)],
            groups=[config.group("g", "t", 2)],
        )
    )
    code, seconds = crier.stop(signal.SIGINT)
    assert code == 0, crier.stderr
    assert seconds < 5 * wait.SLOWNESS
    assert crier.stdout.splitlines()[-1] == STOP or STOP in crier.stdout
