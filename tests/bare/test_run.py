# SPDX-License-Identifier: BSD-2-Clause
"""The README's second command where nothing is installed: each ring installs what it needs, and a
test of it runs. (What the ring of machines needs is looked at where it runs: it boots machines
itself.)"""

import re

import pytest

# Rings that need the same, and what to run of them: what needs most of what they install.
RINGS = [
    [("lint", test) for test in ("format", "shellcheck", "flake8", "manuals", "configure")],
    [("unit", "test-parse"), ("unit", "make dist")],
    [
        ("integration", "test_service_is_described or test_documents or test_manual or sigint"),
        ("sanitizers", "test-parse"),
    ],
    [("valgrind", "test_ready")],
    [("kafka", "test_topics_are_created_as_configured")],
]


def run_ring(where, tree, ring, test, **more):
    """Returns what is shown, and how many tests passed, failed and were skipped."""
    shown = where.run(
        "tests/run.sh", "--test", test, ring, cwd=tree, check=False, **more
    ).stdout
    counts = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", shown, re.M)
    assert counts, shown
    return shown, tuple(map(int, counts.groups()))


def check_ring(where, tree, ring, test, **more):
    shown, (passed, failed, skipped) = run_ring(where, tree, ring, test, **more)
    assert passed > 0 and not failed and not skipped, shown[-6000:]


@pytest.mark.parametrize("rings", RINGS, ids=lambda rings: rings[0][0])
def test_ring_installs_what_it_needs(new_root, clone, put, rings):
    tree = put(new_root, clone)
    for ring, test in rings:
        check_ring(new_root, tree, ring, test)


def test_unit_ring_in_a_release_and_in_a_clone_with_git(new_root, unpacked, clone, put):
    check_ring(new_root, put(new_root, unpacked), "unit", "test-parse")
    new_root.run("apt-get", "install", "--yes", "--no-install-recommends", "git")
    check_ring(new_root, put(new_root, clone), "unit", "test-parse")


def test_another_user_is_told_what_to_install_and_that_is_enough(new_root, clone, put):
    new_root.run("useradd", "--create-home", "student")
    tree = put(new_root, clone, "student")
    shown, counts = run_ring(new_root, tree, "unit", "test-parse", user="student")
    assert counts == (0, 0, 1), shown
    packages = re.search(r"it needs: apt-get install (.*)", shown).group(1).split()
    new_root.run("apt-get", "update")
    new_root.run("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    check_ring(new_root, tree, "unit", "test-parse", user="student")
