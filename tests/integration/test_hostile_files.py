# SPDX-License-Identifier: BSD-2-Clause
"""What others may have put where crierd opens its files: links and FIFOs. Nothing is written
through them, and nothing waits for them."""

import os
import stat

import pytest

from lib import config
from lib.crier import ctl, run

pytestmark = pytest.mark.quick

TOPIC = config.build(topics=[config.topic("t")])


@pytest.mark.parametrize("name", ["bootstrap", "bootstrap.new"])
def test_no_link_is_followed_where_the_address_of_the_broker_is_written(start, place, name):
    victim = place / "victim"
    victim.write_text("mine\n")
    victim.chmod(0o600)
    directory = place / "run"
    directory.mkdir()
    (directory / name).symlink_to(victim)
    crier = start(TOPIC, directory=directory)
    told = directory / "bootstrap"
    assert victim.read_text() == "mine\n" and stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert told.read_text() == f"{crier.bootstrap}\n"
    assert stat.S_ISREG(told.lstat().st_mode) and stat.S_IMODE(told.lstat().st_mode) == 0o644
    assert {path.name for path in directory.glob("bootstrap*")} == {"bootstrap", name}


def test_fifo_is_no_configuration(place):
    os.mkfifo(place / "crierd.conf")
    result = run(f"--config={place}/crierd.conf", "--check-config")
    assert result.returncode == 78
    assert f"{place}/crierd.conf" in result.stderr and "no regular file" in result.stderr


def test_reload_does_not_wait_for_a_fifo(start):
    crier = start(TOPIC)
    crier.config_path.unlink()
    os.mkfifo(crier.config_path)
    refused = ctl("reload", socket_path=crier.socket_path)
    assert refused.returncode == 78 and "no regular file" in refused.stderr
    crier.config_path.unlink()
    crier.config_path.write_text(crier.text)
    assert ctl("reload", socket_path=crier.socket_path).returncode == 0
