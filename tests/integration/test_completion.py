# SPDX-License-Identifier: BSD-2-Clause
"""Completion of crierctl: what it offers, and that shells insert it as it is, whatever others have
called their groups and files."""

import os
import re
import subprocess

import pytest

from lib import fakedaemon as fake
from lib.crier import TREE, ctl, program
from lib.tmux import Terminal
from lib.verbs import VERBS

BASH = TREE / "packaging/completion/crierctl.bash"
NAMES = [verb.name for verb in VERBS]


def words_of(name, is_verb=True):
    """The options that the verb takes, as words to complete."""
    text = ctl("--help").stdout
    words = set()
    for heading, block in re.findall(r"^Options(.*):\n((?:  .*\n)+)", text, re.M):
        if heading and name not in re.findall(r"[a-z-]+", heading):
            continue
        for letter, long, value in re.findall(
                r"^  (?:-(\w), )?--([a-z-]+)(=\S+)?(?:  |$)", block, re.M):
            words.add(f"--{long}=" if value else f"--{long}")
            words |= {f"-{letter}"} if letter else set()
    return words


@pytest.fixture
def complete(place):
    """complete(*words): what bash offers for the last of them. A daemon runs."""
    script = f"""
        compopt() {{ :; }}
        . {BASH}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _crierctl "$CRIERCTL_UNDER_TEST"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """

    def run(*words, socket=place / "control"):
        shown = subprocess.run(
            ["bash", "-euc", script, "bash", "crierctl", *words], capture_output=True, text=True,
            timeout=20, cwd=TREE, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                                       "CRIERCTL_UNDER_TEST": program("crierctl"),
                                       "CRIER_SOCKET": str(socket)})
        assert shown.returncode == 0 and not shown.stderr, shown.stderr
        return shown.stdout.split()

    with fake.replying(place / "control", {"parameters": fake.status()}):
        yield run


def test_completes_each_verb(complete):
    assert complete("") == NAMES
    assert complete("stat") == ["status"]
    assert complete("--json", "--timeout", "=", "5", "") == NAMES
    assert complete("-s", "/x", "stat") == ["status"]
    assert complete("status", "") == []
    assert complete("frobnicate", "x", "") == NAMES


def test_completes_the_options_that_a_verb_takes(complete):
    assert set(complete("-")) == words_of(None)
    for name in NAMES:
        assert set(complete(name, "-")) == words_of(name), name
    assert complete("--jso") == ["--json"]
    assert complete("scale", "--", "-") == []


CONSUMERS = [str(n) for n in range(7)]
NAMED = {
    "PRODUCER": ["office"], "GROUP": ["invoice-services"], "CONSUMER": CONSUMERS,
    "TOPIC": ["post.office"], "TARGET...": ["office", "invoice-services", *CONSUMERS],
    "LEVEL": ["error", "warning", "notice", "info", "debug"],
    "METHOD": [verb.method for verb in VERBS if verb.method],
    "TOPIC[:PARTITION]": ["post.office"],
}


@pytest.mark.parametrize("name", NAMES)
def test_completes_each_argument_from_what_there_is(complete, name):
    words = next(v.arguments for v in VERBS if v.name == name).split()
    for place, word in enumerate(words):
        word = re.sub(r"^\[(.*)\]$", r"\1", word)
        expected = NAMED.get(word, [w for w in word.split("|") if w.isalpha() and w.islower()])
        assert complete(name, *["x"] * place, "") == expected, (name, word)
    if not any("..." in word for word in words):
        assert complete(name, *["x"] * len(words), "") == []


def test_completes_values_of_options(complete):
    if "tail" in NAMES:
        assert complete("tail", "--group", "=", "") == ["invoice-services"]
        assert complete("tail", "--topic", "=", "post") == ["post.office"]
        assert complete("tail", "--consumer", "") == CONSUMERS
    assert complete("--timeout", "=", "") == complete("--timeout", "=") == []
    assert complete("--host", "") == []


def test_completes_what_the_shell_has_cut_at_a_colon(complete):
    assert complete("seek", "g", "t", ":", "1", "") == ["earliest", "latest"]


def test_completes_targets_with_their_kind(complete):
    assert complete("pause", "producer/") == ["producer/office"]
    assert complete("pause", "office", "group/i") == ["group/invoice-services"]


@pytest.mark.parametrize(
    "words", [("-s", "man/crier"), ("--socket", "man/crier"), ("--socket", "=", "man/crier")]
)
def test_completes_socket_paths(complete, words):
    assert "man/crierctl.1" in complete(*words)
    assert complete(*words[:-1], "ma") == ["man/"]


def test_completes_nothing_where_no_daemon_answers(complete, place):
    assert complete("scale", "", socket=place / "none") == []
    assert complete("rate", "o", "-s", str(place / "control"), "", socket="/none") == ["max"]
    assert complete("-s", str(place / "control"), "rate", "", socket="/none") == ["office"]
    assert complete("", socket=place / "none") == NAMES


def test_completes_nothing_that_could_do_something_to_the_terminal(place):
    status = fake.status(producers=[fake.producer("\x1b[2J"), fake.producer("two\nlines")])
    with fake.replying(place / "control", {"parameters": status}):
        shown = ctl("--complete", "--", "rate", "", socket_path=place / "control",
                    env={"LC_ALL": "C.UTF-8"})
    assert shown.returncode == 0 and shown.stdout == "\\u001b[2J\n"


def test_whole_words_are_offered_to_shells_that_do_not_cut(place):
    """As zsh asks."""
    with fake.replying(place / "control", {"parameters": fake.status()}):
        def offered(*words):
            shown = subprocess.run(
                [program("crierctl"), "--complete", "--", *words], capture_output=True, text=True,
                cwd=TREE, timeout=20, env={"CRIER_SOCKET": str(place / "control")})
            return shown.stdout.split()

        assert offered("--socket=man/crierd.c") == ["--socket=man/crierd.conf.5"]
        if "tail" in NAMES:
            assert offered("tail", "--group=i") == ["--group=invoice-services"]


# ---- in a terminal ----

RUN = "$(touch PWNED)"
HOSTILE = ["so me", f"so{RUN}", "so`touch PWNED`", "so;touch PWNED", 'so"me', "so'me", "so\\me"]
# What completes a word: typed before it, and typed behind what was inserted.
OPENINGS = ["", "'", '"']
STUB = """#!/bin/sh
[ "$1" != --complete ] || exec "$CRIERCTL_UNDER_TEST" "$@"
printf '%s\\n' "$@" >arguments.new
mv arguments.new arguments
"""
SHELLS = {
    "bash": [f". {BASH}"],
    # Without a question about directories that others may write to.
    "zsh": [
        "exec zsh -f",
        "PS1='% '",
        f"fpath=({BASH.parent} $fpath); autoload -Uz compinit; compinit -u -D",
        "bindkey -e",
    ],
}


@pytest.fixture(params=SHELLS)
def shell(place, request):
    """A shell with the completion, in an empty directory, with a `crierctl` that writes down what
    it is called with."""
    (place / "bin").mkdir()
    (place / "bin/crierctl").write_text(STUB)
    (place / "bin/crierctl").chmod(0o755)
    (place / "empty").mkdir()
    env = {
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "CRIERCTL_UNDER_TEST": program("crierctl"),
        "CRIER_SOCKET": str(place / "control"),
        "HOME": str(place),
    }
    with Terminal(place, size=(150, 50), env=env) as terminal:
        for command in [f"cd {place}/empty", *SHELLS[request.param], "echo rea''dy"]:
            terminal.run(command)
        terminal.wait_for("ready")
        yield terminal


def completed(shell, place, typed):
    """The arguments of crierctl where this was typed, then Tab and Enter."""
    arguments = place / "empty/arguments"
    arguments.unlink(missing_ok=True)
    shell.tmux("send-keys", "-l", f"crierctl {typed}")
    shell.keys("Tab")
    shell.keys("Enter")
    shell.wait(arguments.exists, f"crierctl was run, after {typed}")
    return arguments.read_text()[:-1].split("\n")


@pytest.mark.parametrize("opening", OPENINGS, ids=["plain", "single", "double"])
def test_file_names_are_inserted_as_they_are(shell, place, opening):
    for name in HOSTILE:
        (place / "empty" / name).touch()
        assert completed(shell, place, f"-s {opening}so") == ["-s", name]
        (place / "empty" / name).unlink()
    assert not (place / "empty/PWNED").exists()


def test_names_of_groups_are_inserted_as_they_are(shell, place):
    for name in HOSTILE:
        status = fake.status(groups=[fake.group(name)])
        with fake.replying(place / "control", {"parameters": status}):
            for opening in OPENINGS:
                assert completed(shell, place, f"scale {opening}so") == ["scale", name]
        (place / "control").unlink()
    assert not (place / "empty/PWNED").exists()


def test_a_word_that_is_half_typed_goes_on(shell, place):
    status = fake.status(groups=[fake.group("so me$x y"), fake.group("so you")])
    with fake.replying(place / "control", {"parameters": status}):
        for typed in (r"so\ m", "'so m", '"so m'):
            assert completed(shell, place, f"scale {typed}") == ["scale", "so me$x y"]
