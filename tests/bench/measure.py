# SPDX-License-Identifier: BSD-2-Clause
"""How the bench measures: all from outside what is measured, and in the same way for each."""

import contextlib
import json
import pathlib
import re
import statistics
import struct
import subprocess
import tempfile
import threading
import time

import confluent_kafka

from lib import clients, files, oracle, records, wait

# What journalctl finds events by.
EVENTS = f"MESSAGE_ID={records.IDS['EVENT']}"
SETTLED_SECONDS = 2


class Lab:
    """A booted lab VM and a Kafka cluster outside it."""

    def __init__(self, machine, cluster):
        self.machine = machine
        self.cluster = cluster
        self.serial = 0

    def fresh(self, name):
        """A name for a topic or a group that was not used before."""
        self.serial += 1
        return f"{name}-{self.serial}"

    def inside(self, path):
        """A path of the machine as the host reaches it, mounts of the machine's own included."""
        return pathlib.Path(f"/proc/{self.machine.leader}/root") / str(path).lstrip("/")

    def cpu(self, pid):
        """CPU seconds of a process of the machine so far, all its threads, user and system."""
        fields = self.inside(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def cpu_of_all(self, pid):
        """The same, with its children that run."""
        found = self.inside(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return self.cpu(pid) + sum(self.cpu(child) for child in found)

    def memory(self, pid):
        """Anonymous resident memory of a process of the machine, in MiB."""
        status = self.inside(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.M).group(1)) / 1024

    def journald(self):
        return int(self.machine.show("systemd-journald", "MainPID"))

    def empty_journal(self, files=0):
        """Each run begins with a journal file of its own and no old ones, or so many."""
        self.machine.run("journalctl", "--quiet", "--rotate", "--vacuum-size=1")
        rotate = "logger bench; journalctl --quiet --rotate"
        self.machine.shell(f"for i in $(seq {files}); do {rotate}; done", timeout=300)

    def entry(self, match, *options):
        """The first entry that journalctl finds, None where there is none: its fields, and as
        `time` and `sent` when journald took it and when it was sent to it, in seconds."""
        found = self.machine.shell(
            "journalctl --quiet -o json --output-fields=CRIER_EPOCH,_SOURCE_REALTIME_TIMESTAMP "
            f"{match} {' '.join(options)} | head -n 1").stdout
        if not found.strip():
            return None
        entry = json.loads(found)
        took = entry["__REALTIME_TIMESTAMP"]
        return {**entry, "time": int(took) / 1e6,
                "sent": int(entry.get("_SOURCE_REALTIME_TIMESTAMP", took)) / 1e6}

    def count(self, match):
        """How many entries journalctl finds."""
        return int(self.machine.shell(
            f"journalctl --quiet -o cat --output-fields=_PID {match} | wc -l").stdout)

    def wait_journal_settled(self, quiet, match=EVENTS, timeout=180):
        """Waits until entries came and no more come. Does not look for `quiet` seconds, since to
        read the journal costs its writer some of its speed."""
        time.sleep(quiet)

        def settled():
            last = self.entry(match, "-n", "1")
            return last and time.time() - last["time"] > SETTLED_SECONDS
        wait.until(settled, timeout, "entries in the journal, and their end", interval=0.5)

    def journal_rate(self, expected, match=EVENTS):
        """Events a second in the journal, by the times at which journald took them, and the time of
        the first."""
        count = self.count(match)
        assert count >= expected, f"{count} of {expected} entries are in the journal"
        first = self.entry(match)["time"]
        return {"rate": (count - 1) / (self.entry(match, "-n", "1")["time"] - first),
                "first": first}

    def wait_committed(self, group, topic, timeout=120):
        """Waits until the group has committed all that is in the topic. Asks only the broker."""
        ends = {n: end for n, end in clients.ends(self.cluster.bootstrap, topic).items() if end}

        def missing():
            committed = oracle.committed(self.cluster.bootstrap, group, topic)
            return {n: end for n, end in ends.items() if committed.get(n, 0) < end}
        wait.until(lambda: not missing(), timeout, lambda: f"commits: {missing()}", interval=0.3)

    def commit_time(self, group, topic):
        """When the broker took the commit with which all that is in the topic was committed."""
        ends, done = clients.ends(self.cluster.bootstrap, topic), {}
        for message in self.content("__consumer_offsets"):
            commit = parse_commit(message.key(), message.value())
            if commit and commit[:2] == (group, topic):
                _, _, partition, offset = commit
                if offset >= ends[partition] > 0:
                    done.setdefault(partition, message.timestamp()[1] / 1000)
        return max(done.values())

    def content(self, topic):
        """What a topic has, message by message."""
        client = oracle.consumer(self.cluster.bootstrap, **{"enable.partition.eof": True})
        try:
            left = set(oracle.partitions(client, topic))
            client.assign([confluent_kafka.TopicPartition(topic, number,
                                                          confluent_kafka.OFFSET_BEGINNING)
                           for number in left])
            while left:
                message = client.poll(20)
                assert message, f"the broker does not hand out {topic} {left}"
                if not message.error():
                    yield message
                    continue
                assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
                left.discard(message.partition())
        finally:
            client.close()

    @contextlib.contextmanager
    def tool(self, name):
        """A program of the bench, built from its source: yields where it is meanwhile."""
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / name
            source = files.TREE / "tests" / "bench" / f"{name}.c"
            subprocess.run(["cc", "-O2", "-o", path, source, "-lsystemd"], check=True)
            yield path

    @contextlib.contextmanager
    def stored(self, topic, partitions):
        """Yields a function that counts the events in a topic, by asking the broker."""
        client = confluent_kafka.Consumer({"bootstrap.servers": self.cluster.bootstrap,
                                           "group.id": "bench-watermarks", "log_level": 0})
        places = [confluent_kafka.TopicPartition(topic, number) for number in range(partitions)]

        def count():
            return sum(client.get_watermark_offsets(place, timeout=10)[1] for place in places)

        def known():
            # A topic that was just made has no leaders yet.
            with contextlib.suppress(confluent_kafka.KafkaException):
                return count() == 0
        wait.until(known, 20, f"the partitions of {topic}")
        try:
            yield count
        finally:
            client.close()


class Peak:
    """How much memory the process `pid` has at most while the block runs: `peak`, in MiB; 0 where
    there is no process."""

    def __init__(self, lab, interval=0.05):
        self.lab = lab
        self.interval = interval
        self.pid = None
        self.peak = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        while not self.stopped.wait(self.interval):
            if self.pid:
                with contextlib.suppress(OSError):
                    self.peak = max(self.peak, self.lab.memory(self.pid))


def parse_commit(key, value):
    """(group, topic, partition, offset) of a message of __consumer_offsets; None where it is
    something else."""
    version, = struct.unpack_from(">h", key)
    if version > 1 or value is None:
        return None
    place, names = 2, []
    for _ in range(2):
        size, = struct.unpack_from(">h", key, place)
        names.append(key[place + 2:place + 2 + size].decode())
        place += 2 + size
    return (*names, struct.unpack_from(">i", key, place)[0], struct.unpack_from(">q", value, 2)[0])


def rate(count, total, interval=0.02, timeout=180):
    """Calls count() until it reaches `total`; returns by how much it grew a second."""
    began, first = None, 0
    deadline = time.monotonic() + timeout
    while True:
        now, value = time.monotonic(), count()
        if value and began is None:
            began, first = now, value
        if value >= total:
            break
        if now > deadline:
            raise wait.Timeout(f"{value} of {total} within {timeout} s")
        time.sleep(interval)
    assert first < total, "too few events to see them pass: ask for more"
    return (total - first) / (now - began)


def watch(status, total, timeout=180):
    """Calls status() until the first group has received `total`. Returns how many it received a
    second, by the daemon's own clock, and how long the slowest answers but one in a hundred took,
    in milliseconds."""
    deadline = time.monotonic() + timeout
    times, seen = [], []
    while not seen or seen[-1][1] < total:
        began = time.perf_counter()
        reply = status()
        times.append(1000 * (time.perf_counter() - began))
        seen.append((reply["uptime_ms"], reply["groups"][0]["received"]))
        if time.monotonic() > deadline:
            raise wait.Timeout(f"{seen[-1][1]} of {total} within {timeout} s")
    flowing = [place for place in seen if 0 < place[1] < total]
    assert len(flowing) > 1, "too few events to see them pass: ask for more"
    (first, none), (last, all_but_a_few) = flowing[0], flowing[-1]
    return {"rate": 1000 * (all_but_a_few - none) / (last - first),
            "p99": statistics.quantiles(times, n=100)[98]}


def alternate(rounds, contenders):
    """Runs each contender once a round, `rounds` times. A contender is a function that returns a
    dict of figures. Returns name → figure → list of values."""
    results = {name: {} for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            for figure, value in contender().items():
                results[name].setdefault(figure, []).append(value)
            last = {figure: round(values[-1], 3) for figure, values in results[name].items()}
            print(f"  round {number + 1} of {rounds}: {name}: {last}", flush=True)
    return results


def show(values, digits):
    """Median and spread."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def table(title, results, ours, figures):
    """Prints a Markdown table: a contender a row, a figure a column, and what ours is of theirs in
    the first figure; `ours` is a name, or several. `figures` is a list of (figure, heading,
    digits)."""
    main = figures[0][0]
    ours = {ours: "crier"} if isinstance(ours, str) else {name: name for name in ours}
    headings = [heading for _, heading, _ in figures] + [f"{name} is" for name in ours.values()]
    print(f"\n### {title}\n\n| | {' | '.join(headings)} |")
    print("|---" * (len(headings) + 1) + "|")
    for name, values in results.items():
        cells = [show(values[figure], digits) if figure in values else ""
                 for figure, _, digits in figures]
        cells += ["" if name == our else ratio(results[our][main], values[main]) for our in ours]
        print(f"| {name} | {' | '.join(cells)} |")
    print(flush=True)


def ratio(ours, theirs):
    return f"{statistics.median(ours) / statistics.median(theirs):.3g}"
