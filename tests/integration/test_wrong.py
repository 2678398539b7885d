# SPDX-License-Identifier: BSD-2-Clause
"""What can be wrong at the start: each gives the exit code that the manual names, and a message
that says what failed, why, and what to do."""

import os
import pathlib

import pytest

from lib import config, files
from lib.crier import run

pytestmark = pytest.mark.quick

GOOD = config.text(config.build(topics=[config.topic("t")]))
TREE = files.TREE


def crierd(place, text=GOOD, *more, socket=None):
    path = place / "crierd.conf"
    path.write_text(text)
    return run(
        f"--config={path}", f"--socket={socket or place / 'control'}", "--sink=stdout", *more
    )


def refused(result, code, *words):
    """The exit code, nothing on standard output, and each word in what was said."""
    assert result.returncode == code, result.stderr
    assert not result.stdout
    for word in words:
        assert word in result.stderr, result.stderr


@pytest.mark.parametrize("option", ["--nonsense", "--sink=paper", "extra"])
def test_usage_errors_exit_2(place, option):
    refused(crierd(place, GOOD, option), 2, option.split("=")[-1].lstrip("-"))


def test_missing_configuration_file_exits_78(place):
    refused(run(f"--config={place}/none.conf", "--sink=stdout"), 78, f"{place}/none.conf")


@pytest.mark.parametrize(
    "text, words",
    [
        ("cluster: { bootstrap = ", ["crierd.conf", "syntax"]),
        ("cluster: { bootstrop = 1; };", ["crierd.conf:1", "bootstrop", "bootstrap"]),
        ("cluster: { bootstrap = 1; };", ["crierd.conf:1", "cluster.bootstrap"]),
        ('\ntopics: ( { name = "t"; partitions = 0; } );', ["crierd.conf:2", "partitions"]),
        (
            'groups: ( { name = "g"; topics = [ "t" ]; delivery = "twice"; } );',
            ["delivery", "exactly-once", "at-least-once", "at-most-once"],
        ),
        ('groups: ( { name = "g"; topics = [ "t" ]; sync = 1; } );', ["crierd.conf:1", "sync"]),
        (
            'groups: ( { name = "g"; topics = [ "t" ]; }, { name = "g"; topics = [ "t" ]; } );',
            ["crierd.conf:1", '"g"', "once"],
        ),
        (
            'producers: ( { name = "p"; topic = "t"; value = "%{sec}"; } );',
            ["crierd.conf:1", "sec", "seq"],
        ),
        ('groups: ( { name = "g"; topics = [ "t" ]; message = "%{value"; } );', ["message", "}"]),
        (
            'groups: ( { name = "g"; topics = [ "t" ]; properties = [ "no.such.thing=1" ]; } );',
            ["no.such.thing"],
        ),
        (
            'groups: ( { name = "g"; topics = [ "t" ]; properties = [ "group.id=x" ]; } );',
            ["group.id", "name"],
        ),
    ],
    ids=[
        "syntax",
        "unknown-key",
        "type",
        "range",
        "delivery",
        "sync",
        "name-twice",
        "template-word",
        "template-brace",
        "unknown-property",
        "owned-property",
    ],
)
def test_configuration_errors_exit_78_and_say_where(place, text, words):
    result = crierd(place, text + "\n")
    refused(result, 78, *words)
    checked = crierd(place, text + "\n", "--check-config")
    assert checked.returncode == 78
    assert checked.stderr + checked.stdout == result.stderr


@pytest.mark.parametrize("name", [" ", " x", "  two words"])
def test_group_whose_name_librdkafka_would_change_is_refused(place, name):
    text = f'groups: ( {{ name = "{name}"; topics = [ "t" ]; }} );\n'
    refused(crierd(place, text), 78, "crierd.conf:1", f'"{name}"', "begins with a blank")
    assert crierd(place, text, "--check-config").returncode == 78


@pytest.mark.parametrize(
    "text",
    [
        'cluster: { bootstrap = "127.0.0.1:1"; properties = [ "%s" ]; };\n',
        'producers: ( { name = "p"; topic = "t"; value = "v"; properties = [ "%s" ]; } );\n',
        'groups: ( { name = "g"; topics = [ "t" ]; properties = [ "%s" ]; } );\n',
    ],
    ids=["cluster", "producer", "group"],
)
@pytest.mark.parametrize("blank", [" ", "  ", r"\t"])
@pytest.mark.parametrize("name", ["sasl.password", "client.rack"])
def test_value_that_librdkafka_would_change_is_refused(place, text, name, blank):
    result = crierd(place, text % f"{name}={blank}geheim", "--check-config")
    refused(result, 78, "crierd.conf:1", name, "begins with a blank")
    assert "geheim" not in result.stderr
    assert crierd(place, text % f"{name}=a b ", "--check-config").returncode == 0


def test_exactly_once_that_cannot_be_exits_78_and_says_why(place):
    """The file is good: it is this machine, or this sink, where it cannot be."""
    text = 'groups: ( { name = "g"; topics = [ "t" ]; delivery = "exactly-once"; } );\n'
    refused(crierd(place, text), 78, "crierd.conf:1", "'g'", "exactly-once", "standard output")
    assert crierd(place, text, "--check-config").returncode == 0


def test_all_errors_are_told_at_once(place):
    text = (
        "cluster: { bootstrop = 1; };\n"
        'topics: ( { name = "t"; partitions = 0; } );\n'
        'groups: ( { name = "g"; topics = [ "t" ]; consumers = "two"; } );\n'
    )
    refused(crierd(place, text), 78, "crierd.conf:1", "crierd.conf:2", "crierd.conf:3")


def test_check_config_accepts_a_good_file_and_starts_nothing(place):
    result = crierd(place, GOOD, "--check-config")
    assert result.returncode == 0, result.stderr
    assert not (place / "control").exists()


@pytest.mark.parametrize(
    "example",
    sorted(pathlib.Path(TREE, "etc").rglob("*.conf")),
    ids=lambda path: path.name,
)
def test_the_configurations_that_we_ship_are_right(example):
    result = run("--check-config", f"--config={example}")
    assert result.returncode == 0, result.stderr


def test_socket_path_that_is_too_long(place):
    path = place / ("x" * 120)
    refused(crierd(place, socket=path), 73, str(path), "107")


def test_socket_that_a_live_daemon_serves(start, place):
    first = start(GOOD)
    refused(crierd(place, socket=first.socket_path), 69, str(first.socket_path))
    # The first one is unharmed.
    assert first.status()["pid"] == first.pid


def test_directory_that_does_not_exist(place):
    path = place / "none" / "control"
    refused(crierd(place, socket=path), 73, str(path.parent))


def test_directory_that_is_not_writable(place):
    closed = place / "closed"
    closed.mkdir(mode=0o555)
    if os.geteuid() == 0:
        # Root may write everywhere, but for file systems that take no new files.
        closed = pathlib.Path("/sys")
    refused(crierd(place, socket=closed / "crier-control"), 73, str(closed))


def test_something_else_in_the_sockets_place_is_left_alone(place):
    (place / "control").write_text("precious")
    refused(crierd(place), 73, str(place / "control"))
    assert (place / "control").read_text() == "precious"


def test_missing_journal_socket(place):
    path = place / "none"
    result = crierd(place, GOOD, "--sink=journal", f"--journal-socket={path}")
    refused(result, 69, str(path), "--sink=stdout")


def test_journal_socket_path_that_is_too_long(place):
    path = place / ("y" * 120)
    result = crierd(place, GOOD, "--sink=journal", f"--journal-socket={path}")
    refused(result, 69, str(path))


def test_no_journal_and_no_terminal(place):
    result = crierd(place, GOOD, "--sink=auto", f"--journal-socket={place}/none")
    refused(result, 69, f"{place}/none", "--sink=stdout")
