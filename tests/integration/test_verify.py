# SPDX-License-Identifier: BSD-2-Clause
"""crierd --verify: what the embedded broker has against journal files that the test makes."""

import contextlib
import json
import os
import subprocess
import threading
import time

import confluent_kafka
import pytest

from lib import clients, commit, config, journalfile, varlink, wait
from lib.crier import program, run
from lib.records import IDS

TOPIC, GROUP = "post.office", "inv"
EPOCH, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2
EVENTS = 60
MINE = os.getuid()

pytestmark = journalfile.needed


@pytest.fixture
def broker(start):
    """A crierd whose embedded broker has EVENTS events in the topic's one partition, and no group.
    """
    crier = start({"topics": [config.topic(TOPIC)],
                   "producers": [config.producer("office", TOPIC, rate="max", count=EVENTS)]})
    wait.until(lambda: crier.producer("office")["acked"] == EVENTS, 20, "all events acked")
    return crier


class Bench:
    """A broker, a journal, and a verification of the one against the other."""

    def __init__(self, crier, place):
        self.crier = crier
        self.place = place
        self.journal = place / "files"
        self.journal.mkdir()
        self.times = clients.timestamps(crier.bootstrap, TOPIC)
        admin = confluent_kafka.Consumer({"bootstrap.servers": crier.bootstrap, "group.id": "x"})
        self.cluster = admin.list_topics(timeout=10).cluster_id
        admin.close()
        self.now = int(time.time() * 1000)
        self.group = {"name": GROUP, "topics": [TOPIC], "consumers": 1}

    def entry(self, offset, epoch=EPOCH, uid=MINE, at_ms=None, **more):
        self.now += 1
        fields = {"at_ms": self.now if at_ms is None else at_ms, "MESSAGE": f"event {offset}",
                  "KAFKA_GROUP": GROUP, "KAFKA_TOPIC": TOPIC, "KAFKA_PARTITION": 0,
                  "KAFKA_OFFSET": offset, "KAFKA_TIMESTAMP": self.times.get(offset, 7),
                  "_UID": uid, **more}
        return {**fields, "CRIER_EPOCH": epoch} if epoch else fields

    def started(self, uid=MINE, at_ms=None):
        """What crierd writes first: older than all events."""
        at_ms = min(self.times.values()) - 1000 if at_ms is None else at_ms
        return {"at_ms": at_ms, "MESSAGE": "Started", "_UID": uid}

    def entries(self, offsets, **more):
        return [self.entry(offset, **more) for offset in offsets]

    def write(self, entries, name="a", started=True):
        journalfile.write(self.journal / f"{name}.journal",
                          ([self.started()] if started else []) + list(entries))

    def commit(self, offset, epoch=EPOCH, **more):
        said = commit.metadata(epoch, more.pop("cluster", self.cluster), **more) if epoch else None
        commit.commit(self.crier.bootstrap, GROUP, TOPIC, {0: offset}, said)

    def verify(self, *more, bootstrap=None):
        """Returns the exit code, the lines but for progress, and the standard error."""
        path = self.place / "verify.conf"
        path.write_text(config.text({"groups": [self.group]}))
        done = run("--verify", "-c", path, f"--bootstrap={bootstrap or self.crier.bootstrap}",
                   f"--journal-directory={self.journal}", *more, timeout=60)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        return done.returncode, [x for x in lines if x["kind"] != "progress"], done.stderr

    def partition(self, *more, code=0):
        """The one partition's line, where the verification ends with that exit code."""
        found, lines, errors = self.verify(*more)
        assert found == code, (lines, errors)
        assert [x["kind"] for x in lines] == ["partition", "end"]
        partition, end = lines
        assert end["clean"] == partition["clean"] == (code == 0)
        assert end["done"] == 1 and end["faulty"] == (code != 0)
        return partition


@pytest.fixture
def bench(broker, place):
    return Bench(broker, place)


def numbers(partition, *names):
    return tuple(partition[name] for name in names)


FAULTS = ("lost", "duplicated", "reordered", "different")
UNKNOWN = ("vacuumed", "retention", "compacted", "before")


def test_clean_where_each_event_stands_once(bench):
    bench.write(bench.entries(range(50)))
    bench.commit(45)
    found = bench.partition()
    assert found["guarantee"] == "exactly-once" and found["problem"] is found["note"] is None
    assert numbers(found, "first", "committed", "events", "entries") == (0, 45, 45, 45)
    assert numbers(found, "in_flight", *FAULTS, *UNKNOWN) == (5,) + (0,) * 8
    assert found["findings"] == []


def test_lost(bench):
    bench.write(bench.entries(o for o in range(50) if o not in (20, 21, 40)))
    bench.commit(45)
    found = bench.partition(code=1)
    assert numbers(found, "events", "entries", "lost") == (45, 42, 3)
    assert found["findings"] == [{"kind": "lost", "first": 20, "last": 21},
                                 {"kind": "lost", "first": 40, "last": 40}]


@pytest.mark.parametrize(
    "field, lost",
    [(f"_UID={MINE}", 0), (f"KAFKA_GROUP={GROUP}", 0), (f"CRIER_EPOCH={EPOCH}", 1)],
)
def test_entry_that_a_killed_journald_left_half_linked_stands_where_its_epoch_finds_it(
    bench, field, lost
):
    bench.commit(EVENTS, anchor=0)
    bench.write(bench.entries(range(EVENTS)))
    journalfile.unlink_last(bench.journal / "a.journal", field)
    assert bench.partition(code=lost)["lost"] == lost


def test_duplicated(bench):
    bench.write(bench.entries([*range(50), 17, 17, 48]))
    bench.commit(45)
    found = bench.partition(code=1)
    assert numbers(found, *FAULTS) == (0, 3, 0, 0)
    assert {"kind": "duplicated", "first": 17, "last": 17} in found["findings"]


@pytest.mark.parametrize("lost", ["MESSAGE", "KAFKA_TIMESTAMP", "KAFKA_OFFSET"])
def test_what_a_loss_of_power_has_torn_counts_for_nothing(bench, lost):
    torn = {name: value for name, value in bench.entry(17).items() if name != lost}
    bench.write(bench.entries(range(17)) + [torn] + bench.entries(range(17, 50)))
    bench.commit(45)
    found = bench.partition()
    assert numbers(found, "events", "entries", *FAULTS) == (45, 45, 0, 0, 0, 0)


def test_file_that_a_loss_of_power_has_torn_is_read_as_often_as_it_takes(bench):
    """What is missing is looked for once more."""
    bench.write(bench.entries(o for o in range(50) if o != 20))
    journalfile.lose_last(bench.journal / "a.journal", 2)
    bench.commit(45)
    found = bench.partition(code=1)
    assert found["findings"] == [{"kind": "lost", "first": 20, "last": 20}]


def test_same_event_in_another_epoch_is_a_replay(bench):
    bench.write(bench.entries(range(50), epoch=OTHER) + bench.entries(range(50)))
    bench.commit(50)
    assert numbers(bench.partition(), "events", *FAULTS) == (50, 0, 0, 0, 0)


def test_reordered(bench):
    bench.write(bench.entries([*range(20), *range(22, 30), 20, 21, *range(30, 50)]))
    bench.commit(50)
    found = bench.partition(code=1)
    assert numbers(found, *FAULTS, "rewritten") == (0, 0, 2, 0, 0)
    assert found["findings"] == [{"kind": "reordered", "first": 20, "last": 21}]


def test_out_of_order_where_a_record_says_that_it_was_written_again(bench):
    record = bench.entry(0, epoch=None, MESSAGE="lost and written again", CRIER_FIRST=19,
                         CRIER_LAST=21, CRIER_COUNT=2, MESSAGE_ID=IDS["ENTRIES_LOST"])
    del record["KAFKA_OFFSET"]
    entries = [*range(20), *range(22, 30), 20, 21, *range(30, 50)]
    bench.write([*bench.entries(entries[:25]), record, *bench.entries(entries[25:])])
    bench.commit(50)
    assert numbers(bench.partition(), *FAULTS, "rewritten") == (0, 0, 0, 0, 2)


def test_record_of_another_user_or_partition_excuses_nothing(bench):
    said = {"MESSAGE_ID": IDS["ENTRIES_LOST"], "CRIER_FIRST": 0, "CRIER_LAST": 50}
    for more in ({"_UID": MINE + 1}, {"KAFKA_PARTITION": 1}, {"KAFKA_GROUP": "x"}):
        record = {**bench.entry(0, epoch=None), **said, **more}
        del record["KAFKA_OFFSET"]
        bench.write([record], name=f"r{len(os.listdir(bench.journal))}")
    bench.write(bench.entries([*range(20), 21, 20, *range(22, 50)]))
    bench.commit(50)
    assert numbers(bench.partition(code=1), *FAULTS) == (0, 0, 1, 0)


def test_records_of_another_user_do_not_hide_ours(bench):
    """However many there are."""
    forged = [{"at_ms": bench.now, "MESSAGE": "x", "_UID": MINE + 1, "CRIER_FIRST": f"w{n}",
               "MESSAGE_ID": IDS["ENTRIES_LOST"]} for n in range(5000)]
    record = bench.entry(0, epoch=None, CRIER_FIRST=19, CRIER_LAST=21,
                         MESSAGE_ID=IDS["PARTITION_RECOVERED"])
    del record["KAFKA_OFFSET"]
    bench.write([*bench.entries([*range(20), 21, 20]), record, *bench.entries(range(22, 50)),
                 *forged])
    bench.commit(50)
    assert numbers(bench.partition(), *FAULTS, "rewritten") == (0, 0, 0, 0, 1)


def test_forged_entries_count_for_nothing(bench):
    """Another user's, with our field names: neither as entries nor as duplicates."""
    bench.write([*bench.entries(range(30)), *bench.entries([30, 5], uid=MINE + 1),
                 *bench.entries(range(31, 50))])
    bench.commit(50)
    found = bench.partition(code=1)
    assert numbers(found, *FAULTS) == (1, 0, 0, 0)
    assert found["findings"] == [{"kind": "lost", "first": 30, "last": 30}]


def test_head_that_was_vacuumed_cannot_be_checked(bench):
    """The journal begins in the middle, with files before that are gone."""
    entries = bench.entries(range(20, 50), at_ms=max(bench.times.values()) + 1000)
    bench.write(entries, started=False)
    journalfile.number_from(bench.journal / "a.journal", 1000)
    bench.commit(50, anchor=0)
    found = bench.partition()
    assert numbers(found, "first", "events", "vacuumed", *FAULTS) == (0, 50, 20, 0, 0, 0, 0)
    # With what was written before still there, they are lost.
    bench.write([], name="b")
    bench.commit(50, anchor=0)
    assert numbers(bench.partition(code=1), "vacuumed", *FAULTS) == (0, 20, 0, 0, 0)


def test_journal_from_which_nothing_was_removed_hides_no_loss(bench):
    """Events that are older than the journal, as a backlog is: its first entry is number 1."""
    late = max(bench.times.values()) + 1000
    bench.write(bench.entries([0, *range(2, 50)], at_ms=late), started=False)
    bench.commit(50)
    assert numbers(bench.partition(code=1), "vacuumed", *FAULTS) == (0, 1, 0, 0, 0)
    journalfile.number_from(bench.journal / "a.journal", 2)
    assert numbers(bench.partition(), "vacuumed", *FAULTS) == (1, 0, 0, 0, 0)


def test_epoch_whose_first_entries_are_lost(bench):
    """Only the anchor tells where an epoch began."""
    bench.write(bench.entries(range(20, 50)))
    bench.commit(50)
    assert numbers(bench.partition(), "first", "before", *FAULTS) == (20, 20, 0, 0, 0, 0)
    bench.commit(50, anchor=10)
    assert numbers(bench.partition(code=1), "first", *FAULTS) == (10, 10, 0, 0, 0)


def test_entry_of_another_event_at_the_same_offset(bench):
    entries = bench.entries(range(50))
    entries[30]["KAFKA_TIMESTAMP"] = 5
    bench.write(entries)
    bench.commit(50)
    assert numbers(bench.partition(code=1), *FAULTS) == (1, 0, 0, 1)


def test_at_least_once_may_write_twice_but_not_lose(bench):
    bench.group["delivery"] = "at-least-once"
    bench.write(bench.entries([*range(30), *range(10, 50)], epoch=None))
    bench.commit(50, epoch=None)
    found = bench.partition()
    assert found["guarantee"] == "at-least-once"
    assert numbers(found, "events", *FAULTS) == (50, 0, 20, 0, 0)
    assert found["findings"] == [{"kind": "duplicated", "first": 10, "last": 29}]
    bench.commit(60, epoch=None)
    assert numbers(bench.partition(code=1), *FAULTS) == (10, 20, 0, 0)


def test_at_most_once_may_lose_but_not_write_twice(bench):
    bench.group["delivery"] = "at-most-once"
    bench.write(bench.entries([*range(20), *range(25, 50)], epoch=None))
    bench.commit(50, epoch=None)
    found = bench.partition()
    assert found["guarantee"] == "at-most-once" and found["lost"] == 5
    bench.write(bench.entries([7], epoch=None), name="b")
    assert numbers(bench.partition(code=1), *FAULTS) == (5, 1, 0, 0)


def test_entries_of_an_earlier_broker_are_none_of_this_one(bench):
    """The embedded broker begins at offset 0 each time it starts."""
    old = bench.entries(range(60), epoch=None)
    for n, entry in enumerate(old):
        entry["KAFKA_TIMESTAMP"] = 10 ** 12 + n
    bench.write([*old, *bench.entries(range(40, 50), epoch=None)])
    bench.commit(50, epoch=None)
    found = bench.partition()
    assert numbers(found, "first", "events", "before", *FAULTS) == (40, 10, 40, 0, 0, 0, 0)


def test_offset_that_another_cluster_committed(bench):
    bench.write(bench.entries(range(50)))
    bench.commit(50, cluster="elsewhere")
    found = bench.partition()
    assert found["guarantee"] == "at-least-once" and "another cluster" in found["note"]


def test_nothing_is_committed(bench):
    found = bench.partition()
    assert found["note"] == "nothing is committed" and found["committed"] is None


def test_committed_offset_behind_the_end_of_the_log(bench):
    bench.write(bench.entries(range(60)))
    bench.commit(90)
    found = bench.partition()
    assert "behind the end of the log" in found["note"] and found["events"] == 60


def test_journal_without_an_entry_of_ours_is_a_problem(bench):
    bench.write([bench.started(uid=MINE + 1)], started=False)
    bench.commit(50)
    found = bench.partition(code=1)
    assert f"no entry of user {MINE}" in found["problem"]
    assert numbers(found, *FAULTS) == (0, 0, 0, 0)


def test_what_the_broker_has_dropped_cannot_be_checked(bench):
    """The embedded broker keeps about 5 MB of a partition."""
    seen = dict(bench.times)
    producer = confluent_kafka.Producer({"bootstrap.servers": bench.crier.bootstrap})
    for _ in range(70):
        producer.produce(TOPIC, b"x" * 100_000, partition=0)
        producer.flush(10)
    bench.times = {**seen, **clients.timestamps(bench.crier.bootstrap, TOPIC)}
    first = min(set(bench.times) - set(seen))
    assert first > 60
    bench.write(bench.entries(range(130)))
    bench.commit(130)
    found = bench.partition()
    assert numbers(found, "first", "retention", "events", *FAULTS) == (
        first, first, 130 - first, 0, 0, 0, 0)


def test_timestamps_below_zero_tell_events_apart(bench):
    odd = (-2, -3, -(10**15), 10**15)
    clients.produce(bench.crier.bootstrap, TOPIC, [(None, b"x", None, 0, t) for t in odd])
    bench.times = clients.timestamps(bench.crier.bootstrap, TOPIC)
    assert [bench.times[60 + n] for n in range(4)] == list(odd)
    started = bench.started(at_ms=bench.now - 60000)
    bench.write([started, *bench.entries(range(64))], started=False)
    bench.commit(64)
    found = bench.partition()
    assert numbers(found, "events", "entries", *FAULTS) == (64, 64, 0, 0, 0, 0)
    (bench.journal / "a.journal").unlink()
    # The entry of an event at that offset which was produced a moment before.
    bench.write([started, *bench.entries(range(60)), bench.entry(60, KAFKA_TIMESTAMP=-3),
                 *bench.entries(range(61, 64))], started=False)
    found = bench.partition(code=1)
    assert numbers(found, *FAULTS) == (1, 0, 0, 1)


def test_since(bench):
    def text(ms):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"

    producer = confluent_kafka.Producer({"bootstrap.servers": bench.crier.bootstrap})
    later = max(bench.times.values()) + 5000
    for n in range(20):
        producer.produce(TOPIC, b"x", partition=0, timestamp=later + n)
    producer.flush(10)
    bench.times = clients.timestamps(bench.crier.bootstrap, TOPIC)
    assert bench.times[60] == later
    bench.write(bench.entries(o for o in range(80) if o not in (10, 60, 70)))
    bench.commit(80)
    assert bench.partition(code=1)["lost"] == 3
    found = bench.partition(f"--since={text(later)}", code=1)
    assert numbers(found, "first", "events", "lost") == (60, 20, 2)
    found = bench.partition(f"--since={text(later + 11)}")
    assert numbers(found, "first", "events", "lost") == (71, 9, 0)


@pytest.mark.parametrize("arguments, code, kind", [
    (["--since=yesterday"], 65, "BadValue"), (["--since="], 65, "BadValue"),
    (["--since=2026-02-30"], 65, "BadValue"), (["--group=none"], 66, "NoSuchGroup"),
])
def test_bad_values(bench, arguments, code, kind):
    found, lines, _ = bench.verify(*arguments)
    assert found == code and [x["kind"] for x in lines] == ["failure"]
    assert lines[0]["code"] == kind and lines[0]["text"] and lines[0]["advice"]


def test_journal_directory_that_is_not_there(bench):
    bench.journal.rmdir()
    found, lines, _ = bench.verify()
    assert found == 69 and lines[0]["code"] == "Failed" and str(bench.journal) in lines[0]["text"]


def test_broker_that_does_not_answer(bench):
    code, lines, _ = bench.verify(bootstrap="127.0.0.1:1")
    assert code == 1 and "no broker at 127.0.0.1:1 answers" in lines[0]["problem"]


def test_embedded_broker_needs_its_address(place):
    path = place / "verify.conf"
    path.write_text(config.text({"groups": [{"name": GROUP, "topics": [TOPIC]}]}))
    done = run("--verify", "-c", path, f"--journal-directory={place}")
    failure = json.loads(done.stdout)
    assert done.returncode == 69 and "--bootstrap" in failure["advice"]


@pytest.mark.parametrize("option", ["--group=x", "--since=2026-01-01", "--bootstrap=x"])
def test_options_that_need_verify(option):
    done = run(option, "--check-config")
    assert done.returncode == 2 and "--verify" in done.stderr


def test_changes_nothing(bench):
    """No topic is made, no commit moves, no member joins, no journal file is touched."""
    bench.write(bench.entries(range(50)))
    bench.commit(45)
    bench.group["topics"] = [TOPIC, "none.such"]
    before = {p.name: p.stat().st_mtime_ns for p in bench.journal.iterdir()}
    code, lines, _ = bench.verify()
    assert code == 0 and lines[1]["note"] == "there is no such topic"
    assert {p.name: p.stat().st_mtime_ns for p in bench.journal.iterdir()} == before
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bench.crier.bootstrap,
                                         "group.id": GROUP})
    assert consumer.committed([confluent_kafka.TopicPartition(TOPIC, 0)])[0].offset == 45
    assert "none.such" not in consumer.list_topics(timeout=10).topics
    consumer.close()
    # A group with members takes no commit from outside.
    bench.commit(46)


def test_group_that_writes_nothing(bench):
    bench.group["log"] = False
    found = bench.partition()
    assert "log = false" in found["note"]


def test_ends_when_nobody_reads_it(bench):
    bench.write(bench.entries(range(50)))
    bench.commit(45)
    path = bench.place / "verify.conf"
    path.write_text(config.text({"groups": [bench.group]}))
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [program("crierd"), "--verify", "-c", path, f"--bootstrap={bench.crier.bootstrap}",
         f"--journal-directory={bench.journal}"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert process.wait(20) != 0


# ---- through the daemon ----


def group(**more):
    return {"name": GROUP, "topics": [TOPIC], "consumers": 1, "start": "earliest", **more}


def daemon(start, place, journal, *groups, **more):
    """A crierd that reads its own events, and the place for the files of its journal."""
    files = place / "files"
    files.mkdir()
    return files, start({"topics": [config.topic(TOPIC)],
                         "producers": [config.producer("office", TOPIC, rate="max", count=EVENTS)],
                         "groups": list(groups or [group()]), **more}, journal=journal,
                        arguments=[f"--journal-directory={files}"])


def save(journal, files, skip=()):
    """What the fake journal was sent, as journald would have stored it."""
    now = int(time.time() * 1000)
    path = files / "system.journal"
    path.unlink(missing_ok=True)
    journalfile.write(path, [{"at_ms": now + n, "_UID": MINE, **e}
                             for n, e in enumerate(journal.entries)
                             if e.number("KAFKA_OFFSET") not in skip])


def test_crierctl_holds_what_the_daemon_did_against_the_broker(start, place, journal):
    files, crier = daemon(start, place, journal)
    journal.wait_events(EVENTS)
    wait.until(lambda: [p["committed"] for c in crier.group(GROUP)["consumers"]
                        for p in c["partitions"]] == [EVENTS], 20, "all committed")
    save(journal, files)
    shown = crier.ctl("verify")
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout
    assert f"at-least-once 0 {EVENTS} {EVENTS} 0" in " ".join(shown.stdout.split())
    save(journal, files, skip=(30, 31))
    shown = crier.ctl("verify", GROUP, "--json")
    reply = json.loads(shown.stdout)
    assert shown.returncode == 1 and not reply["clean"] and reply["done"] == reply["total"] == 1
    assert reply["partitions"][0]["findings"] == [{"kind": "lost", "first": 30, "last": 31}]
    # It changed nothing, and is no member of the group.
    assert crier.group(GROUP)["rebalances"] == 1 and crier.status()["state"] == "running"
    for typed, code in ((("verify", "none"), 66), (("verify", "--since=x"), 65)):
        assert crier.ctl(*typed).returncode == code
    assert crier.change("Verify", since="2100-01-01Z")["partitions"][0]["events"] == 0
    with pytest.raises(varlink.VarlinkError) as refused:
        crier.call("io.crier.Control.Verify", since="yesterday")
    assert refused.value.name == "io.crier.Control.BadValue"


@contextlib.contextmanager
def renamed_all_the_time(path, another):
    """A file that has now one name and now the other, as when journald archives it."""
    ended = threading.Event()

    def rename():
        names = [path, another]
        while not ended.wait(0.001):
            os.rename(*names)
            names.reverse()

    thread = threading.Thread(target=rename)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_file_that_is_archived_meanwhile_is_read(bench):
    """Beside many others, so that listing them takes some time."""
    bench.write(bench.entries(range(EVENTS)))
    journalfile.write(bench.journal / "other-0.journal", [bench.started()])
    for n in range(1, 300):
        os.link(bench.journal / "other-0.journal", bench.journal / f"other-{n}.journal")
    bench.commit(EVENTS)
    with renamed_all_the_time(bench.journal / "a.journal", bench.journal / "b.journal"):
        for _ in range(10):
            assert numbers(bench.partition(), "events", "lost") == (EVENTS, 0)


def children(crier):
    done = subprocess.run(["pgrep", "-P", str(crier.pid)], capture_output=True, text=True)
    return done.stdout.split()


@pytest.fixture
def slow(start, place, journal):
    """A crierd whose broker does not answer: a verification takes some seconds."""
    place.joinpath("files").mkdir()
    journalfile.write(place / "files" / "a.journal", [{"at_ms": 10 ** 12, "_UID": MINE}])
    return start({**config.cluster("127.0.0.1:1"), "groups": [group(), group(name="other")]},
                 journal=journal, arguments=[f"--journal-directory={place / 'files'}"])


def test_one_verification_at_a_time(slow):
    first = subprocess.Popen([program("crierctl"), "-s", slow.socket_path, "verify", GROUP],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait.until(lambda: children(slow), 10, "a child")
    begin = time.monotonic()
    shown = slow.ctl("verify", "--json")
    assert shown.returncode == 75 and json.loads(shown.stdout)["error"]["code"] == "busy"
    assert slow.status()["state"] == "running" and time.monotonic() - begin < 2 * wait.SLOWNESS
    out, err = first.communicate(timeout=60)
    assert first.returncode == 1 and "no broker at 127.0.0.1:1 answers" in out, err
    assert not children(slow)


def test_verification_ends_with_its_client(slow):
    client = subprocess.Popen([program("crierctl"), "-s", slow.socket_path, "verify"])
    wait.until(lambda: children(slow), 10, "a child")
    client.kill()
    client.wait()
    wait.until(lambda: not children(slow), 10, "no child")
    assert slow.ctl("verify", "--timeout=0.2").returncode == 75


def test_verification_whose_time_is_up(slow):
    shown = slow.ctl("verify", "--timeout=0.5", "--json")
    error = json.loads(shown.stdout)["error"]
    assert shown.returncode == 75 and error["name"] == "io.crier.Control.TimedOut"
    assert error["parameters"]["reached"]["clean"] is None
    wait.until(lambda: not children(slow), 10, "no child")


def test_daemon_stops_while_one_is_under_way(slow):
    client = subprocess.Popen([program("crierctl"), "-s", slow.socket_path, "verify"],
                              stderr=subprocess.PIPE, text=True)
    wait.until(lambda: children(slow), 10, "a child")
    assert slow.stop()[0] == 0
    assert client.wait(20) == 1 and "crierd has stopped" in client.stderr.read()
