# SPDX-License-Identifier: BSD-2-Clause
"""crierctl top on a terminal: what it shows, what its keys do, and that the terminal is as it was
when it ends, however it ends."""

import os
import pty
import re
import shlex
import signal
import subprocess

import pytest

from lib import config
from lib import fakedaemon as fake
from lib import wait
from lib.crier import ctl, program
from lib.tmux import Terminal


@pytest.fixture
def crier(start, journal):
    """A producer, and a group of two consumers on three partitions, stable."""
    crier = start(
        config.build(
            topics=[config.topic("post", 3)],
            producers=[config.producer("office", "post", rate=20.0)],
            groups=[config.group("mail", "post", 2)],
        ),
        journal,
    )
    crier.wait_stable(owners=2)
    return crier


@pytest.fixture
def top(place):
    """top(crier or a socket's path, …) runs crierctl top in a terminal; see Terminal for the other
    arguments. The shell prints a line before it and its exit code behind it."""
    running = []

    def starter(where, **more):
        terminal = Terminal(place, **more).__enter__()
        running.append(terminal)
        path = getattr(where, "socket_path", where)
        terminal.run("echo before; stty -g > terminal.before; "
                     f"{shlex.quote(program('crierctl'))} -s {path} top; echo code=$?")
        return terminal

    yield starter
    for terminal in running:
        terminal.close()


@pytest.fixture(autouse=True)
def in_place(place, monkeypatch):
    monkeypatch.chdir(place)


def selected(terminal):
    """The name in the line that is selected: the one in reverse video."""
    for line in terminal.screen(colours=True).splitlines():
        if re.search(r"\x1b\[([0-9]+;)*7m", line):
            return re.sub(r"\x1b[^m]*m", "", line)[:12].strip()
    return ""


def select(terminal, name):
    """Moves the selection to the row of that name, or the first whose name has this in it."""
    for _ in range(20):
        before = terminal.wait(lambda: selected(terminal), "a selection")
        if name in before:
            return
        terminal.keys("Down")
        terminal.wait(lambda: selected(terminal) not in ("", before), "the next row")
    raise AssertionError(f"'{name}' was never selected:\n{terminal.screen()}")


def consumers(crier):
    return [c["consumer"] for c in crier.group("mail")["consumers"]]


def is_restored(terminal):
    """Whether the shell has its terminal back, as it was."""
    return (
        terminal.look("alternate_on") == "0"
        and terminal.look("cursor_flag") == "1"
        and "before" in terminal.screen()
        and "PRODUCER" not in terminal.screen()
    )


def assert_restored(terminal, code):
    terminal.wait_for(f"code={code}")
    assert is_restored(terminal), terminal.screen()
    terminal.run("stty -g | cmp - terminal.before && echo same")
    terminal.wait(lambda: "same" in terminal.lines(), "the terminal's settings")


def test_head_producers_groups_and_consumers_are_shown(crier, top):
    terminal = top(crier)
    terminal.wait(lambda: terminal.row("mail")[3:4] == ["2+0"], "the group")
    terminal.wait(lambda: terminal.row("office")[4:5] not in ([], ["0"]), "the producer's speed")
    screen = terminal.screen()
    assert "crierd 0.1.0 running, up " in screen
    assert f"cluster up, embedded {crier.bootstrap}" in screen
    assert "sink ok, " in screen and " entries, " in screen
    assert terminal.row("PRODUCER") == "PRODUCER TOPIC RATE QUEUED PER S STATE".split()
    office = terminal.row("office")
    assert office[:3] == ["office", "post", "20/s"] and office[5] == "running"
    assert terminal.row("GROUP") == "GROUP OWNS CONSUMERS LAG PER S STATE".split()
    mail = terminal.row("mail")
    assert mail[:4] == ["mail", "3", "partitions", "2+0"] and "stable" in mail
    owned = sorted(terminal.row(f"consumer {n}")[2] for n in consumers(crier))
    assert owned in (["0", "1-2"], ["0-1", "2"])
    assert any(block in office[-1] for block in "▁▂▃▄▅▆▇█")
    assert terminal.look("alternate_on") == "1" and terminal.look("cursor_flag") == "0"


def test_plus_and_minus_scale_the_selected_group(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    select(terminal, "mail")
    terminal.keys("+")
    terminal.wait_for("mail: 2 → 3")
    new = wait.until(lambda: consumers(crier)[2:], 20, "a third consumer")[0]
    terminal.wait_for(f"consumer {new}")
    terminal.wait(lambda: "owner" in terminal.row(f"consumer {new}"), "its partitions", 60)
    terminal.keys("-")
    terminal.wait_for("mail: 3 → 2")
    terminal.wait_without(f"consumer {new}", 60)


def test_plus_and_minus_change_the_selected_producers_rate(crier, top):
    terminal = top(crier)
    terminal.wait_for("office")
    select(terminal, "office")
    terminal.keys("+")
    terminal.wait(lambda: "22/s" in terminal.row("office"), "a tenth more")
    assert crier.producer("office")["rate"] == pytest.approx(22)
    terminal.keys("-")
    terminal.wait(lambda: "19.8/s" in terminal.row("office"), "a tenth less")
    terminal.wait_for("office: 22 → 19.8")


@pytest.mark.parametrize("name", ["office", "mail", "consumer"])
def test_p_pauses_and_goes_on(crier, top, name):
    terminal = top(crier)
    terminal.wait_for(name)
    if name == "consumer":
        name = f"consumer {consumers(crier)[0]}"
    select(terminal, name)
    terminal.keys("p")
    terminal.wait(lambda: "paused" in terminal.row(name), f"{name} paused")
    states = {
        "office": lambda: crier.producer("office")["state"] == "paused",
        "mail": lambda: all(c["paused"] for c in crier.group("mail")["consumers"]),
    }
    one = states.get(name, lambda: [c["paused"] for c in crier.group("mail")["consumers"]]
                     == [True, False])
    wait.until(one, 20, f"{name} paused in the daemon")
    terminal.keys("p")
    terminal.wait(lambda: "paused" not in terminal.row(name), f"{name} going on")
    assert not one()


def test_k_kills_the_selected_consumer_after_a_yes(crier, journal, top):
    first, second = consumers(crier)
    terminal = top(crier)
    terminal.wait_for("mail")
    terminal.keys("K")
    terminal.wait_for("Select a consumer")
    select(terminal, f"consumer {second}")
    terminal.keys("K")
    terminal.wait_for(f"Kill consumer {second} of group 'mail'? y/n")
    terminal.keys("n")
    terminal.wait_without("y/n")
    assert consumers(crier) == [first, second]
    terminal.keys("K")
    terminal.wait_for("y/n")
    terminal.keys("y")
    terminal.wait_without(f"consumer {second}", 60)
    wait.until(lambda: consumers(crier) == [first], 20, "the consumer's end")
    said = [record.text("MESSAGE") for record in journal.records()]
    assert any(f"kills consumer {second} of group 'mail'" in text for text in said), said


def test_r_removes_the_selected_consumer_after_a_yes(crier, top):
    first, second = consumers(crier)
    terminal = top(crier)
    terminal.wait_for("mail")
    select(terminal, f"consumer {first}")
    terminal.keys("r")
    terminal.wait_for(f"Remove consumer {first} of group 'mail'? y/n")
    terminal.keys("y")
    terminal.wait_without(f"consumer {first}", 60)
    assert consumers(crier) == [second]


def test_error_stays_until_the_next_key(crier, top):
    crier.call("io.crier.Control.Scale", group="mail", count=0, wait=False)
    terminal = top(crier)
    terminal.wait_for("mail")
    select(terminal, "mail")
    terminal.keys("-")
    terminal.wait_for("A group has 0 to ")
    up = terminal.lines()[0]
    terminal.wait(lambda: terminal.lines()[0] != up, "the next status")
    assert "A group has 0 to " in terminal.screen()
    terminal.keys("x")
    terminal.wait_without("A group has 0 to ")


def test_commands_typed_right_before_the_end_are_done(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    select(terminal, "mail")
    terminal.keys("+", "+", "q")
    assert_restored(terminal, 0)
    assert crier.group("mail")["wanted"] == 4


def test_space_freezes_the_picture(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    terminal.keys("Space")
    terminal.wait_for("[frozen]")
    crier.call("io.crier.Control.Scale", group="mail", count=3, wait=False)
    wait.holds(lambda: f"consumer {consumers(crier)[2]}" not in terminal.screen(), 1.5,
               terminal.screen)
    terminal.keys("Space")
    terminal.wait_for(f"consumer {consumers(crier)[2]}")
    assert "[frozen]" not in terminal.screen()


def test_help_shows_the_keys(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    terminal.keys("?")
    terminal.wait_for("kill the selected consumer")
    terminal.keys("q")
    terminal.wait_for("mail")
    terminal.keys("h")
    terminal.wait_for("kill the selected consumer")


def test_screen_may_be_resized_to_anything(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    terminal.resize(120, 40)
    terminal.wait(lambda: "q end" in "".join(terminal.lines()[39:]), "the keys in the last line")
    for size in ((40, 10), (20, 5), (8, 2), (1, 1), (20, 5)):
        terminal.resize(*size)
        wait.holds(lambda: os.path.exists(f"/proc/{terminal.child()}"), 0.2, terminal.screen)
    terminal.wait_for("crierd 0.1.0 running")
    terminal.resize(80, 24)
    terminal.wait(lambda: terminal.row("office")[5:6] == ["running"], "all columns")
    assert "q end" in terminal.lines()[23]


def test_rows_that_do_not_fit_are_scrolled_to(top, place):
    consumers = [fake.consumer(n) for n in range(40)]
    status = fake.status(groups=[fake.group(consumers=consumers)])
    with fake.replying(place / "control", {"parameters": status}):
        terminal = top(place / "control")
        terminal.wait_for("consumer 0 ")
        assert "consumer 39" not in terminal.screen()
        terminal.keys("End")
        terminal.wait_for("consumer 39")
        assert "42/42" in terminal.screen() and "consumer 0 " not in terminal.screen()
        terminal.keys("Home")
        terminal.wait_for("PRODUCER")
        terminal.keys("q")
        assert_restored(terminal, 0)


@pytest.mark.parametrize("key", ["q", "Escape", "C-c"])
def test_terminal_is_restored_at_the_end(crier, top, key):
    terminal = top(crier)
    terminal.wait_for("mail")
    terminal.keys(key)
    assert_restored(terminal, 0)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_terminal_is_restored_at_a_signal_that_ends_it(crier, top, name):
    number = getattr(signal, name)
    terminal = top(crier)
    terminal.wait_for("mail")
    os.kill(terminal.child(), number)
    assert_restored(terminal, 128 + number)


def test_terminal_that_goes_away_ends_it(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    pid = terminal.child()
    terminal.close()
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), 20, "the end of crierctl")


def test_terminal_is_the_shells_while_it_is_stopped(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    terminal.keys("C-z")
    terminal.wait(lambda: is_restored(terminal), "the shell")
    terminal.run("fg")
    terminal.wait_for("mail")
    assert terminal.look("alternate_on") == "1" and terminal.look("cursor_flag") == "0"
    terminal.keys("q")
    terminal.wait(lambda: is_restored(terminal), "the shell again")


def test_daemon_that_stops_and_comes_back_is_shown(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    crier.stop(timeout=20)
    terminal.wait_for("crierd is not running")
    assert "Start it: crierd --socket=" in terminal.screen() and "office" not in terminal.screen()
    crier.start()
    terminal.wait_for("office")
    assert "not running" not in terminal.screen()


def test_silent_daemon_is_shown_and_freezes_nothing(crier, top):
    terminal = top(crier)
    terminal.wait_for("mail")
    crier.send(signal.SIGSTOP)
    try:
        terminal.wait_for("crierd did not answer within 2 s")
        assert "office" in terminal.screen()
        select(terminal, "mail")
        terminal.keys("+")
        terminal.keys("?")
        terminal.wait_for("kill the selected consumer")
    finally:
        crier.send(signal.SIGCONT)
    terminal.wait_without("did not answer")
    crier.send(signal.SIGSTOP)
    try:
        terminal.wait_for("crierd did not answer within 2 s")
        terminal.keys("x", "q")
        assert_restored(terminal, 0)
    finally:
        crier.send(signal.SIGCONT)


def test_reply_that_makes_no_sense_is_survived(top, place):
    with fake.replying(place / "control", {"parameters": {"version": 7}}):
        terminal = top(place / "control")
        terminal.wait_for("Cannot make sense of the reply of crierd: version is not a")
        terminal.keys("q")
        assert_restored(terminal, 0)


def test_hostile_and_wide_names_are_shown_and_not_obeyed(top, place):
    status = fake.status(
        producers=[fake.producer("\x1b[2J\x1b]0;x\x07"), fake.producer("日本語")],
        groups=[fake.group("two\nlines", trouble=fake.trouble(text="\x1b[31mred"))],
    )
    with fake.replying(place / "control", {"parameters": status}):
        terminal = top(place / "control", size=(120, 24))
        terminal.wait_for("two\\u000alines")
        screen = terminal.screen()
        assert "\\u001b[2J\\u001b]0;x\\u0007" in screen and "\\u001b[31mred" in screen
        # Both topics begin in the same column, counted as a terminal does.
        lines = {line.split()[0]: line for line in screen.splitlines() if "post.office" in line}
        hostile, wide = lines["\\u001b[2J\\u001b]0;x\\u0007"], lines["日本語"]
        assert hostile.index("post.office") == wide.index("post.office") + len("日本語")
        terminal.keys("q")
        assert_restored(terminal, 0)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_are_those_of_states_unless_no_color_is_set(top, place, no_color):
    with fake.replying(place / "control", {"parameters": fake.status()}):
        terminal = top(place / "control", env={"NO_COLOR": no_color})
        terminal.wait_for("stable")
        assert ("\x1b[32m" in terminal.screen(colours=True)) == (no_color == "")
        terminal.keys("q")
        assert_restored(terminal, 0)


def test_plain_locale_gets_plain_ascii(top, place):
    status = fake.status(producers=[fake.producer("日本", per_second=5)])
    with fake.replying(place / "control", {"parameters": status}):
        terminal = top(place / "control", env={"LC_ALL": "C"})
        terminal.wait_for("\\u65e5\\u672c")
        assert terminal.screen().isascii()
        assert terminal.row("\\u65e5\\u672c")[-1].endswith("#")
        terminal.keys("q")
        assert_restored(terminal, 0)


def test_without_a_terminal_status_is_named():
    shown = ctl("top")
    assert shown.returncode == 2 and shown.stdout == ""
    assert "'top' draws on a terminal" in shown.stderr and "crierctl status" in shown.stderr


def test_json_is_refused_as_json():
    shown = ctl("top", "--json")
    assert shown.returncode == 2 and '"usage"' in shown.stdout and shown.stderr == ""


@pytest.mark.parametrize("term", ["dumb", "no-such-terminal"])
def test_terminal_that_cannot_be_drawn_on_is_refused(term):
    main, end = pty.openpty()
    try:
        shown = subprocess.run([program("crierctl"), "top"], stdin=end, stdout=end,
                               stderr=subprocess.PIPE, text=True, timeout=20,
                               env={**os.environ, "TERM": term})
    finally:
        os.close(end)
        os.close(main)
    assert shown.returncode == 2
    assert f"Cannot draw on a terminal of the type '{term}'" in shown.stderr
