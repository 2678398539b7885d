# SPDX-License-Identifier: BSD-2-Clause
"""crierd as a service of a Debian machine: what a user would do and see."""

import json
import os
import re
import time

import pytest

from lib import clients, config, faults, lab, records, wait


def test_packaged_configuration_shows_lab_task_1_at_once(service):
    service.machine.run("cp", "/usr/share/doc/crier/examples/task1.conf", "/etc/crier/crierd.conf")
    service.restart()
    status = service.wait_stable()
    assert status["cluster"]["embedded"]
    events = service.wait_events(4)
    groups = {e.text("KAFKA_GROUP") for e in service.wait_events(10)}
    assert len(groups) == 2
    for event in events:
        assert re.match(r"Consumer \d+: .+ \(key: \S+\)$", event.text("MESSAGE"))
        assert event.text("SYSLOG_IDENTIFIER") == "crierd"
        assert event.text("_SYSTEMD_UNIT") == "crierd.service"
        assert event.text("PRIORITY") == "6"
        assert event.text("_COMM") == "crierd"


@pytest.mark.parametrize("broker", ["embedded", "real"])
def test_the_labs_three_tasks(service, request, broker):
    real = broker == "real"
    bootstrap = request.getfixturevalue("cluster").bootstrap if real else None
    service.restart(lab.tasks(bootstrap, prefix="vm"))
    service.wait_stable()
    written = len(service.events("vm" + lab.WORKERS))
    lab.check_task_1(
        service.wait_events(60, group="vm" + lab.MAIL),
        service.wait_events(60, group="vm" + lab.INVOICE),
    )
    events = service.wait_events(60, group="vm" + lab.WORKERS, since=written)
    lab.check_task_2(events, service.group("vm" + lab.WORKERS))
    lab.check_task_3(service.wait_events(80, group="vm" + lab.KEYED))
    assert service.status()["cluster"]["embedded"] != real
    begin = time.monotonic()
    service.stop()
    assert time.monotonic() - begin < 3 * wait.SLOWNESS
    assert service.machine.show("crierd", "Result") == "success"
    assert service.last_words(f"MESSAGE_ID={records.IDS['STOPPED']}")


@pytest.fixture
def simple(service):
    """The service with one producer and one group, stable."""
    service.restart(
        config.build(
            topics=[config.topic("post", 3)],
            producers=[config.producer("office", "post", "%{seq}", rate=20.0)],
            groups=[config.group("mail", "post", 2)],
        )
    )
    service.wait_stable()
    return service


def test_status_for_root_and_for_anybody(simple):
    for user in (None, "student"):
        status = simple.status(user)
        assert status["state"] == "running" and status["pid"] == simple.pid
        shown = simple.machine.run("crierctl", "status", user=user).stdout
        assert "mail" in shown and "office" in shown


def test_status_of_a_stopped_service_exits_3_and_does_not_start_it(service):
    service.stop()
    shown = service.machine.run("crierctl", "status", check=False)
    assert shown.returncode == 3
    assert "systemctl start crierd" in shown.stderr
    as_json = service.machine.run("crierctl", "status", "--json", check=False)
    assert as_json.returncode == 3 and json.loads(as_json.stdout)
    assert service.machine.show("crierd", "ActiveState") == "inactive"


def test_members_of_the_journals_group_read_the_events(simple):
    simple.machine.run("useradd", "--groups", "systemd-journal", "reader")
    simple.wait_events(1)
    assert simple.machine.journal("-u", "crierd", "-n", "1", user="reader")


def test_journalctl_explains(simple):
    shown = simple.machine.run(
        "journalctl", "--no-pager", "-x", "-u", "crierd", f"MESSAGE_ID={records.IDS['STARTED']}"
    ).stdout
    explained = [line for line in shown.splitlines() if line.startswith("░░")]
    assert len(explained) > 5
    assert any("crierctl status" in line for line in explained)


def test_status_line_of_systemctl_says_what_it_does(simple):
    shown = simple.machine.run("systemctl", "status", "--no-pager", "crierd").stdout
    assert re.search(r'Status: ".+"', shown)


def test_odd_values_come_out_of_the_journal_as_they_are(simple):
    odd = [
        (None, None, None),
        (b"", b"", None),
        (b"\xff\0\n", bytes(range(256)), [("bin", b"\0\xff"), ("text", b"plain")]),
        (b"large", bytes(1024) + b"x" * 1024 * 1023, None),
    ]
    simple.stop()
    simple.restart(
        config.build(
            topics=[config.topic("odd")], groups=[config.group("g", "odd", start="earliest")]
        )
    )
    bootstrap = simple.wait_stable()["cluster"]["bootstrap"]
    assert simple.machine.shell("cat /run/crier/bootstrap").stdout.strip() == bootstrap
    clients.produce(bootstrap, "odd", odd)
    events = sorted(simple.wait_events(4), key=lambda e: e.number("KAFKA_OFFSET"))
    for event, (key, value, headers) in zip(events, odd):
        assert event.first("KAFKA_KEY") == key
        assert event.first("KAFKA_VALUE") == value
        assert event.get("KAFKA_HEADER", []) == [
            name.encode() + b"=" + content for name, content in headers or []
        ]


def test_killed_daemon_is_started_again(simple):
    pid = simple.pid
    simple.machine.run("systemctl", "kill", "-s", "KILL", "crierd")

    def is_back():
        active = simple.machine.show("crierd", "ActiveState") == "active"
        return active and simple.pid not in (0, pid)

    wait.until(is_back, 30, "another process", interval=0.3)
    assert simple.wait_stable()["state"] == "running"


def test_wrong_configuration_fails_once_and_says_where(service):
    service.configure("cluster: { bootstrop = 1; };\n")
    started = service.machine.run("systemctl", "restart", "crierd", check=False)
    assert started.returncode != 0
    assert service.machine.show("crierd", "ExecMainStatus") == "78"
    assert service.machine.show("crierd", "NRestarts") == "0"
    assert service.machine.show("crierd", "ActiveState") == "failed"
    said = service.last_words()
    assert any("crierd.conf:1" in text and "bootstrop" in text for text in said), said


def test_systemctl_reload_applies_what_differs_and_refuses_what_is_wrong(simple):
    pid, untouched = simple.pid, simple.group("mail")["rebalances"]
    changed = simple.machine.run("cat", "/etc/crier/crierd.conf").stdout
    assert "rate = 20.0" in changed
    simple.machine.write("/etc/crier/crierd.conf", changed.replace("rate = 20.0", "rate = 60.0"))
    simple.machine.run("systemctl", "reload", "crierd")
    assert simple.producer("office")["rate"] == 60
    assert simple.group("mail")["rebalances"] == untouched
    assert simple.machine.show("crierd", "ActiveState") == "active"
    (record,) = simple.records("RELOADED")
    assert record.text("CRIER_CHANGES") == "producers 'office': rate 20 -> 60"
    simple.machine.write("/etc/crier/crierd.conf", changed + "nonsense = 1;\n")
    refused = simple.machine.run("systemctl", "reload", "crierd", check=False)
    assert refused.returncode != 0
    assert simple.machine.show("crierd", "ActiveState") == "active"
    assert "nonsense" in simple.records("RELOAD_REFUSED")[-1].text("MESSAGE")
    assert simple.pid == pid and simple.producer("office")["rate"] == 60


def test_unit_can_reach_a_remote_broker(service):
    """No filter of addresses, and the address families of the network."""
    for name in ("IPAddressDeny", "IPAddressAllow", "SocketBindDeny"):
        assert service.machine.show("crierd", name) == "", name
    families = service.machine.show("crierd", "RestrictAddressFamilies")
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} <= set(families.split())
    assert service.machine.show("crierd", "PrivateNetwork") == "no"


def test_unit_is_hardened(service):
    shown = service.machine.run("systemd-analyze", "security", "--no-pager", "crierd").stdout
    score = float(re.search(r"Overall exposure level for crierd.service: ([\d.]+)", shown).group(1))
    assert score <= 1.3, shown


def test_service_runs_as_its_own_user_without_capabilities(simple):
    pid = simple.pid
    status = simple.machine.shell(f"cat /proc/{pid}/status").stdout
    uid = simple.machine.run("id", "-u", "crier").stdout.strip()
    assert re.search(rf"^Uid:\t{uid}\t{uid}\t", status, re.M)
    assert re.search(r"^CapEff:\t0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)


def test_nobody_reads_the_memory_of_the_service(simple):
    """A process that can be dumped has its own user's files in /proc: prctl(2),
    PR_SET_DUMPABLE."""
    owner = simple.machine.run("stat", "-c", "%u", f"/proc/{simple.pid}/fd").stdout.strip()
    assert owner == "0" and simple.machine.run("id", "-u", "crier").stdout.strip() != "0"
    assert simple.machine.show("crierd", "LimitCORE") == "0"


def test_unit_bounds_what_it_takes(simple):
    shown = {
        name: simple.machine.show("crierd", name)
        for name in ("MemoryMax", "TasksMax", "OOMPolicy", "LimitNOFILE")
    }
    assert int(shown.pop("MemoryMax")) < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert shown == {"TasksMax": "16384", "OOMPolicy": "continue", "LimitNOFILE": "65536"}


def test_unit_runs_no_other_program(simple):
    def run(program):
        return simple.machine.run("nsenter", "-t", str(simple.pid), "-m", program, "--version",
                                  check=False)

    assert run("/usr/sbin/crierd").returncode == 0
    refused = run("/usr/bin/env")
    assert refused.returncode != 0 and "Permission denied" in refused.stderr, refused
    assert simple.machine.run("/usr/bin/env", "--version").returncode == 0


def test_crash_loop_comes_to_an_end(service):
    """As it is, but for the wait between two starts."""
    dies = "[Service]\nRestartSec=1ms\nExecStart=\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n"
    faults.drop_in(service.machine, "crierd.service", "dies", dies + "Type=exec\n")
    try:
        service.machine.run("systemctl", "start", "crierd", check=False)
        wait.until(
            lambda: service.machine.show("crierd", "Result") == "start-limit-hit"
            or service.machine.show("crierd", "ActiveState") == "failed",
            60,
            "an end of the crash loop",
            interval=0.5,
        )
        assert int(service.machine.show("crierd", "NRestarts")) <= 60
    finally:
        faults.drop_in(service.machine, "crierd.service", "dies", None)
        service.machine.run("systemctl", "reset-failed", "crierd")
