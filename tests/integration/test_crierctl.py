# SPDX-License-Identifier: BSD-2-Clause
"""crierctl against a socket that answers as crierd would, and as nothing should: the picture, the
exit codes, and that neither a silent nor a hostile peer can do anything to the terminal."""

import json
import os
import pty
import select
import socket
import subprocess
import time

import pytest

from lib import fakedaemon as fake
from lib import wait
from lib.crier import CTL_ENV, ctl, program

pytestmark = pytest.mark.quick


def show(place, *arguments, reply=None, **more):
    """Runs crierctl against a socket that replies this to everything."""
    path = place / "control"
    reply = {"parameters": fake.status()} if reply is None else reply
    with fake.replying(path, reply) as calls:
        shown = ctl(*arguments, socket_path=path, env=CTL_ENV, **more)
    path.unlink()
    shown.calls = calls
    return shown


def rows(text, begin):
    """The words of the lines from the one that begins with `begin` to the next empty one."""
    lines = text[text.index(begin):].split("\n\n")[0].splitlines()
    return [line.replace("├─", "").replace("└─", "").split() for line in lines]


def on_terminal(*arguments, path, env=None):
    """What crierctl writes when its standard output is a terminal of 120 columns."""
    main, end = pty.openpty()
    subprocess.run(["stty", "cols", "120"], stdin=end, check=True)
    process = subprocess.Popen(
        [program("crierctl"), "-s", str(path), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=subprocess.PIPE,
        env={**os.environ, **CTL_ENV, "TERM": "xterm", **(env or {})},
    )
    os.close(end)
    text = b""
    deadline = time.monotonic() + 20 * wait.SLOWNESS
    while select.select([main], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.close(main)
    process.communicate(timeout=20)
    return text.decode()


def test_status_is_one_call_without_parameters(place):
    shown = show(place, "status")
    assert shown.returncode == 0 and shown.stderr == ""
    assert shown.calls == [{"method": "io.crier.Control.Status", "parameters": {}}]


def test_picture_has_the_broker_with_how_to_join(place):
    shown = show(place)
    assert "crierd 0.1.0, running, up 2 min 3 s, pid 4711\n" in shown.stdout
    assert "cluster: embedded broker at 127.0.0.1:41001, up\n" in shown.stdout
    assert "bootstrap.servers=127.0.0.1:41001\n" in shown.stdout
    assert "journal (/run/systemd/journal/socket), ok, 50 entries\n" in shown.stdout


def test_picture_of_a_real_cluster_is_not_called_embedded(place):
    status = fake.status()
    status["cluster"].update(bootstrap="kafka:9092", embedded=False, id="abc", state="connecting")
    shown = show(place, reply={"parameters": status})
    assert "cluster: kafka:9092 (id abc), connecting\n" in shown.stdout
    assert "embedded" not in shown.stdout and "bootstrap.servers" not in shown.stdout


def test_picture_has_who_owns_what_and_who_stands_by(place):
    shown = show(place)
    table = rows(shown.stdout, "GROUP")
    assert table[0] == ["GROUP", "STATE", "OWNS", "RECEIVED", "WRITTEN", "LAG"]
    assert table[1] == "invoice-services stable 5 partitions, standby 5, 6 50 50 10".split()
    for number in range(5):
        row = f"consumer {number} owner post.office {number} 10 10 {number}"
        assert table[2 + number] == row.split()
    for number in (5, 6):
        assert table[2 + number] == f"consumer {number} standby - 0 0 -".split()


def test_picture_has_the_producers(place):
    status = fake.status()
    status["producers"].append(fake.producer("all", rate=None, count=500, made=7, state="done"))
    table = rows(show(place, reply={"parameters": status}).stdout, "PRODUCER")
    assert table[1] == "office post.office 1/s 120 119 0 0 1 running".split()
    assert table[2] == "all post.office max 7 of 500 119 0 0 1 done".split()


def test_picture_says_delivery_and_why_once_for_all_groups_alike(place):
    status = fake.status()
    status["groups"].append(fake.group("mail"))
    status["groups"].append(fake.group("web", delivery="at-most-once", configured="at-most-once",
                                       reason="as configured"))
    shown = show(place, reply={"parameters": status}).stdout
    assert ("delivery: at-least-once for invoice-services, mail (auto: nothing better is there)\n"
            in shown)
    assert "delivery: at-most-once for web (at-most-once: as configured)\n" in shown


def test_group_that_writes_no_entries_is_shown_as_off(place):
    status = fake.status(groups=[fake.group(log=False, consumers=[fake.consumer(0)])])
    table = rows(show(place, reply={"parameters": status}).stdout, "GROUP")
    assert table[1][-2] == table[2][-2] == "off"


def test_troubles_stand_below_with_what_to_do(place):
    since = int(time.time() * 1000) - 3_600_000
    status = fake.status()
    status["cluster"]["trouble"] = fake.trouble(text="cluster text", since_ms=since)
    status["sink"]["trouble"] = fake.trouble(text="sink text", since_ms=since)
    status["producers"][0]["trouble"] = fake.trouble(text="producer text", since_ms=since)
    group = status["groups"][0]
    group["trouble"] = fake.trouble(text="group text", since_ms=since)
    group["consumers"][2]["trouble"] = fake.trouble(text="consumer text", since_ms=since)
    shown = show(place, reply={"parameters": status}).stdout
    troubles = shown[shown.index("trouble: "):]
    assert troubles == "".join(
        f"trouble: {who}, for 1 h 0 min: {text}\n         start it\n"
        for who, text in (
            ("cluster", "cluster text"),
            ("sink", "sink text"),
            ("producer office", "producer text"),
            ("group invoice-services", "group text"),
            ("consumer 2 of group invoice-services", "consumer text"),
        )
    )


def test_no_legend_leaves_headings_and_hints_out(place):
    shown = show(place, "--no-legend").stdout
    assert "GROUP" not in shown and "PRODUCER" not in shown and "bootstrap.servers" not in shown
    assert "consumer 6" in shown


def test_json_is_the_reply_on_one_line(place):
    shown = show(place, "--json")
    assert shown.returncode == 0 and shown.stderr == ""
    assert json.loads(shown.stdout) == fake.status()
    assert shown.stdout.count("\n") == 1


def test_members_that_are_not_known_do_not_matter(place):
    status = fake.status(weather={"rain": True})
    status["groups"][0]["state"] = ["new"]
    shown = show(place, reply={"parameters": status})
    assert shown.returncode == 0 and "consumer 6" in shown.stdout
    assert json.loads(show(place, "--json", reply={"parameters": status}).stdout) == status


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\r\nx"


def hostile_status():
    trouble = fake.trouble(text=HOSTILE, advice=HOSTILE)
    status = fake.status(version=HOSTILE, state=HOSTILE)
    status["cluster"].update(bootstrap=HOSTILE, state=HOSTILE, trouble=trouble)
    status["sink"].update(kind=HOSTILE, target=HOSTILE, state=HOSTILE)
    status["producers"] = [fake.producer(HOSTILE, topic=HOSTILE, state=HOSTILE, trouble=trouble)]
    owner = fake.consumer(0, [fake.partition(0, topic=HOSTILE)], state=HOSTILE)
    status["groups"] = [fake.group(HOSTILE, consumers=[owner], delivery=HOSTILE,
                                   configured=HOSTILE, reason=HOSTILE)]
    return status


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["picture", "json"])
def test_hostile_strings_never_reach_the_terminal_raw(place, arguments):
    path = place / "control"
    with fake.replying(path, {"parameters": hostile_status()}):
        piped = ctl(*arguments, socket_path=path, env=CTL_ENV).stdout
        shown = on_terminal(*arguments, path=path, env={"NO_COLOR": "1"}).replace("\r\n", "\n")
    for text in (piped, shown):
        assert "u202e" in text
        assert not [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]
        assert "\u202e" not in text


def test_hostile_error_texts_are_escaped_too(place):
    reply = {"error": "io.crier.Control.Failed", "parameters": {"text": HOSTILE, "advice": HOSTILE}}
    shown = show(place, reply=reply)
    assert shown.returncode == 1 and "\\u001b[2J" in shown.stderr
    assert "\x1b" not in shown.stderr and "\x9b" not in shown.stderr
    echoed = ctl("\x1b[2Jverb", socket_path=place / "control", env=CTL_ENV)
    assert echoed.returncode == 2 and "\\u001b[2Jverb" in echoed.stderr


def test_colours_are_for_terminals_and_no_color_is_respected(place):
    path = place / "control"
    with fake.replying(path, {"parameters": fake.status()}):
        assert "\x1b[32mrunning" in on_terminal(path=path)
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            assert "\x1b" not in on_terminal(path=path, env=env)
        assert "\x1b" not in ctl(socket_path=path, env=CTL_ENV).stdout


def error_of(shown):
    """The JSON error on standard output, after a check of its form."""
    reply = json.loads(shown.stdout)
    assert set(reply) == {"error"}
    error = reply["error"]
    assert set(error) == {"code", "text", "advice", "exit", "name", "parameters"}
    assert error["exit"] == shown.returncode and error["text"]
    assert shown.stderr == ""
    return error


def fails(place, code, word, *arguments, reply=None, **more):
    """Checks that it fails so, with and without --json; returns what it says on standard error."""
    run = (lambda *a: show(place, *a, reply=reply, **more)) if reply is not None else (
        lambda *a: ctl(*a, socket_path=place / "control", env=CTL_ENV, **more))
    plain = run(*arguments)
    assert plain.returncode == code, plain.stderr
    assert plain.stdout == "" and plain.stderr.startswith("crierctl: ")
    error = error_of(run(*arguments, "--json"))
    assert error["code"] == word and error["exit"] == code
    assert error["text"] in plain.stderr and error["advice"] in plain.stderr
    return plain.stderr


def test_not_running_says_how_to_start(place):
    stderr = fails(place, 3, "not-running", "status")
    assert str(place / "control") in stderr
    plain = ctl("status", env={**CTL_ENV, "CRIER_SOCKET": "/run/crier/control"})
    if plain.returncode == 3:
        assert "systemctl start crierd.service" in plain.stderr


def test_socket_that_a_crash_left_behind_is_not_running(place):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place / "control"))
    fails(place, 3, "not-running")


def test_unknown_verb_suggests_the_nearest(place):
    assert "Did you mean 'status'?" in fails(place, 2, "usage", "statsu")
    assert "Did you mean" not in fails(place, 2, "usage", "frobnicate")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--jsn"], ["'--jsn'", "Did you mean '--json'?"]),
        (["-x"], ["'-x'"]),
        (["--timeout"], ["'--timeout' needs a value"]),
        (["--no-legend=1"], ["'--no-legend' takes no value"]),
        (["--timeout=soon"], ["'soon'", "0.01 to 86400"]),
        (["--timeout=0"], ["'0'", "0.01 to 86400"]),
        (["--timeout=inf"], ["'inf'"]),
        (["status", "office"], ["'office'"]),
    ],
)
def test_wrong_usage_names_what_is_wrong(arguments, words):
    plain = ctl(*arguments, env=CTL_ENV)
    assert plain.returncode == 2 and plain.stdout == ""
    for word in words:
        assert word in plain.stderr
    assert error_of(ctl("--json", *arguments, env=CTL_ENV))["code"] == "usage"


def test_socket_path_that_cannot_be_one_is_a_bad_value(place):
    for path in ("x" * 108, ""):
        shown = ctl(f"--socket={path}", env=CTL_ENV)
        assert shown.returncode == 65 and "1 to 107 bytes" in shown.stderr


def test_something_else_than_a_socket_is_unreachable(place):
    (place / "directory").mkdir()
    shown = ctl(socket_path=place / "directory" / "x" / "y", env=CTL_ENV)
    assert shown.returncode == 3
    (place / "file").write_text("")
    shown = ctl(socket_path=place / "file" / "control", env=CTL_ENV)
    assert shown.returncode == 69
    assert str(place / "file") in shown.stderr


def test_daemon_that_says_nothing_is_a_timeout(place):
    path = place / "control"
    with fake.serving(path, lambda connection, end: end.wait(20)):
        begin = time.monotonic()
        shown = ctl("--timeout=0.2", socket_path=path, env=CTL_ENV)
        took = time.monotonic() - begin
        as_json = subprocess.run(
            [program("crierctl"), "-s", str(path), "--timeout=0.2", "--json"],
            capture_output=True, text=True, timeout=20)
    assert shown.returncode == 75 and "within 0.2 s" in shown.stderr
    assert 0.2 <= took < 5 * wait.SLOWNESS
    assert error_of(as_json)["code"] == "timeout"


def test_reply_that_never_ends_is_a_timeout(place):
    def drip(connection, end):
        while not end.wait(0.02):
            connection.sendall(b" ")

    with fake.serving(place / "control", drip):
        shown = ctl("--timeout=0.3", socket_path=place / "control", env=CTL_ENV)
    assert shown.returncode == 75


def test_daemon_that_accepts_nobody_is_a_timeout(place):
    """A stopped daemon's backlog fills up, and connect() waits."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "control"))
        listener.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(str(place / "control"))
        shown = ctl("--timeout=0.2", socket_path=place / "control", env=CTL_ENV)
        for one in waiting:
            one.close()
    assert shown.returncode == 75


BAD_REPLIES = {
    "closed": b"",
    "cut": b'{"parameters":{',
    "empty": b"\0",
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n\0",
    "array": b"[]\0",
    "twice": b'{"parameters":{},"parameters":{}}\0',
    "deep": b'{"parameters":{"x":' + b"[" * 100000 + b"]" * 100000 + b"}}\0",
    "continues": b'{"parameters":{},"continues":true}\0',
    "too-long": b" " * (16 * 1024 * 1024 + 1),
    "no-status": b'{"parameters":{}}\0',
}


@pytest.mark.parametrize("reply", BAD_REPLIES.values(), ids=BAD_REPLIES.keys())
def test_what_is_no_reply_is_a_protocol_error(place, reply):
    fails(place, 70, "protocol", reply=reply)


def wrong_statuses():
    """A status with one member of another type or none, for each member at each depth."""

    def spoil(value, path):
        if isinstance(value, dict):
            for key in value:
                yield from spoil(value[key], path + [key])
        elif isinstance(value, list) and value:
            yield from spoil(value[0], path + [0])
        yield path

    for path in spoil(fake.status(), []):
        if not path:
            continue
        for wrong in ({"wrong": 1}, [[]], 1.5, "GONE"):
            status = fake.status()
            inner = status
            for step in path[:-1]:
                inner = inner[step]
            if wrong == "GONE" and not isinstance(path[-1], int):
                del inner[path[-1]]
            else:
                inner[path[-1]] = wrong
            yield path, wrong, status


NULLABLE = {
    "id", "trouble", "rate", "lag", "position", "committed", "ledger", "open_transaction_ms"
}


def test_every_member_of_the_wrong_type_is_named(place):
    """One crierctl a case; the names in the message are those of the member."""
    path = place / "control"
    queue = []
    count = 0

    def respond(connection, _):
        connection.sendall(json.dumps({"parameters": queue[0]}).encode() + b"\0")

    with fake.serving(path, respond):
        for where, wrong, status in wrong_statuses():
            right = (
                (wrong == "GONE" and where[-1] in NULLABLE)
                or (wrong == 1.5 and where[-1] in ("rate", "per_second"))
                or where[-1] == "wanted"
                or (wrong == "GONE" and where == ["groups", 0, "topics", 0])
            )
            queue[:] = [status]
            shown = ctl("--timeout=20", socket_path=path, env=CTL_ENV)
            assert shown.returncode == (0 if right else 70), (where, wrong, shown.stderr)
            if not right:
                name = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in where)[1:]
                assert name in shown.stderr, (where, wrong, shown.stderr)
            count += 1
    assert count > 200


@pytest.mark.parametrize(
    "name, parameters, code, word, text",
    [
        ("org.varlink.service.PermissionDenied", {"text": "no", "advice": "usermod -aG crier USER"},
         77, "permission", "usermod -aG crier USER"),
        ("org.varlink.service.PermissionDenied", {}, 77, "permission", "usermod -aG crier USER"),
        ("org.varlink.service.MethodNotFound", {"method": "io.crier.Control.Status"},
         70, "protocol", "systemctl restart crierd"),
        ("org.varlink.service.InterfaceNotFound", {"interface": "io.crier.Control"},
         70, "protocol", "not crierd"),
        ("org.varlink.service.InvalidParameter", {"parameter": "x"}, 65, "bad-value", "value"),
        ("io.crier.Control.Busy", {"text": "too many", "advice": "later"}, 75, "busy", "too many"),
        ("io.crier.Control.Failed", {"text": "no memory", "advice": "again"},
         1, "failed", "no memory"),
        ("io.crier.Control.NoSuchGroup", {"text": "no 'x'", "advice": "", "group": "x"},
         66, "not-found", "no 'x'"),
        ("io.crier.Control.NoSuchConsumer", {}, 66, "not-found", "no such consumer"),
        ("io.crier.Control.NoSuchProducer", {}, 66, "not-found", "no such producer"),
        ("io.crier.Control.NoSuchTopic", {}, 66, "not-found", "no such topic"),
        ("io.crier.Control.NoSuchTarget", {}, 66, "not-found", "nothing of that name"),
        ("io.crier.Control.BadValue", {"text": "too big", "advice": "less"},
         65, "bad-value", "too big"),
        ("io.crier.Control.TimedOut", {"text": "late", "advice": "", "reached": {}},
         75, "timeout", "late"),
        ("io.crier.Control.Unsupported", {"text": "cannot", "advice": ""}, 1, "failed", "cannot"),
        ("io.crier.Control.ConfigRefused",
         {"text": "wrong", "advice": "mend it", "errors": ["a.conf:1: \x1bno", "b.conf:2: no"]},
         78, "configuration", "a.conf:1: \\u001bno\nb.conf:2: no\n"),
        ("io.crier.Control.NewError", {"text": 7}, 1, "failed", "io.crier.Control.NewError"),
    ],
)
def test_errors_of_the_daemon_have_their_exit_codes(place, name, parameters, code, word, text):
    reply = {"error": name, "parameters": parameters}
    assert text in fails(place, code, word, reply=reply)
    error = error_of(show(place, "--json", reply=reply))
    assert error["name"] == name and error["parameters"] == parameters


def test_busy_daemon_that_hangs_up_at_once_is_understood(place):
    """The server says Busy before it has read the call, and closes."""
    path = place / "control"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    process = subprocess.Popen(
        [program("crierctl"), "-s", str(path)], stderr=subprocess.PIPE, text=True
    )
    connection, _ = listener.accept()
    connection.sendall(b'{"error":"io.crier.Control.Busy","parameters":{"text":"full"}}\0')
    connection.close()
    _, stderr = process.communicate(timeout=20)
    listener.close()
    assert process.returncode == 75 and "full" in stderr


def test_output_that_cannot_be_written_is_an_error(place):
    with fake.replying(place / "control", {"parameters": fake.status()}):
        with open("/dev/full", "w") as full:
            shown = subprocess.run(
                [program("crierctl"), "-s", str(place / "control")],
                stdout=full, stderr=subprocess.PIPE, text=True, timeout=20)
    assert shown.returncode == 1 and "No space left" in shown.stderr


def test_option_names_the_socket_before_the_variable(place):
    with fake.replying(place / "control", {"parameters": fake.status()}):
        env = {**CTL_ENV, "CRIER_SOCKET": str(place / "other")}
        assert ctl("status", env=env).returncode == 3
        assert ctl("status", "-s", str(place / "control"), env=env).returncode == 0
        env["CRIER_SOCKET"] = str(place / "control")
        assert ctl("status", env=env).returncode == 0
