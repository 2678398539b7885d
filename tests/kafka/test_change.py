# SPDX-License-Identifier: BSD-2-Clause
"""Groups that are changed while they run, on a real Kafka: nothing is lost and nothing piles up."""

import datetime
import os
import pathlib
import time

from lib import clients, config, oracle, wait

# How often a group goes from one consumer to many and back: 3 times, or 20 with CRIER_LONG=1.
CYCLES = 20 if os.environ.get("CRIER_LONG") == "1" else 3
MANY = 64
PARTITIONS = 8


def load(cluster, name, **group):
    return config.build(
        bootstrap=cluster.bootstrap,
        producers=[config.producer("p", name, "%{seq}", rate=1000.0)],
        groups=[config.group(name, name, 1, start="earliest", **group)],
    )


def usage(crier):
    """(threads, descriptors) of the daemon."""
    proc = pathlib.Path(f"/proc/{crier.pid}")
    return len(list((proc / "task").iterdir())), len(list((proc / "fd").iterdir()))


def finish(crier, cluster, name, journal):
    """No more events; what there is, is written; the oracle's report."""
    crier.change("Pause", targets=["p"])
    wait.until(lambda: crier.group(name)["lag"] == 0, 60, lambda: crier.group(name))
    assert crier.stop()[0] == 0
    commits = oracle.committed(cluster.bootstrap, name, name)
    return oracle.compare(oracle.broker_content(cluster.bootstrap, name), journal.events(), commits)


def test_a_group_that_grows_and_shrinks_under_load_loses_nothing(
    cluster, name, start, journal, note
):
    cluster.create_topic(name, PARTITIONS)
    crier = start(load(cluster, name), journal)
    crier.wait_stable(owners=1)
    before, memory = usage(crier), []
    for _ in range(CYCLES):
        assert crier.change("Scale", group=name, count=MANY, timeout=180)["after"] == MANY
        assert len(crier.group(name)["standbys"]) == MANY - PARTITIONS
        assert crier.change("Scale", group=name, count=1, timeout=180)["after"] == 1
        # Threads of clients that were destroyed, and sockets of brokers, take a moment.
        wait.until(lambda: usage(crier) <= before, 30, lambda: f"{usage(crier)}, {before} before")
        memory.append(crier.memory())
    note(f"{CYCLES} times 1 → {MANY} → 1: RssAnon {[m // 1024 for m in memory]} KiB")
    assert not memory[5:] or max(memory[5:]) <= 1.1 * memory[4]
    report = finish(crier, cluster, name, journal)
    assert not report.lost and not report.reordered and not report.altered
    assert not report.committed_missing and not report.duplicated


def test_a_killed_consumer_is_missed_only_after_its_session(cluster, name, start, journal):
    cluster.create_topic(name, 2)
    crier = start(load(cluster, name, properties=["session.timeout.ms=7000"]), journal)
    crier.change("Scale", group=name, count=2)
    begin = time.monotonic()
    reply = crier.change("Kill", consumer=0)
    assert time.monotonic() - begin > 4
    assert [len(c["partitions"]) for c in reply["consumers"]] == [2]
    begin = time.monotonic()
    crier.change("Scale", group=name, count=2)
    crier.change("Remove", consumer=1)
    # A consumer that leaves is missed at once.
    assert time.monotonic() - begin < 4 * wait.SLOWNESS
    report = finish(crier, cluster, name, journal)
    assert not report.lost and not report.altered


def test_seek_to_a_time_finds_the_first_event_that_is_not_older(cluster, name, start, journal):
    cluster.create_topic(name, 1)
    clients.produce(cluster.bootstrap, name, [(None, b"old")] * 10)
    wait.holds(lambda: True, 1.1, "a second goes by")
    moment = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    clients.produce(cluster.bootstrap, name, [(None, b"new")] * 10)
    crier = start(
        config.build(
            bootstrap=cluster.bootstrap, groups=[config.group(name, name, 1, start="earliest")]
        ),
        journal,
    )
    journal.wait_events(20)
    reply = crier.change("Seek", group=name, topic=name, to=moment.replace("+00:00", "Z"))
    assert reply["partitions"] == [{"partition": 0, "before": 20, "after": 10}]
    events = journal.wait_events(30)
    assert [e.place[3] for e in events[20:]] == list(range(10, 20))
    # Later than the newest: the end.
    reply = crier.change("Seek", group=name, topic=name, to="2100-01-01T00:00:00Z")
    assert reply["partitions"][0]["after"] == 20


def test_seek_survives_a_kill_in_its_midst(cluster, name, start, journal):
    """What was asked for is either done or not: the group goes on at the new place or the old."""
    cluster.create_topic(name, 3)
    clients.produce(cluster.bootstrap, name, [(b"%d" % i, b"%d" % i) for i in range(300)])
    conf = config.build(
        bootstrap=cluster.bootstrap, groups=[config.group(name, name, 2, start="earliest")]
    )
    crier = start(conf, journal)
    journal.wait_events(300)
    ends = {}
    for entry in journal.events():
        ends[entry.place[2]] = max(ends.get(entry.place[2], 0), entry.place[3] + 1)
    wait.until(
        lambda: oracle.committed(cluster.bootstrap, name, name) == ends, 30, "all is committed"
    )
    crier.change("Seek", group=name, topic=name, to="earliest", wait=False)
    crier.kill()
    journal_before = len(journal.events())
    again = start(conf, journal)
    again.wait_stable(timeout=60)
    wait.until(lambda: again.group(name)["lag"] == 0, 30, lambda: again.group(name))
    assert again.stop()[0] == 0
    places = [e.place[2:] for e in journal.events()[journal_before:]]
    for partition, end in ends.items():
        seen = [offset for number, offset in places if number == partition]
        assert seen == list(range(end - len(seen), end)), partition
