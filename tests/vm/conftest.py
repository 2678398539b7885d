# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the machine ring: for each process of it one booted machine with the package
installed, and one broker on the host, which the machine reaches over the loopback that they
share."""

import re

import pytest

from lib import faults, kafka, root, trial, vm

# systemd has varlinkctl since 255.
collect_ignore = ["test_varlinkctl.py"] if root.release() == "bookworm" else []


def pytest_collection_modifyitems(items):
    """The tests of a file stay in one process, which has a machine and a broker of its own."""
    for item in items:
        if "tests/vm" in str(item.path):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def package():
    """The package, built from the tree as it is."""
    return vm.package()


@pytest.fixture(scope="session")
def machine(package):
    """A machine with the package installed, and an ordinary user `student`."""
    with vm.Machine(vm.needs(package)) as machine:
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
    # Members that died may be missed after less than Kafka's own minimum of 6 s.
    with kafka.Cluster(settings={"group.min.session.timeout.ms": 1000}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def faulty(machine):
    """The machine, ready for fault tests: services that are killed come back at once and as often
    as that happens, and journald limits nobody."""
    often = "[Unit]\nStartLimitIntervalSec=0\n"
    faults.drop_in(
        machine, "crierd.service", "soon", f"{often}[Service]\nRestartSec=200ms\n"
    )
    faults.drop_in(machine, "systemd-journald.service", "often", often)
    faults.configure_journald(machine, RateLimitBurst=0)
    yield machine
    faults.drop_in(machine, "crierd.service", "soon", None)
    faults.drop_in(machine, "systemd-journald.service", "often", None)
    faults.configure_journald(machine)


@pytest.fixture
def rate_limit(faulty):
    """journald drops most of what crierd sends."""
    with faults.rate_limit(faulty):
        yield


@pytest.fixture
def few_descriptors(faulty):
    """As many as systemd gives a service, and no more."""
    services = ("crierd.service", f"{faults.Second.name}.service")
    for service in services:
        faults.drop_in(faulty, service, "few", "[Service]\nLimitNOFILE=1024\n")
    yield
    for service in services:
        faults.drop_in(faulty, service, "few", None)


@pytest.fixture
def small_disk(faulty):
    """The journal is on a disk of its own, which holds some 500,000 entries, in one file: what is
    archived would be thrown away where there is no room."""
    with faults.small_disk(faulty, 400):
        faults.configure_journald(
            faulty,
            RateLimitBurst=0,
            SystemMaxUse="380M",
            SystemMaxFileSize="380M",
            SystemKeepFree="1M",
        )
        yield
    faults.configure_journald(faulty, RateLimitBurst=0)


@pytest.fixture
def lab(faulty, service, cluster, request):
    """lab(…) is a trial.Trial with a topic and a group of the test's name, on the shared broker or
    on `cluster`."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")

    def make(on=cluster, **more):
        return trial.Trial(service, on, name, **more)

    return make
