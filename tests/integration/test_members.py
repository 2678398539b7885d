# SPDX-License-Identifier: BSD-2-Clause
"""Members that are not crier's join one of its groups on the embedded broker and share its
partitions."""

import pytest

from lib import config, member, wait


@pytest.fixture
def crier(start, journal):
    """A group of one consumer on three partitions, stable."""
    crier = start(
        config.build(
            topics=[config.topic("post", 3)],
            producers=[config.producer("office", "post", rate=20.0)],
            groups=[config.group("mail", "post", 1, start="earliest")],
        ),
        journal,
    )
    crier.wait_stable(owners=1)
    return crier


def owned(crier):
    return sorted(p for places in crier.owners(crier.group("mail")).values() for _, p in places)


def shared(crier, other):
    """Whether crier and the other member have the three partitions between them."""
    theirs = other.owned()
    return theirs and owned(crier) and sorted(owned(crier) + theirs) == [0, 1, 2]


def joins_and_leaves(crier, journal, other, printed):
    with other:
        wait.until(
            lambda: shared(crier, other), 60, lambda: (owned(crier), other.owned(), other.stderr)
        )
        wait.until(lambda: len(printed()) >= 10, 30, "events at the other member")
        other.stop()
        wait.until(lambda: owned(crier) == [0, 1, 2], 60, lambda: crier.group("mail"))
        # Each event is at one of the two at least.
        count = crier.producer("office")["acked"]
        journal.wait_events(count - len(printed()))


def test_a_python_member_shares_a_groups_partitions(crier, journal):
    script = member.LabScript(crier.bootstrap, "post", ["mail"], start="earliest")
    joins_and_leaves(crier, journal, script, script.printed)


def test_kcat_shares_a_groups_partitions(crier, journal):
    kcat = member.Kcat(crier.bootstrap, "mail", "post")
    joins_and_leaves(crier, journal, kcat, kcat.lines)
