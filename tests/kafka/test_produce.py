# SPDX-License-Identifier: BSD-2-Clause
"""Events made by hand, on a real Kafka, and seen by those who follow."""

import pytest

from lib import clients, config, kafka, oracle, varlink, wait


def settings(cluster, name, **more):
    return config.build(
        bootstrap=cluster.bootstrap,
        groups=[config.group("g-" + name, name, 1, start="earliest")],
        **more,
    )


def produce(crier, topic, *events, **more):
    return crier.change("Produce", topic=topic, events=list(events), **more)["results"]


def test_events_are_where_the_reply_says(cluster, name, start, journal):
    cluster.create_topic(name, 3)
    crier = start(settings(cluster, name), journal)
    events = [
        {"key": "k", "value": "v", "headers": [{"name": "h", "value": None}]},
        {"key": "k", "value": None},
        {"key": "", "value": "", "partition": 2},
        {"value": "AP8=", "base64": True, "partition": 1},
        {},
    ]
    results = produce(crier, name, *events)
    assert all(r["problem"] is None for r in results)
    held = oracle.broker_content(cluster.bootstrap, name)
    found = [held[r["partition"], r["offset"]] for r in results]
    assert len(held) == len(found)
    assert found == [
        (b"k", b"v"),
        (b"k", None),
        (b"", b""),
        (None, b"\0\xff"),
        (None, None),
    ]
    assert (results[2]["partition"], results[3]["partition"]) == (2, 1)
    assert results[0]["partition"] == results[1]["partition"]
    crier.wait_stable()
    journal.wait_events(len(events), group="g-" + name)
    shown = crier.change("Tail", group="g-" + name)["events"]
    assert {(e["partition"], e["offset"]) for e in shown} == {
        (r["partition"], r["offset"]) for r in results
    }


def test_missing_topic_is_refused_and_not_made(cluster, name, start):
    """The broker would make it: auto.create.topics.enable is on unless it is switched off."""
    crier = start(config.build(bootstrap=cluster.bootstrap))
    for _ in range(2):
        with pytest.raises(varlink.VarlinkError) as raised:
            produce(crier, name, {"value": "v"}, timeout_ms=4000)
        assert raised.value.name == "io.crier.Control.NoSuchTopic", raised.value
    assert not cluster.topic_partitions(name)
    # A topic that is made meanwhile is seen.
    cluster.create_topic(name, 1)
    (result,) = produce(crier, name, {"value": "v"})
    assert (result["partition"], result["offset"], result["problem"]) == (0, 0, None)


def test_event_that_the_topic_does_not_take_is_told(cluster, name, start):
    cluster.create_topic(name, 1, **{"max.message.bytes": "1000"})
    crier = start(config.build(bootstrap=cluster.bootstrap))
    (large,) = produce(crier, name, {"value": "v" * 2000})
    assert large["offset"] is None and "too large" in large["problem"]
    small, beyond = produce(crier, name, {"value": "v"}, {"partition": 1})
    assert small["problem"] is None and "no partition 1" in beyond["problem"]


def test_broker_that_stands_still_is_timed_out_and_what_was_asked_for_goes_on(cluster, name, start):
    cluster.create_topic(name, 1)
    crier = start(config.build(bootstrap=cluster.bootstrap))
    produce(crier, name, {"value": "before"})
    (broker,) = cluster.brokers
    broker.freeze()
    try:
        with pytest.raises(varlink.VarlinkError) as raised:
            produce(crier, name, {"value": "later"}, timeout_ms=500)
        assert raised.value.name == "io.crier.Control.TimedOut", raised.value
        assert raised.value.parameters["reached"]["results"] == [
            {"partition": None, "offset": None, "problem": None}
        ]
    finally:
        broker.thaw()
    wait.until(
        lambda: clients.ends(cluster.bootstrap, name)[0] == 2,
        30,
        lambda: f"both are there: {clients.ends(cluster.bootstrap, name)}; {crier.stderr}",
    )
    assert produce(crier, name, {"value": "after"})[0]["offset"] == 2


def test_user_who_may_not_write_is_told_and_may_after_being_allowed(cluster, name, start):
    cluster.create_topic(name, 1)
    crier = start(
        {
            "cluster": {
                "bootstrap": cluster.sasl_bootstrap,
                "properties": [
                    "security.protocol=sasl_ssl",
                    "sasl.mechanisms=PLAIN",
                    "sasl.username=postal",
                    f"sasl.password={kafka.USERS['postal']}",
                    f"ssl.ca.location={cluster.certificates.authority}",
                ],
            }
        }
    )
    (result,) = produce(crier, name, {"value": "v"})
    assert result["offset"] is None and "uthorization failed" in result["problem"]
    cluster.allow("postal", topics=[name])

    def allowed():
        (result,) = produce(crier, name, {"value": "v"})
        return result["problem"] is None

    wait.until(allowed, 30, crier.status)
