# SPDX-License-Identifier: BSD-2-Clause
"""The catalog (`journalctl -x`) explains every record that crierd writes, and nothing else."""

import pathlib
import re
import shutil
import subprocess

import pytest

from lib import verbs

pytestmark = pytest.mark.quick

TOP = pathlib.Path(__file__).resolve().parents[2]
RECORDS = TOP / "src/journal/records.def"
CATALOG = TOP / "packaging/crier.catalog"

ROW = re.compile(r'RECORD\((\w+),\s*"([^"]*)",\s*(LOG_\w+),\s*"([^"]*)"\)')
FIELD = re.compile(r"@([A-Z0-9_]+)@")
COLUMNS = 80


def read_records():
    """The rows of records.def: name → (id, fields that such an entry carries, priority)."""
    records = {}
    comment = ""
    text = RECORDS.read_text()
    for part in re.finditer(r"/\*(?P<comment>.*?)\*/|" + ROW.pattern, text, re.S):
        if part["comment"] is not None:
            comment = part["comment"]
            continue
        name, message_id, priority, _ = part.groups()[1:]
        listed = re.search(r"Fields:\s*(.*)", comment, re.S)
        assert listed, f"{name}: its comment does not list its fields"
        fields = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", listed.group(1)))
        records[name] = (message_id, fields, priority)
        comment = ""
    return records


def read_catalog():
    """The entries of the catalog: id → (headers, body)."""
    entries = {}
    blocks = re.split(r"^-- ", CATALOG.read_text(), flags=re.M)
    for block in blocks[1:]:
        head, _, body = block.partition("\n\n")
        message_id, *headers = head.splitlines()
        assert message_id not in entries, f"{message_id} stands twice in the catalog"
        entries[message_id] = (dict(line.split(": ", 1) for line in headers), body)
    return entries


RECORD_ROWS = read_records()
CATALOG_ENTRIES = read_catalog()
each_record = pytest.mark.parametrize("name", sorted(RECORD_ROWS))


def test_every_row_of_the_table_is_understood_here():
    rows = re.findall(r"^RECORD\(", RECORDS.read_text(), re.M)
    assert len(rows) == len(RECORD_ROWS) > 0


def test_every_row_of_the_table_is_written_somewhere():
    code = "".join(path.read_text() for path in (TOP / "src").rglob("*.[ch]"))
    assert [name for name in RECORD_ROWS if not re.search(rf"\bRECORD_{name}\b", code)] == []


def test_only_events_and_barriers_are_less_urgent_than_a_notice():
    """So that `journalctl -p notice` shows everything else, and `-p info` events too."""
    quiet = [name for name, row in RECORD_ROWS.items() if row[2] == "LOG_INFO"]
    assert quiet == ["EVENT", "BARRIER"]
    assert all(row[2] in ("LOG_ERR", "LOG_WARNING", "LOG_NOTICE", "LOG_INFO")
               for row in RECORD_ROWS.values())


def test_ids_are_128_random_bits_and_none_stands_twice():
    ids = [row[0] for row in RECORD_ROWS.values()]
    assert len(set(ids)) == len(ids)
    for message_id in ids:
        assert re.fullmatch(r"[0-9a-f]{32}", message_id)
        assert message_id[12] == "4" and message_id[16] in "89ab", "make it with systemd-id128 new"


def test_records_and_catalog_have_the_same_ids():
    ids = {row[0] for row in RECORD_ROWS.values()}
    assert ids - set(CATALOG_ENTRIES) == set(), "records that the catalog does not explain"
    assert set(CATALOG_ENTRIES) - ids == set(), "catalog texts that no record uses"


@each_record
def test_catalog_text_has_subject_origin_and_advice(name):
    headers, body = CATALOG_ENTRIES[RECORD_ROWS[name][0]]
    assert list(headers) == ["Subject", "Defined-By", "Documentation"]
    assert headers["Defined-By"] == "crier"
    assert len(body.split()) >= 20, "a text that teaches is longer than this"
    pages = set(re.findall(r"man:(\S+)", headers["Documentation"]))
    assert pages <= {"crierd(8)", "crierd.conf(5)", "crierctl(1)", "crier-delivery(7)",
                     "journald.conf(5)"}


@each_record
def test_catalog_text_uses_only_fields_that_the_record_carries(name):
    message_id, fields, _ = RECORD_ROWS[name]
    headers, body = CATALOG_ENTRIES[message_id]
    used = set(FIELD.findall(headers["Subject"] + body))
    assert used <= fields, f"{name} has no {used - fields}"


@each_record
def test_catalog_text_fits_a_terminal(name):
    _, body = CATALOG_ENTRIES[RECORD_ROWS[name][0]]
    # A command that a person copies stands on one line, however long.
    prose = [line for line in body.splitlines() if not line.startswith("  ")]
    for line in prose:
        assert len(FIELD.sub("0", line)) <= COLUMNS, line


def test_commands_in_the_catalog_exist():
    """What a text tells the reader to type is a verb or an option that these programs have."""
    text = CATALOG.read_text()
    indented = "\n".join(line for line in text.splitlines() if line.startswith("  "))
    assert set(re.findall(r"crierctl ([\w-]+)", indented)) <= {v.name for v in verbs.VERBS}
    assert set(re.findall(r"crierd (--[\w-]+)", text)) <= {"--check-config"}
    for message_id in re.findall(r"MESSAGE_ID=(\w+)", text):
        assert message_id in CATALOG_ENTRIES


def test_the_manual_of_delivery_lists_each_record_that_names_it():
    page = (TOP / "man/crier-delivery.7").read_text()
    listed = set(re.findall(r"^\.It Li ([0-9a-f]{32})$", page, re.M))
    naming = {message_id for message_id, (headers, _) in CATALOG_ENTRIES.items()
              if "crier-delivery(7)" in headers["Documentation"]}
    assert len(naming) >= 11 and naming <= listed


@pytest.mark.parametrize(
    "name", ["README.md", "HACKING.md", "man/crierd.8", "man/crier-delivery.7"]
)
def test_ids_that_the_documentation_names_are_those_of_records(name):
    text = (TOP / name).read_text()
    ids = re.findall(r"(?:MESSAGE_ID=|^\.It Li )([0-9a-f]{32})\b", text, re.M)
    assert ids and set(ids) <= set(CATALOG_ENTRIES)


def test_journalctl_compiles_the_catalog_and_shows_each_text(tmp_path):
    assert shutil.which("journalctl"), "journalctl is missing; on Debian: apt-get install systemd"
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    shutil.copy(CATALOG, folder)
    journalctl = ["journalctl", f"--root={tmp_path}", "--no-pager"]
    update = subprocess.run(journalctl + ["--update-catalog"], capture_output=True, text=True)
    assert (update.returncode, update.stderr) == (0, "")
    listed = subprocess.run(journalctl + ["--list-catalog"], capture_output=True, text=True,
                            check=True).stdout
    assert sorted(line.split()[0] for line in listed.splitlines()) == sorted(CATALOG_ENTRIES)
    for message_id, (headers, body) in CATALOG_ENTRIES.items():
        shown = subprocess.run(journalctl + ["--dump-catalog", message_id], capture_output=True,
                               text=True, check=True).stdout
        assert f"Subject: {headers['Subject']}" in shown
        assert body.strip() in shown
