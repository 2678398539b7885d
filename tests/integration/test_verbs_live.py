# SPDX-License-Identifier: BSD-2-Clause
"""crierctl and crierd together: what a verb prints is what happened."""

import json
import re
import subprocess

import pytest

from lib import config, wait
from lib.crier import CTL_ENV, program


@pytest.fixture
def crier(start, journal):
    running = start(
        config.build(
            topics=[config.topic("t", 4)],
            producers=[config.producer("office", "t", rate=50.0)],
            groups=[config.group("inv", "t", 2, start="earliest",
                                 properties=["session.timeout.ms=6000"])],
        ),
        journal,
    )
    running.wait_stable("inv", owners=2)
    return running


def run(crier, *typed, code=0):
    shown = crier.ctl(*typed, env=CTL_ENV, timeout=90)
    assert shown.returncode == code, (shown.stdout, shown.stderr)
    return shown.stdout


def owned(text):
    """{consumer: partitions} of the table that scale and its like print."""
    found = {}
    for line in text.splitlines():
        row = re.match(r" *(\d+) (owner|standby) +(?:t ([\d,-]+)|-)$", line)
        if row:
            found[int(row.group(1))] = row.group(3) or ""
    return found


def test_scale_prints_what_the_status_says_then(crier):
    text = run(crier, "scale", "inv", "+3")
    assert re.match(r"inv: 2 → 5 consumers in [\d.]+ s, stable\n", text)
    group = crier.group("inv")
    assert group["stable"] and len(group["consumers"]) == 5
    shown = owned(text)
    assert set(shown) == {c["consumer"] for c in group["consumers"]}
    for consumer in group["consumers"]:
        numbers = ",".join(str(p["partition"]) for p in consumer["partitions"])
        assert shown[consumer["consumer"]] == numbers
    assert run(crier, "scale", "inv", "-3").startswith("inv: 5 → 2 consumers in ")
    assert json.loads(run(crier, "--json", "scale", "inv", "2"))["before"] == 2


@pytest.mark.parametrize("verb", ["remove", "kill"])
def test_who_took_over_is_who_owns_it_now(crier, verb):
    gone = crier.group("inv")["consumers"][0]
    text = run(crier, verb, str(gone["consumer"]))
    heirs = {
        partition["partition"]: consumer["consumer"]
        for consumer in crier.group("inv")["consumers"]
        for partition in consumer["partitions"]
    }
    told = re.findall(r"^t (\d+): consumer (\d+) → consumer (\d+)$", text, re.M)
    assert {int(p): int(heir) for p, _, heir in told} == {
        p["partition"]: heirs[p["partition"]] for p in gone["partitions"]}
    assert {int(old) for _, old, _ in told} == {gone["consumer"]}
    assert re.match(r"inv: 2 → 1 consumer in [\d.]+ s, stable\n", text)


def test_pause_rate_and_log_level(crier):
    assert run(crier, "pause", "office", "inv") == (
        "producer office: running → paused\ngroup inv: running → paused\n")
    assert crier.producer("office")["state"] == "paused"
    assert "owner, paused" in run(crier, "consumers")
    assert " paused " in run(crier, "producers", "office")
    assert run(crier, "resume", "office") == "producer office: paused → running\n"
    assert run(crier, "rate", "office", "-10%") == "office: 50/s → 45/s\n"
    assert run(crier, "log-level", "error") == "info → error\n"
    assert run(crier, "log-level") == "error\n"


def test_what_there_is_not_is_66_and_what_cannot_be_is_65(crier):
    for typed in (("scale", "none", "2"), ("remove", "77"), ("kill", "77"), ("pause", "none"),
                  ("rate", "none", "1"), ("seek", "none", "t", "latest"), ("consumers", "none"),
                  ("producers", "none"), ("tail", "--group=none"), ("groups", "none"),
                  ("topics", "none"), ("keys", "none"), ("produce", "none", "x")):
        assert run(crier, *typed, code=66) == ""
    for typed in (("scale", "inv", "100000"), ("rate", "office", "0"), ("log-level", "loud"),
                  ("seek", "inv", "t", "somewhere"), ("call", "Scale", '{"group": 1}')):
        assert run(crier, *typed, code=65) == ""


def test_time_that_is_too_short_is_75_and_the_change_goes_on(crier):
    shown = crier.ctl("scale", "inv", "4", "--timeout=0.01", env=CTL_ENV)
    assert shown.returncode == 75 and "So far:\ninv: 2 → 4 consumers" in shown.stderr
    crier.wait_stable("inv", owners=4)


def test_no_block_returns_before_the_group_is_stable(crier):
    text = run(crier, "scale", "inv", "4", "--no-block")
    assert "inv: 2 → 4 consumers in 0.0 s, rebalancing" in text
    crier.wait_stable("inv", owners=4)


def test_seek_prints_positions_and_tail_the_events(crier):
    wait.until(lambda: crier.group("inv")["received"] > 20, 30, "events")
    run(crier, "pause", "office")
    text = run(crier, "seek", "inv", "t", "earliest")
    assert re.match(r"inv: 4 partitions of t in [\d.]+ s\n", text)
    assert len(re.findall(r"^t \d: (\d+|none) → 0$", text, re.M)) == 4
    assert re.match(r"inv: 1 partition of t in [\d.]+ s\nt 2: .* → 1\n$",
                    run(crier, "seek", "inv", "t:2", "1"))
    wait.until(lambda: crier.group("inv")["lag"] == 0, 30, lambda: crier.status())
    # The newest that are remembered need not be of all partitions.
    newest = run(crier, "tail", "-n", "1")
    partition = re.search(r" t/(\d)@", newest).group(1)
    lines = run(crier, "tail", "-n", "5", "-p", partition).splitlines()
    assert 0 < len(lines) <= 5 and lines[-1] == newest.strip()
    for line in lines:
        assert re.match(rf"\d\d:\d\d:\d\d\.\d{{3}} inv/\d t/{partition}@\d+ .", line)


def test_tail_follows_and_ends_with_the_daemon(crier):
    process = subprocess.Popen(
        [program("crierctl"), "-s", str(crier.socket_path), "tail", "-f", "-n", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(20):
        assert " inv/" in process.stdout.readline()
    assert "everything is delivered" in run(crier, "stop")
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr


def test_reload_prints_each_difference(crier):
    assert run(crier, "reload").startswith("no changes in ")
    text = crier.config_path.read_text()
    crier.config_path.write_text(text.replace("rate = 50.0", "rate = 10.0"))
    shown = run(crier, "reload")
    assert re.search(r"^producers office: rate 50\S* → 10\S* \(applied\)$", shown, re.M), shown
    crier.config_path.write_text("producers: 7;\n")
    refused = crier.ctl("reload", env=CTL_ENV)
    assert refused.returncode == 78 and str(crier.config_path) in refused.stderr


def test_groups_draw_who_owns_what_and_who_stands_by(crier):
    run(crier, "scale", "inv", "5")
    lines = run(crier, "groups", "inv").splitlines()
    assert lines[0] == "inv, stable: t, 4 partitions"
    rows = {int(line.split()[1]): line.split()[2:] for line in lines[2:]}
    for consumer in crier.group("inv")["consumers"]:
        numbers = {p["partition"] for p in consumer["partitions"]}
        marks = ["■" if n in numbers else "·" for n in range(4)]
        assert rows[consumer["consumer"]][:5] == [consumer["state"], *marks]
    assert "standby" in [row[0] for row in rows.values()]


def test_produced_events_are_seen_by_tail_topics_and_keys(crier):
    run(crier, "pause", "office")
    place = run(crier, "produce", "t", "hello", "-k", "red", "--header", "a=b")
    partition, offset = re.fullmatch(r"t/(\d) @ (\d+)\n", place).groups()
    seen = wait.until(lambda: run(crier, "tail", "-k", "red"), 20, "the event in tail")
    assert f" t/{partition}@{offset} " in seen and "hello" in seen
    assert re.search(rf"^red +{partition} +\d +1 +{partition} ", run(crier, "keys", "t"), re.M)
    row = re.search(rf"^ *{partition} +0 +(\d+) +(\d+) ", run(crier, "topics", "t"), re.M)
    assert row.groups() == (str(int(offset) + 1),) * 2
    assert run(crier, "produce", "t", "--tombstone", "-k", "red").startswith(f"t/{partition} @ ")
    assert run(crier, "produce", "t", "x", "-p", "3").startswith("t/3 @ ")


def test_produce_takes_many_lines(crier):
    run(crier, "pause", "office")
    lines = "".join(f"line {n} {'x' * (n % 500)}\n" for n in range(5000))
    shown = subprocess.run(
        [program("crierctl"), "-s", str(crier.socket_path), "produce", "t", "-", "-p", "1"],
        input=lines, capture_output=True, text=True, timeout=60 * wait.SLOWNESS)
    assert shown.returncode == 0, shown.stderr
    offsets = [int(n) for n in re.findall(r"^t/1 @ (\d+)$", shown.stdout, re.M)]
    assert offsets == list(range(offsets[0], offsets[0] + 5000))
    refused = crier.ctl("produce", "t", "x", "-p", "99", env=CTL_ENV)
    assert refused.returncode == 1 and "1 of 1 events were not delivered" in refused.stderr


def test_fault_takes_the_broker_away_and_brings_it_back(start, journal):
    crier = start(config.build(topics=[config.topic("t", 1)], control={"faults": True},
                               producers=[config.producer("office", "t", rate=5.0)]), journal)
    assert run(crier, "fault", "latency", "5") == "latency 5: done\n"
    assert run(crier, "fault", "down") == "down: done\n"
    wait.until(lambda: crier.status()["cluster"]["state"] == "lost", 60, "a lost broker")
    assert run(crier, "fault", "up", "1") == "up 1: done\n"
    wait.until(lambda: crier.status()["cluster"]["state"] == "up", 60, "the broker")
    run(crier, "fault", "down", "17", code=65)


def test_fault_needs_to_be_allowed(crier):
    refused = crier.ctl("fault", "down", env=CTL_ENV)
    assert refused.returncode in (1, 77) and "faults" in refused.stderr


def test_call_reaches_everything(crier):
    assert json.loads(run(crier, "call", "Consumers", '{"group": "inv"}'))["consumers"]
    assert json.loads(run(crier, "call", "org.varlink.service.GetInfo"))["product"]


def test_completion_knows_the_names(crier):
    def offered(*words):
        return run(crier, "--complete", "--", *words).split()

    assert offered("scale", "") == ["inv"] and offered("rate", "o") == ["office"]
    numbers = [str(c["consumer"]) for c in crier.group("inv")["consumers"]]
    assert offered("kill", "") == numbers
