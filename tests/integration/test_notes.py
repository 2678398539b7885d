# SPDX-License-Identifier: BSD-2-Clause
"""What a group that is written exactly once makes of the note beside its committed offset: whom it
is for, and whether it can be. Tools copy groups with their notes, and anybody may commit one."""

import os

import confluent_kafka
import pytest

from lib import clients, commit, config, journald, journalfile, records, wait

pytestmark = journalfile.needed

EPOCH = "0" * 31 + "1"
EVENTS = 100


class Host:
    """A broker with a topic of 100 events, and a crierd to come that reads it as group g."""

    def __init__(self, start, kept):
        self.start, self.kept = start, kept
        crier = start(config.build(topics=[config.topic("t", 2), config.topic("u", 1)]))
        self.bootstrap = crier.bootstrap
        client = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap})
        self.cluster = client.list_topics(timeout=20).cluster_id
        self.produce(EVENTS)

    def produce(self, count):
        clients.produce(self.bootstrap, "t", [(b"%d" % n, b"v") for n in range(count)])

    def run(self, *groups):
        """Runs these groups."""
        groups = [config.group(g, "t", start="earliest", delivery="exactly-once") for g in groups]
        built = config.build(bootstrap=self.bootstrap, groups=groups)
        return self.start(built, self.kept, self.kept.arguments)

    def committed(self, crier, group):
        rows = [p for c in crier.group(group)["consumers"] for p in c["partitions"]]
        return sum(p["committed"] or 0 for p in rows)

    def wait_committed(self, crier, group, total):
        wait.until(
            lambda: self.committed(crier, group) >= total,
            60,
            lambda: f"{total} committed: {crier.group(group)}",
        )

    def written(self, group):
        """{(partition, offset)} of the group's entries, each of which stands once."""
        found = [(e.number("KAFKA_PARTITION"), e.number("KAFKA_OFFSET"))
                 for e in self.kept.events(group)]
        assert len(found) == len(set(found)), "an event stands twice"
        return set(found)


@pytest.fixture
def host(start, kept):
    return Host(start, kept)


@pytest.mark.parametrize("note", ["new", "old"])
def test_copied_note_makes_no_group_skip_what_another_one_has_read(host, kept, note):
    """A tool has copied group a to group b, and then a goes on."""
    first = host.run("a")
    host.wait_committed(first, "a", EVENTS)
    epochs = {e.number("KAFKA_PARTITION"): e.text("CRIER_EPOCH") for e in kept.events("a")}
    offsets = {
        partition: sum(e.number("KAFKA_PARTITION") == partition for e in kept.events("a"))
        for partition in epochs
    }
    for partition, epoch in epochs.items():
        text = commit.note("a", "t", partition, epoch, host.cluster)
        if note == "old":
            text = commit.metadata(epoch, host.cluster, anchor=0, clean=0)
        commit.commit(host.bootstrap, "b", "t", {partition: offsets[partition]}, text)
    host.produce(EVENTS)
    host.wait_committed(first, "a", 2 * EVENTS)
    first.stop()
    second = host.run("b")
    host.wait_committed(second, "b", 2 * EVENTS)
    assert len(host.written("b")) == EVENTS
    assert not {e.text("CRIER_EPOCH") for e in kept.events("b")} & set(epochs.values())
    assert {r.number("KAFKA_PARTITION") for r in kept.records("GROUP_RESET")} == set(epochs)


@pytest.mark.parametrize(
    "more, is_ours",
    [
        ({}, True),
        ({"group": "h"}, False),
        ({"topic": "u"}, False),
        ({"partition": 1}, False),
        ({"cluster": "another"}, False),
        ({"epoch": "0" * 32}, False),
        ({"anchor": 11}, False),
        ({"anchor": 2**63 - 1}, False),
        ({"last": 3, "anchor": 4}, False),
        (None, False),
    ],
)
def test_note_is_ours_only_where_it_is_for_us_and_can_be(host, kept, more, is_ours):
    """With a null epoch nothing could ever be verified: read back it looks like a barrier. An epoch
    cannot begin behind the offset, nor have been read back before it began."""
    words = {"group": "g", "topic": "t", "partition": 0, "epoch": EPOCH, "cluster": host.cluster}
    text = more if more is None else commit.note(**{**words, **more})
    commit.commit(host.bootstrap, "g", "t", {0: 10}, text)
    ends = clients.ends(host.bootstrap, "t")
    crier = host.run("g")
    host.wait_committed(crier, "g", EVENTS)
    assert {o for p, o in host.written("g") if p == 0} == set(range(10, ends[0]))
    epochs = {e.text("CRIER_EPOCH") for e in kept.events("g") if e.number("KAFKA_PARTITION") == 0}
    assert (epochs == {EPOCH}) == is_ours
    assert len(kept.records("GROUP_RESET")) == (not is_ours)


def write_entries(host, kept, group, count):
    """What a crierd has written of partition 0 that is gone."""
    times = clients.timestamps(host.bootstrap, "t")
    for offset in range(count):
        entry = {
            "CRIER_EPOCH": EPOCH,
            "KAFKA_GROUP": group,
            "KAFKA_TOPIC": "t",
            "KAFKA_PARTITION": 0,
            "KAFKA_OFFSET": offset,
            "KAFKA_TIMESTAMP": times[offset],
            "MESSAGE_ID": records.IDS["EVENT"],
            "MESSAGE": f"event {offset}",
        }
        kept.keep(journald.Entry({name: [b"%s" % str(value).encode()]
                                  for name, value in entry.items()}))
    return len(times)


@pytest.mark.parametrize("group, is_ours", [("g", True), ("h", False)])
def test_old_note_goes_on_where_entries_of_its_epoch_are_ours(host, kept, group, is_ours):
    """As after an upgrade: a crierd that knew only old notes has written more than it committed."""
    events = write_entries(host, kept, group, 20)
    text = commit.metadata(EPOCH, host.cluster, anchor=0, clean=0)
    commit.commit(host.bootstrap, "g", "t", {0: 10}, text)
    crier = host.run("g")
    host.wait_committed(crier, "g", EVENTS)
    found = sorted(o for p, o in host.written("g") if p == 0)
    assert found == list(range(0 if is_ours else 10, events))
    epochs = {e.text("CRIER_EPOCH") for e in kept.events("g") if e.number("KAFKA_PARTITION") == 0}
    assert (epochs == {EPOCH}) == is_ours
    assert len(kept.records("GROUP_RESET")) == (not is_ours)


@pytest.mark.parametrize(
    "field, stands",
    [("_UID={uid}", True), ("KAFKA_GROUP=g", True), ("CRIER_EPOCH={epoch}", False)],
)
def test_entry_that_a_killed_journald_left_half_linked_stands_where_its_epoch_finds_it(
    host, kept, field, stands
):
    write_entries(host, kept, "g", 20)
    field = field.format(uid=os.getuid(), epoch=EPOCH)
    kept.put_aside(journalfile.unlink_last, field)
    assert written_of_twenty(host, kept) == [1] * 19 + [1 if stands else 2]


@pytest.mark.parametrize("field", ["MESSAGE", "KAFKA_TIMESTAMP"])
def test_entry_that_a_loss_of_power_has_torn_is_written_again(host, kept, field):
    """It, and no other: the log is not another one."""
    write_entries(host, kept, "g", 20)
    value = kept.events("g")[15].text(field)
    torn = [e.text(field) == value for e in kept.events("g")]
    kept.put_aside(journalfile.lose_field, f"{field}={value}")
    found = written_of_twenty(host, kept)
    assert found == [2 if at >= 10 and torn[at] else 1 for at in range(20)]
    assert not kept.records("POSITION_RESET")


def test_what_stands_before_a_place_that_a_loss_of_power_has_torn_is_not_written_again(host, kept):
    """Searches from the end pass over more than was lost."""
    write_entries(host, kept, "g", 20)
    kept.put_aside(journalfile.lose_array, f"CRIER_EPOCH={EPOCH}")
    assert written_of_twenty(host, kept) == [1] * 13 + [2] * 7


def written_of_twenty(host, kept):
    """Runs the group, which has committed 10 of the 20 events that stand, to its end: how often
    each of these is written."""
    text = commit.metadata(EPOCH, host.cluster, anchor=0, clean=0)
    commit.commit(host.bootstrap, "g", "t", {0: 10}, text)
    crier = host.run("g")
    host.wait_committed(crier, "g", EVENTS)
    found = [e.number("KAFKA_OFFSET") for e in kept.events("g") if e.number("KAFKA_PARTITION") == 0]
    return [found.count(offset) for offset in range(20)]


@pytest.mark.parametrize("files", [1, 2])
def test_what_a_loss_of_power_leaves_behind_a_commit_holds_no_group_up(host, kept, files):
    """Entries with the epoch, and one with the offset that was committed last, are lost, and still
    referred to."""
    first = host.run("g")
    host.wait_committed(first, "g", EVENTS)
    first.stop()
    if files == 2:
        kept.put_aside(lambda path: None)
    newest = [e for e in kept.events("g") if e.number("KAFKA_PARTITION") == 0][-1]
    for name in ["CRIER_EPOCH"] * 20 + ["KAFKA_OFFSET"]:
        kept.keep(journald.Entry({name: newest[name], "MESSAGE": [b"lost"]}))
    kept.put_aside(journalfile.lose_last, 21)
    host.produce(EVENTS)
    second = host.run("g")
    host.wait_committed(second, "g", 2 * EVENTS)
    assert len(host.written("g")) == 2 * EVENTS
    assert not kept.records("OTHER_JOURNAL")
