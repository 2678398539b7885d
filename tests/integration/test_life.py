# SPDX-License-Identifier: BSD-2-Clause
"""From the start to the end of the daemon: sd_notify, the file with the embedded broker's address,
and a broker that is not there."""

import os
import signal

import pytest

from lib import config, files, wait
from lib.crier import ctl, run


@pytest.mark.short
def test_ready_status_and_stopping_are_notified(start):
    crier = start(config.build(topics=[config.topic("t")], groups=[config.group("g", "t")]))
    assert crier.notification("READY") == "1"
    wait.until(lambda: crier.notification("STATUS"), 10, "a STATUS= line")
    assert crier.stop()[0] == 0
    wait.until(lambda: crier.notification("STOPPING"), 5, lambda: crier.notifications())
    names = [name for name, _ in crier.notifications()]
    assert names.index("READY") < names.index("STOPPING")
    assert "\n" not in crier.notification("STATUS")


def test_status_line_is_said_only_when_it_changes(start):
    crier = start(config.build(topics=[config.topic("t")], groups=[config.group("g", "t")]))
    crier.wait_stable()
    count = len(crier.notifications())
    wait.holds(lambda: len(crier.notifications()) <= count + 2, 4, lambda: crier.notifications())


def test_bootstrap_file_names_the_embedded_broker_and_goes_at_the_end(start):
    crier = start(config.build(topics=[config.topic("t")]))
    text = (crier.directory / "bootstrap").read_text()
    assert text == crier.status()["cluster"]["bootstrap"] + "\n"
    assert text.startswith("127.0.0.1:")
    assert crier.stop()[0] == 0
    assert not (crier.directory / "bootstrap").exists()
    assert not crier.socket_path.exists()


def test_no_bootstrap_file_for_a_real_cluster(start):
    (port,) = files.free_ports(1)
    crier = start(config.build(bootstrap=f"127.0.0.1:{port}"))
    assert not (crier.directory / "bootstrap").exists()


def test_socket_and_address_of_a_dead_daemon_are_in_nobodys_way(start, place):
    setup = config.build(topics=[config.topic("t")])
    first = start(setup, directory=place)
    first.kill()
    assert first.socket_path.exists()
    second = start(setup, directory=place)
    assert second.status()["pid"] == second.pid
    assert second.bootstrap == second.status()["cluster"]["bootstrap"]


def test_ready_without_a_broker_and_the_trouble_is_said_once(start, journal):
    (port,) = files.free_ports(1)
    crier = start(
        config.build(
            bootstrap=f"127.0.0.1:{port}",
            producers=[config.producer("p", "t", rate=5.0)],
            groups=[config.group("g", "t", 2)],
        ),
        journal,
    )
    assert crier.notification("READY") == "1"
    cluster = wait.until(
        lambda: crier.status()["cluster"]["trouble"] and crier.status()["cluster"],
        30,
        lambda: crier.status(),
    )
    assert cluster["trouble"]["code"] == "broker-lost"
    assert str(port) in cluster["trouble"]["text"] + cluster["bootstrap"]
    assert cluster["trouble"]["advice"]
    journal.wait_record("CLUSTER_LOST")
    wait.holds(lambda: len(journal.records("CLUSTER_LOST")) == 1, 5, lambda: journal.records())
    assert "127.0.0.1" in crier.notification("STATUS")
    assert len(crier.stderr.splitlines()) < 10
    code, seconds = crier.stop()
    assert code == 0 and seconds < 5 * wait.SLOWNESS


def test_embedded_broker_of_another_that_goes_is_named_once(start, journal):
    host = start(config.build(topics=[config.topic("t")]))
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            producers=[config.producer("p", "t", rate=20.0)],
            groups=[config.group("g", "t", 2)],
        ),
        journal,
    )
    crier.wait_stable(timeout=60)
    assert crier.status()["cluster"]["state"] == "up"
    host.kill()
    journal.wait_record("CLUSTER_LOST")
    assert crier.status()["cluster"]["state"] == "lost"
    wait.holds(lambda: len(journal.records("CLUSTER_LOST")) == 1, 5, lambda: journal.records())


def test_idle_daemon_writes_nothing(start, journal):
    crier = start(
        config.build(topics=[config.topic("t")], groups=[config.group("g", "t", 2)]), journal
    )
    crier.wait_stable(timeout=60)
    # The second consumer may join when the group was stable without it.
    wait.until(
        lambda: "consumer 1" in journal.wait_record("GROUP_REBALANCED").text("CRIER_ASSIGNMENT"),
        60,
        journal.records,
    )
    count = len(journal.entries)
    wait.holds(lambda: len(journal.entries) == count, 5, lambda: journal.entries[count:])


def test_start_and_stop_are_recorded(start, journal):
    crier = start(config.build(topics=[config.topic("t")]), journal)
    started = journal.wait_record("STARTED")
    assert started.text("CRIER_BOOTSTRAP") == crier.bootstrap
    crier.stop(signal.SIGTERM)
    stopped = journal.wait_record("STOPPED")
    assert stopped.number("CRIER_DURATION_MS") >= 0


@pytest.mark.parametrize("program", [run, ctl], ids=["crierd", "crierctl"])
def test_help_and_version(program):
    helped = program("--help")
    assert helped.returncode == 0 and "--socket" in helped.stdout and not helped.stderr
    version = program("--version")
    assert version.returncode == 0 and "0.1.0" in version.stdout


def test_nothing_takes_the_place_of_a_standard_stream_that_is_closed(start, journal, monkeypatch):
    monkeypatch.setenv("CRIER_WRAPPER", "sh -c 'exec \"$@\" <&- >&- 2>&-' sh")
    crier = start(config.build(topics=[config.topic("t")]), journal=journal)
    for fd in range(3):
        assert os.readlink(f"/proc/{crier.pid}/fd/{fd}") == "/dev/null"
