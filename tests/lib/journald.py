# SPDX-License-Identifier: BSD-2-Clause
"""A fake journald: a datagram socket that takes entries in the journal's native protocol, memfd
included, and keeps them. It can stall (not read, so that the socket fills) and go away, which the
real one does not do on demand."""

import array
import mmap
import os
import select
import socket
import threading
import time

from lib import records, wait

# The largest datagram that is expected; what is larger comes as a memfd.
DATAGRAM_MAX = 4 * 1024 * 1024


class Entry(dict):
    """One entry: field name → list of values (bytes), in the order received."""

    def first(self, name):
        """The first value of a field as bytes; None where the entry has no such field."""
        values = self.get(name)
        return values[0] if values else None

    def text(self, name):
        value = self.first(name)
        return None if value is None else value.decode()

    def number(self, name):
        value = self.first(name)
        return None if value is None else int(value)

    @property
    def kind(self):
        """The record's name in src/journal/records.def; None for an entry of another kind."""
        return records.NAMES.get(self.text("MESSAGE_ID"))

    @property
    def is_event(self):
        """An entry for a consumed event, and not a record of the daemon's own life."""
        return self.kind == "EVENT"

    @property
    def place(self):
        """(group, topic, partition, offset)"""
        return (
            self.text("KAFKA_GROUP"),
            self.text("KAFKA_TOPIC"),
            self.number("KAFKA_PARTITION"),
            self.number("KAFKA_OFFSET"),
        )


def parse(data):
    """One entry in the native protocol (systemd: JOURNAL_NATIVE_PROTOCOL)."""
    entry = Entry()
    position = 0
    while position < len(data):
        end = data.index(b"\n", position)
        line = data[position:end]
        position = end + 1
        if not line:
            raise ValueError("an empty line: a second entry in one datagram")
        if b"=" in line:
            name, value = line.split(b"=", 1)
        else:
            name = line
            begin = position + 8
            end = begin + int.from_bytes(data[position:begin], "little")
            if data[end:end + 1] != b"\n":
                raise ValueError(f"field {name!r} is cut")
            value = data[begin:end]
            position = end + 1
        entry.setdefault(name.decode("ascii"), []).append(value)
    return entry


def readable(sock, seconds):
    """Whether there is something to read, now or so soon."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class FakeJournal:
    """Listens at `path` until closed. `entries` grows as entries come in."""

    def __init__(self, path):
        self.path = str(path)
        self.entries = []
        self.memfds = 0
        self.errors = []
        self.stall_at = None
        self.reading = threading.Event()
        self.reading.set()
        # Held from when a datagram leaves the socket until its entry is there.
        self.taking = threading.RLock()
        self.socket = None
        self.thread = None
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        """Begins to listen (again, after close())."""
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.setblocking(False)
        self.thread = threading.Thread(target=self._run, args=(self.socket,), daemon=True)
        self.thread.start()

    def close(self):
        """Goes away: senders get an error. What was taken before is read and kept: a journald that
        dies loses nothing of its queue either, because the service manager holds the socket."""
        if not self.socket:
            return
        sock, self.socket = self.socket, None
        self.reading.set()
        self.thread.join()
        sock.shutdown(socket.SHUT_RD)
        while self._receive(sock):
            pass
        sock.close()
        os.unlink(self.path)

    def stall(self, after=None):
        """Stops reading, now or after so many entries in all; the socket stays, and fills."""
        if after is None:
            self.reading.clear()
        else:
            self.stall_at = after

    def resume(self):
        self.stall_at = None
        self.reading.set()

    def _run(self, sock):
        while self.socket is sock:
            if self.reading.wait(0.1) and readable(sock, 0.1):
                with self.taking:
                    self._receive(sock)

    def _catch_up(self):
        """Waits until what was sent before is there, as far as it is read at all."""
        sock, deadline = self.socket, time.monotonic() + 0.5
        while sock and self.reading.is_set() and time.monotonic() < deadline:
            with self.taking:
                if not readable(sock, 0):
                    return
            time.sleep(0.001)

    def _receive(self, sock):
        """Takes one datagram; returns False where there is none."""
        try:
            data, ancillary, _, _ = sock.recvmsg(DATAGRAM_MAX, socket.CMSG_SPACE(4))
        except BlockingIOError:
            return False
        if not data and not ancillary:
            return False
        try:
            self._take(data, ancillary)
        except (ValueError, OSError) as error:
            self.errors.append(f"{error}: {data[:200]!r}")
        return True

    def _take(self, data, ancillary):
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        for descriptor in descriptors:
            try:
                size = os.fstat(descriptor).st_size
                with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as content:
                    data = content[:]
                self.memfds += 1
            finally:
                os.close(descriptor)
        self.keep(parse(data))
        if self.stall_at is not None and len(self.entries) >= self.stall_at:
            self.reading.clear()

    def keep(self, entry):
        """Takes an entry that came."""
        self.entries.append(entry)

    def events(self, group=None, topic=None, since=0):
        """The entries of consumed events, in the order written; `since`: without so many first
        entries of all kinds."""
        self._catch_up()
        return [
            e
            for e in self.entries[since:]
            if e.is_event
            and (group is None or e.text("KAFKA_GROUP") == group)
            and (topic is None or e.text("KAFKA_TOPIC") == topic)
        ]

    def records(self, kind=None):
        """The other entries: what the daemon says about itself; all, or of one kind."""
        self._catch_up()
        return [
            e for e in list(self.entries) if not e.is_event and (kind is None or e.kind == kind)
        ]

    def wait_record(self, kind, timeout=30, count=1):
        """Waits until there are `count` records of a kind, and returns the newest."""
        wait.until(
            lambda: len(self.records(kind)) >= count,
            timeout,
            lambda: f"{kind} in the journal; there are {[e.kind for e in self.records()]}",
        )
        return self.records(kind)[-1]

    def wait_events(self, count, timeout=30, **where):
        """Waits until at least `count` events are there, and returns them."""
        wait.until(
            lambda: len(self.events(**where)) >= count,
            timeout,
            lambda: f"{count} events in the journal, there are {len(self.events(**where))}; "
            f"errors: {self.errors[:3]}",
        )
        return self.events(**where)
