# SPDX-License-Identifier: BSD-2-Clause
"""What changes while crierd runs, over its control socket: each method replies when its effect is
there."""

import os
import time

import pytest

from lib import clients, config, journalfile, oracle, varlink, wait

PARTITIONS = 5
FILL = 400


def lab(consumers=2, rate=50.0, **group):
    return config.build(
        topics=[config.topic("t", PARTITIONS)],
        producers=[config.producer("p", "t", "v %{seq}", rate=rate, keys=["k%{int:0:99}"])],
        groups=[config.group("g", "t", consumers, **group)],
    )


@pytest.fixture
def crier(start, journal):
    crier = start(lab(), journal)
    crier.wait_stable(owners=2)
    return crier


def refused(crier, error, method, **parameters):
    """The call is refused with this error; its parameters."""
    with pytest.raises(varlink.VarlinkError) as raised:
        crier.change(method, **parameters)
    assert raised.value.name.rpartition(".")[2] == error, raised.value
    return raised.value.parameters


def offsets(journal, group="g"):
    """{partition: offsets in the order of their entries}"""
    found = {}
    for entry in journal.events(group=group):
        found.setdefault(entry.place[2], []).append(entry.place[3])
    return found


def changes(journal):
    return [e.text("MESSAGE") for e in journal.records() if e.text("CRIER_PEER_UID")]


# ---- scale, remove, kill ----


def test_scale_returns_when_the_group_is_stable_in_its_new_shape(crier, journal):
    reply = crier.change("Scale", group="g", count=7)
    assert (reply["before"], reply["after"], reply["stable"]) == (2, 7, True)
    states = sorted(c["state"] for c in reply["consumers"])
    assert states == ["owner"] * 5 + ["standby"] * 2
    group = crier.group("g")
    assert group["stable"] and len(crier.owners(group)) == 5 and len(group["standbys"]) == 2
    reply = crier.change("Scale", group="g", by=-4)
    assert (reply["before"], reply["after"], reply["stable"]) == (7, 3, True)
    # The youngest leave.
    assert [c["consumer"] for c in reply["consumers"]] == [0, 1, 2]
    assert len(crier.group("g")["consumers"]) == 3
    assert any("scales group 'g' from 2 to 7" in text for text in changes(journal))


def test_scale_to_what_it_is_changes_nothing(crier, journal):
    before = crier.group("g")["rebalances"]
    assert crier.change("Scale", group="g", by=0)["after"] == 2
    assert crier.group("g")["rebalances"] == before
    assert not changes(journal)


def test_scale_to_none_and_back(crier):
    assert crier.change("Scale", group="g", count=0)["after"] == 0
    assert crier.group("g")["consumers"] == []
    reply = crier.change("Scale", group="g", count=1)
    # Numbers are never used again.
    assert [c["consumer"] for c in reply["consumers"]] == [2]
    assert len(reply["consumers"][0]["partitions"]) == PARTITIONS


def scale_about(crier):
    """Scales the group up and down while events flow, and stops it."""
    crier.wait_stable(owners=2)
    for count in (7, 1, 5):
        crier.change("Scale", group="g", count=count)
    done = crier.group("g")["written"]
    wait.until(lambda: crier.group("g")["written"] > done + 500, 30, "events go on")
    assert crier.stop()[0] == 0


@journalfile.needed
def test_nothing_is_skipped_or_written_twice_while_a_group_is_scaled(start, kept):
    """The embedded broker refuses commits during a rebalance, the members' first ones included."""
    text = lab(rate=500.0, start="latest", delivery="exactly-once")
    scale_about(start(text, kept, kept.arguments))
    found = offsets(kept)
    assert len(found) == PARTITIONS
    for partition, seen in found.items():
        assert seen == list(range(seen[0], seen[0] + len(seen))), partition


def test_nothing_is_skipped_while_a_group_is_scaled_that_is_written_at_least_once(start, journal):
    """A member that is late to hear of a rebalance may find its last commit refused; then the next
    owner writes again what that was about."""
    scale_about(start(lab(rate=500.0, start="latest"), journal))
    found = offsets(journal)
    assert len(found) == PARTITIONS
    for partition, seen in found.items():
        assert sorted(set(seen)) == list(range(seen[0], max(seen) + 1)), partition


def test_remove_has_a_consumer_leave_and_the_others_take_over(crier, journal):
    reply = crier.change("Remove", consumer=0)
    assert (reply["group"], reply["before"], reply["after"]) == ("g", 2, 1)
    assert [c["consumer"] for c in reply["consumers"]] == [1]
    assert len(reply["consumers"][0]["partitions"]) == PARTITIONS
    refused(crier, "NoSuchConsumer", "Remove", consumer=0)


def test_kill_is_noticed_only_when_the_session_is_over(start, journal):
    host = start(config.build(topics=[config.topic("t", 2)]))
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            groups=[config.group("g", "t", 2, properties=["session.timeout.ms=7000"])],
        ),
        journal,
    )
    crier.wait_stable(owners=2)
    begin = time.monotonic()
    killed = varlink.call(
        crier.socket_path, "io.crier.Control.Kill", 5 * wait.SLOWNESS, consumer=1, wait=False
    )
    assert not killed["stable"]
    # The survivor gets the other partition, but not before the session can be over.
    wait.until(lambda: len(crier.owners(crier.group("g")).get(0, [])) == 2, 60, crier.group("g"))
    assert time.monotonic() - begin > 3
    assert [c["consumer"] for c in crier.group("g")["consumers"]] == [0]


def test_kill_waits_until_somebody_has_taken_over(crier):
    reply = crier.change("Kill", consumer=0)
    assert (reply["after"], reply["stable"]) == (1, True)
    assert len(reply["consumers"][0]["partitions"]) == PARTITIONS


def test_what_is_not_reached_in_time_is_told_with_what_is(crier):
    parameters = refused(crier, "TimedOut", "Kill", consumer=0, timeout_ms=200)
    assert parameters["reached"]["stable"] is False
    assert "stable" in parameters["text"]
    # What was asked for goes on.
    wait.until(
        lambda: len(crier.owners(crier.group("g")).get(1, [])) == PARTITIONS,
        60,
        lambda: crier.group("g"),
    )


def test_more_tells_how_far_it_is(crier):
    with varlink.Connection(crier.socket_path, 60 * wait.SLOWNESS) as connection:
        connection.send(
            {
                "method": "io.crier.Control.Scale",
                "parameters": {"group": "g", "count": 3},
                "more": True,
            }
        )
        replies = [connection.receive()]
        while replies[-1].get("continues"):
            replies.append(connection.receive())
    assert len(replies) > 2
    assert not replies[0]["parameters"]["stable"]
    assert replies[-1]["parameters"]["stable"]


def test_a_client_that_goes_away_stops_nothing(crier):
    with varlink.Connection(crier.socket_path) as connection:
        connection.send(
            {"method": "io.crier.Control.Scale", "parameters": {"group": "g", "count": 4}}
        )
        wait.until(lambda: len(crier.group("g")["consumers"]) == 4, 20, "four consumers")
    wait.until(lambda: len(crier.owners(crier.group("g"))) == 4, 40, lambda: crier.group("g"))


def test_what_cannot_be_is_refused_in_words(crier):
    advice = refused(crier, "NoSuchGroup", "Scale", group="G", count=1)["advice"]
    assert advice == "Did you mean 'g'?"
    refused(crier, "BadValue", "Scale", group="g", count=1000000)
    refused(crier, "BadValue", "Scale", group="g", by=-3)
    refused(crier, "BadValue", "Scale", group="g")
    refused(crier, "BadValue", "Scale", group="g", count=1, by=1)
    refused(crier, "InvalidParameter", "Scale", group="g", count="2")
    refused(crier, "InvalidParameter", "Scale", count=2)
    refused(crier, "BadValue", "Scale", group="g", count=1, timeout_ms=0)
    assert "0, 1" in refused(crier, "NoSuchConsumer", "Kill", consumer=9)["advice"]
    assert len(crier.group("g")["consumers"]) == 2


# ---- pause, resume, rate ----


def test_a_paused_producer_makes_nothing_and_makes_nothing_up(crier):
    reply = crier.change("Pause", targets=["p"])
    assert reply["targets"] == [
        {"kind": "producer", "name": "p", "before": "running", "after": "paused"}
    ]
    producer = crier.producer("p")
    assert producer["state"] == "paused" and producer["queued"] == 0
    assert producer["acked"] == producer["made"]
    wait.holds(lambda: crier.producer("p")["made"] == producer["made"], 2, "no event is made")
    crier.change("Resume", targets=["p"])
    wait.until(lambda: crier.producer("p")["made"] > producer["made"] + 10, 20, "it goes on")
    # 50 a second: two seconds' worth would have come at once.
    assert crier.producer("p")["overflowed"] == 0


def has_read_on(group):
    return group["lag"] is not None and group["lag"] < 50


def test_a_paused_group_keeps_its_places_and_reads_nothing(crier):
    crier.change("Pause", targets=["g"])
    group = crier.group("g")
    assert all(c["paused"] for c in group["consumers"]) and len(crier.owners(group)) == 2
    wait.holds(lambda: crier.group("g")["received"] == group["received"], 2, "nothing is read")
    assert crier.group("g")["rebalances"] == group["rebalances"]
    crier.change("Resume", targets=["1"])
    after = crier.group("g")
    wait.until(
        lambda: crier.group("g")["consumers"][1]["received"] > after["consumers"][1]["received"],
        20,
        "consumer 1 goes on",
    )
    assert crier.group("g")["consumers"][0]["received"] == group["consumers"][0]["received"]
    crier.change("Resume", targets=["g"])
    wait.until(lambda: has_read_on(crier.group("g")), 30, lambda: crier.group("g"))


def test_targets_are_all_looked_at_before_one_is_touched(crier):
    refused(crier, "NoSuchTarget", "Pause", targets=["p", "nobody"])
    refused(crier, "BadValue", "Pause", targets=[])
    assert crier.producer("p")["state"] == "running"


def test_a_name_that_two_have_needs_its_kind(start):
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[config.producer("same", "t")],
            groups=[config.group("same", "t")],
        )
    )
    crier.wait_stable()
    assert "producer/same" in refused(crier, "BadValue", "Pause", targets=["same"])["advice"]
    crier.change("Pause", targets=["producer/same"])
    assert crier.producer("same")["state"] == "paused"
    assert not crier.group("same")["consumers"][0]["paused"]


def test_rate_changes_at_once(crier):
    reply = crier.change("Rate", producer="p", rate="+10%")
    assert (reply["before"], round(reply["after"], 6)) == (50.0, 55.0)
    assert crier.change("Rate", producer="p", rate="2000")["after"] == 2000.0
    wait.until(lambda: crier.producer("p")["per_second"] > 200, 20, lambda: crier.producer("p"))
    assert crier.change("Rate", producer="p", rate="max")["after"] is None
    assert crier.producer("p")["rate"] is None
    assert crier.change("Rate", producer="p", rate="1.5")["after"] == 1.5
    for bad in ("", "0", "-1", "+", "+x%", "-100%", "1e9", "fast", "nan"):
        refused(crier, "BadValue", "Rate", producer="p", rate=bad)
    crier.change("Rate", producer="p", rate="max")
    refused(crier, "BadValue", "Rate", producer="p", rate="+10%")
    refused(crier, "NoSuchProducer", "Rate", producer="q", rate="1")


# ---- seek ----


def filled(start, journal, consumers=2, **group):
    """A daemon whose topic is full and whose group has read all of it."""
    crier = start(
        config.build(
            topics=[config.topic("t", PARTITIONS)],
            groups=[config.group("g", "t", consumers, start="earliest", **group)],
        ),
        journal,
    )
    crier.wait_stable(owners=consumers)
    clients.produce(crier.bootstrap, "t", [(b"%d" % i, b"%d" % i) for i in range(FILL)])
    wait.until(lambda: crier.group("g")["written"] == FILL, 30, lambda: crier.group("g"))
    return crier


@pytest.mark.parametrize("delivery", ["at-least-once", "at-most-once"])
def test_seek_to_the_beginning_replays_everything_once(start, journal, delivery):
    crier = filled(start, journal, delivery=delivery)
    first = offsets(journal)
    rebalances = crier.group("g")["rebalances"]
    reply = crier.change("Seek", group="g", topic="t", to="earliest")
    assert {m["partition"]: m["after"] for m in reply["partitions"]} == {p: 0 for p in first}
    assert {m["partition"]: m["before"] for m in reply["partitions"]} == {
        p: len(seen) for p, seen in first.items()
    }
    wait.until(lambda: crier.group("g")["written"] == 2 * FILL, 30, lambda: crier.group("g"))
    journal.wait_events(2 * FILL)
    assert offsets(journal) == {p: seen + seen for p, seen in first.items()}
    assert crier.group("g")["rebalances"] == rebalances
    assert crier.stop()[0] == 0


def test_seek_commits_where_it_has_moved(start, journal):
    crier = filled(start, journal)
    crier.change("Pause", targets=["g"])
    crier.change("Seek", group="g", topic="t", to="7")
    assert oracle.committed(crier.bootstrap, "g", "t") == {p: 7 for p in range(PARTITIONS)}
    reply = crier.change("Seek", group="g", topic="t", partition=3, to="latest")
    end = reply["partitions"][0]["after"]
    assert [m["partition"] for m in reply["partitions"]] == [3] and end > 7
    commits = oracle.committed(crier.bootstrap, "g", "t")
    assert commits == {p: end if p == 3 else 7 for p in range(PARTITIONS)}
    owed = sum(len(seen) - 7 for p, seen in offsets(journal).items() if p != 3)
    crier.change("Resume", targets=["g"])
    wait.until(lambda: crier.group("g")["written"] == FILL + owed, 30, lambda: crier.group("g"))


def test_seek_under_load_skips_nothing(start, journal):
    crier = start(lab(rate=1000.0, start="earliest"), journal)
    crier.wait_stable(owners=2)
    wait.until(lambda: crier.group("g")["written"] > 2000, 30, "events flow")
    crier.change("Seek", group="g", topic="t", to="earliest")
    crier.change("Pause", targets=["p"])
    wait.until(lambda: crier.group("g")["lag"] == 0, 30, lambda: crier.group("g"))
    assert crier.stop()[0] == 0
    for partition, seen in offsets(journal).items():
        restart = seen.index(0, 1)
        assert seen[:restart] == list(range(restart)), partition
        assert seen[restart:] == list(range(len(seen) - restart)), partition


def test_a_seek_that_cannot_be_moves_nothing(start, journal):
    crier = filled(start, journal)
    far = refused(crier, "BadValue", "Seek", group="g", topic="t", to="100000")
    assert "holds the offsets" in far["text"]
    refused(crier, "BadValue", "Seek", group="g", topic="t", to="soon")
    refused(crier, "BadValue", "Seek", group="g", topic="t", to="-1")
    refused(crier, "BadValue", "Seek", group="g", topic="t", partition=99, to="earliest")
    refused(crier, "BadValue", "Seek", group="g", topic="t", partition=-1, to="earliest")
    refused(crier, "NoSuchTopic", "Seek", group="g", topic="u", to="earliest")
    refused(crier, "NoSuchGroup", "Seek", group="h", topic="t", to="earliest")
    assert "latest" in refused(
        crier, "Unsupported", "Seek", group="g", topic="t", to="2026-01-31T12:00:00Z"
    )["advice"]
    assert crier.group("g")["written"] == FILL and crier.group("g")["lag"] == 0


def test_seek_waits_until_the_group_is_stable(start, journal):
    crier = filled(start, journal)
    crier.change("Scale", group="g", count=3, wait=False)
    crier.change("Seek", group="g", topic="t", to="earliest")
    assert crier.group("g")["stable"]
    wait.until(lambda: crier.group("g")["written"] >= 2 * FILL, 30, lambda: crier.group("g"))


# ---- the daemon itself ----


def test_stop_replies_when_everything_is_settled(crier, journal):
    reply = crier.change("Stop")
    assert reply["settled"] is True
    assert crier.wait() == 0
    assert any("stops crierd" in text for text in changes(journal))


def test_log_level_changes_what_is_said(crier):
    assert crier.change("LogLevel") == {"before": "info", "after": "info"}
    assert crier.change("LogLevel", level="debug")["after"] == "debug"
    crier.change("Scale", group="g", count=3)
    assert "<7>" in crier.stderr or "crier-g-consumer" in crier.stderr
    refused(crier, "BadValue", "LogLevel", level="loud")


@pytest.mark.parametrize(
    "record, method, parameters, about",
    [
        ("CONTROL", "Rate", {"producer": "p", "rate": "60"}, {}),
        ("GROUP_SCALED", "Scale", {"group": "g", "count": 3}, {"KAFKA_GROUP": "g"}),
        ("CONSUMER_LEFT", "Remove", {"consumer": 0}, {"CRIER_CONSUMER": "0"}),
        ("CONSUMER_KILLED", "Kill", {"consumer": 1}, {"CRIER_CONSUMER": "1"}),
        ("PAUSED", "Pause", {"targets": ["p"]}, {"CRIER_TARGET": "p"}),
        ("RESUMED", "Resume", {"targets": ["g"]}, {"CRIER_TARGET": "g"}),
        ("GROUP_MOVED", "Seek", {"group": "g", "topic": "t", "to": "latest"}, {"KAFKA_TOPIC": "t"}),
    ],
)
def test_each_change_is_a_record_that_names_who_made_it(
    crier, journal, record, method, parameters, about
):
    waits = {} if method == "Rate" else {"wait": False}
    crier.change(method, **parameters, **waits)
    entry = journal.wait_record(record)
    assert entry.text("CRIER_METHOD") == f"io.crier.Control.{method}"
    assert entry.number("CRIER_PEER_UID") == os.getuid()
    assert entry.number("CRIER_PEER_PID") == os.getpid()
    assert {name: entry.text(name) for name in about} == about
