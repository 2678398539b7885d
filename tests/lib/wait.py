# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for conditions, always with a deadline. No test sleeps for a fixed time."""

import os
import time

# How much slower than an ordinary build this one may be (sanitizers, valgrind, a loaded machine).
SLOWNESS = float(os.environ.get("CRIER_TEST_SLOWNESS", "1"))


class Timeout(AssertionError):
    """A condition did not become true in time."""


def until(condition, timeout, what, interval=0.05):
    """Calls condition() until it returns something true, and returns that. After `timeout` seconds
    (times SLOWNESS) raises Timeout with `what`, which may be a function that says where things
    stand."""
    deadline = time.monotonic() + timeout * SLOWNESS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise Timeout(f"not within {timeout * SLOWNESS:.0f} s: {text}")
        time.sleep(interval)


def holds(condition, seconds, what, interval=0.1):
    """Checks that condition() stays true for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"did not last {seconds} s: {what() if callable(what) else what}"
        time.sleep(interval)
