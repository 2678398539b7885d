# SPDX-License-Identifier: BSD-2-Clause
"""How the bench measures: all from outside what is measured, and in the same way for each."""

import contextlib
import json
import pathlib
import re
import statistics
import time

import confluent_kafka

from lib import wait

EVENT = "e41ae87749b7425d8e0710020101f1e4"
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

    def memory(self, pid):
        """Anonymous resident memory of a process of the machine, in MiB."""
        status = self.inside(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.M).group(1)) / 1024

    def journald(self):
        return int(self.machine.show("systemd-journald", "MainPID"))

    def empty_journal(self):
        """Each run begins with a journal file of its own and no old ones."""
        self.machine.run("journalctl", "--quiet", "--rotate", "--vacuum-size=1")

    def _entry(self, *options):
        found = self.machine.shell("journalctl --quiet -o json --output-fields=_PID "
                                   f"MESSAGE_ID={EVENT} {' '.join(options)} | head -n 1").stdout
        return int(json.loads(found)["__REALTIME_TIMESTAMP"]) / 1e6 if found.strip() else None

    def wait_journal_settled(self, quiet, timeout=180):
        """Waits until event entries came and no more come. Does not look for `quiet` seconds, since
        to read the journal costs its writer some of its speed."""
        time.sleep(quiet)

        def settled():
            last = self._entry("-n", "1")
            return last is not None and time.time() - last > SETTLED_SECONDS
        wait.until(settled, timeout, "event entries in the journal, and their end", interval=0.5)

    def journal_rate(self, expected):
        """Events a second in the journal, by the times at which journald took them."""
        count = int(self.machine.shell(
            f"journalctl --quiet -o cat --output-fields=_PID MESSAGE_ID={EVENT} | wc -l").stdout)
        assert count >= expected, f"{count} of {expected} entries are in the journal"
        return (count - 1) / (self._entry("-n", "1") - self._entry())

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
    the first figure. `figures` is a list of (figure, heading, digits)."""
    main = figures[0][0]
    our_median = statistics.median(results[ours][main])
    print(f"\n### {title}\n\n| | {' | '.join(heading for _, heading, _ in figures)} | crier is |")
    print("|---" * (len(figures) + 2) + "|")
    for name, values in results.items():
        cells = [show(values[figure], digits) if figure in values else ""
                 for figure, _, digits in figures]
        ratio = "" if name == ours else f"{our_median / statistics.median(values[main]):.2g}"
        print(f"| {name} | {' | '.join(cells)} | {ratio} |")
    print(flush=True)
