# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the Kafka ring: one broker for all tests, which leave it running."""

import itertools

import pytest

from lib import kafka

_numbers = itertools.count()


@pytest.fixture(scope="session")
def cluster():
    """One broker with a plain listener, where anybody may do anything, and SASL and TLS listeners,
    where users need access rights."""
    with kafka.Cluster(secure=True) as cluster:
        yield cluster


@pytest.fixture
def name():
    """A name that no other test uses, for topics and groups."""
    return f"t{next(_numbers)}-"
