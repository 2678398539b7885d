# SPDX-License-Identifier: BSD-2-Clause
"""Every list of headers can be rebuilt from its entry with what crierd(8) says, after journald has
sorted the entry's fields and merged equal ones."""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from lib import clients, config, journald, journalfile, wait
from lib.crier import Crier

pytestmark = pytest.mark.skipif(
    not (journalfile.PROGRAM.exists() and shutil.which("jq")) and os.environ.get("CI") != "true",
    reason="needs systemd-journal-remote and jq",
)

PAGE = pathlib.Path(__file__).resolve().parents[2] / "man/crierd.8"

LISTS = {
    "none": [],
    "one": [("a", b"1")],
    "null": [("a", None)],
    "empty": [("a", b"")],
    "no-name": [("", b"x")],
    "equals-in-value": [("x", b"1=2")],
    "equals-in-name": [("x=1", b"2")],
    "equals-in-name-of-null": [("x=", None)],
    "json": [("j", b'{"a": "\\\\ \\"quoted\\""}')],
    "long": [("long", b"v" * 20000)],
    "newline": [("n", b"a\nb")],
    "binary": [("bin", bytes(range(256)))],
    "order": [("b", b"2"), ("a", b"1"), ("c", b"3")],
    "repeated": [("retry", b"1")] * 3,
    "null-and-empty": [("n", None), ("n", b""), ("n", None)],
    "alike": [("x=1", b"2"), ("x", b"1=2")],
    "not-utf-8": [("é", b"\xe9"), ("e", "é".encode()), ("nul", b"\0")],
    "many": [(f"h{i % 7}", b"%d" % (i % 5)) for i in range(900)],
}


def rebuilt(place, entry):
    """The list that the manual's command makes of the entry in a journal file."""
    command = re.search(r"^journalctl .*\n(?:^ .*\n)*^.*jq -c(?:.*\n)*?(?=\.Ed)",
                        PAGE.read_text(), re.M).group(0)
    path = place / "a.journal"
    path.unlink(missing_ok=True)
    journalfile.write(path, [{"at_ms": 10**12, **entry}])
    shown = subprocess.run(
        ["sh", "-c", command.replace("journalctl ", f"journalctl --file={path} ", 1)],
        capture_output=True, text=True, timeout=30)
    assert shown.returncode == 0, shown.stderr

    def plain(piece):
        if isinstance(piece, dict):
            return base64.b64decode(piece["base64"])
        return None if piece is None else piece.encode()

    return [(plain(name).decode(), plain(value)) for name, value in json.loads(shown.stdout)]


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """The entries of events with these lists: name → entry."""
    with journald.FakeJournal(tmp_path_factory.mktemp("headers") / "journal") as journal:
        setup = config.build(
            topics=[config.topic("t", 1)], groups=[config.group("g", "t", start="earliest")]
        )
        with Crier(setup, journal) as crier:
            crier.wait_stable()
            clients.produce(
                crier.bootstrap, "t", [(name, None, given) for name, given in LISTS.items()]
            )
            wait.until(lambda: len(journal.events("g")) == len(LISTS), 30, "all events")
        yield {e.text("KAFKA_KEY"): e for e in journal.events("g")}


@pytest.mark.xdist_group("headers")
@pytest.mark.parametrize("name", LISTS)
def test_list_of_headers_is_rebuilt_as_it_was_sent(entries, place, name):
    assert rebuilt(place, entries[name]) == LISTS[name]


@pytest.mark.xdist_group("headers")
@pytest.mark.parametrize("name", ["none", "one", "null", "empty", "equals-in-value", "long"])
def test_what_the_plain_fields_tell_is_not_told_twice(entries, name):
    assert "KAFKA_HEADER_LIST" not in entries[name]
