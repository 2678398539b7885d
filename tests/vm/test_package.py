# SPDX-License-Identifier: BSD-2-Clause
"""The package on a fresh machine: what it brings, and what is left after a purge."""

import pytest

from lib import vm, wait


@pytest.fixture(scope="module")
def fresh(package):
    with vm.Machine(vm.needs(package)) as machine:
        yield machine


def everything(machine):
    """All files of the machine but those that others write all the time."""
    found = machine.shell(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp"
        " -o -path /var/tmp -o -path /var/log/journal -o -path /root/packages \\) -prune -o -print"
    )
    return set(found.stdout.splitlines())


def test_install_and_purge_leave_nothing_but_the_system_user(fresh, package):
    before = everything(fresh)
    users = fresh.run("getent", "passwd").stdout
    assert "crier" not in users
    fresh.install(package)
    assert fresh.run("getent", "passwd", "crier").returncode == 0
    fresh.run("systemctl", "start", "crierd")
    wait.until(lambda: fresh.run("crierctl", check=False).returncode == 0, 10, "a status")
    fresh.run("apt-get", "purge", "--yes", "crier")
    assert fresh.show("crierd", "ActiveState") == "inactive"
    assert fresh.run("getent", "passwd", "crier").returncode == 0
    left = {path for path in everything(fresh) - before if not is_everybodys(path)}
    assert not left
    assert not fresh.shell("find /run /tmp /var/tmp -name '*crier*'").stdout


def is_everybodys(path):
    """What dpkg, systemd, and the account tools note down whenever any package comes or goes."""
    return path.startswith(
        (
            "/var/lib/dpkg/",
            "/var/cache/",
            "/var/log/",
            "/var/lib/apt/",
            "/var/lib/systemd/",
            "/etc/passwd-",
            "/etc/group-",
            "/etc/shadow-",
            "/etc/gshadow-",
            "/etc/.pwd.lock",
        )
    )


def test_package_brings_what_the_manual_names(machine):
    listed = set(machine.run("dpkg", "-L", "crier").stdout.splitlines())
    for path in (
        "/usr/sbin/crierd",
        "/usr/bin/crierctl",
        "/etc/crier/crierd.conf",
        "/usr/lib/sysusers.d/crier.conf",
        "/usr/lib/tmpfiles.d/crier.conf",
        "/usr/lib/systemd/catalog/crier.catalog",
        "/usr/share/man/man8/crierd.8.gz",
        "/usr/share/man/man1/crierctl.1.gz",
        "/usr/share/man/man5/crierd.conf.5.gz",
        "/usr/share/man/man7/crier-delivery.7.gz",
    ):
        assert path in listed, path
    assert any(path.endswith("/crierd.service") for path in listed)
    examples = [path for path in listed if "/doc/crier/examples/" in path]
    assert len(examples) >= 4
    conffiles = machine.run("dpkg-query", "-W", "-f", "${Conffiles}", "crier").stdout
    assert "/etc/crier/crierd.conf" in conffiles


def test_every_example_is_a_right_configuration(machine):
    found = machine.shell("ls -d /usr/share/doc/crier/examples/*.conf*").stdout.split()
    for path in [*found, "/etc/crier/crierd.conf"]:
        machine.run("crierd", "--check-config", "-c", path)


def test_user_belongs_to_the_journals_group(machine):
    assert "systemd-journal" in machine.run("id", "-nG", "crier").stdout.split()
