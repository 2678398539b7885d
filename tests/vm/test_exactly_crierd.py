# SPDX-License-Identifier: BSD-2-Clause
"""crierd that is killed, at any moment: every event of the group stands in the journal once."""

from lib import exactly, faults, kafka, trial, wait

KILLS = 200 if trial.LONG else 10
ROUNDS = 20 if trial.LONG else 3


def kill_under_load(t):
    """One kill -9: mostly some moments after the first commit, sometimes in the middle of joining
    or of recovery."""
    before = sum(t.committed().values())
    wait.until(t.unit.kill, 30, "crierd runs", interval=0.02)
    if t.random.random() < 0.7:
        wait.until(lambda: sum(t.committed().values()) > before, 30, t.stand, interval=0.2)
        t.stopped.wait(t.random.uniform(0, 1.2))
    else:
        t.stopped.wait(t.random.uniform(0.1, 4))


def test_kill_9_at_random_moments_under_full_load(lab, note):
    with lab() as t:
        with t.feeder(full=True, ahead=60000):
            for _ in range(KILLS):
                kill_under_load(t)
        t.finish(note)
        t.notices("PARTITION_RECOVERED")


def test_killed_while_events_with_odd_timestamps_come(lab, note):
    """What is found again is told by offset and timestamp; a timestamp may be any number up to now,
    and -1 says that there is none."""
    odd = [-2, -(10**15), -1, 1, 10**12]
    with lab() as t:
        for _ in range(ROUNDS):
            events = ((None, b"%d" % n, None, n % 3, odd[n % 5]) for n in range(900))
            t.cluster.produce(t.topic, events)
            wait.until(lambda: len(t.service.events()) > 0, 30, t.stand)
            t.unit.kill_and_wait()
        t.finish(note)
        assert t.machine.run("crierctl", "verify", check=False).returncode == 0


def test_oracle_finds_what_at_least_once_doubles(lab, note):
    """An oracle that cannot fail is worth nothing."""
    with lab(delivery="at-least-once") as t:
        with t.feeder(ahead=60000):
            for _ in range(2):
                t.wait_progress(2500)
                t.unit.kill()
                t.wait_progress()
        t.wait_settled()
        report = t.report()
        note(str(report))
        assert report.twice and not report.lost and not report.altered


def reset(t, where, *topic):
    """What Kafka's own tool does to a group that nobody is in."""
    wait.until(
        lambda: "no active members" in (told := members(t)) or not told.strip(), 30, "nobody in it"
    )
    kafka.java(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        *("--bootstrap-server", t.cluster.bootstrap, "--group", t.group),
        *("--topic", *(topic or [t.topic]), "--reset-offsets", where, "--execute"),
    )


def members(t):
    found = t.cluster.groups(t.group)
    return "no active members" if not found or not found[0].members else "members"


def check_replay(t, report, first):
    """The newest epoch of each partition has each event from `first` on once."""
    if not t.exactly:
        return
    for partition, (_, high) in exactly.ranges(t.cluster.bootstrap, t.topic).items():
        begin = first.get(partition, 0)
        assert report.newest(partition) == list(range(begin, high)), (partition, report.explain())


def test_group_reset_by_kafkas_tool_and_killed_in_mid_replay(lab, note):
    events = 20000 * ROUNDS
    with lab() as t:
        t.produce(events)
        t.wait_settled()
        t.service.stop()
        reset(t, "--to-earliest")
        t.service.restart()
        for _ in range(ROUNDS):
            t.wait_progress()
            t.unit.kill_and_wait()
        t.produce(3000)
        report = t.finish(note, moved=True)
        t.notices("GROUP_RESET")
        check_replay(t, report, {})
        assert len(report.again) == events or not t.exactly


def test_seek_under_load_killed_in_the_middle(lab, note):
    """Whatever of a seek is done when crierd dies, what follows is complete, and once."""
    with lab() as t:
        with t.feeder(ahead=20000):
            for _ in range(ROUNDS):
                t.wait_progress(5000)
                seek = t.machine.command("crierctl", "seek", t.group, t.topic, "1000")
                with faults.running(seek):
                    t.stopped.wait(t.random.uniform(0, 1))
                    t.unit.kill_and_wait()
        t.finish(note, moved=True)
        t.machine.run("crierctl", "seek", t.group, t.topic, "2000")
        report = t.finish(note, moved=True)
        check_replay(t, report, dict.fromkeys(range(t.partitions), 2000))
