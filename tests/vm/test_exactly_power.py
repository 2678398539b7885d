# SPDX-License-Identifier: BSD-2-Clause
"""A machine that loses its power under load: what was committed is in the journal with
`sync = true`, and is not without it. The machine is a guest in emulation (lib/power.py): what it
has not brought to its disk is gone. What the disk has taken stays, so a disk that forgets what it
was not told to flush is not tried here."""

import random
import time

import pytest

from lib import config, exactly, load, power, trial, wait

LOSSES = 20 if trial.LONG else 1
# Events a second, and how many are committed before the power fails.
RATE = 300
EVENTS = 600 if trial.LONG else 300


@pytest.fixture(scope="module")
def memory(machine, tmp_path_factory):
    """The guest's memory file system."""
    return power.initramfs(machine, tmp_path_factory.mktemp("power") / "initramfs")


class Trial:
    """A guest with a topic and a group of its own. Use it as a context manager."""

    def __init__(self, machine, memory, cluster, directory, sync):
        self.machine, self.cluster = machine, cluster
        self.name = f"power-{'with' if sync else 'without'}-sync"
        self.seed = trial.seed()
        self.random = random.Random(self.seed)
        self.client = exactly.Client(cluster.bootstrap, self.name)
        group = config.group(
            self.name,
            self.name,
            start="earliest",
            delivery="exactly-once",
            sync=sync,
            message="%{value}",
            # A member in emulation is slow.
            properties=["session.timeout.ms=6000", "heartbeat.interval.ms=1000"],
        )
        text = config.text(config.build(bootstrap=cluster.bootstrap, groups=[group]))
        self.guest = power.Guest(machine, directory, memory, text)

    def __enter__(self):
        self.cluster.create_topic(self.name, 2)
        return self

    def __exit__(self, *_):
        self.guest.close()
        self.client.close()

    def committed(self):
        return self.client.committed(self.name)

    def wait(self, condition, timeout=120):
        """For the guest, which has to stay alive meanwhile."""
        wait.until(
            lambda: self.guest.check_runs() or condition(),
            timeout,
            lambda: f"committed {self.committed()} of {self.ends()}\n{self.guest.said()}",
            interval=0.2,
        )

    def ends(self):
        return {p: high for p, (_, high) in self.client.ranges(self.name).items()}

    def lose_power_under_load(self):
        """Some moments after the last of several commits."""
        self.guest.boot()
        feeder = load.Feeder(
            self.cluster.bootstrap, self.name, self.name, rate=RATE, seed=self.seed
        )
        with feeder:
            enough = sum(self.committed().values()) + EVENTS
            self.wait(lambda: sum(self.committed().values()) >= enough)
            time.sleep(self.random.uniform(0, 1.5))
            self.guest.lose_power()
        assert feeder.error is None, feeder.error

    def report(self):
        """The oracle's, of what was committed when the power failed."""
        committed = self.committed()
        known = exactly.content(self.cluster.bootstrap, self.name)
        expected = [e for e in known if e.offset < committed.get(e.partition, 0)]
        with self.guest.journal() as directory:
            journal = exactly.Journal(self.machine, directory)
            rows, forged = journal.rows(self.name, self.name, timed=True)
        self.torn = journal.torn
        return exactly.Report(rows, known, expected, forged)

    def figures(self, report):
        return (
            f"{report}, {self.torn} torn; {sum(self.ends().values())} made, "
            f"{self.guest.losses} losses of power, {self.guest.seconds:.0f} s of a processor; "
            f"CRIER_SEED={self.seed}"
        )


def test_power_loss_takes_nothing_that_was_committed_with_sync(
    machine, memory, cluster, tmp_path, note
):
    with Trial(machine, memory, cluster, tmp_path, sync=True) as t:
        for _ in range(LOSSES):
            t.lose_power_under_load()
            report = t.report()
            report.check()
            note(t.figures(report))
        # It goes on, writes what was lost before it was committed, and all of it once.
        t.guest.boot()
        t.wait(lambda: all(t.committed().get(p, 0) >= end for p, end in t.ends().items()))
        t.guest.lose_power()
        report = t.report()
        note(t.figures(report))
        report.check()
        assert len(report.expected) == sum(t.ends().values()), t.figures(report)


def test_power_loss_takes_what_was_committed_without_sync(
    machine, memory, cluster, tmp_path, note
):
    """The test above can fail."""
    with Trial(machine, memory, cluster, tmp_path, sync=False) as t:
        t.lose_power_under_load()
        report = t.report()
        note(t.figures(report))
        assert len(report.expected) >= EVENTS and report.lost, report.explain()
