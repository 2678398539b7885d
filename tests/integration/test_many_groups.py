# SPDX-License-Identifier: BSD-2-Clause
"""A configuration with hundreds of groups, each with properties of its own: it is checked, started
and reloaded as soon as a small one, whichever librdkafka there is."""

import pytest

from lib import config
from lib.crier import run

pytestmark = pytest.mark.quick

GROUPS = 300


def setup(rate):
    return config.build(
        topics=[config.topic("t")],
        producers=[config.producer("p", "t", rate=rate)],
        groups=[
            config.group(f"g{n}", "t", 0, properties=[f"fetch.min.bytes={n + 1}"])
            for n in range(GROUPS)
        ],
    )


def test_check_of_many_groups(place):
    path = place / "crierd.conf"
    path.write_text(config.text(setup(1.0)))
    assert run("--check-config", f"--config={path}").returncode == 0


def test_start_and_reload_of_many_groups(start):
    crier = start(setup(1.0))
    assert len(crier.status()["groups"]) == GROUPS
    crier.config_path.write_text(config.text(setup(2.0)))
    shown = crier.ctl("reload")
    assert shown.returncode == 0, shown.stderr
    assert crier.producer("p")["rate"] == 2.0
    assert crier.stop()[0] == 0
