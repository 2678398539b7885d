# SPDX-License-Identifier: BSD-2-Clause
"""The manual page crierd.conf(5) has the client properties that the daemon sets and those that it
refuses, with the values of the code; and the packaged configuration is one line away from each of
the lab's tasks. (Keys, ranges and templates: tests/unit/test-config-manual.c.)"""

import re

import pytest

from lib.crier import TREE, run

pytestmark = pytest.mark.quick

PAGE = (TREE / "man/crierd.conf.5").read_text()
CODE = (TREE / "src/kafka/client.c").read_text()


def table(name):
    """The rows of a table of client.c, each as its strings; None for NULL."""
    rows = re.search(rf"\b{name}\[\] = {{(.*?)^}};", CODE, re.M | re.S).group(1)
    rows = re.sub(r"/\*.*?\*/", "", rows, flags=re.S)
    found = [
        [None if word == "NULL" else word.strip('"') for word in re.findall(r'"[^"]*"|NULL', row)]
        for row in re.findall(r"\{(.*?)\},\n", rows, re.S)
    ]
    assert len(found) >= 14
    return found


def section(name):
    return re.search(rf"^\.Sh {name}$(.*?)^\.Sh ", PAGE, re.M | re.S).group(1)


def items(name):
    """The properties that head the items of a section: {property: the rest of its line}."""
    found = {}
    for line in re.findall(r"^\.It Ic (.*)$", section(name), re.M):
        names, _, values = line.partition(" No = ")
        found.update({property: values for property in names.split(" , ")})
    return found


DEFAULTS = table("client_defaults")
OWNED = [row[0] for row in table("client_owned")]


@pytest.mark.parametrize("row", DEFAULTS, ids=[row[0] for row in DEFAULTS])
def test_manual_has_each_default_of_the_clients(row):
    name, value, embedded = row
    if name not in items("CLIENT DEFAULTS"):
        assert name in items("REFUSED CLIENT PROPERTIES")
        return
    expected = f"Li {value}" + (f" , No embedded Li {embedded}" if embedded else "")
    assert items("CLIENT DEFAULTS")[name] == expected


def test_manual_has_no_other_defaults_but_those_of_the_library_and_the_limits():
    others = set(items("CLIENT DEFAULTS")) - {row[0] for row in DEFAULTS}
    assert others == {
        "linger.ms",
        "queued.min.messages",
        "queued.max.messages.kbytes",
    }


def test_manual_has_each_property_that_is_refused_and_no_other():
    assert sorted(items("REFUSED CLIENT PROPERTIES")) == sorted(OWNED)


@pytest.mark.parametrize("name", OWNED)
def test_owned_properties_are_refused_wherever_they_stand(place, name):
    path = place / "crierd.conf"
    for text in (
        'cluster: { properties = [ "%s=1" ]; };\n',
        'producers: ( { name = "p"; topic = "t"; value = "v"; properties = [ "%s=1" ]; } );\n',
        'groups: ( { name = "g"; topics = [ "t" ]; properties = [ "%s=1" ]; } );\n',
    ):
        path.write_text(text % name)
        result = run("--check-config", f"--config={path}")
        assert result.returncode == 78
        assert result.stderr.startswith(f"{path}:1: ")
        assert f"'{name}'" in result.stderr


def settings(path):
    """The lines of a configuration without comments."""
    lines = [re.sub(r"\s+#.*", "", line) for line in path.read_text().splitlines()]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def changed(before, after):
    """How the settings of one file differ from another's: [(line before, line after)]."""
    assert len(before) == len(after)
    return [(a.strip(), b.strip()) for a, b in zip(before, after) if a != b]


def test_each_task_is_one_line_away():
    packaged = settings(TREE / "etc/crierd.conf")
    tasks = [settings(TREE / f"etc/examples/task{n}.conf") for n in (1, 2, 3)]
    assert packaged == tasks[0]
    assert changed(tasks[0], tasks[1]) == [("consumers = 1;", "consumers = 7;")]
    keys = 'keys = [ "red", "green", "blue", "white" ];'
    assert changed(tasks[1], tasks[2]) == [("keys = [ ];", keys)]


def test_the_packaged_configuration_says_which_lines():
    text = (TREE / "etc/crierd.conf").read_text()
    assert re.search(r"consumers = 1; +# Task 2: consumers = 7;\n", text)
    assert re.search(r'keys = \[ \]; +# Task 3: keys = \[ "red", "green", .* \];\n', text)
