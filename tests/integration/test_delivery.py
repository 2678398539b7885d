# SPDX-License-Identifier: BSD-2-Clause
"""What a group's `delivery` promises when its daemon is killed, told by the oracle: the broker
lives in another crierd, which stays."""

import pytest

from lib import clients, config, oracle, wait

COUNT = 4000


@pytest.fixture
def host(start):
    """A crierd that is only a broker with a full topic of three partitions."""
    host = start(config.build(topics=[config.topic("full", 3)]))
    clients.produce(host.bootstrap, "full", [(None, b"%d" % i) for i in range(COUNT)])
    return host


def member(host, delivery):
    return config.build(
        bootstrap=host.bootstrap,
        groups=[config.group("g", "full", 1, start="earliest", delivery=delivery)],
    )


def killed_half_way_and_started_again(start, host, journal, delivery):
    """SIGKILL in the middle: the journal stalls once it has a quarter, so that a part is taken and
    another is not. Returns the oracle's report after another crierd has finished."""
    journal.stall(after=COUNT // 4)
    crier = start(member(host, delivery), journal)
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 60, lambda: crier.status())
    # Several commit intervals go by.
    wait.holds(lambda: crier.group("g")["written"] < COUNT, 3, lambda: crier.group("g"))
    crier.kill()
    journal.resume()
    again = start(member(host, delivery), journal)
    again.wait_stable(owners=1, timeout=60)
    wait.until(lambda: again.group("g")["lag"] == 0, 60, lambda: again.group("g"))
    code, _ = again.stop()
    assert code == 0
    content = oracle.broker_content(host.bootstrap, "full")
    commits = oracle.committed(host.bootstrap, "g", "full")
    assert sum(commits.values()) == COUNT
    return oracle.compare(content, journal.events(group="g"), commits)


def test_at_least_once_loses_nothing_when_killed(start, host, journal):
    report = killed_half_way_and_started_again(start, host, journal, "at-least-once")
    assert report.expected == COUNT
    assert not report.lost and not report.reordered and not report.altered


def test_at_most_once_writes_nothing_twice_when_killed(start, host, journal):
    report = killed_half_way_and_started_again(start, host, journal, "at-most-once")
    assert not report.duplicated and not report.reordered and not report.altered


def test_at_least_once_commits_only_what_the_journal_took(start, host, journal):
    journal.stall()
    crier = start(member(host, "at-least-once"), journal)
    crier.wait_stable(owners=1)
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 30, lambda: crier.status())
    # Several commit intervals go by while the journal takes nothing.
    taken = crier.group("g")["written"]
    wait.holds(
        lambda: sum(oracle.committed(host.bootstrap, "g", "full").values()) <= taken,
        3,
        f"commits of at most {taken}",
    )
    journal.resume()
    wait.until(
        lambda: sum(oracle.committed(host.bootstrap, "g", "full").values()) == COUNT,
        60,
        lambda: crier.group("g"),
    )


@pytest.mark.parametrize("delivery", ("at-least-once", "at-most-once"))
def test_a_group_commits_its_start_so_that_latest_survives_a_crash(start, host, journal, delivery):
    """A group at `latest` that died before its first event goes on where it began."""
    setup = config.build(
        bootstrap=host.bootstrap, groups=[config.group("late", "full", 1, delivery=delivery)]
    )
    crier = start(setup, journal)
    wait.until(
        lambda: sum(oracle.committed(host.bootstrap, "late", "full").values()) == COUNT,
        60,
        lambda: crier.status(),
    )
    crier.kill()
    clients.produce(host.bootstrap, "full", [(None, b"while nobody was there")])
    start(setup, journal)
    entry = journal.wait_events(1, group="late", timeout=60)[0]
    assert entry.text("MESSAGE") == "Consumer 0: while nobody was there (key: None)"


def test_auto_means_at_least_once_and_says_why(start, journal):
    crier = start(
        config.build(topics=[config.topic("t")], groups=[config.group("g", "t")]), journal
    )
    group = crier.group("g")
    assert group["configured"] == "auto"
    assert group["delivery"] == "at-least-once"
    assert group["reason"]
