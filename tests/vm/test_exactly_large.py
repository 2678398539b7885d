# SPDX-License-Identifier: BSD-2-Clause
"""Events that no file of the journal has room for: entries are cut, and say what is missing."""

import json

import pytest

from lib import exactly, faults

# journald's smallest file has 512 KiB; a topic takes a megabyte by default.
LARGE = 900_000


@pytest.fixture
def small_files(faulty):
    faults.configure_journald(
        faulty, RateLimitBurst=0, SystemMaxUse="64M", SystemMaxFileSize="512K"
    )
    yield
    faults.configure_journald(faulty, RateLimitBurst=0)


def test_events_that_no_journal_file_holds_are_cut(lab, note, small_files):
    with lab(partitions=2) as t:
        large = t.random.randbytes(LARGE)
        odd = {
            "key": (large, b"value", [("a", b"1"), ("a", b"1")]),
            "value": (b"key", large, None),
            "headers": (b"key", b"value", [("h", large)]),
            "headers of many": (b"key", b"value", [(f"h{i}", large[:4000]) for i in range(220)]),
        }
        for number, event in enumerate(odd.values()):
            t.cluster.produce(
                t.topic,
                [(b"%d" % n, b"before", None, n % 2) for n in range(100)] + [(*event, number % 2)],
            )
        t.wait_settled()
        report = t.finish(note)
        assert report.rows == len(odd) * 101 and len(report.cut) == len(odd)
        lost = t.notices("ENTRIES_LOST")
        note(f"{len(lost)} times lost")
        found = exactly.Journal(t.machine).read(
            f"KAFKA_GROUP={t.group}", "CRIER_CUT=key", fields=("KAFKA_HEADER_LIST",)
        )
        lists = [e["KAFKA_HEADER_LIST"] for e in found if "KAFKA_HEADER_LIST" in e]
        assert [json.loads(text) for text in lists] == [[["a", "1"], ["a", "1"]]]
