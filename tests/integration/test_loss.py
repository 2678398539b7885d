# SPDX-License-Identifier: BSD-2-Clause
"""What a group that is written exactly once does about entries that the journal does not keep: it
cuts them, and at last stops their partition; nothing is written without end."""

import os

import pytest

from lib import clients, config, journalfile, wait

pytestmark = journalfile.needed

LARGE = 1_000_000
# How often an entry is written at most: whole, and as one that fits every journal.
WRITTEN_MAX = 12


def is_lost(entry):
    return entry.first("KAFKA_KEY") == b"lost"


def size(entry):
    return sum(len(value) for values in entry.values() for value in values)


def partitions(crier):
    return {
        p["partition"]: p for c in crier.group("g")["consumers"] for p in c["partitions"]
    }


def exactly(n, **more):
    return config.build(
        topics=[config.topic("t", n)],
        groups=[config.group("g", "t", start="earliest", delivery="exactly-once")],
        **more,
    )


def of_offset(journal, offset, partition=0):
    return [
        e
        for e in journal.events("g")
        if (e.number("KAFKA_PARTITION"), e.number("KAFKA_OFFSET")) == (partition, offset)
    ]


KEY, HEADERS, VALUE = b"k" * LARGE, [("h", b"h" * LARGE)], b"v" * LARGE
MANY = [(f"h{i}", b"%d" % i * 100) for i in range(800)]


@pytest.mark.parametrize(
    "key, value, headers, cut",
    [
        (KEY, b"v", [("a", b"1")], [b"key"]),
        (b"k", b"v", HEADERS, [b"headers"]),
        (b"k", b"v", MANY, [b"headers"]),
        (b"k", VALUE, [("a", b"1")], [b"value"]),
        (KEY, VALUE, HEADERS, [b"key", b"headers", b"value"]),
    ],
    ids=["key", "header", "headers", "value", "all"],
)
def test_entry_that_is_too_large_is_written_without_what_is_large(
    start, kept, key, value, headers, cut
):
    kept.lost = lambda entry: size(entry) > 150_000
    crier = start(exactly(1), kept, kept.arguments)
    clients.produce(
        crier.bootstrap, "t", [(b"a", b"1"), (key, value, headers), (b"b", b"2")]
    )
    wait.until(
        lambda: partitions(crier).get(0, {}).get("committed") == 3, 40,
        lambda: f"all is committed: {crier.group('g')}",
    )
    written = of_offset(kept, 1)
    assert 1 < len(written) <= WRITTEN_MAX
    last = written[-1]
    assert last["CRIER_CUT"] == cut and not kept.lost(last)
    assert last.first("KAFKA_KEY") == (None if b"key" in cut else key)
    assert ("KAFKA_HEADER" in last) == ("KAFKA_HEADER_LIST" in last or headers == [("a", b"1")])
    assert ("KAFKA_HEADER" in last) == (b"headers" not in cut)
    assert "KAFKA_VALUE" not in last or last.first("KAFKA_VALUE") == value
    said = kept.wait_record("VALUE_CUT")
    assert said["CRIER_CUT"] == cut and said.number("KAFKA_OFFSET") == 1
    assert all(word.decode() in said.text("MESSAGE") for word in cut)
    assert all(len(of_offset(kept, n)) == 1 for n in (0, 2))


def stopped_ledger(journal, crier, number):
    """What is seen of a partition that is stopped at offset 1 of 4."""
    partition = partitions(crier)[number]
    assert partition["ledger"]["state"] == "stopped" and partition["ledger"]["in_flight"] == 0
    wait.until(lambda: partitions(crier)[number]["committed"] == 1, 20, "what is before it")
    assert (partition["position"], partition["lag"]) == (1, 3)
    assert 2 < len(of_offset(journal, 1, number)) <= WRITTEN_MAX


def wait_committed(crier, number, offset):
    wait.until(
        lambda: partitions(crier).get(number, {}).get("committed") == offset, 40,
        lambda: f"{number} is committed at {offset}: {crier.group('g')}",
    )


def test_partition_stops_where_the_journal_never_keeps_an_entry(start, kept):
    """Partitions 0 and 1 do, 2 goes on. A seek takes 0 on, behind the event; a restart takes 1 on
    with it, since the journal keeps it by then."""
    host = start(config.build(topics=[config.topic("t", 3)]))
    kept.lost = is_lost
    events = [(b"a", b"1"), (b"lost", b"2"), (b"b", b"3"), (b"c", b"4")]
    clients.produce(
        host.bootstrap,
        "t",
        [(*e, None, n) for n in (0, 1, 2) for e in events if n < 2 or e[0] != b"lost"],
    )
    setup = exactly(3, bootstrap=host.bootstrap)
    crier = start(setup, kept, kept.arguments)
    said = kept.wait_record("PARTITION_STOPPED", timeout=120, count=2)
    assert said.number("KAFKA_OFFSET") == 1 and "seek" in said.text("CRIER_ADVICE")
    for number in (0, 1):
        stopped_ledger(kept, crier, number)
    trouble = crier.group("g")["consumers"][0]["trouble"]
    assert trouble["code"] == "partition-stopped" and "offset 1" in trouble["text"]
    assert trouble["text"] in crier.ctl("status").stdout
    clients.produce(host.bootstrap, "t", [(b"d", b"5", None, 2)])
    wait_committed(crier, 2, 4)

    writes = len(of_offset(kept, 1)) + len(of_offset(kept, 1, 1))
    wait.holds(
        lambda: len(of_offset(kept, 1)) + len(of_offset(kept, 1, 1)) == writes, 3,
        "it is not written any more",
    )
    crier.ctl("seek", "g", "t:0", "2")
    wait_committed(crier, 0, 4)
    assert [len(of_offset(kept, n)) for n in (0, 2, 3)] == [1, 2, 2]
    assert crier.group("g")["consumers"][0]["trouble"]["code"] == "partition-stopped"

    crier.stop()
    kept.lost = lambda entry: False
    crier = start(setup, kept, kept.arguments)
    wait_committed(crier, 1, 4)
    assert crier.group("g")["consumers"][0]["trouble"] is None
    assert len(of_offset(kept, 1, 1)) <= 2 * WRITTEN_MAX
    assert not of_offset(kept, 1, 2)[0].get("CRIER_CUT")


@pytest.mark.parametrize("of_another_user", [False, True])
def test_trouble_is_over_when_the_last_stopped_partition_was_moved(start, kept, of_another_user):
    """The entry is not in the journal, or not as one of ours."""
    if of_another_user:
        kept.uid = lambda entry: os.getuid() + is_lost(entry)
    else:
        kept.lost = is_lost
    crier = start(exactly(1), kept, kept.arguments)
    clients.produce(crier.bootstrap, "t", [(b"lost", b"1"), (b"b", b"2")])
    kept.wait_record("PARTITION_STOPPED", timeout=120)
    crier.ctl("seek", "g", "t", "1")
    wait_committed(crier, 0, 2)
    assert crier.group("g")["consumers"][0]["trouble"] is None
    over = kept.wait_record("TROUBLE_OVER")
    assert over.text("CRIER_TROUBLE") == "partition-stopped"
    assert partitions(crier)[0]["ledger"]["state"] == "running"
