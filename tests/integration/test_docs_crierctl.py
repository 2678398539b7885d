# SPDX-License-Identifier: BSD-2-Clause
"""The manual page crierctl(1) and both completions know each verb, option and exit code that there
is, and no others."""

import re
import subprocess

import pytest

from lib.crier import TREE, ctl

PAGE = (TREE / "man/crierctl.1").read_text()
BASH = TREE / "packaging/completion/crierctl.bash"
ZSH = (TREE / "packaging/completion/_crierctl").read_text()
TABLE = (TREE / "src/protocol/verbs.def").read_text().rpartition("*/")[2]
# name, help
VERBS = re.findall(r'VERB\(\w+, "([^"]+)", .*?"([^"]+)"\)', TABLE, re.S)


def section(name):
    return re.search(rf"^\.Sh {name}$(.*?)^\.Sh ", PAGE, re.M | re.S).group(1)


def options():
    """{long name: (letter, takes a value)}, as --help has them."""
    text = ctl("--help").stdout
    found = re.findall(r"^  (?:-(\w), )?--([a-z-]+)(=[A-Z]+)?  ", text, re.M)
    assert len(found) >= 6
    return {name: (letter, bool(value)) for letter, name, value in found}


def complete(*words):
    """What bash offers for the last word."""
    script = f"""
        compopt() {{ :; }}
        . {BASH}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _crierctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    shown = subprocess.run(
        ["bash", "-euc", script, "bash", "crierctl", *words],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=TREE,
    )
    assert shown.returncode == 0 and not shown.stderr, shown.stderr
    return shown.stdout.split()


def test_the_table_of_verbs_was_read():
    assert "status" in [name for name, _ in VERBS]
    assert len(VERBS) == len(re.findall(r"^VERB\(", TABLE, re.M))


def test_help_has_each_verb_and_its_line():
    text = ctl("--help").stdout
    for name, line in VERBS:
        assert re.search(rf"^  {name}\b.*  {re.escape(line)}$", text, re.M)


def test_manual_explains_each_verb_and_no_other():
    assert re.findall(r"^\.Ss (\w+)", section("VERBS"), re.M) == [name for name, _ in VERBS]


def test_manual_explains_each_option_and_no_other():
    items = re.findall(r"^\.It (Fl .*)$", section("OPTIONS"), re.M)
    explained = {}
    for item in items:
        letter = re.search(r"^Fl (\w) ", item)
        name = re.search(r"Fl -([a-z-]+)( Ns = Ns Ar)?", item)
        explained[name.group(1)] = (letter.group(1) if letter else "", bool(name.group(2)))
    assert explained == options()


def test_manual_has_each_exit_code_with_its_word():
    code = (TREE / "src/crierctl/failure.h").read_text()
    kinds = re.findall(r'^\s+FAILURE\(\w+, "([a-z-]+)", (\d+)\)', code, re.M)
    assert len(kinds) >= 9
    listed = section("EXIT STATUS")
    codes = re.findall(r"^\.It (\d+)$", listed, re.M)
    assert codes == sorted({"0"} | {code for _, code in kinds}, key=int)
    for word, number in kinds:
        part = re.search(rf"^\.It {number}$(.*?)(?=^\.It |^\.El)", listed, re.M | re.S).group(1)
        assert re.search(rf"^\.Li {word} :$", part, re.M), word


def test_manual_has_each_heading_of_the_picture():
    code = (TREE / "src/crierctl/status.c").read_text()
    headings = re.findall(r'\{"([A-Z]+)",\s*COLUMN_', code)
    assert len(headings) >= 10
    for heading in set(headings) - {"PRODUCER", "GROUP", "TOPIC"}:
        assert f".It Li {heading}\n" in section("VERBS")


def test_bash_completes_each_verb_once():
    names = [name for name, _ in VERBS]
    assert complete("") == names
    assert complete("stat") == ["status"]
    assert complete("--json", "") == names
    assert complete("status", "") == []


def test_bash_completes_each_option_and_no_other():
    expected = set()
    for name, (letter, value) in options().items():
        expected.add(f"--{name}=" if value else f"--{name}")
        if letter:
            expected.add(f"-{letter}")
    assert set(complete("-")) == expected


@pytest.mark.parametrize(
    "words", [("-s", "man/crier"), ("--socket", "man/crier"), ("--socket", "=", "man/crier")]
)
def test_bash_completes_socket_paths(words):
    assert "man/crierctl.1" in complete(*words)


def test_bash_offers_nothing_for_a_time():
    assert complete("--timeout", "=", "") == complete("--timeout", "=") == []


def test_zsh_has_each_verb_with_its_line_and_no_other():
    block = re.search(r"^verbs=\(\n(.*?)^\)", ZSH, re.M | re.S).group(1)
    assert re.findall(r"'([^:']+):([^']+)'", block) == VERBS


def test_zsh_has_each_option_and_no_other():
    arguments = ZSH[ZSH.index("_arguments"):]
    found = {name: bool(value) for name, value in re.findall(r"--([a-z-]+)(=?)[\[}]", arguments)}
    assert found == {name: value for name, (_, value) in options().items()}
