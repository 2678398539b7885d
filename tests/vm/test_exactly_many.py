# SPDX-License-Identifier: BSD-2-Clause
"""A group of very many partitions, as the packaged service runs it."""

import contextlib
import os
import threading
import time

from lib import exactly, trial, wait

# Most of what they cost is the broker's work.
PARTITIONS = 2000 if trial.LONG else 300
# Half of what the unit allows.
DESCRIPTORS = 32768
# A few, and so many.
MEMORY = 16 * trial.MIB + PARTITIONS * 16 * 1024
SECONDS = 60


class Descriptors:
    """The most that the daemon had open at a time. Use it as a context manager."""

    def __init__(self, unit):
        self.unit = unit
        self.most = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _watch(self):
        while not self.stopped.wait(0.3):
            with contextlib.suppress(FileNotFoundError):
                self.most = max(self.most, len(os.listdir(f"/proc/{self.unit.pid}/fd")))


def test_very_many_partitions_recover_after_a_kill(lab, note):
    with lab(partitions=PARTITIONS) as t, Descriptors(t.unit) as descriptors:
        begun = time.monotonic()
        wait.until(lambda: len(t.committed()) == PARTITIONS, SECONDS, t.stand, interval=0.2)
        start = time.monotonic() - begun
        with t.feeder(rate=1000):
            t.wait_progress(PARTITIONS, SECONDS)
            t.unit.kill_and_wait()
        begun = time.monotonic()
        t.wait_settled(SECONDS)
        end = time.monotonic() - begun
        # Matches on so many epochs would take journalctl minutes.
        rows, _ = exactly.Journal(t.machine).rows(t.group, t.topic, exactly=False)
        report = exactly.Report(rows, t.snapshot())
        note(
            f"{report}; begun in {start:.1f} s, after the kill all done in {end:.1f} s, "
            f"{t.most_memory // trial.MIB} MiB, {descriptors.most} descriptors"
        )
        report.check()
        t.check_health()
        assert t.most_memory < MEMORY and 0 < descriptors.most < DESCRIPTORS
        found = t.notices("PARTITION_RECOVERED")
        note(f"{len(found)} partitions had something to be found")
        # Brokers of later tests have less to look after.
        client = t.cluster.admin()
        client.delete_topics([t.topic])[t.topic].result(60)
