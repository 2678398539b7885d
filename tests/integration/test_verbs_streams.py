# SPDX-License-Identifier: BSD-2-Clause
"""The verbs through which events flow, tail and produce, against a socket that answers as crierd
would."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from lib import fakedaemon as fake
from lib import fakereplies, wait
from lib.crier import CTL_ENV, program

pytestmark = pytest.mark.quick

# ---- tail ----


@pytest.fixture
def following(place):
    """following(replies) → crierctl tail -f, to which they were sent and no more."""
    with contextlib.ExitStack() as stack:
        def start(replies, *more, **other):
            def respond(connection, stop):
                connection.sendall(fake.frames(*replies))
                stop.wait(20)

            calls = stack.enter_context(fake.serving(place / "control", respond))
            process = stack.enter_context(subprocess.Popen(
                [program("crierctl"), "-s", str(place / "control"), "tail", "-f", *more],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, **CTL_ENV}, **other))
            process.calls = calls
            stack.callback(process.kill)
            return process

        yield start


def batch(*offsets, missed=0):
    events = [fakereplies.event(offset) for offset in offsets]
    return {"parameters": {"events": events, "missed": missed}, "continues": True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tail_follows_until_it_is_told_to_end(following, number):
    process = following([batch(1, 2), batch(3, missed=7)])
    lines = [process.stdout.readline() for _ in range(3)]
    assert [re.search(r"@(\d+) red: hello\n", line).group(1) for line in lines] == ["1", "2", "3"]
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "(7 events missed)\n")
    assert process.calls[0]["parameters"] == {"follow": True} and process.calls[0]["more"]


def test_tail_ends_when_nobody_reads_it_any_more(following):
    process = following([batch(1)])
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20 * wait.SLOWNESS) == 0
    assert process.stderr.read() == ""


@pytest.mark.parametrize("follow", [("-f",), ()], ids=["follow", "once"])
def test_tail_into_a_closed_pipe_ends_in_silence(place, follow):
    read, write = os.pipe()
    os.close(read)
    reply = {"parameters": batch(1)["parameters"]}
    with fake.replying(place / "control", reply):
        closed = subprocess.run(
            [program("crierctl"), "-s", str(place / "control"), "tail", *follow], stdout=write,
            stderr=subprocess.PIPE, text=True, timeout=20, env={**os.environ, **CTL_ENV})
    os.close(write)
    assert (closed.returncode, closed.stderr) == (0, "")


def test_tail_prints_json_a_reply(following):
    process = following([batch(1), batch(2, 3)], "--json")
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    assert first == batch(1)["parameters"] and second == batch(2, 3)["parameters"]


# ---- produce ----


class Producing:
    """Answers Produce: offsets count up, values that begin with "bad" are not delivered."""

    def __init__(self):
        self.events = []
        self.sizes = []

    def respond(self, connection, _):
        call = self.calls[-1]
        results = []
        for event in call["parameters"]["events"]:
            bad = (event["value"] or "").startswith("bad")
            waits = call["parameters"].get("wait", True)
            known = waits and not bad
            results.append({"partition": 0 if known else None,
                            "offset": len(self.events) if known else None,
                            "problem": "too large" if bad and waits else None})
            self.events.append(event)
        self.sizes.append(len(json.dumps(call, separators=(",", ":"))))
        connection.sendall(fake.frames(
            {"parameters": {"topic": "t", "results": results, "duration_ms": 1}}))


def produce_lines(place, data, *more):
    daemon = Producing()
    with fake.serving(place / "control", daemon.respond) as calls:
        daemon.calls = calls
        shown = subprocess.run(
            [program("crierctl"), "-s", str(place / "control"), "produce", "t", "-", *more],
            input=data, capture_output=True, timeout=60, env={**os.environ, **CTL_ENV})
    (place / "control").unlink()
    shown.daemon = daemon
    return shown


def test_produce_sends_each_line_of_standard_input(place):
    shown = produce_lines(place, b"one\n\ntwo words\nlast", "-k", "red")
    assert shown.returncode == 0
    assert shown.stdout == b"t/0 @ 0\nt/0 @ 1\nt/0 @ 2\nt/0 @ 3\n"
    assert [e["value"] for e in shown.daemon.events] == ["one", "", "two words", "last"]
    assert {e["key"] for e in shown.daemon.events} == {"red"}


def test_produce_sends_calls_that_are_small_enough(place):
    lines = [b"%d " % n + b"x" * (n % 3000) for n in range(3000)]
    shown = produce_lines(place, b"\n".join(lines) + b"\n")
    assert shown.returncode == 0, shown.stderr
    assert [e["value"].encode() for e in shown.daemon.events] == lines
    assert max(shown.daemon.sizes) <= 64 * 1024 and len(shown.daemon.sizes) < 200


def test_produce_sends_what_is_not_text_in_base64(place):
    shown = produce_lines(place, b"a\xffb\nfine\nnul\0\n", "--header", "h=v", "-k", "k")
    assert shown.returncode == 0
    bad, fine, nul = shown.daemon.events
    assert bad == {"value": "Yf9i", "key": "aw==", "base64": True,
                   "headers": [{"name": "h", "value": "dg=="}]}
    assert fine == {"value": "fine", "key": "k", "headers": [{"name": "h", "value": "v"}]}
    assert nul["value"] == "bnVsAA==" and nul["base64"]


def test_produce_without_waiting_prints_a_count(place):
    shown = produce_lines(place, b"one\ntwo\n", "--no-block")
    assert (shown.returncode, shown.stdout) == (0, b"2 events\n")


def test_produce_names_what_was_not_delivered(place):
    shown = produce_lines(place, b"one\nbad\nbad\ntwo\n")
    assert shown.returncode == 1 and shown.stdout == b"t/0 @ 0\nt/0 @ 3\n"
    assert b"2 of 4 events were not delivered: too large" in shown.stderr
    shown = produce_lines(place, b"one\nbad\n", "--json")
    assert shown.returncode == 1 and json.loads(shown.stdout)["results"][1]["problem"]


def test_produce_refuses_a_line_that_no_call_can_hold(place):
    shown = produce_lines(place, b"one\n" + b"x" * 70000 + b"\n")
    assert shown.returncode == 65 and b"64 KiB" in shown.stderr
    shown = produce_lines(place, b"one\n" + b"x" * 700000)
    assert shown.returncode == 65 and b"Line 2 is longer than a call can be" in shown.stderr


def test_produce_sends_a_line_before_the_next_is_typed(place):
    daemon = Producing()
    with fake.serving(place / "control", daemon.respond) as calls:
        daemon.calls = calls
        process = subprocess.Popen(
            [program("crierctl"), "-s", str(place / "control"), "produce", "t", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **CTL_ENV})
        for n in range(3):
            process.stdin.write(f"line {n}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"t/0 @ {n}\n"
        process.communicate(timeout=20)
    assert process.returncode == 0
