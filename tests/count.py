# SPDX-License-Identifier: BSD-2-Clause
"""Counts tests for tests/run.sh: prints `passed failed skipped` for the results in the files given.

count.py FILE…: *.xml as pytest's --junitxml writes it; *.trs beside the *.log of automake's test
driver, where a cmocka program counts as many tests as it says it ran, and any other as one.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def junit(path):
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        total, bad, left = (int(suite.get(name, 0)) for name in ("tests", "failures", "skipped"))
        bad += int(suite.get("errors", 0))
        passed, failed, skipped = passed + max(total - bad - left, 0), failed + bad, skipped + left
    return passed, failed, skipped


def automake(path):
    """A program that died has no counts of its own for the test it died in: it adds one failure."""
    result = re.search(r":test-result: (\w+)", path.read_text()).group(1)
    log = path.with_suffix(".log").read_text(errors="replace")
    passed, failed, skipped = (
        sum(int(n) for n in re.findall(rf"^\[  {word}  \] (?:tests: )?(\d+) test\(s\)", log, re.M))
        for word in ("PASSED", "FAILED", "SKIPPED")
    )
    if result == "SKIP":
        return 0, 0, max(skipped, 1)
    if result in ("FAIL", "ERROR", "XPASS") and not failed:
        failed = 1
    if result == "PASS" and not passed + failed + skipped:
        passed = 1
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        counts = automake(path) if path.suffix == ".trs" else junit(path)
        totals = [a + b for a, b in zip(totals, counts)]
    print(*totals)


if __name__ == "__main__":
    main()
