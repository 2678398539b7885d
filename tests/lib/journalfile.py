# SPDX-License-Identifier: BSD-2-Clause
"""Journal files with the entries that a test wants, journald's own fields included: made by
systemd-journal-remote, which takes the export format and needs neither root nor journald."""

import os
import pathlib
import subprocess
import time

import pytest

from lib import journald, wait

PROGRAM = pathlib.Path("/lib/systemd/systemd-journal-remote")

# For tests that make journal files. In CI they fail where it is missing.
needed = pytest.mark.skipif(
    not PROGRAM.exists() and os.environ.get("CI") != "true",
    reason="it needs: apt-get install systemd-journal-remote",
)


def export(entries):
    """Entries (dicts of field → text or bytes, or a list of these) in the export format. `at_ms` is
    an entry's time."""
    parts = []
    for entry in entries:
        usec = int(entry["at_ms"] * 1000)
        parts.append(b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n"
                     % (usec, usec % 10**15, b"b" * 32))
        for name, values in entry.items():
            if name == "at_ms":
                continue
            for value in values if isinstance(values, list) else [values]:
                value = value if isinstance(value, bytes) else str(value).encode()
                parts.append(b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"),
                                              value))
        parts.append(b"\n")
    return b"".join(parts)


def write(path, entries):
    """A journal file at `path` (its name ends with .journal) with these entries, in this order."""
    done = subprocess.run([PROGRAM, "--split-mode=none", f"--output={path}", "-"],
                          input=export(entries), capture_output=True, timeout=60,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
    assert done.returncode == 0, done.stderr


def _number(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def _objects(data):
    """Where each object of a file begins: journal-file format, "Objects"."""
    place, end = _number(data, 88), _number(data, 136)  # header_size; tail_object_offset
    while place <= end:
        yield place
        place += (_number(data, place + 8) + 7) // 8 * 8


def number_from(path, first):
    """Numbers the file's entries from `first` on, as if that many less one had been in files that
    are gone: journal-file format, "Entry objects" (the number is no part of any hash)."""
    data = bytearray(pathlib.Path(path).read_bytes())

    def add(at):
        data[at:at + 8] = (_number(data, at) + first - 1).to_bytes(8, "little")

    for at in (160, 168):  # tail_entry_seqnum, head_entry_seqnum
        add(at)
    for place in _objects(data):
        if data[place] == 3:
            add(place + 16)
    pathlib.Path(path).write_bytes(data)


def _find_data(data, field):
    """Where the data object of a field ("NAME=value") begins."""
    compact = int.from_bytes(data[12:16], "little") & 16  # HEADER_INCOMPATIBLE_COMPACT
    payload = 72 if compact else 64
    (place,) = (
        place
        for place in _objects(data)
        if data[place] == 1
        and data[place + payload:place + _number(data, place + 8)] == field.encode()
    )
    return place


def _overwrite(path, place, data):
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(data)


def unlink_last(path, field):
    """Leaves the file's newest entry with this field ("NAME=value") as a journald does that is
    killed before it has linked it under that field: a match on it does not find the entry."""
    data = pathlib.Path(path).read_bytes()
    count = _find_data(data, field) + 56  # n_entries
    _overwrite(path, count, (_number(data, count) - 1).to_bytes(8, "little"))


def _lose(path, data, place):
    """Leaves an object as it is where its page was not on disk when the power failed, but the pages
    that refer to it were."""
    _overwrite(path, place, bytes(_number(data, place + 8)))


def lose_field(path, field):
    """The object of a field ("NAME=value") is lost: the entries that have it have it no more."""
    data = pathlib.Path(path).read_bytes()
    _lose(path, data, _find_data(data, field))


def lose_array(path, field):
    """The last of the arrays is lost in which the entries with this field stand: journal-file
    format, "Entry array objects"; the first entry, and 4, 8, 16, … of them in each."""
    data = pathlib.Path(path).read_bytes()
    place = _number(data, _find_data(data, field) + 48)  # entry_array_offset
    while following := _number(data, place + 16):  # next_entry_array_offset
        place = following
    _lose(path, data, place)


def lose_last(path, count):
    """So many newest entries are lost, and still referred to."""
    data = pathlib.Path(path).read_bytes()
    for place in [place for place in _objects(data) if data[place] == 3][-count:]:
        _lose(path, data, place)


class KeptJournal(journald.FakeJournal):
    """A fake journald whose entries are in a journal file as well, so that crierd can read them
    back: exactly-once needs no root with it. What `lost(entry)` is true for does not get there; who
    sent an entry is what `uid(entry)` says."""

    def __init__(self, path, lost=None):
        self.lost = lost or (lambda entry: False)
        self.uid = lambda entry: os.getuid()
        self.directory = pathlib.Path(f"{path}-files")
        self.directory.mkdir()
        self._begin()
        super().__init__(path)

    def _begin(self):
        self.writer = subprocess.Popen(
            [PROGRAM, "--split-mode=none", f"--output={self.directory}/system.journal", "-"],
            stdin=subprocess.PIPE,
            env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
        )
        self._store(journald.Entry(MESSAGE=[b"begins"]))
        wait.until((self.directory / "system.journal").exists, 20, "a journal file")

    def _end(self):
        self.writer.stdin.close()
        self.writer.wait(20)
        self.writer = None

    arguments = property(
        lambda self: [
            f"--journal-directory={self.directory}",
            f"--state-directory={self.directory}",
        ]
    )

    def _store(self, entry):
        stored = {"at_ms": time.time() * 1000, "_UID": self.uid(entry), **entry}
        self.writer.stdin.write(export([stored]))
        self.writer.stdin.flush()

    def keep(self, entry):
        super().keep(entry)
        if not self.lost(entry):
            self._store(entry)

    def close(self):
        super().close()
        if self.writer:
            self._end()

    def put_aside(self, damage, *arguments):
        """As a journald does that finds the file not closed: it begins another one. How it was left
        is what `damage(path, *arguments)` makes of it."""
        self._end()
        path = self.directory / "system.journal"
        damage(path, *arguments)
        number = len(list(self.directory.glob("*.journal~")))
        path.rename(self.directory / f"system@{number:016x}-{number:016x}.journal~")
        self._begin()
