# SPDX-License-Identifier: BSD-2-Clause
"""Each verb of crierctl, against a socket that answers as crierd would: what it sends, what it
shows, and how it fails. The tests are made of the table of verbs and of one with replies."""

import contextlib
import json
import os
import pty
import re
import select
import subprocess

import pytest

from lib import fakedaemon as fake
from lib import fakereplies
from lib.crier import CTL_ENV, ctl, program
from lib.verbs import VERBS

NAMES = [v.name for v in VERBS if v.name != "top"]
BY_NAME = {v.name: v for v in VERBS}
CASES = [case for name in NAMES for case in fakereplies.CASES[name]]
FIRST = {name: fakereplies.CASES[name][0] for name in NAMES}
WAITING = [name for name in NAMES if FIRST[name].waits]
BLOCKING = [name for name in WAITING if name not in ("reload", "verify")]
CALLED = {name: f"io.crier.Control.{BY_NAME[name].method or 'LogLevel'}" for name in NAMES}


def ids(case):
    return " ".join(case.typed)


def show(place, case, *more, reply=None, env=None, **other):
    """Runs it against a socket that replies so."""
    path = place / "control"
    with fake.replying(path, {"parameters": case.reply} if reply is None else reply) as calls:
        shown = ctl(*case.typed, *more, socket_path=path, env={**CTL_ENV, **(env or {})}, **other)
    path.unlink()
    shown.calls = calls
    return shown


def squeezed(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_table_of_replies_has_each_verb():
    assert set(NAMES) <= set(fakereplies.CASES)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_picture_says_it(place, case):
    shown = show(place, case)
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = squeezed(shown.stdout)
    for expected in case.shown:
        assert any(expected in line for line in lines), (expected, lines)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_call_has_what_was_typed(place, case):
    sent = show(place, case).calls[-1]
    assert sent["method"] == CALLED[case.typed[0]]
    assert sent["parameters"] == case.parameters
    assert sent.get("more", False) == (case.waits or case.typed[0] == "call")


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_json_is_the_reply_as_it_is(place, case):
    shown = show(place, case, "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == case.reply and shown.stdout.count("\n") == 1


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_plain_locale_gets_plain_ascii(place, case):
    shown = show(place, case, env={"LC_ALL": "C"})
    assert shown.returncode == 0 and shown.stdout.isascii()
    if any("→" in line for line in case.shown):
        assert "->" in shown.stdout


@pytest.mark.parametrize("name", NAMES)
def test_no_legend_leaves_out_what_only_explains(place, name):
    shown = show(place, FIRST[name], "--no-legend").stdout
    headings = r"\b(PRODUCER|MEMBER|CONSUMER|PARTITION|KEY|OWNS|STATE)\b|^\* "
    assert not re.search(headings, shown, re.M)


def error_of(shown):
    error = json.loads(shown.stdout)["error"]
    assert set(error) == {"code", "text", "advice", "exit", "name", "parameters"}
    assert error["exit"] == shown.returncode and error["text"] and shown.stderr == ""
    return error


def fails(code, word, run):
    """run(*more) fails so, in words and as JSON. Returns the words."""
    plain = run()
    assert plain.returncode == code, (plain.returncode, plain.stderr)
    assert plain.stdout == "" and plain.stderr.startswith("crierctl: ")
    error = error_of(run("--json"))
    assert (error["code"], error["exit"]) == (word, code)
    assert error["text"] in plain.stderr
    return plain.stderr


@pytest.mark.parametrize("name", NAMES)
def test_daemon_that_does_not_run(place, name):
    def run(*more):
        return ctl(*FIRST[name].typed, *more, socket_path=place / "none", env=CTL_ENV)

    assert "crierd is not running" in fails(3, "not-running", run)


NO_SUCH = {"NoSuchGroup": "group", "NoSuchProducer": "producer", "NoSuchTopic": "topic",
           "NoSuchTarget": "target", "NoSuchConsumer": "consumer"}
ERRORS = [
    *((f"io.crier.Control.{error}", 66, "not-found") for error in NO_SUCH),
    ("io.crier.Control.BadValue", 65, "bad-value"),
    ("org.varlink.service.InvalidParameter", 65, "bad-value"),
    ("org.varlink.service.PermissionDenied", 77, "permission"),
    ("io.crier.Control.Busy", 75, "busy"),
    ("io.crier.Control.Failed", 1, "failed"),
    ("io.crier.Control.Unsupported", 1, "failed"),
    ("io.crier.Control.ConfigRefused", 78, "configuration"),
    ("io.crier.Control.TimedOut", 75, "timeout"),
    ("org.varlink.service.MethodNotFound", 70, "protocol"),
]


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_the_daemon(place, name):
    for error, code, word in ERRORS:
        parameters = {"text": f"this is {error}", "advice": "do that", "reached": {}}
        reply = {"error": error, "parameters": parameters}
        text = fails(code, word, lambda *more: show(place, FIRST[name], *more, reply=reply))
        assert f"this is {error}\n" in text and "do that\n" in text
        assert error_of(show(place, FIRST[name], "--json", reply=reply))["name"] == error


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("call", "fault")])
def test_reply_of_another_shape_is_a_protocol_error(place, name):
    def run(*more):
        return show(place, FIRST[name], *more, reply={"parameters": {"weather": "rain"}})

    assert "Cannot make sense of the reply" in fails(70, "protocol", run)


@pytest.mark.parametrize("name", WAITING)
def test_time_is_up_shows_what_was_reached(place, name):
    case = FIRST[name]
    reply = {"error": "io.crier.Control.TimedOut",
             "parameters": {"text": "late", "advice": "look again", "reached": case.reply}}
    # The first reply is to Consumers, which remove and kill ask before.
    ask = {"parameters": case.reply}

    def respond(connection, _):
        sent = calls[-1]["method"]
        connection.sendall(fake.frames(ask if sent.endswith(".Consumers") else reply))

    path = place / "control"
    with fake.serving(path, respond) as calls:
        plain = ctl(*case.typed, "--timeout=3", socket_path=path, env=CTL_ENV)
        as_json = ctl(*case.typed, "--json", socket_path=path, env=CTL_ENV)
    assert plain.returncode == as_json.returncode == 75 and plain.stdout == ""
    assert plain.stderr.startswith("crierctl: late\nSo far:\n")
    assert plain.stderr.endswith("look again\n")
    for expected in case.shown:
        assert any(expected in line for line in squeezed(plain.stderr))
    assert error_of(as_json)["parameters"]["reached"] == case.reply
    assert [c for c in calls if c["parameters"].get("timeout_ms") == 3000]


@pytest.mark.parametrize("name", NAMES)
def test_no_block_is_for_verbs_that_take_it(place, name):
    case = FIRST[name]
    shown = show(place, case, "--no-block")
    if name not in BLOCKING:
        assert shown.returncode == 2 and "--no-block" in shown.stderr and not shown.calls
        return
    assert shown.returncode == 0
    sent = shown.calls[-1]
    assert sent["parameters"] == {**case.parameters, "wait": False}
    assert not sent.get("more", False)


@pytest.mark.parametrize("name", NAMES)
def test_number_of_arguments_is_checked(place, name):
    words = BY_NAME[name].arguments.split()
    least = len([w for w in words if not w.startswith("[")])
    typed = (name,) + ("x",) * (least - 1)
    if least > 0:
        shown = ctl(*typed, socket_path=place / "none", env=CTL_ENV)
        assert shown.returncode == 2, shown.stderr
        assert f"crierctl {name} {BY_NAME[name].arguments}" in shown.stderr
    if "..." not in BY_NAME[name].arguments:
        shown = ctl(name, *("x",) * (len(words) + 1), socket_path=place / "none", env=CTL_ENV)
        assert shown.returncode == 2, shown.stderr
        assert f"crierctl {name} {BY_NAME[name].arguments}".strip() in shown.stderr


OPTIONS = {"--no-block": BLOCKING, "--key=x": ["produce", "tail"], "-kx": ["produce", "tail"],
           "--partition=1": ["produce", "tail"], "--header=a=b": ["produce"],
           "--tombstone": ["produce"], "--follow": ["tail"], "--lines=1": ["tail"],
           "--since=2026-01-31Z": ["verify"], "--group=x": ["tail"], "--topic=x": ["tail"],
           "--consumer=1": ["tail"]}


@pytest.mark.parametrize("option", OPTIONS)
def test_option_of_another_verb_is_refused(place, option):
    for name in set(NAMES) - set(OPTIONS[option]):
        shown = ctl(*FIRST[name].typed, option, socket_path=place / "none", env=CTL_ENV)
        assert shown.returncode == 2 and f"'{name}' does not take the option" in shown.stderr
    for name in set(NAMES) & set(OPTIONS[option]):
        if option != "--tombstone":
            shown = ctl(option, *FIRST[name].typed, socket_path=place / "none", env=CTL_ENV)
            assert shown.returncode == 3, shown.stderr


WRONG = [
    (("scale", "inv", "many"), 65), (("scale", "inv", "1.5"), 65), (("remove", "first"), 65),
    (("kill", "-1"), 65), (("seek", "inv", "t:x", "latest"), 65), (("call", "Status", "{"), 65),
    (("call", "Status", "[]"), 65), (("fault", "flood"), 65), (("fault", "latency"), 65),
    (("fault", "down", "x"), 65), (("fault", "down", "1", "2"), 65),
    (("fault", "errors", "Produce"), 65), (("pause", b"\xff"), 65),
    (("rate", b"\xff", "1"), 65), (("groups", b"\xff"), 65), (("tail", "--lines=x"), 2),
    (("tail", "-p-1"), 2), (("produce", "t", "x", "--header=ab"), 2),
    (("produce", "t", "x", "--header==b"), 2), (("produce", "t"), 2),
    (("produce", "t", "x", "--tombstone"), 2), (("tail", "-k", b"\xff"), 65),
    (("verify", "--since=yesterday"), 65), (("verify", "--since=2026-02-30"), 65),
    (("verify", b"\xff"), 65),
]


@pytest.mark.parametrize("typed, code", [w for w in WRONG if w[0][0] in NAMES], ids=repr)
def test_wrong_values_are_named_before_anything_is_sent(place, typed, code):
    shown = ctl(*typed, socket_path=place / "none", env=CTL_ENV)
    assert shown.returncode == code, shown.stderr
    assert shown.stderr.startswith("crierctl: ") and len(shown.stderr.splitlines()) > 1


def test_options_may_stand_anywhere_and_negative_numbers_are_arguments(place):
    case = FIRST["scale"]
    for typed in (("--json", "scale", "inv", "-2"), ("scale", "--json", "inv", "-2"),
                  ("scale", "inv", "-2", "--json"), ("--json", "--", "scale", "inv", "-2")):
        shown = show(place, case._replace(typed=typed))
        assert shown.returncode == 0 and shown.calls[-1]["parameters"] == {"group": "inv",
                                                                           "by": -2}
    shown = show(place, case._replace(typed=("scale", "inv", "--", "--json")))
    assert shown.returncode == 65 and "--json" in shown.stderr


# ---- verify ----


def test_verify_says_what_it_found_and_where_and_ends_with_1(place):
    problem = fakereplies.verified(None, clean=False, guarantee=None, problem="it is away")
    reply = fakereplies.verification(fakereplies.verified(0), fakereplies.FAULTY, problem,
                                     omitted=2)
    case = FIRST["verify"]._replace(reply=reply)
    shown = show(place, case)
    assert shown.returncode == 1 and shown.stderr == ""
    lines = squeezed(shown.stdout)
    assert "inv post.office 3 exactly-once 0 100 100 3 1 0 0 faulty" in lines
    assert "inv post.office/3: lost 20-21, 40; duplicated 17" in lines
    assert "inv post.office: it is away" in lines and "and 2 partitions more" in lines
    assert lines[-1].endswith("faulty")
    shown = show(place, case, "--json")
    assert shown.returncode == 1 and json.loads(shown.stdout) == reply


# ---- waiting ----


def run_on_terminal(place, replies, *typed, end="stderr", gap=0.0):
    """Runs it with one of its outputs on a terminal; returns what came there and the process."""
    main, other = pty.openpty()

    def respond(connection, stop):
        for reply in replies:
            connection.sendall(fake.frames(reply))
            stop.wait(gap)

    with fake.serving(place / "control", respond):
        process = subprocess.Popen(
            [program("crierctl"), "-s", str(place / "control"), *typed],
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, end: other},
            env={**os.environ, **CTL_ENV, "TERM": "xterm"},
        )
        os.close(other)
        text = b""
        with contextlib.suppress(OSError):
            while select.select([main], [], [], 20)[0]:
                chunk = os.read(main, 65536)
                if not chunk:
                    break
                text += chunk
        os.close(main)
        out, _ = process.communicate(timeout=20)
    (place / "control").unlink()
    return text.decode(), out.decode() if out else "", process.returncode


PROGRESS = {
    "scale": "the group: 7 of 7 consumers", "produce": "the broker: 1 of 1 events",
    "seek": "the new positions: 1 of 2 are committed",
    "verify": "the comparison: 3 of 3 partitions, 1200 read",
    "reload": "4 changes to take effect", "pause": "what was made before to be delivered",
}


@pytest.mark.parametrize("name", sorted(set(PROGRESS) & set(NAMES)))
def test_progress_is_one_line_on_a_terminal_that_is_gone_in_the_end(place, name):
    case = FIRST[name]
    replies = [{"parameters": case.reply, "continues": True}] * 2 + [{"parameters": case.reply}]
    text, out, code = run_on_terminal(place, replies, *case.typed)
    assert code == 0 and out
    assert text == f"\r\x1b[Kwaiting for {PROGRESS[name]}, 0 s" * 2 + "\r\x1b[K"


def test_no_progress_for_json_or_without_a_terminal(place):
    case = FIRST["scale"]
    replies = [{"parameters": case.reply, "continues": True}, {"parameters": case.reply}]
    assert run_on_terminal(place, replies, *case.typed, "--json")[0] == ""
    shown = show(place, case, reply=replies)
    assert shown.returncode == 0 and shown.stderr == ""


def test_progress_keeps_a_call_alive_that_silence_would_end(place):
    """The limit is for the time between two replies: all of them together may take longer."""
    case = FIRST["scale"]
    more = {"parameters": case.reply, "continues": True}

    def respond(connection, stop):
        for _ in range(8):
            connection.sendall(fake.frames(more))
            stop.wait(0.4)
        connection.sendall(fake.frames({"parameters": case.reply}))

    with fake.serving(place / "control", respond):
        shown = ctl(*case.typed, "--timeout=0.1", socket_path=place / "control", env=CTL_ENV)
    assert shown.returncode == 0, shown.stderr


def test_daemon_that_goes_silent_while_it_is_waited_for_is_a_timeout(place):
    case = FIRST["scale"]

    def respond(connection, stop):
        connection.sendall(fake.frames({"parameters": case.reply, "continues": True}))
        stop.wait(20)

    with fake.serving(place / "control", respond):
        shown = ctl(*case.typed, "--timeout=0.1", socket_path=place / "control", env=CTL_ENV)
    assert shown.returncode == 75 and "did not answer within 2.1 s" in shown.stderr


def test_kill_and_remove_say_who_took_over(place):
    before = {"consumers": fakereplies.ALL}
    heir = fake.consumer(5, [fake.partition(2)])
    rest = [c for c in fakereplies.ALL if c["consumer"] not in (2, 5)] + [heir]

    def answer(after, stable):
        reply = fakereplies.reshaped(before=7, after=6, consumer=2, consumers=after, stable=stable)

        def respond(connection, _):
            asked = calls[-1]["method"].endswith(".Consumers")
            connection.sendall(fake.frames({"parameters": before if asked else reply}))

        return respond

    for name in ("remove", "kill"):
        for after, stable, text in (
            (rest, True, "post.office 2: consumer 2 → consumer 5\n"),
            (fakereplies.OWNERS[:1], False, "post.office 2: consumer 2 → nobody yet\n"),
            (fakereplies.OWNERS[:1], True, "consumer 2 → no consumer of this daemon\n"),
        ):
            with fake.serving(place / "control", answer(after, stable)) as calls:
                shown = ctl(name, "2", socket_path=place / "control", env=CTL_ENV)
            (place / "control").unlink()
            assert text in shown.stdout, shown.stdout


# ---- pictures ----


def test_many_partitions_fold_to_ranges(place):
    owners = [fake.consumer(n, [fake.partition(p) for p in range(n * 50, n * 50 + 50)])
              for n in range(2)]
    reply = fakereplies.groups(
        groups=[fake.group("inv", consumers=owners)], others=[], others_known=False,
        topics=[{"topic": "post.office", "partitions": 101}])
    case = FIRST["groups"]._replace(reply=reply)
    narrow = squeezed(show(place, case).stdout)
    assert "MEMBER STATE OWNS LAG RATE" in narrow
    assert "consumer 0 owner 0-49 0 75" in narrow and "consumer 1 owner 50-99 0 75" in narrow
    assert "other? 100" in narrow
    wide = show(place, case, env={"COLUMNS": "600"}).stdout
    assert wide.count("■") == 101 and " 100 " in wide


def test_group_that_changes_has_no_row_for_the_rest(place):
    reply = fakereplies.groups(
        groups=[fake.group("inv", consumers=fakereplies.ALL, stable=False)], others=[])
    shown = show(place, FIRST["groups"]._replace(reply=reply)).stdout
    assert "nobody" not in shown and "inv, rebalancing: post.office" in shown
    reply["groups"][0]["stable"] = True
    assert "nobody" in show(place, FIRST["groups"]._replace(reply=reply)).stdout
    reply["topics"][0]["partitions"] = None
    shown = show(place, FIRST["groups"]._replace(reply=reply)).stdout
    assert "how many partitions is not known" in shown and "nobody" not in shown


HOSTILE = "\x1b[2J\x9b31m\u202e\r\nx"


def hostile(value):
    """The same reply, with every text in it one that a terminal would obey."""
    if isinstance(value, dict):
        return {key: hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner) for inner in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_hostile_replies_never_reach_the_terminal_raw(place, case):
    for more in ((), ("--json",)):
        shown = show(place, case, *more, reply={"parameters": hostile(case.reply)})
        assert shown.returncode == 0
        for text in (shown.stdout, shown.stderr):
            assert not [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]
            assert "\u202e" not in text


def test_colours_only_on_a_terminal(place):
    replies = [{"parameters": FIRST["scale"].reply}]
    text, _, code = run_on_terminal(place, replies, *FIRST["scale"].typed, end="stdout")
    assert code == 0 and "\x1b[32mstable\x1b[0m" in text
    assert "\x1b" not in show(place, FIRST["scale"]).stdout


# ---- call, stop, -H ----


def test_call_prints_each_reply(place):
    case = FIRST["call"]
    replies = [{"parameters": {"n": 1}, "continues": True}, {"parameters": {"n": 2}}]
    assert show(place, case, reply=replies).stdout == '{"n":1}\n{"n":2}\n'
    case = case._replace(typed=("call", "org.varlink.service.GetInfo"))
    assert show(place, case).calls[0]["method"] == "org.varlink.service.GetInfo"


def test_stop_that_did_not_settle_is_a_failure(place):
    reply = {"parameters": {"settled": False, "duration_ms": 10000}}
    shown = show(place, FIRST["stop"], reply=reply)
    assert shown.returncode == 1 and "not everything is delivered" in shown.stdout


FAKE_SSH = """#!/bin/sh
# Does what sshd does: joins the words and gives them to a shell.
printf '%s\\n' "$@" > "$ARGUMENTS"
while [ "$1" != -- ]; do shift; done
shift 2
exec sh -c "$*"
"""


def remote(place, *typed):
    (place / "bin").mkdir(exist_ok=True)
    for name, text in (("ssh", FAKE_SSH), ("crierctl", '#!/bin/sh\nprintf "<%s>\\n" "$@"\n')):
        (place / "bin" / name).write_text(text)
        (place / "bin" / name).chmod(0o755)
    return subprocess.run(
        [program("crierctl"), *typed], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, **CTL_ENV, "PATH": f"{place}/bin:{os.environ['PATH']}",
             "ARGUMENTS": str(place / "arguments"), "HOME": str(place)})


def test_host_runs_the_same_command_there(place):
    evil = "$(touch HERE); 'x' \"y\" `id` \\ *\n&"
    shown = remote(place, "--json", "-H", "ada@host", "produce", "-k", evil, evil, "-2")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == f"<--json>\n<--key={evil}>\n<-->\n<produce>\n<{evil}>\n<-2>\n"
    words = (place / "arguments").read_text().splitlines()
    assert words[:3] == ["-T", "--", "ada@host"] and not (place / "HERE").exists()


def test_host_without_a_verb_runs_crierctl_alone(place):
    shown = remote(place, "--host=h", "-s", "/x")
    assert shown.stdout == "<--socket=/x>\n"


@pytest.mark.parametrize("host", ["-oProxyCommand=x", ""])
def test_host_that_ssh_would_take_for_an_option_is_refused(place, host):
    shown = remote(place, "-H", host, "status")
    assert shown.returncode == 2 and not (place / "arguments").exists()


def test_host_needs_ssh(place):
    shown = subprocess.run([program("crierctl"), "-H", "h"], capture_output=True, text=True,
                           env={**os.environ, **CTL_ENV, "PATH": str(place)})
    assert shown.returncode == 1 and "Cannot run ssh" in shown.stderr
