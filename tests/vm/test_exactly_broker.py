# SPDX-License-Identifier: BSD-2-Clause
"""Brokers that die, topics that change, members that are not ours: every event that the group was
given stands in the journal once."""

import json
import re

from lib import kafka, member, trial, wait

ROUNDS = 20 if trial.LONG else 2


def test_broker_killed_and_back(lab, note):
    with lab() as t:
        with t.feeder(ahead=40000) as feeder:
            for _ in range(ROUNDS):
                t.wait_progress(2500)
                t.cluster.brokers[0].kill()
                t.stopped.wait(t.random.uniform(0, 3))
                if t.random.random() < 0.5:
                    t.unit.kill()
                t.cluster.start()
            t.wait_progress(timeout=60)
            assert feeder.made
        t.finish(note)


def in_sync(cluster, topic, client):
    """Whether every partition has all its copies."""
    return all(len(p.isrs) == 3 for p in cluster.topic_partitions(topic, client).values())


def test_three_brokers_with_leader_changes(lab, note):
    settings = {"group.min.session.timeout.ms": 1000}
    with kafka.Cluster(3, settings=settings) as cluster, lab(on=cluster) as t:
        with t.feeder(ahead=20000):
            for number in range(ROUNDS):
                client = cluster.admin()
                wait.until(
                    lambda: in_sync(cluster, t.topic, client), 60, "all copies", interval=0.3
                )
                partitions = cluster.topic_partitions(t.topic, client)
                leader = t.random.choice(sorted({p.leader for p in partitions.values()}))
                victim = next(b for b in cluster.brokers if b.number == leader)
                if number % 2:
                    victim.freeze()
                else:
                    victim.kill()
                t.wait_progress(2500, timeout=60)
                if number == 0 or trial.LONG:
                    t.unit.kill()
                    t.wait_progress(timeout=60)
                if number % 2:
                    victim.thaw()
                else:
                    victim.start()
                    cluster.wait_ready()
            t.wait_progress(timeout=60)
        t.finish(note)


def test_topic_deleted_and_made_again(lab, note):
    """The new topic's events are others, at the same offsets."""
    with lab() as t:
        t.produce(9000)
        t.wait_settled()
        before = t.snapshot()
        t.service.stop()
        client = t.cluster.admin()
        client.delete_topics([t.topic], operation_timeout=20)[t.topic].result()
        wait.until(lambda: not t.cluster.topic_partitions(t.topic, client), 20, "it is gone")
        t.cluster.create_topic(t.topic, t.partitions)
        t.produce(12000)
        t.service.restart()
        t.wait_progress()
        t.unit.kill_and_wait()
        report = t.finish(note)
        assert len(t.known) == len(before) + 12000
        for partition in range(t.partitions) if t.exactly else ():
            assert report.newest(partition) == list(range(4000))


def delete_records(t, first):
    """Retention: what lies before `first` in each partition is gone."""
    places = [{"topic": t.topic, "partition": p, "offset": o} for p, o in first.items()]
    path = t.cluster.directory / "delete.json"
    path.write_text(json.dumps({"partitions": places, "version": 1}))
    kafka.java(
        "org.apache.kafka.tools.DeleteRecordsCommand",
        *("--bootstrap-server", t.cluster.bootstrap, "--offset-json-file", path),
    )


def test_retention_that_passes_the_committed_offset(lab, note):
    with lab() as t:
        t.produce(9000)
        t.wait_settled()
        commits = t.committed()
        t.unit.kill()
        t.service.stop()
        t.produce(30000)
        t.snapshot()
        first = {partition: offset + 4000 for partition, offset in commits.items()}
        delete_records(t, first)
        t.service.restart()
        t.wait_progress()
        t.unit.kill_and_wait()
        expected = {
            event
            for event in t.known
            if event.offset < commits[event.partition] or event.offset >= first[event.partition]
        }
        t.finish(note, expected=expected)
        for notice in t.notices("RETENTION", t.partitions):
            partition = int(notice["KAFKA_PARTITION"])
            assert int(notice["CRIER_FIRST"]) == commits[partition]
            assert int(notice["CRIER_LAST"]) == first[partition] - 1


def test_labs_script_alternating_with_crierd_in_one_group(lab, note):
    """What the script printed is its own; the rest stands in the journal, once."""
    properties = ["session.timeout.ms=2000", "heartbeat.interval.ms=300"]
    printed = set()
    with lab() as t:
        with t.feeder(ahead=3000, rate=1000):
            for number in range(ROUNDS):
                together = number % 2 == 0
                if not together:
                    t.service.stop()
                with member.LabScript(
                    t.cluster.bootstrap, t.topic, [t.group], start="earliest", properties=properties
                ) as script:
                    wait.until(
                        lambda: len(re.findall("^Consumer", script.stdout, re.M)) > 500,
                        30,
                        lambda: script.stdout[-500:] + script.stderr,
                        interval=0.2,
                    )
                    # It commits one by one, and all that before it leaves.
                    script.stop(timeout=60)
                    for line in script.stdout.splitlines():
                        found = re.match(r"Consumer 0: (\d+) x+ \(key", line)
                        if found:
                            printed.add(int(found.group(1)))
                if not together:
                    t.service.restart()
                t.wait_progress(1500)
        t.wait_settled()
        # Which event each number is: it goes to the partition that the feeder chose, in order.
        known = sorted(t.snapshot())
        in_partition = {p: [e for e in known if e.partition == p] for p in range(t.partitions)}
        theirs = {in_partition[n % t.partitions][n // t.partitions] for n in printed}
        assert len(theirs) > 500 * ROUNDS
        t.finish(note, expected=set(known) - theirs)
        t.notices("GROUP_RESET")
