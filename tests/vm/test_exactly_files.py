# SPDX-License-Identifier: BSD-2-Clause
"""The files of a journal: many of them, of which few may be open at a time; one that cannot be
opened; and all of them as they were some time ago."""

import pytest

from lib import exactly, faults, wait

PARTITIONS = 20
EVENTS = 20000


@pytest.fixture
def many_files(faulty):
    faults.configure_journald(faulty, RateLimitBurst=0, SystemMaxFiles=1000)
    yield
    faults.configure_journald(faulty, RateLimitBurst=0)


def test_killed_beside_many_files_with_few_descriptors(lab, note, many_files, few_descriptors):
    """Each of many partitions searches all files when it begins."""
    with lab(partitions=PARTITIONS) as t:
        faults.many_files(t.machine)
        for _ in range(2):
            t.produce(EVENTS)
            t.wait_progress(EVENTS // 10)
            t.unit.kill_and_wait()
        t.finish(note)


def test_file_that_cannot_be_opened_stops_a_search_and_is_named(lab, note):
    """It may hold what is looked for; so nothing is written until it can be read, or is gone."""
    broken = "/var/log/journal/$(cat /etc/machine-id)/system@broken.journal"
    with lab() as t:
        t.produce(3000)
        t.wait_progress(500)
        # Its header asks for what no journald knows: Journal File Format, incompatible_flags.
        t.machine.shell(
            f"cp --sparse=always $(dirname {broken})/system.journal {broken};"
            f"printf '\\377\\377\\377\\377' | dd of={broken} bs=1 seek=12 conv=notrunc status=none"
        )
        t.unit.kill_and_wait()
        t.produce(3000)

        def trouble():
            return (t.service.status()["sink"]["trouble"] or {}).get("text", "")

        wait.until(lambda: "system@broken.journal" in trouble(), 60, t.stand)
        t.machine.shell(f"rm {broken}")
        t.finish(note)


def test_machine_that_is_set_back_says_so(lab, note):
    """Its journal does not have what the broker believes done; a copy of a machine is the same."""
    with lab() as t:
        t.produce(3000)
        t.wait_settled()
        t.machine.shell("journalctl --sync && cp -a /var/log/journal /root/before")
        t.produce(6000)
        t.wait_progress(3000)
        t.machine.run("systemctl", "kill", "--signal=KILL", "crierd")
        t.machine.run("systemctl", "stop", "crierd")
        with faults.journal_socket_gone(t.machine):
            t.machine.shell("rm -rf /var/log/journal; mv /root/before /var/log/journal")
        t.machine.run("systemctl", "start", "crierd")
        journal = exactly.Journal(t.machine)

        def told():
            found = journal.notices("OTHER_JOURNAL", KAFKA_GROUP=t.group)
            return {int(notice["KAFKA_PARTITION"]) for notice in found}

        # All may have been committed before, so that there is nothing else to wait for.
        wait.until(lambda: told() == set(range(t.partitions)), 60, lambda: f"{told()}, {t.stand()}")
        t.wait_settled()
        report = t.report()
        note(f"{report}; CRIER_SEED={t.seed}")
        assert report.lost and not report.twice
