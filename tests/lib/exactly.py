# SPDX-License-Identifier: BSD-2-Clause
"""The oracle of exactly-once: what the broker holds, event by event, against what stands in a
machine's journal, by group, topic, partition, offset and epoch. It reads the journal with
journalctl and the broker with confluent_kafka, and shares nothing with the daemon that it judges.

An entry stands where a match on its epoch finds it, and counts where journald vouches that the
daemon's user sent it. An event is what has a partition, an offset and a timestamp: a topic that was
made anew has other events at the same offsets."""

import collections
import os
import pathlib
import subprocess
import threading
import zlib

import confluent_kafka

from lib import oracle, records, wait

FIELDS = (
    "CRIER_CUT",
    "CRIER_EPOCH",
    "KAFKA_GROUP",
    "KAFKA_KEY",
    "KAFKA_OFFSET",
    "KAFKA_PARTITION",
    "KAFKA_TIMESTAMP",
    "KAFKA_TOPIC",
    "KAFKA_VALUE",
    "MESSAGE",
    "MESSAGE_ID",
    "_UID",
)

# An event: which one, and the check sum of its key and value.
Event = collections.namedtuple("Event", "partition offset timestamp")
# An entry of an event; `cut` where it was written without a part of it. The cursor tells when
# journald took it and as which entry of which file.
Row = collections.namedtuple("Row", "epoch event sum cut cursor")


def checksum(key, value):
    """Of a key and a value, each bytes or None."""
    return zlib.crc32(key or b"", zlib.crc32(value or b"", key is None))


def parse(stream):
    """The entries of `journalctl -o export` as dicts of bytes. Of a field that occurs several times
    the last value is kept."""
    entry = {}
    for line in stream:
        if line == b"\n":
            if entry:
                yield entry
            entry = {}
            continue
        name, assigned, value = line[:-1].partition(b"=")
        if not assigned:
            value = stream.read(int.from_bytes(stream.read(8), "little"))
            stream.read(1)
        entry[name.decode("ascii")] = value
    if entry:
        yield entry


class Journal:
    """A machine's journal, or the copies of its files in `directory` of the machine."""

    def __init__(self, machine, directory=None):
        self.machine = machine
        self.where = ["-D", directory] if directory else []
        self.uid = machine.run("id", "-u", "crier").stdout.strip().encode()
        self.foreign = set()
        # Entries that rows() passed over: a loss of power has left them without a field.
        self.torn = 0

    def read(self, *matches, fields=FIELDS):
        """The entries that journalctl finds, in the journal's order, one after the other."""
        command = self.machine.command(
            "journalctl",
            "--quiet",
            "--no-pager",
            "--all",
            "--output=export",
            "--output-fields=" + ",".join(fields),
            *self.where,
            *matches,
        )
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=1 << 20,
        ) as process:
            yield from parse(process.stdout)
            complaint = process.stderr.read().decode(errors="replace")
            # journalctl ends with 1 where nothing matched.
            assert process.wait() in (0, 1) and not complaint, complaint

    def _all_epochs(self):
        """Those in all files, file by file: at a damaged one journalctl ends, and does not say
        so."""
        where = self.where[1] if self.where else "/var/log/journal /run/log/journal"
        names = "-name '*.journal' -o -name '*.journal~'"
        told = self.machine.shell(
            f"for name in $(find {where} {names} 2>/dev/null); do"
            ' journalctl --quiet --file "$name" -F CRIER_EPOCH || :; done | sort -u'
        )
        return told.stdout.split()

    def epochs(self, group):
        """The epochs that entries of this group have."""
        found = []
        for epoch in self._all_epochs():
            if (epoch, group) in self.foreign:
                continue
            of_group = self.read(f"CRIER_EPOCH={epoch}", f"KAFKA_GROUP={group}", "-n", "1")
            if next(of_group, None):
                found.append(epoch)
            else:
                self.foreign.add((epoch, group))
        return found

    def rows(self, group, topic, exactly=True, timed=False):
        """The group's entries, as matches on its epochs find them; `exactly` false: on the group,
        as for a group whose entries have no epoch; `timed`: every event has a time. Returns them
        and how many entries of others with our field names there are."""
        matches = [f"KAFKA_GROUP={group}", f"MESSAGE_ID={records.IDS['EVENT']}"]
        if exactly:
            matches = [f"CRIER_EPOCH={epoch}" for epoch in self.epochs(group)]
        found, forged = [], 0
        for entry in self.read(*matches) if matches else ():
            if entry.get("_UID") != self.uid:
                forged += 1
            elif entry.get("KAFKA_GROUP") == group.encode() and "KAFKA_OFFSET" in entry:
                if entry["KAFKA_TOPIC"] != topic.encode() or not _is_event(entry):
                    continue
                if "MESSAGE" not in entry or (timed and "KAFKA_TIMESTAMP" not in entry):
                    self.torn += 1
                else:
                    found.append(_row(entry))
        return found, forged

    def notices(self, kind, **fields):
        """The daemon's records of a kind, as dicts of text; `fields` as further matches."""
        matches = [f"{name}={value}" for name, value in fields.items()]
        names = (
            "MESSAGE CRIER_CAUSE CRIER_COUNT CRIER_FOUND CRIER_WRITTEN CRIER_FIRST CRIER_LAST "
            "KAFKA_PARTITION KAFKA_TOPIC"
        )
        return [
            {name: value.decode(errors="replace") for name, value in entry.items()}
            for entry in self.read(
                f"MESSAGE_ID={records.IDS[kind]}",
                f"_UID={self.uid.decode()}",
                *matches,
                fields=names.split(),
            )
        ]


def _is_event(entry):
    return entry.get("MESSAGE_ID", b"").decode() == records.IDS["EVENT"]


def _row(entry):
    value = entry.get("KAFKA_VALUE", entry.get("MESSAGE"))
    return Row(
        entry.get("CRIER_EPOCH", b"").decode(),
        Event(
            int(entry["KAFKA_PARTITION"]),
            int(entry["KAFKA_OFFSET"]),
            int(entry.get("KAFKA_TIMESTAMP", -1)),
        ),
        checksum(entry.get("KAFKA_KEY"), value),
        "CRIER_CUT" in entry,
        entry["__CURSOR"].decode(),
    )


class Client:
    """Asks a cluster, as a group, and as soon as it answers: a leader may be on its way. Use it as
    a context manager."""

    def __init__(self, bootstrap, group="oracle"):
        self.bootstrap, self.group = bootstrap, group
        self.client = None
        self.error = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """It opens itself again when it is asked something."""
        if self.client:
            self.client.close()
        self.client = None

    def attempt(self, question):
        """[question(client)], or None where that raises the library's error."""
        try:
            self.client = self.client or oracle.consumer(self.bootstrap, self.group, log_level=0)
            return [question(self.client)]
        except confluent_kafka.KafkaException as error:
            self.error = error
            # One whose coordinator stood still may never find the next one (librdkafka 2.0).
            self.close()
            return None

    def ask(self, question, timeout=60):
        """question(client), as soon as that raises nothing."""
        return wait.until(
            lambda: self.attempt(question),
            timeout,
            lambda: f"the broker answers: {self.error}",
            interval=0.3,
        )[0]

    def ranges(self, topic):
        """{partition: (first offset, end)} of what the broker keeps."""
        return self.ask(
            lambda client: {
                partition: client.get_watermark_offsets(
                    confluent_kafka.TopicPartition(topic, partition), timeout=10
                )
                for partition in oracle.partitions(client, topic)
            }
        )

    def committed(self, topic):
        """The group's committed offsets: {partition: offset}."""
        return self.ask(lambda client: oracle.committed_of(client, topic))


def ranges(bootstrap, topic):
    """Client.ranges(), asked once."""
    with Client(bootstrap) as client:
        return client.ranges(topic)


def content(bootstrap, topic, timeout=120):
    """What the topic holds: {Event: check sum}. Reads each partition up to the end that it has when
    the call begins."""
    client = oracle.consumer(bootstrap, log_level=0)
    found, said = {}, []
    try:
        left = {
            partition: (low, high)
            for partition, (low, high) in ranges(bootstrap, topic).items()
            if high > low
        }
        client.assign(
            [confluent_kafka.TopicPartition(topic, p, low) for p, (low, _) in left.items()]
        )

        def read():
            for message in client.consume(10000, timeout=0.2):
                if message.error():
                    said.append(message.error())
                    continue
                partition, offset = message.partition(), message.offset()
                event = Event(partition, offset, message.timestamp()[1])
                found[event] = checksum(message.key(), message.value())
                if partition in left and offset >= left[partition][1] - 1:
                    del left[partition]
            return not left

        wait.until(read, timeout, lambda: f"{topic} {left} is read: {said[-3:]}", interval=0)
        return found
    finally:
        client.close()


class Report:
    """What the oracle says.

    lost:       events that must stand in the journal and do not
    twice:      events that stand there more than once under one epoch
    again:      events that stand there under several epochs: right only after a deliberate move
    strange:    entries of events that the broker never had
    altered:    entries with another key or value than the event
    reordered:  events that stand behind a later one of their partition and epoch
    cut:        entries without a part of their event
    copies:     how many entries are the one before once more: journald has stored one datagram
                twice, which shows in its time (crier-delivery(7), OUT OF REACH)
    seen:       events that stand there
    spans:      {partition: {epoch: [offsets in the order written]}}, epochs in the order seen"""

    def __init__(self, rows, known, expected=None, forged=0):
        sent = {}
        for row in rows:
            sent.setdefault((row.event, row.epoch, _moment(row)), row)
        self.copies = len(rows) - len(sent)
        rows = sent.values()
        self.rows = len(rows)
        self.forged = forged
        self.expected = set(known if expected is None else expected)
        seen = collections.defaultdict(collections.Counter)
        highest = {}
        self.spans = {}
        self.strange, self.altered, self.reordered, self.cut = [], [], [], []
        for row in rows:
            event = row.event
            seen[event][row.epoch] += 1
            self.spans.setdefault(event.partition, {}).setdefault(row.epoch, []).append(
                event.offset
            )
            stream = (event.partition, row.epoch)
            if event.offset < highest.get(stream, -1) and seen[event][row.epoch] == 1:
                self.reordered.append(event)
            highest[stream] = max(event.offset, highest.get(stream, -1))
            if event not in known:
                self.strange.append(event)
            elif row.cut:
                self.cut.append(event)
            elif known[event] != row.sum:
                self.altered.append(event)
        self.seen = set(seen)
        self.lost = sorted(self.expected - self.seen)
        self.twice = sorted(e for e, epochs in seen.items() if max(epochs.values()) > 1)
        self.again = sorted(e for e, epochs in seen.items() if len(epochs) > 1)
        shown = {first for first, _ in _runs(self.twice)[:12]}
        self.cursors = [(row.event, row.cursor) for row in rows if row.event in shown]

    def __str__(self):
        names = "lost twice again strange altered reordered cut"
        figures = ", ".join(f"{len(getattr(self, name))} {name}" for name in names.split())
        epochs = len({epoch for spans in self.spans.values() for epoch in spans})
        return (
            f"{len(self.expected)} events, {self.rows} entries, {epochs} epochs: {figures}; "
            f"{self.forged} of others, {self.copies} copies"
        )

    def explain(self):
        """With the first events of what is wrong."""
        parts = [str(self)]
        for name in ("lost", "twice", "again", "strange", "altered"):
            events = getattr(self, name)
            if events:
                parts.append(f"{name}: " + ", ".join(map(places, _runs(events)[:12])))
        parts += [f"{event.partition}:{event.offset} at {cursor}" for event, cursor in self.cursors]
        return "\n".join(parts)

    def check(self, moved=False):
        """Nothing lost and nothing twice; `moved`: somebody made the group read again."""
        wrong = [self.lost, self.twice, self.strange, self.altered]
        assert not any(wrong + ([] if moved else [self.again])), self.explain()

    def newest(self, partition):
        """(offsets written under the partition's newest epoch, sorted)"""
        return sorted(list(self.spans[partition].values())[-1])


def _moment(row):
    """When journald took the datagram: the boot, both clocks, and what it held."""
    return row.cursor.partition(";b=")[2]


def _runs(events):
    """Neighbouring events as (first, last)."""
    runs = []
    for event in sorted(events):
        if runs and event[:2] == (runs[-1][1].partition, runs[-1][1].offset + 1):
            runs[-1] = (runs[-1][0], event)
        else:
            runs.append((event, event))
    return runs


def places(run):
    first, last = run
    return f"{first.partition}:{first.offset}-{last.offset}"


class Copier:
    """Keeps what journald throws away: hard links to all journal files of the machine, made as the
    files appear. Use it as a context manager; `directory` is where they are, in the machine."""

    directory = "/var/log/crier-copies"

    def __init__(self, machine):
        self.machine = machine
        self.outside = pathlib.Path(f"/proc/{machine.leader}/root")
        self.copies = self.outside / self.directory.lstrip("/")
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.error = None

    def __enter__(self):
        self.machine.run("mkdir", "-p", self.directory)
        self.copy()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()
        self.machine.run("rm", "-rf", self.directory)

    def _run(self):
        try:
            while not self.stopped.wait(0.05):
                self.copy()
        except BaseException as error:
            self.error = error
            raise

    def copy(self):
        """Links what is new. A file keeps its inode when journald renames it."""
        for path in (self.outside / "var/log/journal").glob("*/*.journal*"):
            try:
                inode = path.stat().st_ino
                os.link(path, self.copies / f"{inode}.journal")
            except FileExistsError:
                continue
            except FileNotFoundError:
                # Renamed or removed between the listing and the look; a renamed one is there next
                # time.
                continue

    def journal(self):
        """All that the journal ever held while it was copied."""
        self.copy()
        assert self.error is None, self.error
        return Journal(self.machine, self.directory)
