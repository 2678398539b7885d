# SPDX-License-Identifier: BSD-2-Clause
"""What exactly-once costs: nothing where nothing comes, and no more memory than is allowed where
much comes."""

from lib import exactly, wait

# As large as a topic takes by default, with room for what Kafka adds; 120 MB in all.
VALUE = 1_000_000
LARGE = 120


def test_no_barrier_is_written_while_nothing_comes(lab, note):
    # A member that comes late, or is taken for dead, would have its partitions recovered.
    with lab(properties=["session.timeout.ms=30000"]) as t:
        t.service.wait_stable()
        t.produce(300)
        t.wait_settled()
        # A barrier behind entries that are committed may wait for journald still.
        t.machine.run("journalctl", "--sync")
        journal = exactly.Journal(t.machine)
        before = len(journal.notices("BARRIER"))
        assert before > 0
        wait.holds(lambda: len(journal.notices("BARRIER")) == before, 8, "no further barrier")
        t.finish(note)


def test_values_of_a_megabyte_in_one_partition_and_short_ones_in_another(lab, note):
    """Killed in their midst; what they take of the daemon's memory is checked at the end."""
    with lab(partitions=2) as t:
        values = (t.random.randbytes(VALUE // 2).hex().encode() for _ in range(LARGE))
        t.cluster.produce(t.topic, ((None, value, None, 0) for value in values))
        t.cluster.produce(t.topic, [(None, b"%d" % n, None, 1) for n in range(20000)])
        wait.until(lambda: t.committed().get(0, 0) >= LARGE // 10, 60, t.stand)
        assert t.committed().get(0, 0) < LARGE, "too fast to be killed"
        t.unit.kill_and_wait()
        report = t.finish(note)
        assert report.rows == LARGE + 20000
