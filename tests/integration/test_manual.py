# SPDX-License-Identifier: BSD-2-Clause
"""The manual page crierd(8) says what the daemon has: options, troubles, fields of entries."""

import pathlib
import re
import shutil
import subprocess

import pytest

from lib import crier

pytestmark = pytest.mark.quick

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "man/crierd.8"
TROUBLES = TOP / "src/kafka/trouble.c"


def items(section):
    """The words that head the list items of a section."""
    text = re.search(rf"^\.Sh {section}$(.*?)^\.Sh ", PAGE.read_text(), re.M | re.S).group(1)
    return [
        word
        for line in re.findall(r"^\.It (.*)$", text, re.M)
        for word in re.findall(r"[\w./-]+", line)
        if word not in ("Cm", "Ev", "Dv", "Fl", "Pa")
    ]


def test_every_option_of_the_daemon_is_explained():
    options = re.findall(r"--([a-z-]+)", crier.run("--help").stdout)
    assert options
    assert [option for option in options if f"-{option}" not in items("OPTIONS")] == []


def test_every_trouble_is_explained_and_no_other():
    table = re.findall(r"\[TROUBLE_\w+\] =\s*\{\"([a-z-]+)\"", TROUBLES.read_text())
    assert len(table) > 1 and table[0] == "none"
    assert sorted(items("TROUBLE")) == sorted(table[1:])


def test_every_field_of_an_event_is_explained():
    sources = ("kafka/event.c", "kafka/headers.c", "journal/record.c")
    code = "".join((TOP / "src" / source).read_text() for source in sources)
    fields = set(re.findall(r'entry_field\w*\([^"]*"([A-Z_]+)"', code)) - {"MESSAGE"}
    fields |= set(re.findall(r'"((?:KAFKA|CRIER)_\w+)=?"', code))
    assert {"KAFKA_VALUE", "KAFKA_GROUP", "MESSAGE_ID"} <= fields
    assert fields - set(items("JOURNAL ENTRIES")) == set()


def test_manual_pages_have_no_mistakes_of_markup():
    assert shutil.which("mandoc"), "mandoc is missing; on Debian: apt-get install mandoc"
    pages = sorted(str(page) for page in (TOP / "man").iterdir())
    linted = subprocess.run(
        ["mandoc", "-Tlint", "-W", "warning", *pages], capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout) == (0, "")
