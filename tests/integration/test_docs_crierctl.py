# SPDX-License-Identifier: BSD-2-Clause
"""The manual page crierctl(1) and --help know each verb, option and exit code that there is, and no
others."""

import re

import pytest

from lib.crier import TREE, ctl
from lib.verbs import VERBS

pytestmark = pytest.mark.quick

PAGE = (TREE / "man/crierctl.1").read_text()
NAMES = [verb.name for verb in VERBS]


def section(name):
    return re.search(rf"^\.Sh {name}$(.*?)^\.Sh ", PAGE, re.M | re.S).group(1)


def options():
    """{long name: (letter, takes a value)}, as --help has them."""
    text = ctl("--help").stdout
    found = re.findall(r"^  (?:-(\w), )?--([a-z-]+)(=\S+)?(?:  |$)", text, re.M)
    assert len(found) >= 6
    return {name: (letter, bool(value)) for letter, name, value in found}


def test_the_table_of_verbs_was_read():
    assert "status" in NAMES


def test_help_has_each_verb_and_its_line():
    text = ctl("--help").stdout
    for verb in VERBS:
        synopsis = re.escape(f"{verb.name} {verb.arguments}".strip())
        assert re.search(rf"^  {synopsis}(\n| ) +{re.escape(verb.help)}$", text, re.M), verb


def test_manual_explains_each_verb_and_no_other():
    headings = re.findall(r"^\.Ss ([a-z-]+)$", section("VERBS"), re.M)
    assert sorted(headings) == sorted(NAMES)


def test_manual_has_each_synopsis():
    """As mdoc has it: what stands under the heading begins with the verb's own synopsis."""
    for verb in VERBS:
        part = section("VERBS").split(f".Ss {verb.name}\n")[1].split("\n.Ss ")[0]
        assert part.startswith(f".D1 Nm crierctl Cm {verb.name}"), verb
        line = part.splitlines()[0]
        for word in re.findall(r"[A-Za-z]+", verb.arguments):
            assert re.search(rf"\b{word.lower()}\b", line), (verb, word)


def test_manual_explains_each_option_and_no_other():
    items = re.findall(r"^\.It (Fl .*)$", section("OPTIONS"), re.M)
    explained = {}
    for item in items:
        letter = re.search(r"^Fl (\w) ", item)
        name = re.search(r"Fl -([a-z-]+)( Ns = Ns (?:Ar|Oo))?", item)
        explained[name.group(1)] = (letter.group(1) if letter else "", bool(name.group(2)))
    assert explained == options()
    assert "--complete" not in ctl("--help").stdout


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


def test_manual_has_each_heading_of_the_pictures():
    headings = set()
    for source in (TREE / "src/crierctl").glob("*.c"):
        if not source.name.startswith("top"):
            headings |= set(re.findall(r'\{"([A-Z][A-Z0-9]+)",\s*COLUMN_', source.read_text()))
    assert len(headings) >= 20
    plain = {"PRODUCER", "GROUP", "CONSUMER", "TOPIC", "PARTITION", "KEY"}
    assert {h for h in headings - plain if f".It Li {h}\n" not in section("VERBS")} == set()
