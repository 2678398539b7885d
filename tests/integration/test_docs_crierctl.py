# SPDX-License-Identifier: BSD-2-Clause
"""The manual page crierctl(1), --help and completion know each verb, option and exit code that
there is, and no others."""

import re
import subprocess

import pytest

from lib import fakedaemon as fake
from lib.crier import TREE, ctl, program
from lib.verbs import VERBS

pytestmark = pytest.mark.quick

PAGE = (TREE / "man/crierctl.1").read_text()
BASH = TREE / "packaging/completion/crierctl.bash"
NAMES = [verb.name for verb in VERBS]


def section(name):
    return re.search(rf"^\.Sh {name}$(.*?)^\.Sh ", PAGE, re.M | re.S).group(1)


def options():
    """{long name: (letter, takes a value)}, as --help has them."""
    text = ctl("--help").stdout
    found = re.findall(r"^  (?:-(\w), )?--([a-z-]+)(=\S+)?(?:  |$)", text, re.M)
    assert len(found) >= 6
    return {name: (letter, bool(value)) for letter, name, value in found}


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


# ---- completion ----


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


def test_zsh_asks_crierctl_too():
    text = (TREE / "packaging/completion/_crierctl").read_text()
    assert text.startswith("#compdef crierctl\n")
    assert '"$words[1]" --complete -- "${(@)words[2,CURRENT]}"' in text
