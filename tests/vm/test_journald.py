# SPDX-License-Identifier: BSD-2-Clause
"""journald that is stopped, or dies and comes back, under load: nothing is lost, members stay in
their groups, memory is bounded."""

import re

import pytest

from lib import config, oracle, wait

MIB = 1024 * 1024


def load(cluster, name):
    return config.build(
        bootstrap=cluster.bootstrap,
        topics=[config.topic(name, 3)],
        producers=[config.producer("p", name, "%{seq} %{alpha:200}", rate=1000.0)],
        groups=[config.group(name, name, 3, start="earliest")],
    )


def memory(service):
    text = service.machine.shell(f"cat /proc/{service.pid}/status").stdout
    return int(re.search(r"^RssAnon:\s+(\d+) kB", text, re.M).group(1)) * 1024


def wait_written(service, name):
    """Waits until events flow into the journal."""
    wait.until(
        lambda: service.group(name)["written"] > 500, 40, lambda: service.group(name), interval=0.5
    )


def stopped(service, cluster, name):
    """Stops the service, and returns the oracle's report."""
    service.stop()
    commits = oracle.committed(cluster.bootstrap, name, name)
    assert sum(commits.values()) > 3000
    content = oracle.broker_content(cluster.bootstrap, name)
    report = oracle.compare(content, service.events(name), commits)
    assert report.written > 3000 and not report.altered
    return report


def test_journald_that_stands_still_for_20_seconds(service, cluster):
    service.restart(load(cluster, "still"))
    service.wait_stable()
    wait_written(service, "still")
    before = service.group("still")
    small = memory(service)
    journald = service.machine.show("systemd-journald", "MainPID")
    service.machine.shell(f"kill -STOP {journald}")
    try:
        wait.until(
            lambda: service.status()["sink"]["state"] != "ok", 15, service.status, interval=0.5
        )
        wait.holds(lambda: service.group("still")["stable"], 20, service.status, interval=1)
        assert memory(service) < small + 32 * MIB
        assert service.producer("p")["acked"] > 15000
    finally:
        service.machine.shell(f"kill -CONT {journald}")

    def is_well():
        lag = service.group("still")["lag"]
        return service.status()["sink"]["state"] == "ok" and lag is not None and lag < 3000

    wait.until(is_well, 60, service.status, interval=0.5)
    assert service.group("still")["rebalances"] == before["rebalances"]
    report = stopped(service, cluster, "still")
    assert not report.committed_missing and not report.reordered and not report.duplicated


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_journald_that_is_started_anew(service, cluster, how):
    """What journald had read and not yet stored when it was killed is out of at-least-once's reach;
    what it had stored, and all that waited in its socket, is there."""
    name = f"anew-{how}"
    service.restart(load(cluster, name))
    service.wait_stable()
    wait_written(service, name)
    rebalances = service.group(name)["rebalances"]
    if how == "restart":
        service.machine.run("systemctl", "restart", "systemd-journald")
    else:
        service.machine.run("systemctl", "kill", "-s", "KILL", "systemd-journald")
    written = service.group(name)["written"]
    wait.until(
        lambda: service.group(name)["written"] > written + 3000, 30, service.status, interval=0.5
    )
    assert service.group(name)["rebalances"] == rebalances
    report = stopped(service, cluster, name)
    assert len(report.committed_missing) <= (0 if how == "restart" else 100)
