# SPDX-License-Identifier: BSD-2-Clause
"""Producers: rate, count, "max", keys, headers and values from templates, and a queue that says
when it overflows."""

import re
import time

import pytest

from lib import clients, config, oracle, wait


@pytest.mark.short
def test_count_ends_a_producer(start, journal):
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[config.producer("p", "t", rate=200.0, count=37)],
        ),
        journal,
    )
    wait.until(lambda: crier.producer("p")["state"] == "done", 20, lambda: crier.producer("p"))
    producer = crier.producer("p")
    assert (producer["made"], producer["acked"], producer["queued"]) == (37, 37, 0)
    assert len(oracle.broker_content(crier.bootstrap, "t")) == 37
    assert journal.wait_record("PRODUCER_DONE").text("CRIER_PRODUCER") == "p"


def test_rate_is_kept(start):
    crier = start(
        config.build(topics=[config.topic("t")], producers=[config.producer("p", "t", rate=50.0)])
    )
    wait.until(lambda: crier.producer("p")["made"] >= 20, 20, lambda: crier.producer("p"))
    begin, first = time.monotonic(), crier.producer("p")["made"]
    wait.until(lambda: crier.producer("p")["made"] >= first + 200, 30, "200 events")
    rate = (crier.producer("p")["made"] - first) / (time.monotonic() - begin)
    assert 45 < rate < 55


def test_max_makes_as_many_as_the_broker_takes(start):
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[config.producer("p", "t", "constant", rate="max", count=50000)],
        )
    )
    wait.until(lambda: crier.producer("p")["state"] == "done", 60, lambda: crier.producer("p"))
    producer = crier.producer("p")
    assert producer["rate"] is None
    assert (producer["acked"], producer["failed"], producer["overflowed"]) == (50000, 0, 0)


def test_keys_are_taken_in_turn_and_headers_are_sent(start, journal):
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[
                config.producer(
                    "p",
                    "t",
                    "%{seq}",
                    rate=100.0,
                    count=9,
                    keys=["a", "b-%{seq}", ""],
                    headers=["source=lab", "n=%{seq}"],
                )
            ],
            groups=[config.group("g", "t", start="earliest")],
        ),
        journal,
    )
    events = journal.wait_events(9, timeout=40)
    expected = [b"a", b"b-1", b"", b"a", b"b-4", b"", b"a", b"b-7", b""]
    assert [e.first("KAFKA_KEY") for e in events] == expected
    assert events[4]["KAFKA_HEADER"][0] == b"source=lab"
    assert crier.producer("p")["failed"] == 0


def test_templates_make_values(start):
    value = "%{seq} %{producer} %{topic} %{alpha:5} %{digits:4} %{hex:8} %{int:3:4} %{pick:x|y} 5%%"
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[config.producer("p", "t", value, rate=100.0, count=20)],
        )
    )
    wait.until(lambda: crier.producer("p")["state"] == "done", 20, lambda: crier.producer("p"))
    content = oracle.broker_content(crier.bootstrap, "t")
    pattern = rb"%d p t [A-Za-z]{5} [0-9]{4} [0-9a-f]{8} [34] [xy] 5%%"
    for (_, offset), (key, text) in content.items():
        assert key is None
        assert re.fullmatch(pattern % offset, text), text


def test_overflow_is_counted_and_said_once(start, journal):
    """The broker dies: the queue, which has room for a second, fills, and the schedule goes on."""
    host = start(config.build(topics=[config.topic("t")]))
    crier = start(
        config.build(
            bootstrap=host.bootstrap,
            producers=[
                config.producer(
                    "p", "t", rate=200.0, properties=["queue.buffering.max.messages=200"]
                )
            ],
        ),
        journal,
    )
    wait.until(lambda: crier.producer("p")["acked"] > 50, 20, lambda: crier.producer("p"))
    assert crier.producer("p")["overflowed"] == 0
    host.kill()
    wait.until(lambda: crier.producer("p")["overflowed"] > 100, 20, lambda: crier.producer("p"))
    producer = crier.producer("p")
    assert producer["queued"] == 200
    assert producer["trouble"]["code"] == "overflow"
    assert len(journal.records("PRODUCER_OVERFLOW")) == 1


def test_schedule_does_not_slip_while_the_broker_is_away(start, journal):
    """Open loop: what fell due during an outage is made and sent when the broker is back."""
    host = start(config.build(topics=[config.topic("t", 1)]))
    crier = start(
        config.build(bootstrap=host.bootstrap, producers=[config.producer("p", "t", rate=100.0)]),
        journal,
    )
    wait.until(lambda: crier.producer("p")["acked"] > 50, 20, lambda: crier.producer("p"))
    host.kill()
    begin, made = time.monotonic(), crier.producer("p")["made"]
    wait.until(lambda: crier.producer("p")["made"] >= made + 300, 10, lambda: crier.producer("p"))
    assert 2.5 < time.monotonic() - begin < 3.5 * wait.SLOWNESS
    assert crier.producer("p")["queued"] >= 250


def test_event_that_is_too_large_is_counted_and_named(start, journal):
    crier = start(
        config.build(
            topics=[config.topic("t")],
            producers=[
                config.producer(
                    "p", "t", "%{alpha:5000}", rate=10.0, properties=["message.max.bytes=2000"]
                )
            ],
        ),
        journal,
    )
    wait.until(lambda: crier.producer("p")["failed"] >= 3, 20, lambda: crier.producer("p"))
    assert crier.producer("p")["trouble"]["code"] == "event-too-large"
    assert clients.ends(crier.bootstrap, "t") == {0: 0}
