# SPDX-License-Identifier: BSD-2-Clause
"""A call of each verb of crierctl: what is typed, what goes over the socket, a reply as crierd
would make it, and the lines that are shown then."""

import typing

from lib import fakedaemon as fake


class Case(typing.NamedTuple):
    typed: tuple
    parameters: dict  # of the call
    reply: dict
    shown: tuple  # lines that are among what is shown; words, where columns do not matter
    waits: bool = False  # waits for an effect, and asks for progress


OWNERS = [fake.consumer(n, [fake.partition(n, lag=n)]) for n in range(5)]
ALL = [*OWNERS, fake.consumer(5), fake.consumer(6)]


def reshaped(**more):
    return {"group": "inv", "before": 2, "after": 7, "stable": True, "consumers": ALL,
            "duration_ms": 5012, **more}


def groups(**more):
    return {
        "groups": [fake.group("inv", consumers=ALL)],
        "topics": [{"topic": "post.office", "partitions": 6}],
        "others": [{"group": "inv", "client_id": "kcat", "host": "/10.0.0.1",
                    "partitions": [{"topic": "post.office", "partition": 5}]}],
        "others_known": True,
        **more,
    }


def key(name, partition, **more):
    return {"key": name, "base64": False, "partition": partition, "produced": 7, "consumed": 5,
            "crc32": partition, "murmur2": 3, **more}


def event(offset, **more):
    return {"group": "inv", "consumer": 3, "topic": "post.office", "partition": 4,
            "offset": offset, "timestamp_ms": 1_000_000_000_123, "key": "red", "value": "hello",
            "headers": [], "base64": False, "cut": False, "message": "red: hello", **more}


def ranges(*pairs):
    return [{"partition": n, "first": f, "end": e} for n, (f, e) in enumerate(pairs)]


def verified(partition, **more):
    counts = dict.fromkeys(("lost", "duplicated", "reordered", "rewritten", "different",
                            "in_flight", "vacuumed", "retention", "compacted", "before"), 0)
    return {"group": "inv", "topic": "post.office", "partition": partition,
            "guarantee": "exactly-once", "first": 0, "committed": 100, "clean": True,
            "problem": None, "note": None, "findings": [], "events": 100, "entries": 100,
            **counts, **more}


def verification(*partitions, **more):
    return {"clean": all(p["clean"] for p in partitions), "partitions": list(partitions),
            "omitted": 0, "done": len(partitions), "total": len(partitions), "read": 1200,
            "duration_ms": 420, **more}


FAULTY = verified(3, clean=False, lost=3, duplicated=1, entries=97, findings=[
    {"kind": "lost", "first": 20, "last": 21}, {"kind": "lost", "first": 40, "last": 40},
    {"kind": "duplicated", "first": 17, "last": 17}])

DIFFERENCES = [
    {"section": "producers", "name": "office", "key": "rate", "before": "1", "after": "5",
     "effect": "applied"},
    {"section": "groups", "name": "new", "key": None, "before": None, "after": None,
     "effect": "restarted"},
    {"section": "control", "name": None, "key": "faults", "before": None, "after": "true",
     "effect": "needs_restart"},
    {"section": "groups", "name": "inv", "key": "consumers", "before": "2", "after": "3",
     "effect": "kept"},
]

CASES = {
    "status": [Case(("status",), {}, fake.status(), ("crierd 0.1.0, running",))],
    "producers": [
        Case(("producers",), {}, {"producers": [fake.producer()]},
             ("PRODUCER TOPIC STATE RATE NOW MADE ACKED FAILED OVERFLOWED QUEUED",
              "office post.office running 1 0.98 120 119 0 0 1")),
        Case(("producers", "office"), {"producer": "office"}, {"producers": [fake.producer(
            rate=None, count=500, state="done", trouble=fake.trouble(text="it broke"))]},
            ("office post.office done max 0.98 120 of 500 119 0 0 1",
             "trouble: producer office, for", "it broke", "start it")),
        Case(("producers",), {}, {"producers": []}, ("no producers",)),
    ],
    "groups": [
        Case(("groups",), {}, groups(),
             ("inv, stable: post.office, 6 partitions",
              "MEMBER STATE 0 1 2 3 4 5 LAG RATE",
              "consumer 0 owner ■ · · · · · 0 1.50",
              "consumer 4 owner · · · · ■ · 4 1.50",
              "consumer 5 standby · · · · · · - 0",
              "other kcat@10.0.0.1 · · · · · ■")),
        Case(("groups", "inv"), {"group": "inv"}, groups(others=[], others_known=False),
             ("other? · · · · · ■",)),
        Case(("groups",), {}, groups(groups=[fake.group("inv", consumers=[fake.consumer(
            0, [fake.partition(0, lag=3, open_transaction_ms=75_000)])])]),
             ("open transaction: post.office/0 of group inv, for 1 min 15 s, at offset 10",)),
        Case(("groups",), {}, groups(groups=[], topics=[], others=[]), ("no groups",)),
    ],
    "consumers": [
        Case(("consumers",), {}, {"consumers": [
            fake.consumer(3, [fake.partition(0, lag=4, held=2)]), fake.consumer(5, paused=True)]},
            ("CONSUMER GROUP STATE POSITION COMMITTED LAG HELD RECEIVED WRITTEN RATE",
             "3 invoice-services owner 4 10 10 1.50",
             "└─post.office 0 10 10 4 2",
             "5 invoice-services standby, paused - 0 0 0")),
        Case(("consumers", "inv"), {"group": "inv"}, {"consumers": []}, ("no consumers",)),
    ],
    "topics": [
        Case(("topics",), {}, {"topics": [
            {"name": "post.office", "configured": True, "problem": None,
             "partitions": ranges((0, 40), (10, 30), (None, None), (5, 5))},
            {"name": "gone", "configured": False, "problem": "there is none", "partitions": []}]},
            ("post.office, 4 partitions, 60 events",
             "PARTITION FIRST END EVENTS SHARE",
             "0 0 40 40 67% " + "█" * 30,
             "1 10 30 20 33% " + "█" * 15,
             "2 ? ? ?", "3 5 5 0 0%", "gone: there is none")),
        Case(("topics", "none"), {"topic": "none"}, {"topics": []}, ("no topics",)),
    ],
    "keys": [
        Case(("keys", "post.office"), {"topic": "post.office"},
             {"topic": "post.office", "partitions": 5, "without_key": 3, "uncounted": 2,
              "keys": [key("red", 3), key("/w==", 1, base64=True, crc32=None)]},
             ("KEY PARTITION PRODUCED CONSUMED CRC32 MURMUR2", "red 3 7 5 3 3",
              "base64:/w== 1 7 5 ? 3*", "events without a key: 3", "events with other keys: 2",
              "* this partitioner has another partition")),
        Case(("keys", "t"), {"topic": "t"}, {"topic": "t", "partitions": None, "keys": [],
                                             "without_key": 0, "uncounted": 0},
             ("no keys seen in t",)),
    ],
    "tail": [
        Case(("tail",), {"follow": False}, {"events": [event(17), event(18, timestamp_ms=None)],
                                            "missed": 0},
             ("01:46:40.123 inv/3 post.office/4@17 red: hello",
              "--:--:--.--- inv/3 post.office/4@18 red: hello")),
        Case(("tail", "-n", "3", "--group=inv", "--topic", "t", "-p", "4", "-k", "red",
              "--consumer=3"),
             {"follow": False, "lines": 3, "group": "inv", "topic": "t", "partition": 4,
              "key": "red", "consumer": 3}, {"events": [], "missed": 0}, ()),
    ],
    "verify": [
        Case(("verify",), {}, verification(
            verified(0), verified(1, first=50, events=50, vacuumed=7, retention=50),
            verified(2, guarantee=None, first=None, committed=None, events=0, entries=0,
                     note="nothing is committed")),
             ("GROUP TOPIC PARTITION GUARANTEE FIRST COMMITTED EVENTS LOST TWICE REORDERED UNKNOWN "
              "RESULT",
              "inv post.office 0 exactly-once 0 100 100 0 0 0 0 clean",
              "inv post.office 1 exactly-once 50 100 50 0 0 0 57 clean",
              "inv post.office 2 - - - 0 0 0 0 0 clean",
              "inv post.office/1: 7 events have no entry",
              "inv post.office/1: 50 offsets are gone at the broker",
              "inv post.office/2: nothing is committed",
              "3 partitions, 1200 events and entries read in 0.4 s: clean"), True),
        Case(("verify", "inv", "--since=2026-01-31T12:00:00Z"),
             {"group": "inv", "since": "2026-01-31T12:00:00Z"}, verification(verified(0)),
             ("1 partition, 1200 events",), True),
    ],
    "scale": [
        Case(("scale", "inv", "7"), {"group": "inv", "count": 7}, reshaped(),
             ("inv: 2 → 7 consumers in 5.0 s, stable", "CONSUMER STATE OWNS",
              "0 owner post.office 0", "6 standby -"), True),
        Case(("scale", "inv", "-2"), {"group": "inv", "by": -2},
             reshaped(before=1, after=1, stable=False, consumers=[]),
             ("inv: 1 → 1 consumer in 5.0 s, rebalancing",), True),
        Case(("scale", "inv", "+2"), {"group": "inv", "by": 2}, reshaped(), (), True),
    ],
    "remove": [
        Case(("remove", "6"), {"consumer": 6}, reshaped(before=7, after=6, consumer=6),
             ("inv: 7 → 6 consumers",), True),
        Case(("remove", "2"), {"consumer": 2}, reshaped(before=7, after=6, consumer=2),
             ("post.office 2: consumer 2 → consumer 2",), True),
    ],
    "kill": [
        Case(("kill", "2"), {"consumer": 2}, reshaped(before=7, after=6, consumer=2),
             ("inv: 7 → 6 consumers", "post.office 2: consumer 2 → consumer 2"), True),
    ],
    "pause": [
        Case(("pause", "office", "3"), {"targets": ["office", "3"]}, {"targets": [
            {"kind": "producer", "name": "office", "before": "running", "after": "paused"},
            {"kind": "consumer", "name": "3", "before": "paused", "after": "paused"}],
            "duration_ms": 3},
            ("producer office: running → paused", "consumer 3: paused → paused"), True),
    ],
    "resume": [
        Case(("resume", "inv"), {"targets": ["inv"]}, {"targets": [
            {"kind": "group", "name": "inv", "before": "paused", "after": "running"}],
            "duration_ms": 3}, ("group inv: paused → running",), True),
    ],
    "rate": [
        Case(("rate", "office", "-10%"), {"producer": "office", "rate": "-10%"},
             {"producer": "office", "before": 20.0, "after": 18.0}, ("office: 20/s → 18/s",)),
        Case(("rate", "office", "max"), {"producer": "office", "rate": "max"},
             {"producer": "office", "before": 0.5, "after": None}, ("office: 0.5/s → max",)),
    ],
    "produce": [
        Case(("produce", "t", "hello"), {"topic": "t", "events": [{"value": "hello"}]},
             {"topic": "t", "results": [{"partition": 4, "offset": 17, "problem": None}],
              "duration_ms": 2}, ("t/4 @ 17",), True),
        Case(("produce", "t", "-5", "-k", "red", "--header", "a=b", "--header=c=", "-p", "2"),
             {"topic": "t", "events": [
                 {"value": "-5", "key": "red", "partition": 2,
                  "headers": [{"name": "a", "value": "b"}, {"name": "c", "value": ""}]}]},
             {"topic": "t", "results": [{"partition": 2, "offset": 0, "problem": None}],
              "duration_ms": 2}, ("t/2 @ 0",), True),
        Case(("produce", "t", "--tombstone", "-k", "red"),
             {"topic": "t", "events": [{"value": None, "key": "red"}]},
             {"topic": "t", "results": [{"partition": 4, "offset": 18, "problem": None}],
              "duration_ms": 2}, ("t/4 @ 18",), True),
    ],
    "seek": [
        Case(("seek", "inv", "t", "earliest"), {"group": "inv", "topic": "t", "to": "earliest"},
             {"group": "inv", "topic": "t", "duration_ms": 320, "partitions": [
                 {"partition": 0, "before": 10, "after": 0},
                 {"partition": 1, "before": None, "after": None}]},
             ("inv: 2 partitions of t in 0.3 s", "t 0: 10 → 0", "t 1: none → not committed yet"),
             True),
        Case(("seek", "inv", "t:3", "17"),
             {"group": "inv", "topic": "t", "partition": 3, "to": "17"},
             {"group": "inv", "topic": "t", "duration_ms": 320, "partitions": [
                 {"partition": 3, "before": 20, "after": 17}]},
             ("inv: 1 partition of t in 0.3 s", "t 3: 20 → 17"), True),
    ],
    "reload": [
        Case(("reload",), {}, {"duration_ms": 40, "changes": DIFFERENCES},
             ("producers office: rate 1 → 5 (applied)", "groups new: (made anew)",
              "control: faults (none) → true (needs a restart: systemctl restart crierd.service)",
              "groups inv: consumers 2 → 3 (kept, a command has changed it since)",
              "4 changes in 0.0 s"), True),
        Case(("reload",), {}, {"duration_ms": 1200, "changes": []}, ("no changes in 1.2 s",), True),
    ],
    "log-level": [
        Case(("log-level", "debug"), {"level": "debug"}, {"before": "info", "after": "debug"},
             ("info → debug",)),
        Case(("log-level",), {}, {"before": "info", "after": "info"}, ("info",)),
    ],
    "stop": [
        Case(("stop",), {}, {"settled": True, "duration_ms": 400},
             ("crierd stops, after 0.4 s; everything is delivered, written and committed",)),
    ],
    "fault": [
        Case(("fault", "down", "2"), {"kind": "down", "broker": 2}, {}, ("down 2: done",)),
        Case(("fault", "up"), {"kind": "up"}, {}, ("up: done",)),
        Case(("fault", "latency", "300"), {"kind": "latency", "latency_ms": 300}, {},
             ("latency 300: done",)),
        Case(("fault", "errors", "Produce", "7"),
             {"kind": "errors", "request": "Produce", "error": 7}, {}, ("errors Produce 7: done",)),
        Case(("fault", "errors", "Produce", "-1", "5", "1"),
             {"kind": "errors", "request": "Produce", "error": -1, "count": 5, "broker": 1}, {},
             ("errors Produce -1 5 1: done",)),
    ],
    "call": [
        Case(("call", "LogLevel", '{"level": "info"}'), {"level": "info"},
             {"before": "info", "after": "info"}, ('{"before":"info","after":"info"}',)),
    ],
}
