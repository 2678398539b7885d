# SPDX-License-Identifier: BSD-2-Clause
"""Another configuration while everything goes on: what differs is applied and told, what is the
same is left alone, what is wrong changes nothing."""

import os
import pathlib
import signal
import threading

import pytest

from lib import config, files, wait
from lib.varlink import Connection, VarlinkError


def plan(producer=None, group=None, topics=(), producers=(), groups=(), **more):
    """A topic, a producer and two groups on it: "still", which no test changes, and "g"."""
    return config.build(
        topics=[config.topic("t", 3), *topics],
        producers=[
            config.producer("p", "t", **{"rate": 50.0, **(producer or {})}),
            *producers,
        ],
        groups=[
            config.group("still", "t", 1),
            config.group("g", **{"topics": "t", "consumers": 2, **(group or {})}),
            *groups,
        ],
        **more,
    )


@pytest.fixture
def crier(start, journal):
    crier = start(plan(), journal)
    crier.wait_stable(timeout=60)
    return crier


def rewrite(crier, configuration):
    """Puts another configuration in the place of the file, at once: half a file is one, too."""
    text = configuration if isinstance(configuration, str) else config.text(configuration)
    new = crier.config_path.with_suffix(".new")
    new.write_text(text)
    new.rename(crier.config_path)


def reload(crier, configuration):
    """Reloads; returns {(section, name, key): (before, after, effect)}."""
    rewrite(crier, configuration)
    changes = crier.change("Reload")["changes"]
    return {
        (c["section"], c["name"], c["key"]): (c["before"], c["after"], c["effect"])
        for c in changes
    }


def numbers(group):
    return [c["consumer"] for c in group["consumers"]]


def identity(group):
    """What changes whenever a group is touched."""
    return group["rebalances"], numbers(group)


def grows(crier, name, field="acked"):
    """Waits until a producer has got on, without having begun anew."""
    before = crier.producer(name)[field]
    wait.until(lambda: crier.producer(name)[field] > before + 20, 20, lambda: crier.producer(name))


@pytest.mark.short
def test_nothing_differs_and_nothing_is_touched(crier, journal):
    before = [identity(crier.group(name)) for name in ("still", "g")]
    made = crier.producer("p")["made"]
    assert reload(crier, plan()) == {}
    assert journal.wait_record("RELOADED").text("CRIER_CHANGES") == "nothing differs"
    assert [identity(crier.group(name)) for name in ("still", "g")] == before
    assert crier.producer("p")["made"] >= made


def test_a_rate_changes_while_the_producer_goes_on(crier):
    still = identity(crier.group("still"))
    acked = crier.producer("p")["acked"]
    assert reload(crier, plan(producer={"rate": 400.0})) == {
        ("producers", "p", "rate"): ("50", "400", "applied")
    }
    assert crier.producer("p")["rate"] == 400
    assert crier.producer("p")["acked"] >= acked
    wait.until(lambda: crier.producer("p")["per_second"] > 150, 30, lambda: crier.producer("p"))
    assert identity(crier.group("still")) == still


def test_what_a_producer_makes_changes_while_it_goes_on(crier, journal):
    acked = crier.producer("p")["acked"]
    told = reload(
        crier, plan(producer={"value": "new %{seq}", "keys": ["k"], "headers": ["from=reload"]})
    )
    assert {key: effect for (_, _, key), (_, _, effect) in told.items()} == {
        "keys": "applied",
        "value": "applied",
        "headers": "applied",
    }
    grows(crier, "p")
    assert crier.producer("p")["acked"] > acked
    events = wait.until(
        lambda: [e for e in journal.events(group="g") if "new " in e.text("MESSAGE")],
        20,
        "events that are made the new way",
    )
    assert events[0].text("KAFKA_KEY") == "k"
    assert events[0].text("KAFKA_HEADER") == "from=reload"
    # %{seq} has not begun anew.
    assert int(events[0].text("MESSAGE").split("new ")[1].split()[0]) >= acked


def test_back_to_no_keys_and_no_headers(start, journal):
    crier = start(plan(producer={"keys": ["k", "l"], "headers": ["a=b"]}), journal)
    crier.wait_stable(timeout=60)
    journal.wait_events(1)
    reload(crier, plan(producer={"value": "plain"}))
    events = wait.until(
        lambda: [e for e in journal.events() if "plain" in e.text("MESSAGE")], 20, "plain events"
    )
    assert "KAFKA_KEY" not in events[0] and "KAFKA_HEADER" not in events[0]


def test_a_producer_that_is_done_goes_on_with_a_higher_count(start, journal):
    crier = start(plan(producer={"rate": "max", "count": 10}), journal)
    wait.until(lambda: crier.producer("p")["state"] == "done", 30, lambda: crier.producer("p"))
    assert reload(crier, plan(producer={"rate": "max", "count": 25})) == {
        ("producers", "p", "count"): ("10", "25", "applied")
    }
    wait.until(lambda: crier.producer("p")["acked"] == 25, 30, lambda: crier.producer("p"))
    wait.until(lambda: crier.producer("p")["state"] == "done", 30, lambda: crier.producer("p"))
    # Fewer than it has made already: it is done, and makes nothing more.
    assert reload(crier, plan(producer={"rate": "max", "count": 3})) != {}
    assert crier.producer("p")["state"] == "done"
    assert crier.producer("p")["made"] == 25 and crier.producer("p")["overflowed"] == 0


def test_a_group_gets_more_consumers_and_fewer(crier):
    still = identity(crier.group("still"))
    former = numbers(crier.group("g"))
    assert reload(crier, plan(group={"consumers": 3})) == {
        ("groups", "g", "consumers"): ("2", "3", "applied")
    }
    group = crier.group("g")
    assert group["stable"] and numbers(group)[:2] == former and len(group["consumers"]) == 3
    assert reload(crier, plan(group={"consumers": 1})) == {
        ("groups", "g", "consumers"): ("3", "1", "applied")
    }
    group = crier.group("g")
    assert group["stable"] and numbers(group) == former[:1]
    assert identity(crier.group("still")) == still


def test_message_and_log_change_in_a_group_that_goes_on(crier, journal):
    before = identity(crier.group("g"))
    told = reload(crier, plan(group={"message": "<<%{value}>>"}))
    assert told["groups", "g", "message"][1:] == ('"<<%{value}>>"', "applied")
    wait.until(
        lambda: [e for e in journal.events(group="g") if e.text("MESSAGE").startswith("<<")],
        20,
        "events in the new form",
    )
    assert not any(e.text("MESSAGE").startswith("<<") for e in journal.events(group="still"))
    assert reload(crier, plan(group={"message": "<<%{value}>>", "log": False})) == {
        ("groups", "g", "log"): ("true", "false", "applied")
    }
    assert crier.group("g")["log"] is False
    received = crier.group("g")["received"]
    written = len(journal.events(group="g"))
    wait.until(lambda: crier.group("g")["received"] > received + 50, 20, lambda: crier.group("g"))
    # What was on its way then, and no more.
    assert len(journal.events(group="g")) <= written + 20
    assert identity(crier.group("g")) == before


def test_entries_come_and_go(crier, journal):
    still = identity(crier.group("still"))
    more = plan(
        topics=[config.topic("u", 2)],
        producers=[config.producer("q", "u", rate=50.0)],
        groups=[config.group("h", "u", 2, start="earliest")],
    )
    assert reload(crier, more) == {
        ("topics", "u", None): (None, "u", "applied"),
        ("producers", "q", None): (None, "q", "applied"),
        ("groups", "h", None): (None, "h", "applied"),
    }
    # Reload has returned: the group is there, with the partitions that the new topic has.
    group = crier.group("h")
    assert group["stable"]
    assert sorted(p for places in crier.owners(group).values() for _, p in places) == [0, 1]
    journal.wait_events(20, group="h")
    assert reload(crier, plan()) == {
        ("topics", "u", None): ("u", None, "applied"),
        ("producers", "q", None): ("q", None, "applied"),
        ("groups", "h", None): ("h", None, "applied"),
    }
    status = crier.status()
    assert [g["name"] for g in status["groups"]] == ["still", "g"]
    assert [p["name"] for p in status["producers"]] == ["p"]
    with pytest.raises(VarlinkError, match="NoSuchGroup"):
        crier.change("Scale", group="h", count=1)
    assert identity(crier.group("still")) == still
    count = len(journal.events(group="h"))
    grows(crier, "p")
    assert len(journal.events(group="h")) == count


def test_a_switched_off_entry_leaves(crier):
    assert reload(crier, plan(group={"enabled": False})) == {
        ("groups", "g", None): ("g", None, "applied")
    }
    assert [g["name"] for g in crier.status()["groups"]] == ["still"]


def test_other_topics_make_a_group_anew(crier, journal):
    still, former = identity(crier.group("still")), numbers(crier.group("g"))
    two = plan(
        topics=[config.topic("u", 2)],
        producers=[config.producer("q", "u", rate=50.0)],
        group={"topics": ["t", "u"]},
    )
    told = reload(crier, two)
    assert told["groups", "g", "topics"] == ('[ "t" ]', '[ "t", "u" ]', "restarted")
    group = crier.group("g")
    assert group["stable"] and not set(numbers(group)) & set(former)
    owned = sorted(p for places in crier.owners(group).values() for p in places)
    assert owned == [("t", 0), ("t", 1), ("t", 2), ("u", 0), ("u", 1)]
    journal.wait_events(10, group="g", topic="u")
    assert identity(crier.group("still")) == still


def test_a_group_made_anew_skips_nothing_and_writes_nothing_twice(start, journal):
    crier = start(plan(group={"start": "earliest"}), journal)
    crier.wait_stable(timeout=60)
    journal.wait_events(50, group="g")
    told = reload(crier, plan(group={"start": "earliest", "properties": ["fetch.min.bytes=2"]}))
    assert told["groups", "g", "properties"][2] == "restarted"
    crier.change("Pause", targets=["p"])
    acked = crier.producer("p")["acked"]
    events = journal.wait_events(acked, group="g")
    places = [(e.number("KAFKA_PARTITION"), e.number("KAFKA_OFFSET")) for e in events]
    assert len(places) == len(set(places)) == acked


def test_another_topic_makes_a_producer_anew(crier, journal):
    acked = crier.producer("p")["acked"]
    assert acked > 0
    told = reload(
        crier, plan(producer={"topic": "u"}, topics=[config.topic("u")], group={"topics": "u"})
    )
    assert told["producers", "p", "topic"] == ('"t"', '"u"', "restarted")
    assert crier.producer("p")["topic"] == "u"
    grows(crier, "p")
    journal.wait_events(10, group="g", topic="u")


def test_an_entry_that_comes_back_while_the_former_one_leaves(crier):
    former = numbers(crier.group("g"))
    rewrite(crier, plan(group={"enabled": False}))
    with Connection(crier.socket_path, 90) as first:
        first.send({"method": "io.crier.Control.Reload"})
        wait.until(
            lambda: [g["name"] for g in crier.status()["groups"]] == ["still"],
            10,
            lambda: crier.status()["groups"],
            interval=0.005,
        )
        assert reload(crier, plan()) == {("groups", "g", None): (None, "g", "applied")}
        assert "error" not in first.receive()
    group = crier.group("g")
    assert group["stable"] and not set(numbers(group)) & set(former)
    assert len(group["consumers"]) == 2


@pytest.mark.parametrize("how", ["method", "SIGHUP"])
def test_a_file_that_is_wrong_changes_nothing(crier, journal, how):
    before = [identity(crier.group(name)) for name in ("still", "g")]
    text = config.text(plan(group={"consumers": 5})) + "limits = {\n  in_flight_event = 1;\n};\n"
    rewrite(crier, text)
    line = text.splitlines().index("  in_flight_event = 1;") + 1
    if how == "method":
        with pytest.raises(VarlinkError) as refused:
            crier.change("Reload")
        assert refused.value.name == "io.crier.Control.ConfigRefused"
        (error,) = refused.value.parameters["errors"]
        assert error.startswith(f"{crier.config_path}:{line}: 'limits.in_flight_event'")
    else:
        crier.send(signal.SIGHUP)
    record = journal.wait_record("RELOAD_REFUSED")
    assert f"{crier.config_path}:{line}: 'limits.in_flight_event'" in record.text("MESSAGE")
    assert record.text("CRIER_ERRORS") == "1"
    assert not journal.records("RELOADED")
    assert [identity(crier.group(name)) for name in ("still", "g")] == before
    # And then it is mended.
    assert reload(crier, plan()) == {}


def test_crierctl_says_what_differs_and_exits_78_for_what_is_wrong(crier):
    rewrite(crier, plan(producer={"rate": 70.0}))
    done = crier.ctl("reload", timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rate 50" in done.stdout and "70 (applied)" in done.stdout
    rewrite(crier, "cluster: { bootstrop = 1; };\n")
    refused = crier.ctl("reload")
    assert refused.returncode == 78 and not refused.stdout
    assert f"{crier.config_path}:1: 'cluster.bootstrop'" in refused.stderr


def test_what_librdkafka_refuses_changes_nothing(crier):
    rewrite(crier, plan(group={"consumers": 3, "properties": ["no.such.property=1"]}))
    with pytest.raises(VarlinkError, match="no.such.property") as refused:
        crier.change("Reload")
    assert refused.value.name == "io.crier.Control.ConfigRefused"
    assert len(crier.group("g")["consumers"]) == 2


@pytest.mark.parametrize("name", [" ", " g"])
def test_a_name_that_librdkafka_would_change_changes_nothing(crier, name):
    rewrite(crier, config.text(plan()).replace('name = "g"', f'name = "{name}"'))
    with pytest.raises(VarlinkError, match="begins with a blank") as refused:
        crier.change("Reload")
    assert refused.value.name == "io.crier.Control.ConfigRefused"
    grows(crier, "p")


def test_a_file_that_is_gone_changes_nothing(crier):
    crier.config_path.unlink()
    with pytest.raises(VarlinkError, match="cannot be read") as refused:
        crier.change("Reload")
    assert refused.value.name == "io.crier.Control.ConfigRefused"
    grows(crier, "p")


def test_sections_of_the_daemon_stay_what_they_were(crier):
    other = {
        **plan(),
        "cluster": {"bootstrap": "127.0.0.1:1", "embedded_brokers": 3},
        "control": {"socket": "/tmp/elsewhere"},
        "limits": {"in_flight_events": 7},
    }
    expected = {
        ("cluster", None, "bootstrap"): ('"embedded"', '"127.0.0.1:1"', "needs_restart"),
        ("cluster", None, "embedded_brokers"): ("1", "3", "needs_restart"),
        ("control", None, "socket"): ('"/run/crier/control"', '"/tmp/elsewhere"', "needs_restart"),
        ("limits", None, "in_flight_events"): ("16384", "7", "needs_restart"),
    }
    before, cluster = identity(crier.group("g")), crier.status()["cluster"]
    assert reload(crier, other) == expected
    # It is still so at the next reload, and what is made now goes by what is in force.
    assert reload(crier, {**other, "groups": plan(group={"consumers": 3})["groups"]}) == {
        **expected,
        ("groups", "g", "consumers"): ("2", "3", "applied"),
    }
    assert crier.status()["cluster"] == cluster
    assert before[0] < crier.group("g")["rebalances"]
    assert reload(crier, plan()) == {("groups", "g", "consumers"): ("3", "2", "applied")}


def test_a_topic_of_the_embedded_broker_stays_as_it_is(crier):
    wider = plan()
    wider["topics"][0]["partitions"] = 5
    assert reload(crier, wider) == {("topics", "t", "partitions"): ("3", "5", "needs_restart")}
    assert sum(map(len, crier.owners(crier.group("g")).values())) == 3


def test_what_commands_have_set_is_kept_until_the_files_say_something_new(crier):
    crier.change("Scale", group="g", count=3)
    crier.change("Rate", producer="p", rate="80")
    before = identity(crier.group("g"))
    kept = {
        ("producers", "p", "rate"): ("80", "50", "kept"),
        ("groups", "g", "consumers"): ("3", "2", "kept"),
    }
    assert reload(crier, plan()) == kept
    assert reload(crier, plan(group={"log": False})) == {
        **kept,
        ("groups", "g", "log"): ("true", "false", "applied"),
    }
    assert identity(crier.group("g")) == before
    assert crier.producer("p")["rate"] == 80
    told = reload(crier, plan(producer={"rate": 60.0}, group={"log": False, "consumers": 1}))
    assert told == {
        ("producers", "p", "rate"): ("80", "60", "applied"),
        ("groups", "g", "consumers"): ("3", "1", "applied"),
    }
    assert crier.producer("p")["rate"] == 60
    assert len(crier.group("g")["consumers"]) == 1
    assert reload(crier, plan(producer={"rate": 60.0}, group={"log": False, "consumers": 1})) == {}


def test_what_commands_have_set_outlives_being_made_anew(crier):
    crier.change("Scale", group="g", count=3)
    crier.change("Pause", targets=["g", "p"])
    crier.change("Rate", producer="p", rate="max")
    told = reload(
        crier,
        plan(group={"start": "earliest"}, producer={"properties": ["linger.ms=1"]}),
    )
    assert told["groups", "g", "consumers"] == ("3", "2", "kept")
    assert told["producers", "p", "rate"] == ("max", "50", "kept")
    group, producer = crier.group("g"), crier.producer("p")
    assert len(group["consumers"]) == 3 and all(c["paused"] for c in group["consumers"])
    assert producer["rate"] is None and producer["state"] == "paused"


def test_sighup_reloads(crier, journal):
    rewrite(crier, plan(group={"consumers": 1}))
    crier.send(signal.SIGHUP)
    record = journal.wait_record("RELOADED")
    assert record.text("CRIER_CHANGES") == "groups 'g': consumers 2 -> 1"
    crier.wait_stable("g")
    assert len(crier.group("g")["consumers"]) == 1
    names = [name for name, _ in crier.notifications() if name != "STATUS"]
    assert names == ["READY", "RELOADING", "MONOTONIC_USEC", "READY"]
    assert int(crier.notification("MONOTONIC_USEC")) > 0


def test_a_burst_of_sighups_ends_with_what_the_file_says(crier):
    for i in range(40):
        rewrite(crier, plan(producer={"rate": float(100 + i)}))
        crier.send(signal.SIGHUP)
    wait.until(lambda: crier.producer("p")["rate"] == 139, 20, lambda: crier.producer("p"))
    assert crier.running()


def test_whoever_asks_during_a_reload_gets_what_the_file_says_then(crier):
    replies = []

    def ask():
        replies.append(crier.change("Reload")["changes"])

    rewrite(crier, plan(group={"consumers": 3}))
    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 5
    # One of them has found the difference, or those that shared an attempt.
    assert any(replies) and crier.group("g")["stable"]
    assert len(crier.group("g")["consumers"]) == 3


def test_a_time_limit_ends_the_waiting_and_not_the_reload(crier):
    rewrite(crier, plan(group={"consumers": 3}))
    with pytest.raises(VarlinkError) as refused:
        crier.change("Reload", timeout_ms=200)
    assert refused.value.name == "io.crier.Control.TimedOut"
    (change,) = refused.value.parameters["reached"]["changes"]
    assert change["key"] == "consumers"
    crier.wait_stable("g", owners=3)


def test_a_stop_during_a_reload(crier, journal):
    rewrite(crier, plan(group={"start": "earliest"}))
    with Connection(crier.socket_path, 30) as waiting:
        waiting.send({"method": "io.crier.Control.Reload"})
        journal.wait_record("RELOADED")
        code, _ = crier.stop()
        assert waiting.receive()["error"] == "io.crier.Control.Failed"
    assert code == 0
    assert "everything is delivered" in journal.wait_record("STOPPED").text("MESSAGE")


def test_a_reload_during_a_stop_is_refused(crier, journal):
    journal.stall()
    wait.until(lambda: crier.status()["sink"]["state"] != "ok", 60, lambda: crier.status()["sink"])
    with Connection(crier.socket_path, 30) as stopping, Connection(crier.socket_path, 30) as other:
        stopping.send({"method": "io.crier.Control.Stop"})
        wait.until(lambda: crier.status()["state"] == "stopping", 5, "the stop", interval=0.005)
        crier.send(signal.SIGHUP)
        with pytest.raises(VarlinkError, match="is stopping") as refused:
            other.call("io.crier.Control.Reload")
        assert refused.value.name == "io.crier.Control.Failed"
        journal.resume()
    assert crier.wait() == 0


def test_a_reload_before_the_cluster_was_reached_waits_for_nothing(start, journal):
    (port,) = files.free_ports(1)
    crier = start(plan(bootstrap=f"127.0.0.1:{port}"), journal)
    told = reload(
        crier,
        plan(
            bootstrap=f"127.0.0.1:{port}",
            topics=[config.topic("u")],
            group={"consumers": 4, "topics": "u"},
            groups=[config.group("h", "t")],
        ),
    )
    assert told["groups", "g", "consumers"] == ("2", "4", "restarted")
    assert [g["wanted"] for g in crier.status()["groups"]] == [1, 4, 1]
    assert crier.stop()[0] == 0


def test_a_reload_while_the_cluster_is_away_comes_true_when_it_is_back(start, journal):
    """The broker is stopped rather than killed: at the same address it goes on."""
    host = start(config.build(topics=[config.topic("t", 3), config.topic("u", 2)]))
    crier = start(
        plan(bootstrap=host.bootstrap, topics=[config.topic("u", 2)]),
        journal,
    )
    crier.wait_stable(timeout=60)
    host.send(signal.SIGSTOP)
    wait.until(
        lambda: crier.status()["cluster"]["state"] == "lost", 90, lambda: crier.status()["cluster"]
    )
    reload(
        crier,
        plan(
            bootstrap=host.bootstrap,
            topics=[config.topic("u", 2)],
            group={"topics": "u"},
            groups=[config.group("h", "u")],
        ),
    )
    host.send(signal.SIGCONT)
    wait.until(
        lambda: crier.status()["cluster"]["state"] == "up", 90, lambda: crier.status()["cluster"]
    )
    crier.wait_stable(timeout=90)
    assert {t for places in crier.owners(crier.group("g")).values() for t, _ in places} == {"u"}
    assert crier.owners(crier.group("h"))


def resources(crier):
    proc = pathlib.Path(f"/proc/{crier.pid}")
    return len(os.listdir(proc / "fd")), len(os.listdir(proc / "task"))


def test_many_reloads_leave_nothing_behind(start, journal):
    """Two configurations in turn, in which everything differs that can without a rebalance of the
    embedded broker in between: nearly each group is made anew before it has joined. A few get in
    while the members before them still count, so that a reload may also be in time."""
    one = plan(producer={"value": "one", "keys": ["a", "b"]}, group={"message": "one %{value}"})
    two = plan(
        producer={"rate": 70.0, "headers": ["a=b"], "topic": "u"},
        group={"consumers": 1, "message": "%{key}"},
        topics=[config.topic("u", 2)],
        producers=[config.producer("q", "u", rate=10.0)],
        groups=[config.group("h", ["t", "u"])],
    )
    crier = start(one, journal)
    crier.wait_stable(timeout=60)
    reload(crier, two)
    reload(crier, one)
    before = resources(crier)
    for count in range(3, 53):
        rewrite(crier, one if count % 2 == 0 else two)
        try:
            crier.change("Reload", timeout_ms=100)
        except VarlinkError as late:
            assert late.name == "io.crier.Control.TimedOut"
        assert journal.wait_record("RELOADED", count=count).text("CRIER_CHANGES").count(";") > 5
    crier.change("Reload")
    crier.wait_stable(timeout=90)
    wait.until(
        lambda: all(now <= then + 2 for now, then in zip(resources(crier), before)),
        60,
        lambda: f"{before} before, {resources(crier)} now",
    )
    assert crier.stop()[0] == 0
