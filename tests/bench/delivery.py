# SPDX-License-Identifier: BSD-2-Clause
"""The part of the bench that is about delivery: how fast events come from Kafka into the journal,
how soon a crierd that was killed goes on, and how old an event is when it can be read."""

import contextlib
import functools
import json
import statistics
import subprocess
import sys
import time

import confluent_kafka

from lib import clients, config, faults, files, records, varlink, wait

import measure

HERE = files.TREE / "tests" / "bench"
SOCKET = "/run/crier/control"
JOURNAL = "/var/log/journal"
PARTITIONS = 5
VALUE = ('{"to": "Ada Lovelace", "from": "%s@gmail.com", '
         '"message": "We will have affordable prices, right?"}')
CONSTANT = VALUE % "abcdefg"
# An event as those above that says when it was made: follow.c looks for that.
SENT = CONSTANT.replace("{", '{"sent": %d, ')
# How many files an old journal has, and a young one.
FILES, FEW_FILES = 100, 4
MANY_PARTITIONS = 200
# Events a second where it is about how old they are.
RATE = 1000
ONCE, ONCE_NO_SYNC, AT_LEAST_ONCE = ("crierd, exactly-once", "crierd, exactly-once, sync = false",
                                     "crierd, at-least-once")
FLOOD = "sd_journal_sendv flood"


def values(count):
    """Lines as the lab's script makes them, each another one, all of one length."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for number in range(count):
        name = ""
        for _ in range(7):
            number, letter = divmod(number, 26)
            name += letters[letter]
        yield VALUE % name


class Delivery:
    """What runs in the machine, and the contenders. Each contender is a method that runs once and
    returns its figures."""

    def __init__(self, lab, options):
        self.lab = lab
        self.machine = lab.machine
        self.options = options
        self.files = 0  # in the journal when a run begins

    def new_topic(self, partitions=PARTITIONS):
        return self.lab.cluster.create_topic(self.lab.fresh("bench"), partitions)

    def fill(self, lines, partitions=PARTITIONS):
        """A topic with an event for each line; its name. Made by kcat, outside the machine."""
        topic = self.new_topic(partitions)
        with subprocess.Popen(["kcat", "-P", "-b", self.lab.cluster.bootstrap, "-t", topic, "-X",
                               "acks=all"], stdin=subprocess.PIPE, text=True) as producer:
            for line in lines:
                producer.stdin.write(line + "\n")
        assert producer.returncode == 0
        return topic

    def start_crier(self, **parts):
        """Starts the service with a configuration; its process id."""
        conf = config.text(config.build(bootstrap=self.lab.cluster.bootstrap, **parts))
        self.machine.write("/etc/crier/crierd.conf", conf)
        self.machine.run("systemctl", "restart", "crierd")
        return int(self.machine.show("crierd", "MainPID"))

    def stop_crier(self):
        self.machine.run("systemctl", "stop", "crierd")

    def status(self):
        return varlink.call(self.lab.inside(SOCKET), "io.crier.Control.Status")

    def start_unit(self, name, *command):
        """Starts a command as a service without a rate limit; its process id."""
        self.machine.run("systemd-run", "--quiet", "--collect", f"--unit={name}",
                         "--property=LogRateLimitIntervalSec=1us", *command)
        return int(self.machine.show(name, "MainPID"))

    def stop_unit(self, name):
        self.machine.run("systemctl", "stop", name)

    def flood(self, *arguments, timeout=180):
        """Runs the flood to its end; what it tells."""
        told = self.machine.run("systemd-run", "--quiet", "--collect", "--wait", "--pipe",
                                "--property=LogRateLimitIntervalSec=1us", "/root/flood", *arguments,
                                timeout=timeout)
        return json.loads(told.stdout)

    # Into the journal.

    def journal_figures(self, start, cpu, match=measure.EVENTS, expected=None):
        """Runs one way into an empty journal: start() begins it, and returns the process to watch
        or None; cpu() is what it has used when all is in the journal."""
        self.lab.empty_journal(self.files)
        journald = self.lab.journald()
        before = self.lab.cpu(journald)
        with measure.Peak(self.lab) as memory:
            memory.pid = start()
            self.lab.wait_journal_settled(self.options.events / 25_000, match)
        figures = {"cpu": cpu(), "journald": self.lab.cpu(journald) - before,
                   **self.lab.journal_rate(expected or self.options.events, match)}
        return {**figures, "memory": memory.peak} if memory.peak else figures

    def crier_to_journal(self, delivery, topic=None, **more):
        """Also how many events a second it is until the last offset is committed."""
        name, topic = self.lab.fresh("bench"), topic or self.topic
        group = config.group(name, topic, start="earliest", delivery=delivery, **more)
        used = []

        def cpu():
            self.lab.wait_committed(name, topic)
            return self.lab.cpu(used[0])

        def start():
            used.append(self.start_crier(groups=[group]))
            return used[0]

        try:
            figures = self.journal_figures(start, cpu)
            said = self.status()["groups"][0]
            assert said["delivery"] == delivery, said
        finally:
            self.stop_crier()
        took = self.lab.commit_time(name, topic) - figures.pop("first")
        return {**figures, "committed": self.options.events / took}

    def flood_to_journal(self):
        told = []
        figures = self.journal_figures(lambda: told.append(self.flood(self.options.events)),
                                       lambda: told[0]["cpu_seconds"])
        del figures["first"]
        return figures

    def unit_to_journal(self, name, command, **more):
        """A service that takes the topic's events into the journal until it is stopped."""
        used = []

        def start():
            used.append(self.start_unit(name, *command))
            return used[0]

        try:
            figures = self.journal_figures(start, lambda: self.lab.cpu_of_all(used[0]), **more)
        finally:
            self.stop_unit(name)
        del figures["first"]
        return figures

    def rsyslog_to_journal(self):
        conf = (HERE / "rsyslog.conf").read_text()
        for name, value in (("TOPIC", self.topic), ("GROUP", self.lab.fresh("bench")),
                            ("BOOTSTRAP", self.lab.cluster.bootstrap)):
            conf = conf.replace(f"@{name}@", value)
        self.machine.write("/root/rsyslog.conf", conf)
        return self.unit_to_journal("bench-rsyslog", ["/usr/sbin/rsyslogd", "-n", "-f",
                                                      "/root/rsyslog.conf", "-i", "NONE"])

    def kcat_to_journal(self):
        """Lines only, without fields."""
        pipe = (f"kcat -q -b {self.lab.cluster.bootstrap} -X auto.offset.reset=earliest "
                f"-G {self.lab.fresh('bench')} {self.topic} | systemd-cat -t bench-kcat")
        figures = self.unit_to_journal("bench-kcat", ["sh", "-c", pipe],
                                       match="SYSLOG_IDENTIFIER=bench-kcat",
                                       # Its output comes in blocks; the last one when it ends.
                                       expected=self.options.events - 100)
        # That of the shell says nothing.
        figures.pop("memory", None)
        return figures

    def journal(self):
        self.topic = self.fill(values(self.options.events))
        narrow = self.fill(values(self.options.events), partitions=1)
        results = measure.alternate(self.options.rounds, {
            ONCE: lambda: self.crier_to_journal("exactly-once"),
            f"{ONCE}, one partition": lambda: self.crier_to_journal("exactly-once", narrow),
            ONCE_NO_SYNC: lambda: self.crier_to_journal("exactly-once", sync=False),
            AT_LEAST_ONCE: lambda: self.crier_to_journal("at-least-once"),
            FLOOD: self.flood_to_journal,
            "rsyslog imkafka, omjournal": self.rsyslog_to_journal,
            "kcat -G, systemd-cat, MESSAGE only": self.kcat_to_journal})
        measure.table(f"Kafka to journal, {self.options.events:,} events", results,
                      (ONCE, ONCE_NO_SYNC),
                      [("rate", "events/s in the journal", 0), ("committed", "… committed", 0),
                       ("cpu", "CPU s", 2), ("journald", "journald CPU s", 2),
                       ("memory", "RssAnon at most, MiB", 1)])

    # A journal of many files.

    def beside(self, count, run):
        """run(), with so many files in the journal."""
        self.files = count
        try:
            return run()
        finally:
            self.files = 0

    def files_of_journal(self):
        self.topic = self.fill(values(self.options.events))
        ways = {ONCE: lambda: self.crier_to_journal("exactly-once"), FLOOD: self.flood_to_journal}
        results = measure.alternate(self.options.rounds, {
            f"{name}, {count} journal files": functools.partial(self.beside, count, run)
            for name, run in ways.items() for count in (FILES, FEW_FILES)})
        measure.table(f"Kafka to journal, {self.options.events:,} events", results,
                      f"{ONCE}, {FILES} journal files",
                      [("rate", "events/s in the journal", 0), ("cpu", "CPU s", 2)])

    def verified(self):
        """How long crierctl verify takes."""
        began = time.perf_counter()
        self.machine.run("crierctl", "verify", timeout=600)
        return {"time": time.perf_counter() - began}

    def verify(self):
        """Many partitions, in a journal of many files; and one that is empty."""
        results = {}
        for name, events in ((f"{self.options.events:,} events in {MANY_PARTITIONS} partitions",
                              self.options.events), ("an empty partition", 0)):
            partitions = MANY_PARTITIONS if events else 1
            topic = self.fill(values(events), partitions=partitions)
            group = config.group(self.lab.fresh("bench"), topic, start="earliest",
                                 delivery="exactly-once")
            self.lab.empty_journal(FILES)
            self.start_crier(groups=[group])
            try:
                self.lab.wait_committed(group["name"], topic)
                results |= measure.alternate(self.options.rounds, {name: self.verified})
            finally:
                self.stop_crier()
        measure.table(f"crierctl verify, {FILES} journal files", results, next(iter(results)),
                      [("time", "s", 3)])

    # Going on after a kill -9, with a journal to look through.

    def kill_crier(self):
        unit = faults.Unit(self.machine, "crierd")
        unit.kill()
        wait.until(lambda: unit.pid is None, 10, "crierd is gone")

    def crier_recovers(self, group, topic, total):
        """Kills crierd and starts it again: how long it is to the first new entry, from the
        assignment, which the broker makes when it has missed the dead member for long enough, and
        from the kill."""
        killed = time.time()
        self.kill_crier()
        self.lab.cluster.produce(topic, [(None, CONSTANT)])
        wanted = clients.ends(self.lab.cluster.bootstrap, topic)[0] - 1
        self.start_crier(groups=[group])
        # Asks the broker only: who reads the journal would slow down what is measured.
        self.lab.wait_committed(group["name"], topic)
        entry = self.lab.entry(f"{measure.EVENTS} KAFKA_TOPIC={topic} KAFKA_OFFSET={wanted}")
        assigned = self.lab.entry(f"MESSAGE_ID={records.IDS['GROUP_REBALANCED']} "
                                  f"KAFKA_GROUP={group['name']}", "-n", "1")
        assert assigned["sent"] > killed, "the group was not shared out again"
        exactly = group["delivery"] == "exactly-once"
        assert exactly == ("CRIER_EPOCH" in entry), entry
        if exactly:
            found = self.lab.count(f"CRIER_EPOCH={entry['CRIER_EPOCH']}")
            assert found > total, f"the epoch has {found} entries, not {total}"
        return {"first": 1000 * (entry["time"] - assigned["sent"]),
                "outage": entry["time"] - killed}

    def recovery(self):
        """One after the other and not by turns, for which each would have to leave in good order,
        and then there is nothing to recover."""
        total = self.options.events // 2
        self.lab.empty_journal()
        # Nobody but the bench starts it again.
        faults.drop_in(self.machine, "crierd.service", "bench", "[Service]\nRestart=no\n")
        results = {}
        try:
            for name, delivery in ((ONCE, "exactly-once"), (AT_LEAST_ONCE, "at-least-once")):
                topic = self.fill(values(total), partitions=1)
                group = config.group(self.lab.fresh("bench"), topic, start="earliest",
                                     delivery=delivery)
                self.start_crier(groups=[group])
                self.lab.wait_committed(group["name"], topic)
                results |= measure.alternate(self.options.rounds, {
                    name: lambda: self.crier_recovers(group, topic, total)})
        finally:
            self.stop_crier()
            faults.drop_in(self.machine, "crierd.service", "bench", None)
        measure.table(f"After kill -9, {total:,} entries of the epoch in the journal", results,
                      ONCE, [("first", "from the assignment to the first new entry, ms", 1),
                             ("outage", "from the kill to it, s", 1)])

    # How old an event is when it can be read.

    @contextlib.contextmanager
    def followed(self, *command):
        """Runs a command that takes the time of all events that the block sends. Yields a dict,
        which has the figures after the block."""
        count = RATE * self.options.seconds
        figures = {}
        with subprocess.Popen([*map(str, command), str(count)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True) as follower:
            try:
                assert follower.stdout.readline() == "ready\n", f"{command[0]} does not follow"
                yield figures
                told = follower.communicate(timeout=60)[0]
            finally:
                follower.kill()
        took = [int(line) / 1e6 for line in told.split()]
        assert len(took) == count, f"{len(took)} of {count} events were read"
        hundredths = statistics.quantiles(took, n=100)
        figures.update(p50=hundredths[49], p99=hundredths[98])

    def journal_followed(self):
        """The same for the machine's journal, which is read from outside."""
        return self.followed(self.follow, self.lab.inside(JOURNAL))

    def warm_producer(self, topic):
        """A client that has sent an event to each partition: the first ones take longer, since
        nobody has asked for the leaders yet."""
        producer = confluent_kafka.Producer({"bootstrap.servers": self.lab.cluster.bootstrap,
                                             "linger.ms": 0})
        for number in range(PARTITIONS):
            producer.produce(topic, CONSTANT, partition=number)
        assert producer.flush(30) == 0
        return producer

    def send_events(self, producer, topic):
        """Events at the rate, each with the time at which it was given to the client."""
        began = time.monotonic()
        for number in range(RATE * self.options.seconds):
            time.sleep(max(0, began + number / RATE - time.monotonic()))
            producer.produce(topic, SENT % time.time_ns())
            producer.poll(0)
        assert producer.flush(30) == 0

    def crier_delay(self, delivery, **more):
        topic = self.new_topic()
        group = config.group(self.lab.fresh("bench"), topic, start="earliest", delivery=delivery,
                             **more)
        self.lab.empty_journal()
        self.start_crier(groups=[group])
        try:
            producer = self.warm_producer(topic)
            wait.until(lambda: self.status()["groups"][0]["written"] == PARTITIONS, 60,
                       "a group that reads all partitions")
            with self.journal_followed() as figures:
                self.send_events(producer, topic)
            said = self.status()["groups"][0]
            assert said["delivery"] == delivery, said
            return figures
        finally:
            self.stop_crier()

    def journald_delay(self):
        self.lab.empty_journal()
        with self.journal_followed() as figures:
            self.flood(RATE * self.options.seconds, RATE, timeout=60 + 2 * self.options.seconds)
        return figures

    def kafka_delay(self):
        topic = self.new_topic()
        producer = self.warm_producer(topic)
        with self.followed(sys.executable, "-B", HERE / "receive.py", self.lab.cluster.bootstrap,
                           topic, PARTITIONS) as figures:
            self.send_events(producer, topic)
        return figures

    def latency(self):
        with self.lab.tool("follow") as self.follow:
            results = measure.alternate(self.options.rounds, {
                ONCE: lambda: self.crier_delay("exactly-once"),
                ONCE_NO_SYNC: lambda: self.crier_delay("exactly-once", sync=False),
                AT_LEAST_ONCE: lambda: self.crier_delay("at-least-once"),
                "journald alone, sd_journal_sendv": self.journald_delay,
                "Kafka alone, confluent_kafka": self.kafka_delay})
        measure.table(f"From produce to readable in the journal, {RATE:,} events/s", results, ONCE,
                      [("p99", "p99, ms", 2), ("p50", "p50, ms", 2)])
