# SPDX-License-Identifier: BSD-2-Clause
"""Events flow as if nobody called while as many clients as there may be call as fast as they can,
or worse. Counts are compared with counts, not with seconds."""

import os

import pytest

from lib import config, varlink, wait
from lib.crier import Crier
from lib.flood import Flood

pytestmark = pytest.mark.xdist_group("flood")

RATE = 1000
EVENTS = 5 * RATE
# One place of the 64 is the witness's; without root all are one user's, who has 16.
USERS = 4
SPARE = 1


@pytest.fixture(scope="module")
def crier():
    setup = config.build(
        topics=[config.topic("post", 4)],
        producers=[config.producer("office", "post", rate=float(RATE))],
        groups=[
            config.group("mail", "post", 2, start="earliest"),
            config.group("count", "post", 2, start="earliest", log=False),
        ],
    )
    with Crier(setup) as crier:
        # Other users are to reach the socket.
        os.chmod(crier.directory, 0o755)
        crier.wait_stable(owners=2)
        wait.until(lambda: flows(crier.status()), 30, crier.status)
        yield crier


def flows(status):
    return all(group["received"] > RATE for group in status["groups"])


@pytest.fixture
def witness(crier):
    """A status from a connection that was there before the others."""
    with varlink.Connection(crier.socket_path, timeout=20 * wait.SLOWNESS) as connection:
        connection.call("org.varlink.service.GetInfo")
        yield lambda: connection.call("io.crier.Control.Status")


def spread(kinds):
    """For each user all of these kinds, 16 in all; the last has one place less."""
    return [dict(kinds)] * (USERS - 1) + [{**kinds, "status": kinds["status"] - SPARE}]


def alone(kinds):
    """What one user may have beside the witness."""
    return [{**kinds, "status": kinds["status"] - SPARE}]


def users(**kinds):
    kinds = {name.replace("_", "-"): count for name, count in kinds.items()}
    assert sum(kinds.values()) == 16
    return spread(kinds) if os.geteuid() == 0 else alone(kinds)


def growth(before, after, name, kind):
    """By how much a count of the groups, or the producers, has grown: the least of them."""
    return min(new[name] - old[name] for old, new in zip(before[kind], after[kind]))


def check_flow(witness):
    """While the producer has so many events confirmed, the groups receive and write as many."""
    before = witness()

    def enough():
        status = witness()
        return status if growth(before, status, "acked", "producers") >= EVENTS else None

    after = wait.until(enough, 60, f"{EVENTS} events more than in {before}")
    acked = growth(before, after, "acked", "producers")
    for name in ("received", "written"):
        for old, new in zip(before["groups"], after["groups"]):
            if name == "received" or old["log"]:
                assert new[name] - old[name] > 0.9 * acked, (name, old, new)
    # It made what was due all the while, late by one look of ours at most.
    due = RATE * (after["uptime_ms"] - before["uptime_ms"]) / 1000
    assert growth(before, after, "made", "producers") > 0.9 * due
    assert after["producers"][0]["overflowed"] == before["producers"][0]["overflowed"]
    assert after["groups"][0]["rebalances"] == before["groups"][0]["rebalances"]
    assert after["cluster"]["state"] == "up" and after["sink"]["state"] != "refused"


def test_events_flow_while_everybody_asks_for_the_status(crier, witness, note):
    with Flood(crier.socket_path, *users(status=16)) as flood:
        check_flow(witness)
    note(f"status was answered {flood.counts['status']['replies']} times meanwhile")
    # They were served, each of them, and none was thrown out.
    assert flood.counts["status"]["replies"] > len(flood.users) * 16
    assert flood.counts["status"]["ended"] == 0


def test_events_flow_while_clients_misbehave(crier, witness, note):
    kinds = {"status": 4, "deaf": 3, "partial": 3, "half_closed": 3, "garbage": 2, "idle": 1}
    with Flood(crier.socket_path, *users(**kinds)) as flood:
        check_flow(witness)
    note(f"{flood.counts}")
    for kind in ("status", "half-closed"):
        assert flood.counts[kind]["replies"] > 0
    for kind in ("half-closed", "garbage"):
        assert flood.counts[kind]["ended"] > 0
    assert flood.counts["garbage"]["replies"] == 0
    assert flood.counts["idle"]["ended"] == 0


def test_everybody_is_served_again_afterwards(crier):
    wait.until(lambda: served(crier), 10, "a free place")
    assert len(crier.ctl("status", "--json").stdout) > 100


def served(crier):
    try:
        return crier.status()
    except (varlink.VarlinkError, ConnectionError):
        return None
