# SPDX-License-Identifier: BSD-2-Clause
"""A journal that takes nothing for a while, or is gone: events wait, members stay in their group,
memory stays bounded, and nothing is lost."""

import pytest

from lib import clients, config, oracle, wait

MIB = 1024 * 1024


@pytest.fixture
def host(start):
    return start(config.build(topics=[config.topic("t", 3)]))


def test_stalled_journal_loses_nothing_and_keeps_the_group(start, host, journal):
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            producers=[config.producer("p", "t", "%{alpha:500}", rate=1000.0, count=12000)],
            groups=[
                config.group(
                    "g", "t", 3, start="earliest", properties=["max.poll.interval.ms=7000"]
                )
            ],
        ),
        journal,
    )
    crier.wait_stable(owners=3, timeout=60)
    journal.wait_events(100)
    before, mark = crier.group("g")["rebalances"], len(journal.entries)
    journal.stall()
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 20, lambda: crier.status())
    # Longer than session time-out and max.poll.interval.ms: who did not poll would be expelled.
    wait.holds(lambda: crier.group("g")["stable"], 10, lambda: crier.group("g"))
    assert crier.group("g")["rebalances"] == before
    wait.until(lambda: crier.producer("p")["state"] == "done", 30, lambda: crier.producer("p"))
    journal.resume()
    journal.wait_events(12000, timeout=60)
    wait.until(lambda: crier.status()["sink"]["state"] == "ok", 20, lambda: crier.status())
    content = oracle.broker_content(host.bootstrap, "t")
    report = oracle.compare(content, journal.events())
    assert report.expected == 12000
    assert not report.lost and not report.reordered
    # Before that, while the members joined, the embedded broker refused commits.
    assert not oracle.compare(content, journal.events(since=mark)).duplicated
    assert crier.group("g")["rebalances"] == before


def test_memory_is_bounded_while_the_journal_is_stalled(start, host, journal):
    """12 MB wait at the broker, in three partitions; 2 MiB may be held."""
    clients.produce(host.bootstrap, "t", [(None, bytes(3000), None, i % 3) for i in range(4000)])
    journal.stall()
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            groups=[config.group("g", "t", 1, start="earliest")],
            limits={"in_flight_events": 1000, "in_flight_bytes": 2 * MIB},
        ),
        journal,
    )
    crier.wait_stable(owners=1, timeout=60)
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 20, lambda: crier.status())
    if wait.SLOWNESS == 1:
        wait.holds(lambda: crier.memory() < 24 * MIB, 5, lambda: f"{crier.memory()} bytes")
    journal.resume()
    journal.wait_events(4000, timeout=60)


def test_journal_that_goes_away_is_named_once_and_heals(start, host, journal):
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            producers=[config.producer("p", "t", rate=200.0)],
            groups=[config.group("g", "t", 3, start="earliest")],
        ),
        journal,
    )
    crier.wait_stable(owners=3, timeout=60)
    journal.wait_events(100)
    journal.close()
    status = wait.until(
        lambda: crier.status()["sink"]["trouble"] and crier.status(), 30, lambda: crier.status()
    )
    assert status["sink"]["state"] == "refused"
    assert status["sink"]["trouble"]["code"] == "journal-refused"
    assert status["sink"]["trouble"]["advice"]
    assert "journal" in crier.notification("STATUS")
    wait.holds(lambda: crier.group("g")["stable"], 3, lambda: crier.group("g"))
    journal.open()
    wait.until(lambda: crier.status()["sink"]["state"] == "ok", 30, lambda: crier.status())
    journal.wait_record("JOURNAL_BACK")
    assert len(journal.records("JOURNAL_BACK")) == 1
    made = crier.producer("p")["acked"]
    journal.wait_events(made, timeout=30)
    assert crier.stop()[0] == 0
    report = oracle.compare(
        oracle.broker_content(host.bootstrap, "t"),
        journal.events(),
        oracle.committed(host.bootstrap, "g", "t"),
    )
    assert not report.committed_missing and not report.reordered


def test_events_go_on_at_speed_whenever_the_journal_was_full(start, host, journal):
    """A journal that reads more slowly than events come fills up again and again. Whoever forgot to
    go on reading then would be left with what the daemon's tick, once a second, has it read."""
    clients.produce(host.bootstrap, "t", [(None, b"x", None, 0) for _ in range(30000)])
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            groups=[config.group("g", "t", 1, start="earliest")],
        ),
        journal,
    )
    crier.wait_stable(owners=1, timeout=60)
    # 30,000 events at 512 a second would take a minute.
    journal.wait_events(30000, timeout=25)
    report = oracle.compare(oracle.broker_content(host.bootstrap, "t"), journal.events())
    assert not report.lost and not report.duplicated and not report.reordered
