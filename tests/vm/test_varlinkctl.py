# SPDX-License-Identifier: BSD-2-Clause
"""varlinkctl(1), which systemd has since Debian 13, as a client: a root of that release beside the
daemon, whose socket lies inside it."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from lib import config, vm
from lib.crier import Crier


# It connects by way of /proc, which the root has only in a mount namespace of its own.
IN_ROOT = 'mount --bind /proc "$0/proc" && exec chroot "$0" varlinkctl "$@"'


@pytest.fixture(scope="module")
def varlinkctl():
    """varlinkctl(…) runs it against a crierd; the socket stands for "SOCKET"."""
    root = vm.root("trixie", ("systemd",))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="crier-", dir=root / "run"))
    conf = config.build(
        topics=[config.topic("t")],
        producers=[config.producer("p", "t", rate=20.0)],
        groups=[config.group("g", "t")],
    )

    def run(*arguments):
        socket = "/" + str((directory / "control").relative_to(root))
        command = [socket if word == "SOCKET" else word for word in arguments]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", IN_ROOT, root, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            env={"PATH": vm.PATH, "LC_ALL": "C.UTF-8"},
        )

    try:
        with Crier(conf, directory=directory) as crier:
            crier.wait_stable()
            yield run
    finally:
        shutil.rmtree(directory)


def test_varlinkctl_reads_what_the_service_is(varlinkctl):
    told = varlinkctl("info", "SOCKET")
    assert told.returncode == 0, told.stderr
    assert "crierd" in told.stdout and "io.crier.Control" in told.stdout


def test_varlinkctl_takes_the_interface_description(varlinkctl):
    told = varlinkctl("introspect", "SOCKET", "io.crier.Control")
    assert told.returncode == 0, told.stderr
    assert "method Scale" in told.stdout


def test_varlinkctl_calls_and_waits_for_the_effect(varlinkctl):
    status = varlinkctl("--json=short", "call", "SOCKET", "io.crier.Control.Status", "{}")
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["groups"][0]["name"] == "g"
    scaled = varlinkctl(
        "--json=short", "call", "SOCKET", "io.crier.Control.Scale", '{"group":"g","count":2}'
    )
    assert json.loads(scaled.stdout)["stable"] is True, scaled.stderr


def test_varlinkctl_gets_one_reply_after_the_other(varlinkctl):
    told = varlinkctl(
        "--more", "--json=short", "call", "SOCKET", "io.crier.Control.Scale",
        '{"group":"g","count":3}',
    )
    replies = told.stdout.replace("\x1e", "").splitlines()
    assert len(replies) > 1, told.stderr
    assert json.loads(replies[-1])["after"] == 3


def test_varlinkctl_names_the_error(varlinkctl):
    told = varlinkctl("call", "SOCKET", "io.crier.Control.Scale", '{"group":"h","count":1}')
    assert told.returncode != 0
    assert "io.crier.Control.NoSuchGroup" in told.stderr
