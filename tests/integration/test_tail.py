# SPDX-License-Identifier: BSD-2-Clause
"""Tail: what groups remember of their newest events, and what those who follow are sent."""

import base64
import contextlib

import pytest

from lib import clients, config, varlink, wait

PIECE = 4096  # what is shown of a key, of a value, and of all headers
REMEMBERED = 64  # events a group
FOLLOWERS = 8


@pytest.fixture
def crier(start, journal):
    """Two groups, one of which writes nothing, on a topic with two partitions."""
    crier = start(
        config.build(
            topics=[config.topic("t", 2), config.topic("u", 1)],
            groups=[
                config.group("g", "t", 1, start="earliest"),
                config.group(
                    "quiet", ["t", "u"], 1, start="earliest", log=False, message="%{key}!"
                ),
            ],
        ),
        journal,
    )
    crier.wait_stable()
    return crier


def tail(crier, **parameters):
    return crier.change("Tail", **parameters)["events"]


def put(crier, events, topic="t", group="g"):
    """Produces, and waits until the group has had them; an event is as clients.produce() has it, on
    partition 0."""
    before = crier.group(group)["received"]
    events = [(tuple(e) + (None, None, None, None))[:5] for e in events]
    events = [(*e[:3], 0, e[4]) for e in events]
    clients.produce(crier.bootstrap, topic, events)
    wait.until(
        lambda: crier.group(group)["written"] >= before + len(events), 60, lambda: crier.status()
    )


def refused(crier, error, **parameters):
    with pytest.raises(varlink.VarlinkError) as raised:
        tail(crier, **parameters)
    assert raised.value.name.rpartition(".")[2] == error, raised.value
    return raised.value.parameters


class Follower:
    """One call of Tail with `more`; read() returns the next reply's parameters."""

    def __init__(self, crier, **parameters):
        self.connection = varlink.Connection(crier.socket_path, timeout=60)
        self.connection.send(
            {
                "method": "io.crier.Control.Tail",
                "parameters": {"follow": True, **parameters},
                "more": True,
            }
        )
        self.events, self.missed = [], 0

    def read(self):
        reply = self.connection.receive()
        assert reply is not None and "error" not in reply, reply
        parameters = reply["parameters"]
        self.events += parameters["events"]
        self.missed += parameters["missed"]
        return reply

    def until(self, count):
        """Reads until so many events were sent or missed."""
        while len(self.events) + self.missed < count:
            assert self.read().get("continues")
        return self.events


@pytest.fixture
def follow():
    """follow(crier, …) is a Follower that has had its first reply."""
    with contextlib.ExitStack() as stack:

        def begin(*arguments, **parameters):
            follower = Follower(*arguments, **parameters)
            stack.enter_context(contextlib.closing(follower.connection))
            follower.first = follower.read()["parameters"]["events"]
            follower.events.clear()
            return follower

        yield begin


# ---- what was ----


def test_timestamps_below_zero_are_shown_and_none_is_null(crier):
    put(crier, [(None, b"v", None, 0, t) for t in (-2, -(10**15), -1, 5)])
    assert [e["timestamp_ms"] for e in tail(crier, group="g")] == [-2, -(10**15), None, 5]
    shown = crier.ctl("tail", "--group=g", env={"TZ": "UTC"}).stdout.splitlines()
    times = [line.split()[0] for line in shown]
    assert times[0] == "23:59:59.998" and times[2:] == ["--:--:--.---", "00:00:00.005"]


def test_event_is_shown_as_it_came_and_as_the_journal_has_it(crier, journal):
    put(crier, [(b"k", "é €".encode(), [("h", b"1"), ("h", None), ("i", b"")])])
    (event,) = tail(crier, group="g")
    entry = journal.wait_events(1, group="g")[0]
    assert event.pop("timestamp_ms") == entry.number("KAFKA_TIMESTAMP")
    consumer = crier.group("g")["consumers"][0]["consumer"]
    assert event == {
        "group": "g",
        "consumer": consumer,
        "topic": "t",
        "partition": 0,
        "offset": 0,
        "key": "k",
        "value": "é €",
        "headers": [
            {"name": "h", "value": "1"},
            {"name": "h", "value": None},
            {"name": "i", "value": ""},
        ],
        "base64": False,
        "cut": False,
        "message": entry.text("MESSAGE"),
    }


def test_newest_come_oldest_first_and_as_many_as_asked_for(crier):
    put(crier, [(None, str(i)) for i in range(100)])
    assert [e["value"] for e in tail(crier, group="g")] == [str(i) for i in range(90, 100)]
    assert [e["value"] for e in tail(crier, group="g", lines=3)] == ["97", "98", "99"]
    assert tail(crier, group="g", lines=0) == []
    remembered = [int(e["value"]) for e in tail(crier, group="g", lines=1000)]
    assert remembered == sorted(remembered) and remembered[-16:] == list(range(84, 100))
    assert len(remembered) <= REMEMBERED


def test_groups_are_merged_in_the_order_of_reading(crier):
    for i in range(5):
        put(crier, [(b"k", str(i))])
        wait.until(lambda i=i: crier.group("quiet")["written"] > i, 30, lambda: crier.status())
    events = tail(crier, lines=100)
    assert len(events) == 10
    assert [e["value"] for e in events] == [str(i) for i in range(5) for _ in "gq"]


def test_group_that_writes_nothing_remembers_the_line_it_would_write(crier):
    put(crier, [(b"k\x1b", b"v")], group="quiet")
    assert [e["message"] for e in tail(crier, group="quiet")] == ["k\\x1b!"]


def test_filters_leave_out_what_differs(crier):
    put(crier, [(b"a", b"1"), (b"b", b"2"), (None, b"3"), (b"", b"4")])
    wait.until(lambda: crier.group("quiet")["written"] == 4, 60, lambda: crier.status())
    put(crier, [(b"a", b"5")], topic="u", group="quiet")
    consumer = crier.group("quiet")["consumers"][0]["consumer"]
    assert {e["group"] for e in tail(crier, lines=100)} == {"g", "quiet"}
    assert [e["value"] for e in tail(crier, group="g", key="a")] == ["1"]
    assert [e["value"] for e in tail(crier, group="g", key="")] == ["4"]
    assert [e["value"] for e in tail(crier, topic="u")] == ["5"]
    assert tail(crier, partition=1) == [] and tail(crier, group="g", topic="t", partition=0)
    assert {e["group"] for e in tail(crier, consumer=consumer, lines=100)} == {"quiet"}


def test_null_is_told_from_empty(crier):
    put(crier, [(None, None), (b"", b"")])
    null, empty = tail(crier, group="g")
    assert (null["key"], null["value"]) == (None, None)
    assert (empty["key"], empty["value"]) == ("", "")


@pytest.mark.parametrize("hostile", [b"\xff\xfe", b"a\0b", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_what_is_not_text_comes_in_base64(crier, hostile):
    put(crier, [(hostile, b"v", [("h", b"x")]), (b"k", b"v", [("h", hostile)])])
    by_key, by_header = tail(crier, group="g")
    assert by_key["base64"] and by_header["base64"]
    assert base64.b64decode(by_key["key"]) == hostile
    assert base64.b64decode(by_key["value"]) == b"v"
    assert base64.b64decode(by_key["headers"][0]["value"]) == b"x"
    assert base64.b64decode(by_header["headers"][0]["value"]) == hostile


def test_large_pieces_are_cut(crier):
    put(
        crier,
        [
            (b"k" * (PIECE + 1), b"v" * 1024 * 1024),
            (b"k" * PIECE, b"v" * PIECE),
            (None, "é".encode() * PIECE),
            (None, b"v", [("h", b"x" * 2 * PIECE), ("i", b"y")]),
            (None, b"v", [("h" * 2 * PIECE, b"x")]),
        ],
    )
    both, whole, text, header, name = tail(crier, group="g")
    assert both["cut"] and (len(both["key"]), len(both["value"])) == (PIECE, PIECE)
    assert not whole["cut"] and (len(whole["key"]), len(whole["value"])) == (PIECE, PIECE)
    assert text["cut"] and not text["base64"] and text["value"] == "é" * (PIECE // 2)
    assert header["cut"] and len(header["headers"]) == 1
    assert set(header["headers"][0]["value"]) == {"x"}
    assert PIECE - 100 < len(header["headers"][0]["value"]) < PIECE
    assert name["cut"] and name["headers"] == []


def test_many_large_events_fit_a_reply(crier):
    """Each byte of these takes six in JSON."""
    for _ in range(0, REMEMBERED, 16):
        put(crier, [(b"\x01" * PIECE, b"\x01" * PIECE, [("h", b"\x01" * 3000)])] * 16)
    reply = crier.change("Tail", group="g", lines=1000)
    assert [e["offset"] for e in reply["events"]] == list(range(reply["missed"], REMEMBERED))
    assert 0 < reply["missed"] < REMEMBERED // 2


def test_what_can_only_be_a_mistake_is_refused(crier):
    assert "'g'" in refused(crier, "NoSuchGroup", group="gg")["advice"]
    assert refused(crier, "BadValue", topic="v")["parameter"] == "topic"
    assert refused(crier, "BadValue", group="g", topic="u")["parameter"] == "topic"
    assert refused(crier, "NoSuchConsumer", consumer=99)["consumer"] == 99
    for name in ("lines", "partition", "consumer"):
        assert refused(crier, "BadValue", **{name: -1})["parameter"] == name
    refused(crier, "ExpectedMore", follow=True)


# ---- what comes ----


def test_follower_gets_what_was_and_then_everything_in_order(crier, follow):
    put(crier, [(None, str(i)) for i in range(5)])
    follower = follow(crier, group="g", lines=3)
    assert [e["value"] for e in follower.first] == ["2", "3", "4"]
    for i in range(5, 105, 10):
        put(crier, [(None, str(k)) for k in range(i, i + 10)])
    events = follower.until(100)
    assert [e["value"] for e in events] == [str(i) for i in range(5, 105)]
    assert follower.missed == 0


def test_follower_with_filters_gets_only_what_matches(crier, follow):
    by_key = follow(crier, group="g", key="b")
    by_topic = follow(crier, topic="u")
    quiet = follow(crier, consumer=crier.group("quiet")["consumers"][0]["consumer"])
    nothing = follow(crier, partition=1)
    put(crier, [(b"a", b"1"), (b"b", b"2"), (None, b"3"), (b"b", b"4")])
    put(crier, [(b"b", b"5")], topic="u", group="quiet")
    assert [e["value"] for e in by_key.until(2)] == ["2", "4"]
    assert [e["value"] for e in by_topic.until(1)] == ["5"]
    assert sorted(e["value"] for e in quiet.until(5)) == ["1", "2", "3", "4", "5"]
    clients.produce(crier.bootstrap, "t", [(b"c", b"6", None, 1)])
    assert {e["value"] for e in nothing.until(1)} == {"6"}


def test_follower_that_does_not_read_slows_nobody_and_is_told_what_it_missed(crier, follow):
    count = 10000
    stuck, reader = follow(crier, group="g"), follow(crier, group="g")
    # The other one is on its way all the while.
    for i in range(0, count, 1000):
        put(crier, [(None, f"{k} {'x' * 200}") for k in range(i, i + 1000)])
        reader.until(i + 1000)
    assert crier.group("g")["written"] == count
    expected = 0
    while expected < count:
        parameters = stuck.read()["parameters"]
        expected += parameters["missed"]
        for event in parameters["events"]:
            # What was missed is told exactly where it is missing.
            assert event["offset"] == expected
            expected += 1
    assert stuck.missed > 0 and len(stuck.events) > 256
    assert crier.status()["state"] == "running"


def test_only_so_many_may_follow(crier, follow):
    followers = [follow(crier) for _ in range(FOLLOWERS)]
    one_more = Follower(crier)
    with contextlib.closing(one_more.connection):
        reply = one_more.connection.receive()
        assert reply["error"] == "io.crier.Control.Busy" and reply["parameters"]["advice"]
    # Without following anybody may look.
    assert tail(crier) == []
    followers[0].connection.close()

    def admitted():
        candidate = Follower(crier)
        with contextlib.closing(candidate.connection):
            return "error" not in candidate.connection.receive()

    wait.until(admitted, 10, "a place becomes free when a client goes")
    put(crier, [(None, b"v")])
    for follower in followers[1:]:
        assert follower.until(1)[0]["value"] == "v"


def test_follower_gets_a_last_reply_when_the_daemon_stops(crier, follow):
    follower = follow(crier, group="g")
    put(crier, [(None, str(i)) for i in range(20)])
    assert crier.stop()[0] == 0
    while follower.read().get("continues"):
        pass
    assert len(follower.events) + follower.missed == 20
    assert follower.connection.receive() is None


def test_followers_that_go_leave_nothing_behind(crier):
    before = crier.memory()
    for _ in range(200):
        follower = Follower(crier, group="g")
        with contextlib.closing(follower.connection):
            follower.read()
    put(crier, [(None, b"v" * PIECE)] * 300)
    assert crier.memory() < before + 16 * 1024 * 1024
