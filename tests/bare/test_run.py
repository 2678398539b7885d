# SPDX-License-Identifier: BSD-2-Clause
"""The README's second command where nothing is installed: each ring installs what it needs, and a
test of it runs. What all rings need is taken for installed but for the unit ring, which needs no
more: test_another_user.py. (What the rings of machines and of new roots need is looked at where
they run.)"""

import os
import re

import pytest

from lib.newroot import NewRoot

# What to run of the rings that run pytest: what needs most of what they install, each time in one
# of the forms in which people have the tree. They go on in one root, so that what all of them need
# is installed once, by the first; what more one needs, none before it brings.
PYTEST = [
    ("release", [("valgrind", "test_ready")]),
    (
        "clone",
        [
            ("integration", "test_service_is_described or json_suite_is or test_manual or sigint"),
            ("sanitizers", "test_ready"),
        ],
    ),
    ("clone-and-git", [("kafka", "test_topics_are_created_as_configured")]),
]
LINT = ("format", "shellcheck", "flake8", "manuals", "configure")


def root_to_build_in():
    """A root that has what all rings need."""
    return NewRoot(os.environ["CRIER_NEEDS_BUILD"].split())


@pytest.fixture(scope="module")
def root_for_pytest():
    with root_to_build_in() as made:
        yield made


def run_ring(where, tree, ring, test, **more):
    """Returns what is shown, and how many tests passed, failed and were skipped."""
    shown = where.run(
        "tests/run.sh", "--test", test, ring, cwd=tree, check=False, **more
    ).stdout
    counts = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", shown, re.M)
    assert counts, shown
    return shown, tuple(map(int, counts.groups()))


def check_ring(where, tree, ring, test, **more):
    """Returns what is shown."""
    shown, (passed, failed, skipped) = run_ring(where, tree, ring, test, **more)
    assert passed > 0 and not failed and not skipped, shown[-6000:]
    return shown


@pytest.mark.xdist_group("pytest")
@pytest.mark.parametrize("form, rings", PYTEST, ids=[rings[0][0] for _, rings in PYTEST])
def test_ring_installs_what_it_needs(root_for_pytest, clone, unpacked, put, form, rings):
    tree = put(root_for_pytest, unpacked if form == "release" else clone)
    if form == "clone-and-git":
        root_for_pytest.install("git")
    for ring, test in rings:
        check_ring(root_for_pytest, tree, ring, test)


def test_lint_ring_installs_what_it_needs(clone, put):
    with root_to_build_in() as where:
        tree = put(where, clone)
        for test in LINT:
            check_ring(where, tree, "lint", test)
