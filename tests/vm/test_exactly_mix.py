# SPDX-License-Identifier: BSD-2-Clause
"""All faults at random, one after the other, while events flow: every event stands in the journal
once, and all is well at the end without anybody's help."""

import collections
import signal
import time

import pytest

from lib import exactly, faults, trial

SECONDS = 600 if trial.LONG else 60


class Mix:
    """The faults, by name; each takes as long as it takes."""

    def __init__(self, t, second):
        self.t, self.second = t, second
        self.done = collections.Counter()

    def kill_crierd(self):
        self.t.unit.kill()

    def kill_second(self):
        self.second.unit.kill()

    def kill_journald(self):
        self.t.journald.kill()

    def restart_journald(self):
        self.t.machine.run("systemctl", "restart", "systemd-journald")

    def restart_crierd(self):
        self.t.machine.run("systemctl", "restart", "crierd")

    def freeze_journald(self):
        with self.t.journald.frozen():
            self.pause(4)

    def freeze_crierd(self):
        with self.t.random.choice([self.t.unit, self.second.unit]).frozen():
            self.pause(4)

    def slow_second(self):
        with self.second.unit.slow():
            self.pause(4)

    def kill_both(self):
        self.t.unit.kill()
        self.second.unit.kill()
        self.t.journald.kill()

    def full_disk(self):
        with faults.full_disk(self.t.machine, memory=self.t.random.random() < 0.5):
            self.pause(4)
            if self.t.random.random() < 0.3:
                self.t.unit.kill()

    def socket_gone(self):
        with faults.journal_socket_gone(self.t.machine):
            self.pause(2)

    def kill_broker(self):
        self.t.cluster.brokers[0].kill()
        self.pause(2)
        self.t.cluster.start()

    def forge(self):
        journal = exactly.Journal(self.t.machine)
        last = exactly.ranges(self.t.cluster.bootstrap, self.t.topic)
        now = int(time.time() * 1000)
        events = [(p, high + n, now + n) for p, (_, high) in last.items() for n in range(300)]
        epochs = journal.epochs(self.t.group)[-6:]
        faults.forge(self.t.machine, self.t.group, self.t.topic, events, epochs)

    def expel(self):
        found = self.t.cluster.groups(self.t.group)
        if found and found[0].members:
            broker = ("127.0.0.1", self.t.cluster.brokers[0].port)
            member = self.t.random.choice(found[0].members)
            faults.expel(broker, self.t.group, member.id)

    def pause(self, most):
        self.t.stopped.wait(self.t.random.uniform(0, most))

    def run(self, seconds):
        """Every fault once in random order, and again, until the time is over."""
        names = [n for n in vars(Mix) if not n.startswith("_") and n not in ("pause", "run")]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name in self.t.random.sample(names, len(names)):
                if time.monotonic() < end:
                    getattr(self, name)()
                    self.done[name] += 1
                    self.pause(2)


def test_all_faults_at_random(lab, note, large_disk, few_descriptors):
    with lab() as t, faults.Second(t.machine, t.config()) as second:
        if trial.LONG:
            faults.many_files(t.machine)
        t.watched.append(second.unit)
        mix = Mix(t, second)
        with t.feeder(ahead=20000, rate=2000 if trial.LONG else 1000) as feeder:
            mix.run(SECONDS)
            assert feeder.error is None, feeder.error
        second.unit.signal(signal.SIGCONT)
        note(", ".join(f"{name} {n}" for name, n in sorted(mix.done.items())))
        t.finish(note)


@pytest.fixture
def large_disk(faulty):
    """A disk that the mix can fill, with room for all that it makes."""
    megabytes = 4500 if trial.LONG else 3000
    with faults.small_disk(faulty, megabytes):
        faults.configure_journald(
            faulty,
            RateLimitBurst=0,
            SystemMaxUse=f"{megabytes - 100}M",
            SystemMaxFiles=10000,
            SystemKeepFree="1M",
        )
        yield
    faults.configure_journald(faulty, RateLimitBurst=0)
