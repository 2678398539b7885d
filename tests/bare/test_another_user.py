# SPDX-License-Identifier: BSD-2-Clause
"""Both of the README's commands as a user who may not install anything: they are told what has to
be installed, by whom, and what to type then; and that is enough. What root is to install for the
tests is what the same command installs for root."""

import re

from test_quickstart import EVENT
from test_run import check_ring, run_ring


def test_another_user_is_told_what_to_do_and_that_is_enough(new_root, clone, put):
    new_root.run("useradd", "--create-home", "student")
    tree = put(new_root, clone, "student")
    told = new_root.run("packaging/quickstart.sh", cwd=tree, user="student", check=False)
    assert told.returncode == 1
    paragraphs = told.stdout.split("\n\n")
    (packages,) = (p for p in paragraphs if p.startswith("  lib"))
    (typed,) = (p for p in paragraphs if "autogen.sh" in p and "configure" in p)
    new_root.install(*packages.split())
    script = f"mkdir ~/build && cd ~/build && set -e\n{typed}"
    new_root.run_until(EVENT, "sh", "-c", script, user="student")

    shown, counts = run_ring(new_root, tree, "unit", "test-parse", user="student")
    assert counts == (0, 0, 1), shown
    missing = re.search(r"it needs: apt-get install (.*)", shown).group(1)
    shown = check_ring(new_root, put(new_root, clone), "unit", "test-parse")
    assert set(re.search(r"^installing (.*)", shown, re.M).group(1).split()) == set(missing.split())
    check_ring(new_root, tree, "unit", "test-parse", user="student")
