# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the ring of new machines: Debian roots with nothing but the base system, and the
source tree in the forms in which people get it."""

import itertools
import os
import pathlib
import shutil
import subprocess

import pytest

from lib import files
from lib.newroot import NewRoot

_numbers = itertools.count()


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A git clone of the tree as it is now."""
    origin = tmp_path_factory.mktemp("origin") / "crier"
    subprocess.run([files.TREE / "packaging/tree.sh", origin], check=True)
    git = ["git", "-C", origin, "-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *arguments], check=True)
    directory = tmp_path_factory.mktemp("clone") / "crier"
    subprocess.run(["git", "clone", "--quiet", origin, directory], check=True)
    return directory


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """The unpacked release: $CRIER_TARBALL, as `make dist` makes it."""
    directory = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-C", directory, "-xf", os.environ["CRIER_TARBALL"]], check=True)
    (tree,) = directory.iterdir()
    return tree


@pytest.fixture
def new_root():
    """A new root for this test."""
    with NewRoot() as made:
        yield made


@pytest.fixture(scope="module")
def used_root():
    """A root in which the tests of a module go on where those before them have ended."""
    with NewRoot() as made:
        yield made


@pytest.fixture
def put():
    """put(ROOT, TREE): the folder in the root with a copy of it, which belongs to `user`."""

    def putter(where, tree, user="root"):
        home = pathlib.Path("/root" if user == "root" else f"/home/{user}")
        target = where.path(home) / f"crier-{next(_numbers)}"
        shutil.copytree(tree, target, symlinks=True)
        inside = home / target.name
        where.run("chown", "-R", f"{user}:", inside)
        return inside

    return putter
