# SPDX-License-Identifier: BSD-2-Clause
"""What is fetched ahead: a queue that was full is filled again before it is empty, so that a small
one costs no time."""

import time

import pytest

from lib import config, wait

EVENTS = 20000


def seconds(start, journal, cluster, topic, group, limit):
    """From the first entry to the last of a group that may hold so many events of a partition,
    which come in some 30 answers of the broker."""
    properties = ["fetch.message.max.bytes=100000"]
    mark = len(journal.entries)
    crier = start(
        config.build(
            bootstrap=cluster.bootstrap,
            groups=[config.group(group, topic, 1, start="earliest", properties=properties)],
            limits={"in_flight_events": limit},
        ),
        journal,
    )
    wait.until(lambda: journal.events(since=mark), 60, "a first entry", interval=0.001)
    began = time.monotonic()
    wait.until(
        lambda: len(journal.entries) >= mark + EVENTS,
        120,
        lambda: f"{len(journal.entries) - mark} entries",
        interval=0.005,
    )
    took = time.monotonic() - began
    assert crier.stop()[0] == 0
    return took


@pytest.mark.parametrize("partitions", [1, 3], ids=["alone", "beside-empty-ones"])
def test_a_small_queue_takes_no_longer(start, journal, cluster, name, partitions, note):
    cluster.create_topic(name, partitions)
    cluster.produce(name, [(None, b"x" * 100, None, 0) for _ in range(EVENTS)])
    large = seconds(start, journal, cluster, name, name + "large", 65536)
    small = seconds(start, journal, cluster, name, name + "small", 200)
    note(f"{small:.2f} s with a small queue, {large:.2f} s with a large one")
    assert small < 8 * large
