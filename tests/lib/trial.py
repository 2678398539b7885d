# SPDX-License-Identifier: BSD-2-Clause
"""One trial of the machine's crierd: a topic and a group of its own, load, whatever the test does
to them, and the verdict. What the daemon says of itself decides nothing; the broker's word on what
is committed, and the oracle's on what stands in the journal, do."""

import contextlib
import os
import random
import threading

from lib import config, exactly, faults, load, wait

MIB = 1024 * 1024
# What the tests are for; with "at-least-once" one can watch the oracle find what that costs.
DELIVERY = os.environ.get("CRIER_TEST_DELIVERY", "exactly-once")
# The long runs.
LONG = os.environ.get("CRIER_LONG") == "1"
# What crierd may take, however much waits: twice in_flight_bytes, and its libraries.
MEMORY = 200 * MIB
# Events a second, and where a test asks for a full load, where other rings need the processors. The
# long runs have as much as the group can take.
RATE = 1500
FULL_RATE = 3000
# A member that died is missed soon. The brokers of the tests allow it.
PROPERTIES = ["session.timeout.ms=2000", "heartbeat.interval.ms=300"]


def seed():
    """CRIER_SEED, or a new one."""
    return int(os.environ.get("CRIER_SEED") or random.SystemRandom().randrange(1 << 32))


class Trial:
    """Use it as a context manager. `more`: keys of the group, over the defaults."""

    def __init__(self, service, cluster, name, partitions=3, delivery=DELIVERY, **more):
        self.service, self.machine, self.cluster = service, service.machine, cluster
        self.name = self.topic = self.group = name
        self.delivery = delivery
        self.partitions = partitions
        self.more = more
        self.seed = seed()
        self.random = random.Random(self.seed)
        self.unit = faults.Unit(self.machine, "crierd")
        self.journald = faults.Unit(self.machine, "systemd-journald")
        self.watched = [self.unit]
        self.known = {}
        self.most_memory = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.client = exactly.Client(cluster.bootstrap, name)

    exactly = property(lambda self: self.delivery == "exactly-once")

    def __enter__(self):
        # What other trials have left makes reading longer.
        self.machine.shell("journalctl --quiet --rotate; journalctl --quiet --vacuum-files=1")
        self.cluster.create_topic(self.topic, self.partitions)
        self.service.restart(self.config())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()
        self.client.close()

    def config(self, **more):
        """The configuration's text; `more`: keys of the group."""
        keys = {
            "start": "earliest",
            "delivery": self.delivery,
            "message": "%{value}",
            "properties": PROPERTIES,
            **self.more,
            **more,
        }
        consumers = keys.pop("consumers", 2)
        return config.text(
            config.build(
                bootstrap=self.cluster.bootstrap,
                groups=[config.group(self.group, self.topic, consumers, **keys)],
            )
        )

    def _watch(self):
        while not self.stopped.wait(0.3):
            self.most_memory = max([self.most_memory] + [unit.memory() for unit in self.watched])

    @contextlib.contextmanager
    def feeder(self, full=False, **more):
        """Load, flowing when the block begins; at its end it has ended."""
        if not LONG:
            more.setdefault("rate", FULL_RATE if full else RATE)
        with load.Feeder(
            self.cluster.bootstrap, self.topic, self.group, seed=self.seed, **more
        ) as feeder:
            self.wait_progress()
            yield feeder
        assert feeder.error is None, feeder.error

    def produce(self, count):
        """So many more events, and no waiting for the group."""
        feeder = load.Feeder(
            self.cluster.bootstrap,
            self.topic,
            self.group,
            ahead=1 << 40,
            count=count,
            seed=self.seed,
        )
        with feeder:
            feeder.thread.join(120)
        assert feeder.error is None and feeder.made == count, feeder.error

    def committed(self):
        """The group's committed offsets, {partition: offset}, by the broker's word."""
        return self.client.committed(self.topic)

    def ends(self):
        """The ends of the topic's log, {partition: offset}."""
        return {partition: high for partition, (_, high) in self.client.ranges(self.topic).items()}

    def wait_progress(self, events=1, timeout=30):
        """Waits until so many more events are committed."""
        before = sum(self.committed().values())
        wait.until(
            lambda: sum(self.committed().values()) >= before + events,
            timeout,
            lambda: f"{events} more events committed than {before}: {self.stand()}",
            interval=0.2,
        )

    def stand(self):
        """Where things stand, for a failure's text."""
        shown = self.machine.run("crierctl", "status", check=False)
        return f"committed {self.committed()} of {self.ends()}\n{shown.stdout}{shown.stderr}"

    def wait_settled(self, timeout=90):
        """Waits until the broker has the group's commits at the ends of the log."""

        def settled():
            commits = self.committed()
            return all(commits.get(p, 0) >= end for p, end in self.ends().items())

        wait.until(settled, timeout, self.stand, interval=0.2)

    def snapshot(self):
        """Has the oracle learn what the topic holds now; before something takes it away."""
        self.known.update(exactly.content(self.cluster.bootstrap, self.topic))
        return dict(self.known)

    def report(self, journal=None, expected=None):
        """The oracle's report, as things stand."""
        self.snapshot()
        journal = journal or exactly.Journal(self.machine)
        rows, forged = journal.rows(self.group, self.topic, self.exactly)
        assert not journal.torn
        return exactly.Report(rows, self.known, expected, forged)

    def finish(self, note, moved=False, journal=None, expected=None):
        """The end of every test: all is committed, the oracle finds nothing wrong, memory stayed
        bounded, and the service is well. Returns the report."""
        self.wait_settled()
        report = self.report(journal, expected)
        note(
            f"{report}; {self.unit.deaths} kills of crierd, {self.journald.deaths} of journald; "
            f"{self.most_memory // MIB} MiB; CRIER_SEED={self.seed}"
        )
        report.check(moved)
        assert self.most_memory < MEMORY
        self.check_health()
        return report

    def check_health(self):
        """It runs, its group is stable, and nothing is left in trouble."""
        assert self.machine.show("crierd", "ActiveState") == "active"
        status = self.service.wait_stable(30)
        assert status["state"] == "running" and status["sink"]["state"] == "ok", status
        (group,) = (g for g in status["groups"] if g["name"] == self.group)
        assert group["delivery"] == self.delivery, group
        assert all(c["trouble"] is None for c in group["consumers"]), group

    def notices(self, kind, count=1):
        """The daemon's records of a kind for this group: at least so many, where it is
        exactly-once. Returns them."""
        if not self.exactly:
            return []
        found = exactly.Journal(self.machine).notices(kind, KAFKA_GROUP=self.group)
        assert len(found) >= count, f"{kind}: {found}"
        return found
