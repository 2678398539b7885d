# SPDX-License-Identifier: BSD-2-Clause
"""The oracle itself, shown entries that were made up: it finds what is wrong with them, and nothing
else."""

import pytest

from lib import exactly, faults, records

EPOCHS = ("a" * 32, "b" * 32)


def entry(group, offset, epoch=EPOCHS[0], value="value", more=""):
    return (
        f"MESSAGE_ID={records.IDS['EVENT']}\nMESSAGE={value}\nPRIORITY=7\nKAFKA_GROUP={group}\n"
        f"KAFKA_TOPIC=t\nKAFKA_PARTITION=0\nKAFKA_OFFSET={offset}\n"
        f"KAFKA_TIMESTAMP={1000 + offset}\nCRIER_EPOCH={epoch}\n{more}"
    )


def known(count, value=b"value"):
    return {
        exactly.Event(0, offset, 1000 + offset): exactly.checksum(None, value)
        for offset in range(count)
    }


@pytest.fixture
def send(machine):
    """send(ENTRY, …): into the journal, as crier's user or another one."""

    def sender(*entries, user="crier"):
        machine.run("perl", "-e", faults.SENDER, user=user, stdin="\0".join(entries))
        machine.run("journalctl", "--sync")

    return sender


def look(machine, group, count):
    rows, forged = exactly.Journal(machine).rows(group, "t")
    return exactly.Report(rows, known(count), forged=forged)


def test_nothing_is_wrong(machine, send):
    send(*(entry("fine", offset) for offset in range(100)))
    report = look(machine, "fine", 100)
    report.check()
    assert report.rows == 100 and report.newest(0) == list(range(100)) and not report.reordered


def test_one_datagram_stored_twice_is_no_fault_of_crierds():
    event, time = exactly.Event(0, 0, 1000), "b=1;m=2;t=3;x=4"
    total = exactly.checksum(None, b"value")
    for second, copies, twice in ((time, 1, []), ("b=1;m=9;t=9;x=4", 0, [event])):
        rows = [
            exactly.Row(EPOCHS[0], event, total, False, f"s=0;i={number};{at}")
            for number, at in enumerate((time, second))
        ]
        report = exactly.Report(rows, known(1))
        assert (report.copies, report.twice, report.reordered) == (copies, twice, [])


def test_all_that_can_be_wrong(machine, send):
    offsets = [offset for offset in range(100) if offset not in (7, 8)]
    send(*(entry("wrong", offset) for offset in offsets))
    send(entry("wrong", 5), entry("wrong", 6, EPOCHS[1]), entry("wrong", 7), entry("wrong", 500))
    send(entry("wrong", 100, value="another"))
    send(entry("wrong", 101, value="", more="CRIER_CUT=value\n"))
    send(entry("wrong", 8), entry("wrong", 9), user="student")
    send(entry("another", 8))
    report = look(machine, "wrong", 102)
    found = {
        name: [event.offset for event in getattr(report, name)]
        for name in "lost twice again strange altered reordered cut".split()
    }
    assert found == {
        "lost": [8],
        "twice": [5],
        "again": [6],
        "strange": [500],
        "altered": [100],
        "reordered": [7, 100, 101],
        "cut": [101],
    }
    assert report.forged == 2 and report.newest(0) == [6]
    with pytest.raises(AssertionError, match="lost: 0:8-8"):
        report.check()


def test_topic_made_again_has_other_events(machine, send):
    send(*(entry("anew", offset) for offset in range(10)))
    events = {exactly.Event(0, n, 9999): exactly.checksum(None, b"value") for n in range(10)}
    rows, _ = exactly.Journal(machine).rows("anew", "t")
    report = exactly.Report(rows, {**known(10), **events})
    assert report.lost == sorted(events) and not report.twice
