# SPDX-License-Identifier: BSD-2-Clause
"""Two crierd on one host in one group: whichever of them owns a partition, and however it lost it,
every event stands in the journal once."""

import contextlib

from lib import faults, trial

ROUNDS = 10 if trial.LONG else 2


@contextlib.contextmanager
def two(lab):
    with lab() as t, faults.Second(t.machine, t.config()) as second:
        t.watched.append(second.unit)
        yield t, second


def test_one_of_two_stands_still_longer_than_its_session(lab, note):
    with two(lab) as (t, second):
        with t.feeder(ahead=20000):
            for number in range(ROUNDS):
                t.wait_progress(2500)
                with (second.unit, t.unit)[number % 2].frozen():
                    t.stopped.wait(4)
            t.wait_progress(2500)
        t.finish(note)


def test_one_of_two_is_slow(lab, note):
    with two(lab) as (t, second):
        with t.feeder(ahead=20000):
            t.wait_progress(2500)
            with second.unit.slow():
                t.stopped.wait(60 if trial.LONG else 8)
            t.wait_progress(2500)
        t.finish(note)


def test_one_of_two_is_expelled(lab, note):
    with two(lab) as (t, second):
        with t.feeder(ahead=20000):
            for _ in range(ROUNDS * 2):
                t.wait_progress(2500)
                (group,) = t.cluster.groups(t.group)
                victim = t.random.choice(group.members)
                faults.expel(("127.0.0.1", t.cluster.brokers[0].port), t.group, victim.id)
            t.wait_progress(2500)
        t.finish(note)


def test_two_that_are_killed(lab, note):
    """One, the other, or both at once."""
    with two(lab) as (t, second):
        with t.feeder(ahead=20000):
            for _ in range(ROUNDS):
                t.wait_progress(2500)
                for unit in t.random.choice([[t.unit], [second.unit], [t.unit, second.unit]]):
                    unit.kill()
            t.wait_progress(2500)
        t.finish(note)


def test_one_of_two_ends_for_good(lab, note):
    """The other one has everything until it is back."""
    with two(lab) as (t, _):
        with t.feeder(ahead=20000):
            t.wait_progress(2500)
            t.unit.kill()
            t.service.stop()
            t.wait_progress(8000)
            t.service.restart()
        t.finish(note)
