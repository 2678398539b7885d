# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the machine ring: one booted machine with the package installed, and one broker on
the host, which the machine reaches over the loopback that they share."""

import pytest

from lib import kafka, vm


@pytest.fixture(scope="session")
def package():
    """The package, built from the tree as it is."""
    return vm.package()


@pytest.fixture(scope="session")
def machine(package):
    """A machine with the package installed, and an ordinary user `student`."""
    with vm.Machine() as machine:
        machine.install(package)
        machine.run("useradd", "--create-home", "student")
        yield machine


@pytest.fixture
def service(machine):
    """The service; ended after the test."""
    service = vm.Service(machine)
    yield service
    service.stop()


@pytest.fixture(scope="session")
def cluster():
    with kafka.Cluster() as cluster:
        yield cluster
