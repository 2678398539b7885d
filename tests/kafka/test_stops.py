# SPDX-License-Identifier: BSD-2-Clause
"""Stops under load, again and again, half by SIGINT and half by SIGTERM, each at a random moment:
10, or 100 with CRIER_LONG=1. At-least-once holds over all of them."""

import collections
import os
import random
import signal

from lib import config, oracle, wait
from lib.crier import Crier

STOPS = 100 if os.environ.get("CRIER_LONG") == "1" else 10


def load(cluster, name):
    return config.build(
        bootstrap=cluster.bootstrap,
        producers=[config.producer("p", name, "%{seq} %{alpha:100}", rate=2000.0)],
        groups=[config.group(name, name, 3, start="earliest")],
    )


def test_stops_under_load_lose_nothing_and_write_nothing_twice(cluster, name, journal, note):
    seed = random.randrange(1 << 32)
    note(f"seed {seed}, {STOPS} stops")
    chance = random.Random(seed)
    cluster.create_topic(name, 5)
    slowest = 0
    for number in range(STOPS):
        with Crier(load(cluster, name), journal) as crier:
            crier.wait_stable(owners=3)
            target = len(journal.events()) + chance.randrange(1, 4000)
            journal.wait_events(target)
            code, seconds = crier.stop([signal.SIGINT, signal.SIGTERM][number % 2])
            assert code == 0, crier.stderr
            assert seconds < 2 * wait.SLOWNESS, (number, seconds, crier.stderr)
            slowest = max(slowest, seconds)
            journal.wait_record("STOPPED", count=number + 1)
        # All that was written is committed, and the reverse.
        ends = collections.Counter()
        for entry in journal.events():
            partition, offset = entry.place[2:]
            ends[partition] = max(ends[partition], offset + 1)
        commits = oracle.committed(cluster.bootstrap, name, name)
        assert ends == commits, number
    report = oracle.compare(
        oracle.broker_content(cluster.bootstrap, name), journal.events(), commits
    )
    note(f"{report.written} events written, the slowest stop took {slowest:.2f} s")
    assert not report.committed_missing and not report.reordered and not report.altered
    assert not report.duplicated


def test_stops_at_any_moment_of_the_start_are_quick(cluster, name, start, journal):
    """Also while the group is being joined, or nothing is assigned yet."""
    cluster.create_topic(name, 5)
    for number, moment in enumerate((0, 0.1, 0.3, 0.6, 1.0, 1.5)):
        crier = start(load(cluster, name), journal)
        wait.holds(crier.running, moment, "crierd runs")
        code, seconds = crier.stop([signal.SIGINT, signal.SIGTERM][number % 2])
        assert code == 0, crier.stderr
        assert seconds < 2 * wait.SLOWNESS, (moment, seconds, crier.stderr)
    report = oracle.compare(
        oracle.broker_content(cluster.bootstrap, name),
        journal.events(),
        oracle.committed(cluster.bootstrap, name, name),
    )
    assert not report.committed_missing


def test_stops_with_the_broker_gone_take_at_most_five_seconds(cluster, name, journal):
    cluster.create_topic(name, 5)
    for number in (signal.SIGINT, signal.SIGTERM):
        with Crier(load(cluster, name), journal) as crier:
            crier.wait_stable(owners=3)
            journal.wait_events(len(journal.events()) + 500)
            cluster.brokers[0].kill()
            try:
                code, seconds = crier.stop(number)
            finally:
                cluster.start()
            assert code == 0, crier.stderr
            assert seconds < 5 * wait.SLOWNESS, crier.stderr
    report = oracle.compare(
        oracle.broker_content(cluster.bootstrap, name),
        journal.events(),
        oracle.committed(cluster.bootstrap, name, name),
    )
    assert not report.committed_missing


def test_stop_with_a_frozen_broker_takes_at_most_five_seconds(cluster, name, start, journal):
    cluster.create_topic(name, 5)
    crier = start(load(cluster, name), journal)
    crier.wait_stable(owners=3)
    journal.wait_events(500)
    cluster.brokers[0].freeze()
    try:
        code, seconds = crier.stop()
    finally:
        cluster.brokers[0].thaw()
    assert code == 0, crier.stderr
    assert seconds < 5 * wait.SLOWNESS, crier.stderr
