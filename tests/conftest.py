# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures that every ring may use. Makes tests/lib importable as `lib`."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lib import journald, journalfile  # noqa: E402
from lib.crier import Crier  # noqa: E402


@pytest.fixture
def place():
    """A directory with a short name (UNIX socket paths are short), removed afterwards."""
    directory = tempfile.mkdtemp(prefix="crier-test-")
    yield pathlib.Path(directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def journal(place):
    """A fake journald."""
    with journald.FakeJournal(place / "journal") as fake:
        yield fake
        assert not fake.errors, fake.errors


@pytest.fixture
def kept(place):
    """One whose entries can be read back."""
    with journalfile.KeptJournal(place / "kept") as fake:
        yield fake
    assert not fake.errors, fake.errors


@pytest.fixture
def start(place):
    """start(config, …) runs a Crier for the length of the test; see there for the arguments. Ends
    every one of them, and checks then that no sanitizer complained."""
    running = []

    def starter(*arguments, **more):
        crier = Crier(*arguments, **more)
        running.append(crier)
        return crier.start()

    yield starter
    complaints = []
    for crier in reversed(running):
        crier.end()
        try:
            crier.check_sanitizers()
        except AssertionError as error:
            complaints.append(str(error))
        crier.close()
    # As text, which pytest does not shorten.
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def note(record_property):
    """note(text): a line that stands at the end of the run, whether the test passes or not: a seed,
    a count, a figure."""
    return lambda text: record_property("note", text)


def pytest_terminal_summary(terminalreporter):
    """Prints the notes of all tests, from whichever process they come."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, text in report.user_properties:
                    if name == "note":
                        terminalreporter.write_line(f"{report.nodeid}: {text}")
