# SPDX-License-Identifier: BSD-2-Clause
"""What can happen to a machine and its broker, on demand: processes that are killed or stand still,
a journald that drops, a full disk, a journal socket that is gone, a user who forges entries, a
member that is expelled. Every fault ends with its block."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

from lib import records, wait

JOURNAL = "/var/log/journal"
SOCKETS = ("systemd-journald.socket", "systemd-journald-dev-log.socket")


class Unit:
    """The process of a service of the machine, found and signalled from the host."""

    def __init__(self, machine, name):
        self.machine = machine
        self.name = name
        self.deaths = 0
        self.found = None

    def _has(self, pid):
        """Whether this is a process of the service, on this machine."""
        with contextlib.suppress(OSError):
            groups = pathlib.Path(f"/proc/{pid}/cgroup").read_text().split("\n")
            if any(line.endswith(f"/{self.name}.service") for line in groups):
                own = os.readlink(f"/proc/{self.machine.leader}/ns/pid")
                return os.readlink(f"/proc/{pid}/ns/pid") == own
        return False

    @property
    def pid(self):
        """The host's id of the service's oldest process; None while there is none. The one that was
        found last is looked at first: looking at all of them takes its time."""
        if self.found is None or not self._has(self.found):
            numbers = (int(path.name) for path in pathlib.Path("/proc").glob("[0-9]*"))
            self.found = min(filter(self._has, numbers), default=None)
        return self.found

    def signal(self, number):
        """Sends a signal; false where there is no process."""
        pid = self.pid
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, number)
                return True
        return False

    def kill(self):
        """SIGKILL; the service manager starts it again."""
        died = self.signal(signal.SIGKILL)
        self.deaths += died
        return died

    def kill_and_wait(self, timeout=30):
        """SIGKILL, and waits for the next process."""
        old = wait.until(lambda: self.pid, timeout, f"{self.name} runs")
        self.kill()
        wait.until(lambda: self.pid not in (None, old), timeout, f"{self.name} runs again")

    @contextlib.contextmanager
    def frozen(self):
        """It stands still for the length of the block."""
        pid = wait.until(lambda: self.pid, 30, f"{self.name} runs")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def slow(self, share=0.1):
        """It runs for only a part of the time, until the block ends."""
        pid = wait.until(lambda: self.pid, 30, f"{self.name} runs")
        ended = threading.Event()

        def stutter():
            with contextlib.suppress(ProcessLookupError):
                while not ended.is_set():
                    os.kill(pid, signal.SIGSTOP)
                    time.sleep(0.05 * (1 - share))
                    os.kill(pid, signal.SIGCONT)
                    time.sleep(0.05 * share)

        thread = threading.Thread(target=stutter, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def memory(self):
        """Anonymous resident bytes: the journal's files, which are mapped to be read back, are the
        page cache's. 0 while there is no process."""
        with contextlib.suppress(OSError, TypeError):
            for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        return 0


def _limit_memory(pid):
    """The file that limits a process's memory: that of the unit's control group, or, where the
    machine's service manager has no hold of memory, of a new group on the host (cgroups(7),
    versions 2 and 1)."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            group = pathlib.Path(f"/sys/fs/cgroup/memory{path}/little-{pid}")
            group.mkdir()
            (group / "cgroup.procs").write_text(str(pid))
            return group / "memory.limit_in_bytes"
    return pathlib.Path(f"/sys/fs/cgroup{path}/memory.max")


@contextlib.contextmanager
def little_memory(unit, more):
    """The process of the unit may use so many bytes more than it does now; the kernel kills it
    where it needs them."""
    pid = wait.until(lambda: unit.pid, 30, f"{unit.name} runs")
    limit = _limit_memory(pid)
    limit.write_text(str(unit.memory() + more))
    try:
        yield pid
    finally:
        with contextlib.suppress(OSError):
            limit.write_text("max" if limit.name == "memory.max" else "-1")
        if limit.name != "memory.max":
            with contextlib.suppress(ProcessLookupError):
                (limit.parent.parent / "cgroup.procs").write_text(str(pid))
            limit.parent.rmdir()


def configure_journald(machine, **settings):
    """Starts journald anew with these settings of journald.conf(5), and no others."""
    machine.run("mkdir", "-p", "/etc/systemd/journald.conf.d")
    text = "[Journal]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())
    machine.write("/etc/systemd/journald.conf.d/test.conf", text)
    machine.run("systemctl", "restart", "systemd-journald")


def drop_in(machine, unit, name, text):
    """A drop-in for a unit, read at once; without text, takes it away."""
    directory = f"/etc/systemd/system/{unit}.d"
    if text:
        machine.run("mkdir", "-p", directory)
        machine.write(f"{directory}/{name}.conf", text)
    else:
        machine.run("rm", "-f", f"{directory}/{name}.conf")
    machine.run("systemctl", "daemon-reload")


def many_files(machine, count=100):
    """Gives the journal so many files more, each with an entry."""
    machine.shell(
        f"for i in $(seq {count}); do logger file $i; journalctl --quiet --rotate; done",
        timeout=120,
    )
    found = machine.shell(f"ls {JOURNAL}/*/*.journal | wc -l").stdout
    assert int(found) >= count


@contextlib.contextmanager
def journal_socket_gone(machine):
    """Nobody listens where entries are sent to; what the sockets held is gone with them."""
    machine.run("systemctl", "stop", *SOCKETS, "systemd-journald.service")
    try:
        yield
    finally:
        machine.run("systemctl", "start", *SOCKETS, "systemd-journald.service")


@contextlib.contextmanager
def unreadable(machine):
    """Nobody but root may read the journal's files."""
    files = f"find {JOURNAL} -name 'system*.journal'"
    machine.shell(f"{files} -exec chmod g-r {{}} +")
    try:
        yield
    finally:
        machine.shell(f"{files} -exec chmod g+r {{}} +")


@contextlib.contextmanager
def small_disk(machine, megabytes):
    """The journal is on a disk of its own, of this size, until the block ends; its content is gone
    then."""
    machine.run("mount", "-t", "tmpfs", "-o", f"size={megabytes}M,mode=2755", "tmpfs", JOURNAL)
    try:
        machine.run("systemd-tmpfiles", "--create", f"--prefix={JOURNAL}")
        machine.run("systemctl", "restart", "systemd-journald")
        machine.run("journalctl", "--flush")
        yield
    finally:
        machine.run("umount", "--lazy", JOURNAL)
        machine.run("systemctl", "restart", "systemd-journald")
        machine.run("journalctl", "--flush")


def _fill(machine, directory):
    machine.shell(f"cat /dev/zero >{directory}/.ballast 2>/dev/null || :")


@contextlib.contextmanager
def full_disk(machine, memory=False):
    """The journal's disk is full until the block ends. journald then goes on in /run, at some
    hundred entries a second, and moves these to the disk when that has room again; with `memory`
    there is no room in /run either, and what comes in is dropped."""
    volatile = "/run/log/journal"
    if memory:
        machine.run("mkdir", "-p", volatile)
        machine.run("mount", "-t", "tmpfs", "-o", "size=1M,mode=2755", "tmpfs", volatile)
        _fill(machine, volatile)
    _fill(machine, JOURNAL)
    try:
        yield
    finally:
        machine.run("rm", "-f", f"{JOURNAL}/.ballast")
        if memory:
            machine.run("umount", "--lazy", volatile)


@contextlib.contextmanager
def rate_limit(machine):
    """journald takes some thousand entries a second from crierd and drops the rest (four times the
    burst where it has gigabytes of room). From crierd's next start on."""
    limit = "[Service]\nLogRateLimitIntervalSec=2s\nLogRateLimitBurst=1500\n"
    drop_in(machine, "crierd.service", "limit", limit)
    try:
        yield
    finally:
        drop_in(machine, "crierd.service", "limit", None)


@contextlib.contextmanager
def running(command):
    """A process beside what the block does; ended with it."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# Sends each of the NUL-separated entries on standard input to the journal.
SENDER = (
    'use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0); connect(S, sockaddr_un('
    '"/run/systemd/journal/socket")) or die $!; $/ = "\\0"; while (<STDIN>) '
    "{ chomp; send(S, $_, 0) or die $! }"
)


def forge(machine, group, topic, events, epochs=(), barriers=()):
    """Another user writes entries as crierd would for these events, under each of these epochs, and
    these barriers. Returns how many."""
    entries = []
    for epoch in epochs or [None]:
        for partition, offset, timestamp in events:
            entries.append(
                f"MESSAGE=forged\nMESSAGE_ID={records.IDS['EVENT']}\nPRIORITY=6\n"
                f"KAFKA_GROUP={group}\nKAFKA_TOPIC={topic}\nKAFKA_PARTITION={partition}\n"
                f"KAFKA_OFFSET={offset}\nKAFKA_TIMESTAMP={timestamp}\nCRIER_CONSUMER=1\n"
                "SYSLOG_IDENTIFIER=crierd\n" + (f"CRIER_EPOCH={epoch}\n" if epoch else "")
            )
    for barrier in barriers:
        entries.append(
            f"MESSAGE=forged\nMESSAGE_ID={records.IDS['BARRIER']}\nPRIORITY=7\n"
            f"CRIER_BARRIER={barrier}\n"
        )
    machine.run("perl", "-e", SENDER, user="student", stdin="\0".join(entries))
    return len(entries)


def expel(broker, group, member):
    """Tells the group's coordinator, which is this (host, port), that a member has left (Kafka's
    protocol: LeaveGroup, version 0); the member itself knows nothing of it."""

    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    request = struct.pack(">hhi", 13, 0, 1) + text("test") + text(group) + text(member)
    with socket.create_connection(broker, 10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = b""
        while len(answer) < 10:
            more = connection.recv(100)
            assert more, "the broker refused to expel a member"
            answer += more
    (error,) = struct.unpack(">h", answer[8:10])
    return error


class Second:
    """Another crierd on the same machine: a service like the first one, with a configuration and a
    control socket of its own and the same state directory. Ends with its block."""

    name = "crier-second"
    socket = f"/run/{name}/control"

    def __init__(self, machine, config):
        self.machine = machine
        self.config = config
        self.unit = Unit(machine, self.name)

    def __enter__(self):
        self.machine.write(f"/etc/crier/{self.name}.conf", self.config)
        self.machine.shell(
            f"sed -e 's,^ExecStart=.*,& -c /etc/crier/{self.name}.conf -s {self.socket},'"
            f" -e 's,^RuntimeDirectory=crier$,RuntimeDirectory={self.name},'"
            f" -e 's,^RestartSec=.*,RestartSec=200ms,'"
            f" -e 's,^StartLimitIntervalSec=.*,StartLimitIntervalSec=0,'"
            f" $(systemctl show -P FragmentPath crierd) >/etc/systemd/system/{self.name}.service"
        )
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "start", self.name)
        return self

    def __exit__(self, *_):
        self.unit.signal(signal.SIGCONT)
        self.machine.run("systemctl", "stop", self.name, check=False)
        self.machine.run("rm", "-f", f"/etc/systemd/system/{self.name}.service")
        self.machine.run("systemctl", "daemon-reload")
