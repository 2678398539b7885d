# SPDX-License-Identifier: BSD-2-Clause
"""Another user writes entries with crierd's field names: they stand for nothing."""

from lib import exactly, faults, records, trial

EVENTS = 30000 if trial.LONG else 10000


def barriers(journal):
    """The barriers that crierd's processes would send next."""
    newest = {}
    if "BARRIER" in records.IDS:
        for entry in journal.read(f"MESSAGE_ID={records.IDS['BARRIER']}", fields=["CRIER_BARRIER"]):
            process, _, number = entry["CRIER_BARRIER"].decode().partition(".")
            newest[process] = max(int(number), newest.get(process, 0))
    return [f"{process}.{last + n}" for process, last in newest.items() for n in range(1, 300)]


def forge_new(t):
    """More events, and forged entries for each of them under all epochs, before crierd can write
    its own."""
    before = t.snapshot()
    t.produce(EVENTS)
    new = [event for event in t.snapshot() if event not in before]
    journal = exactly.Journal(t.machine)
    epochs = journal.epochs(t.group)
    assert len(new) >= EVENTS and (epochs or not t.exactly)
    faults.forge(t.machine, t.group, t.topic, new, epochs, barriers(journal))
    return len(new) * len(epochs or [0])


def test_another_users_entries_with_our_names(lab, note, rate_limit):
    """Neither while crierd waits for what journald dropped of its own, nor when it recovers."""
    with lab(properties=["session.timeout.ms=15000", "heartbeat.interval.ms=300"]) as t:
        t.produce(EVENTS)
        t.wait_settled()
        with t.unit.frozen():
            forged = forge_new(t)
        t.wait_settled()
        t.service.stop()
        forged += forge_new(t)
        t.service.restart()
        report = t.finish(note)
        assert report.forged >= forged
