# SPDX-License-Identifier: BSD-2-Clause
"""What is done to the machine around crierd: another machine id, sealed journal files, memory that
ends. Every event of the group stands in the journal once."""

import pytest

from lib import exactly, faults, trial, wait

JOURNALS = "/var/log/journal"
CONFIG = "/etc/crier/crierd.conf"
# Events a second, and how many are enough for a step.
RATE = 1000
SOME = 1000


@pytest.fixture
def machine_id(faulty):
    """Gives the machine another id, as a clone of it should have; the old one is back afterwards.
    """
    old = faulty.run("cat", "/etc/machine-id").stdout

    def change():
        new = "0123456789abcdef0123456789abcdef"
        faulty.write("/etc/machine-id", new + "\n")
        return new

    yield change
    faulty.write("/etc/machine-id", old)
    faulty.run("systemctl", "restart", "systemd-journald", "crierd")


def test_machine_id_that_changes(lab, note, machine_id):
    """journald has another directory from its next start on, and so has crierd: until both have
    begun again nothing can be read back. Both journals together have each event once."""
    with lab() as t:
        with t.feeder(rate=RATE):
            t.wait_progress(SOME)
            new = machine_id()
            t.wait_progress(SOME)
            too_early = t.machine.run(
                "crierd", "-c", CONFIG, "-s", "/tmp/control", user="crier", check=False
            )
            assert too_early.returncode == 78 and "has no journal files" in too_early.stderr
            t.machine.run("systemctl", "restart", "systemd-journald")
            wait.until(
                lambda: (t.service.status()["sink"]["trouble"] or {}).get("code")
                == "journal-silent",
                60,
                t.stand,
            )
            t.machine.run("systemctl", "restart", "crierd")
            t.wait_progress(SOME)
        t.finish(note, journal=exactly.Journal(t.machine, JOURNALS))
        taken = t.notices("TAKEN_OVER")
        note(f"{len(taken)} partitions taken over")
        t.machine.shell(f"ls {JOURNALS}/{new}/system.journal")


@pytest.fixture
def sealed(faulty):
    """journald seals its files, every ten seconds."""
    fss = f"{JOURNALS}/$(cat /etc/machine-id)/fss"
    faulty.run("journalctl", "--setup-keys", "--force", "--interval=10s", timeout=120)
    faults.configure_journald(faulty, RateLimitBurst=0, Seal="yes")
    yield
    faulty.shell(f"rm -f {fss}")
    faults.configure_journald(faulty, RateLimitBurst=0)
    faulty.run("journalctl", "--rotate")


def test_sealed_journal(lab, note, sealed):
    """Seals are objects between the entries."""
    with lab() as t:
        with t.feeder(rate=RATE):
            t.wait_progress(SOME)
            t.unit.kill_and_wait()
            t.wait_progress(SOME)
            t.machine.run("journalctl", "--rotate")
            t.journald.kill_and_wait()
            t.wait_progress(SOME)
            t.unit.kill_and_wait()
            t.stopped.wait(11)
        t.finish(note)
        header = t.machine.run("journalctl", "--header", "--file", f"{JOURNALS}/*/system.journal")
        assert " SEALED" in header.stdout


def test_killed_for_its_memory(lab, note):
    """By the kernel, in the midst of what fills its memory."""
    with lab() as t:
        t.produce(SOME)
        t.wait_settled()
        with faults.little_memory(t.unit, 4 * trial.MIB) as pid, t.journald.frozen():
            t.produce(20 * SOME)
            wait.until(lambda: t.unit.pid != pid, 60, t.stand)
        t.finish(note)
        assert int(t.machine.show("crierd", "NRestarts")) > 0
