# SPDX-License-Identifier: BSD-2-Clause
"""The state directory with the lock file: gone under a crierd that runs, read-only, full. Nothing
is written twice, and what that costs is said."""

import contextlib

import pytest

from lib import config, faults, wait

STATE = "/var/lib/crier"


def test_state_directory_removed_while_crierd_runs(lab, note):
    """crierd ends, since its locks are worth nothing any more, and begins again with a new one."""
    with lab() as t:
        with t.feeder(rate=1000):
            t.wait_progress(1000)
            pid = t.service.pid
            t.machine.run("rm", "-r", STATE)
            wait.until(lambda: t.service.pid not in (0, pid), 30, "another process")
            t.wait_progress(1000)
        t.finish(note)
        told = f"--grep=The lock file '{STATE}/lock' was removed"
        assert t.service.last_words(told, pid=pid)


def test_lock_file_removed_and_made_again_by_another_crierd(lab, note):
    """The other one locks in the new file what the first one, which stands still, has in the old
    one. The first one must not write what it has in hand when it goes on."""
    with lab() as t:
        with t.feeder(rate=1000), contextlib.ExitStack() as stands_still:
            t.wait_progress(1000)
            with t.journald.frozen():
                wait.until(lambda: t.service.status()["sink"]["state"] == "full", 30, t.stand)
                stands_still.enter_context(t.unit.frozen())
            t.machine.run("rm", f"{STATE}/lock")
            with faults.Second(t.machine, t.config()) as other:
                t.watched.append(other.unit)
                t.wait_progress(2000)
            stands_still.close()
            t.wait_progress(1000)
        t.finish(note)


def test_lock_file_removed_before_anything_is_locked(lab, note):
    """The new file is as good as the old one."""
    with lab() as t:
        t.produce(300)
        t.wait_settled()
        pid = t.unit.pid
        t.machine.run("crierctl", "scale", t.group, "0")
        t.machine.run("rm", f"{STATE}/lock")
        t.machine.run("crierctl", "scale", t.group, "2")
        t.produce(300)
        t.finish(note)
        assert t.unit.pid == pid
        t.machine.run("test", "-e", f"{STATE}/lock")


@pytest.fixture(params=["ro", "nr_inodes=1"], ids=["read-only", "full"])
def unusable(machine, service, request):
    """The state directory in a state in which no lock file can be made."""
    service.stop()
    uid = machine.run("id", "-u", "crier").stdout.strip()
    gid = machine.run("id", "-g", "crier").stdout.strip()
    mode = f"mode=750,uid={uid},gid={gid}"
    machine.run("mount", "-t", "tmpfs", "-o", f"{mode},{request.param}", "tmpfs", STATE)
    yield {"ro": "Read-only file system", "nr_inodes=1": "No space left on device"}[request.param]
    machine.run("umount", "--lazy", STATE)


def test_state_directory_that_cannot_be_written(machine, service, cluster, unusable):
    """auto is less, exactly-once is refused, and both say why."""

    def text(delivery):
        groups = [config.group("state", "state", 1, delivery=delivery)]
        return config.text(config.build(bootstrap=cluster.bootstrap, groups=groups))

    service.restart(text("auto"))
    group = service.group("state")
    assert group["delivery"] == "at-least-once" and unusable in group["reason"], group
    service.configure(text("exactly-once"))
    done = machine.run("systemctl", "restart", "crierd", check=False)
    assert done.returncode != 0
    assert machine.show("crierd", "ExecMainStatus") == "78"
    (said,) = service.last_words("--grep=partitions cannot be locked")
    assert STATE in said and unusable in said
