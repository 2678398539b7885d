# SPDX-License-Identifier: BSD-2-Clause
"""The README's first command where nothing is installed: from the source tree, in whatever form, to
the first events. There is no systemd here, so it ends in the terminal."""

import re

import pytest

EVENT = re.compile(r"^Consumer \d+: .+ \(key: \S+\)$", re.M)

pytestmark = pytest.mark.xdist_group("quickstart")


def has_git(where):
    return where.run("sh", "-c", "command -v git", check=False).returncode == 0


def quickstart(where, tree):
    shown = where.run_until(EVENT, "packaging/quickstart.sh", cwd=tree)
    assert "Installing crier_" in shown
    where.run("crierd", "--version")
    return shown


def test_root_with_a_clone_and_no_git(used_root, clone, put):
    assert not has_git(used_root)
    quickstart(used_root, put(used_root, clone))
    assert not has_git(used_root)


def test_root_with_a_release(used_root, unpacked, put):
    """What was needed is there from before, and what was configured stays."""
    configured = used_root.path("/etc/crier/crierd.conf")
    configured.write_text(configured.read_text() + "// mine\n")
    shown = quickstart(used_root, put(used_root, unpacked))
    assert "All that is needed to build crier is installed." in shown
    assert configured.read_text().endswith("// mine\n")


def test_root_with_a_clone_and_git(used_root, clone, put):
    used_root.install("git")
    quickstart(used_root, put(used_root, clone))
