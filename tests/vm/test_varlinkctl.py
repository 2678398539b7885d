# SPDX-License-Identifier: BSD-2-Clause
"""varlinkctl(1), which systemd has since Debian 13, as a client of the service."""

import json

import pytest

from lib import config, vm

SOCKET = "/run/crier/control"
CONTROL = "io.crier.Control"


@pytest.fixture(scope="module")
def varlinkctl(machine):
    """varlinkctl(…) runs it in the machine, where crierd runs."""
    service = vm.Service(machine)
    service.restart(
        config.build(
            topics=[config.topic("t")],
            producers=[config.producer("p", "t", rate=20.0)],
            groups=[config.group("g", "t")],
        )
    )
    service.wait_stable()
    yield lambda *arguments: machine.run("varlinkctl", *arguments, check=False, timeout=90)
    service.stop()


def test_varlinkctl_reads_what_the_service_is(varlinkctl):
    told = varlinkctl("info", SOCKET)
    assert told.returncode == 0, told.stderr
    assert "crierd" in told.stdout and CONTROL in told.stdout


def test_varlinkctl_takes_the_interface_description(varlinkctl):
    told = varlinkctl("introspect", SOCKET, CONTROL)
    assert told.returncode == 0, told.stderr
    assert "method Scale" in told.stdout


def test_varlinkctl_calls_and_waits_for_the_effect(varlinkctl):
    status = varlinkctl("--json=short", "call", SOCKET, f"{CONTROL}.Status", "{}")
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["groups"][0]["name"] == "g"
    scaled = varlinkctl(
        "--json=short", "call", SOCKET, f"{CONTROL}.Scale", '{"group":"g","count":2}'
    )
    assert json.loads(scaled.stdout)["stable"] is True, scaled.stderr


def test_varlinkctl_gets_one_reply_after_the_other(varlinkctl):
    told = varlinkctl(
        *("--more", "--json=short", "call", SOCKET, f"{CONTROL}.Scale", '{"group":"g","count":3}')
    )
    replies = told.stdout.replace("\x1e", "").splitlines()
    assert len(replies) > 1, told.stderr
    assert json.loads(replies[-1])["after"] == 3


def test_varlinkctl_names_the_error(varlinkctl):
    told = varlinkctl("call", SOCKET, f"{CONTROL}.Scale", '{"group":"h","count":1}')
    assert told.returncode != 0
    assert f"{CONTROL}.NoSuchGroup" in told.stderr
