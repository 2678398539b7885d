# SPDX-License-Identifier: BSD-2-Clause
"""Produce: events made by hand, and what the reply says of each."""

import base64
import os

import confluent_kafka.admin
import pytest

from lib import clients, config, varlink

NEEDS_FAULT = pytest.mark.skipif(os.getuid() != 0, reason="Fault is for root")

TIMED_OUT = 7  # Kafka's REQUEST_TIMED_OUT, which producers try again after
TOO_LARGE = 10  # MESSAGE_TOO_LARGE, which they do not


def settings(**more):
    return config.build(
        topics=[config.topic("t", 3)],
        groups=[config.group("g", "t", 1, start="earliest")],
        control={"faults": True},
        **more,
    )


@pytest.fixture
def crier(start, journal):
    crier = start(settings(), journal)
    crier.wait_stable()
    return crier


@pytest.fixture
def bare(start):
    """Without a group, and so without waiting for one."""
    return start({k: v for k, v in settings().items() if k != "groups"})


def produce(crier, *events, topic="t", **more):
    return crier.change("Produce", topic=topic, events=list(events), **more)["results"]


def refused(crier, error, *events, **more):
    with pytest.raises(varlink.VarlinkError) as raised:
        produce(crier, *events, **more)
    assert raised.value.name.rpartition(".")[2] == error, raised.value
    return raised.value.parameters


def fault(crier, kind, **parameters):
    crier.change("Fault", kind=kind, **parameters)


def places(results):
    assert all(r["problem"] is None for r in results), results
    return [(r["partition"], r["offset"]) for r in results]


def entries(journal, count):
    """{(partition, offset): entry}"""
    return {e.place[2:]: e for e in journal.wait_events(count, group="g")}


def test_events_arrive_as_they_were_given_where_the_reply_says(crier, journal):
    results = produce(
        crier,
        {"key": "k", "value": "é"},
        {"key": "k", "value": None},
        {"key": None, "value": "no key", "partition": 2},
        {"key": "", "value": "", "partition": 1},
        {"value": "h", "headers": [{"name": "a", "value": "1"}, {"name": "b", "value": None}]},
        {},
    )
    found = entries(journal, len(results))
    text, tombstone, keyless, empty, headers, nothing = (found[p] for p in places(results))
    assert (text.first("KAFKA_KEY"), text.text("MESSAGE")) == (b"k", "Consumer 0: é (key: k)")
    assert tombstone.first("KAFKA_KEY") == b"k" and tombstone.place[2] == text.place[2]
    assert "KAFKA_VALUE" not in tombstone and tombstone.text("MESSAGE").startswith("Consumer 0: No")
    assert "KAFKA_KEY" not in keyless and keyless.place[2] == 2
    assert empty.first("KAFKA_KEY") == b"" and empty.first("KAFKA_VALUE") == b""
    assert empty.place[2] == 1
    assert headers["KAFKA_HEADER"] == [b"a=1", b"b"]
    assert "KAFKA_KEY" not in nothing and "KAFKA_VALUE" not in nothing


def test_any_bytes_can_be_given_in_base64(crier, journal):
    hostile = bytes(range(256))
    text = base64.b64encode(hostile).decode()
    (place,) = places(
        produce(
            crier,
            {
                "key": text,
                "value": text,
                "headers": [{"name": "h", "value": text}, {"name": "n", "value": None}],
                "base64": True,
            },
        )
    )
    entry = entries(journal, 1)[place]
    assert entry.first("KAFKA_KEY") == hostile and entry.first("KAFKA_VALUE") == hostile
    assert entry["KAFKA_HEADER"] == [b"h=" + hostile, b"n"]


def test_offsets_count_up_in_the_order_given(crier, journal):
    first = places(produce(crier, *({"value": str(i), "partition": 0} for i in range(1000))))
    second = places(produce(crier, {"value": "1000", "partition": 0}))
    assert first + second == [(0, i) for i in range(1001)]
    values = {p: e.text("MESSAGE") for p, e in entries(journal, 1001).items()}
    assert all(values[0, i] == f"Consumer 0: {i} (key: None)" for i in range(1001))


def test_keys_are_counted_as_produced(crier, bare):
    for daemon in (crier, bare):
        produce(daemon, {"key": "a", "partition": 1}, {"key": "a", "partition": 1}, {"value": "v"})
        keys = daemon.change("Keys", topic="t")
        (key,) = keys["keys"]
        assert (key["key"], key["partition"], key["produced"]) == ("a", 1, 2)


def test_calls_that_do_not_wait_keep_their_order(crier, journal):
    for i in range(30):
        results = produce(crier, {"value": str(i), "partition": 0}, wait=False)
        assert results == [{"partition": None, "offset": None, "problem": None}]
    messages = [e.text("MESSAGE") for e in journal.wait_events(30, group="g")]
    assert messages == [f"Consumer 0: {i} (key: None)" for i in range(30)]


def test_unknown_topic_is_refused_and_not_made(bare):
    assert "t" in refused(bare, "NoSuchTopic", {"value": "v"}, topic="tt")["advice"]
    assert refused(bare, "NoSuchTopic", {"value": "v"}, topic="tt")["topic"] == "tt"
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bare.bootstrap})
    assert list(admin.list_topics(timeout=10).topics) == ["t"]
    assert len(places(produce(bare, {"value": "v"}))) == 1


def test_partition_that_does_not_exist_is_that_events_problem(crier, journal):
    good, bad, good_too = produce(crier, {"value": "1"}, {"partition": 3}, {"value": "2"})
    assert bad["partition"] is None and bad["offset"] is None
    assert "no partition 3" in bad["problem"] and "has 3" in bad["problem"]
    assert len(places([good, good_too])) == 2 and len(entries(journal, 2)) == 2


def test_event_that_is_too_large_is_that_events_problem(start, journal):
    cluster = {"bootstrap": "embedded", "properties": ["message.max.bytes=1000"]}
    crier = start(settings(cluster=cluster), journal)
    small, large = produce(crier, {"value": "v"}, {"value": "v" * 2000})
    assert places([small]) and "too large" in large["problem"]


@pytest.mark.parametrize(
    "event",
    [
        {"value": 5},
        {"key": ["k"]},
        {"valeu": "v"},
        {"base64": "yes"},
        {"partition": -1},
        {"partition": 2**31},
        {"partition": 1.5},
        {"headers": {}},
        {"headers": [5]},
        {"headers": [{"value": "v"}]},
        {"headers": [{"name": 5, "value": "v"}]},
        {"headers": [{"name": "n", "value": 5}]},
        {"headers": [{"name": "n", "value": "v", "more": 1}]},
        {"value": "%%%%", "base64": True},
        {"key": "YQ", "base64": True},
        {"headers": [{"name": "n", "value": "YQ="}], "base64": True},
    ],
)
def test_event_that_is_wrong_is_named_and_nothing_is_produced(bare, event):
    error = refused(bare, "BadValue", {"value": "good"}, event)
    assert error["parameter"] == "events[1]" and "vent 1" in error["text"]
    assert sum(clients.ends(bare.bootstrap, "t").values()) == 0


def test_calls_that_cannot_be_meant_are_refused(bare):
    assert refused(bare, "BadValue")["parameter"] == "events"
    assert refused(bare, "BadValue", *[{}] * 1001)["parameter"] == "events"
    for topic in ("", ".", "a b", "é", "t" * 250):
        assert refused(bare, "BadValue", {}, topic=topic)["parameter"] == "topic"


def test_producing_by_hand_is_a_record(crier, journal):
    produce(crier, {"value": "v"}, {"value": "w"})
    record = journal.wait_record("CONTROL")
    assert "produces 2 events to topic 't'" in record.text("MESSAGE")
    assert record.text("CRIER_METHOD") == "io.crier.Control.Produce"


# ---- faults ----


@NEEDS_FAULT
def test_errors_that_pass_are_tried_again(bare):
    fault(bare, "errors", request="Produce", error=TIMED_OUT, count=3)
    assert places(produce(bare, {"value": "v", "partition": 0})) == [(0, 0)]


@NEEDS_FAULT
def test_error_that_lasts_is_told(bare):
    fault(bare, "errors", request="Produce", error=TOO_LARGE, count=1)
    (result,) = produce(bare, {"value": "v", "partition": 0})
    assert result["offset"] is None and "too large" in result["problem"]
    assert places(produce(bare, {"value": "w", "partition": 0})) == [(0, 0)]


@NEEDS_FAULT
def test_lost_cluster_is_timed_out_and_what_was_asked_for_goes_on(crier, journal):
    places(produce(crier, {"value": "before", "partition": 0}))
    fault(crier, "down")
    error = refused(
        crier, "TimedOut", {"value": "later", "partition": 0}, {"partition": 3}, timeout_ms=300
    )
    assert error["reached"]["topic"] == "t" and len(error["reached"]["results"]) == 2
    assert all(r["offset"] is None for r in error["reached"]["results"])
    fault(crier, "up")
    journal.wait_events(2, group="g")
    assert clients.ends(crier.bootstrap, "t")[0] == 2


@NEEDS_FAULT
def test_events_that_no_broker_takes_end_with_a_problem(bare):
    fault(bare, "down")
    (result,) = produce(bare, {"value": "v"}, timeout_ms=60000)
    assert result["offset"] is None and result["problem"]


@NEEDS_FAULT
def test_too_many_that_wait_are_refused(crier, journal):
    fault(crier, "down")
    for _ in range(64):
        produce(crier, {"value": "v"}, wait=False)
    assert refused(crier, "Busy", {"value": "v"}, wait=False)["advice"]
    fault(crier, "up")
    journal.wait_events(64, group="g")
    assert places(produce(crier, {"value": "v"}))


@NEEDS_FAULT
def test_too_much_that_waits_is_refused(bare):
    fault(bare, "down")
    for _ in range(17):
        produce(bare, {"value": "v" * 60000}, wait=False)
    refused(bare, "Busy", {"value": "v" * 60000}, wait=False)
    produce(bare, {"value": "small"}, wait=False)


def test_stop_delivers_what_was_taken(bare):
    for i in range(10):
        produce(bare, {"value": str(i), "partition": 0}, wait=False)
    with varlink.Connection(bare.socket_path, timeout=30) as connection:
        assert connection.call("io.crier.Control.Stop")["settled"] is True
    assert bare.wait() == 0


@NEEDS_FAULT
def test_stop_does_not_wait_for_a_cluster_that_is_lost(crier):
    produce(crier, {"value": "v"})
    fault(crier, "down")
    produce(crier, {"value": "w"}, wait=False)
    with varlink.Connection(crier.socket_path, timeout=30) as connection:
        assert connection.call("io.crier.Control.Stop")["settled"] is False
    assert crier.wait() == 0


def test_callers_that_go_leave_nothing_behind(crier, journal):
    for i in range(50):
        with varlink.Connection(crier.socket_path) as connection:
            connection.send(
                {
                    "method": "io.crier.Control.Produce",
                    "parameters": {"topic": "t", "events": [{"value": str(i), "partition": 0}]},
                }
            )
    journal.wait_events(50, group="g")
    assert places(produce(crier, {"value": "v", "partition": 0})) == [(0, 50)]
