# SPDX-License-Identifier: BSD-2-Clause
"""A lab VM: a Debian root that systemd-nspawn boots, with systemd as process 1 and the host's
loopback, so that a broker on the host's 127.0.0.1 is reachable. Each machine works on a layer above
a root that is made once. Needs root. Ends by the id of the process that was started."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from lib import config as configuration
from lib import files, records, root, wait
from lib.journald import Entry

# What a Debian lab VM has beyond its base; journald seals with libgcrypt.
SYSTEM = ("systemd", "systemd-sysv", "dbus", "libgcrypt20")


def build_needs():
    """What the package is built with: what every package is, and what debian/control says, but not
    what only its tests need."""
    control = (files.TREE / "packaging/debian/control").read_text()
    needs = re.search(r"^Build-Depends:(.*?)^\S", control, re.M | re.S).group(1).split(",")
    own = [need.strip() for need in needs if "<!nocheck>" not in need]
    return ["build-essential", "dpkg-dev", *own]


def build_on():
    """What is installed already where build_needs() are; most of these come with it."""
    return os.environ.get("CRIER_NEEDS_BUILD", "").split()


def package():
    """The crier package, built from the tree as it is now in a root of a machine of the release:
    the path of its .deb."""
    contents = [name + "\0" + (files.TREE / name).read_bytes().hex() for name in files.sources()]
    base = root.pristine(root.release(), [*SYSTEM, *build_needs()], build_on())
    with files.once(f"deb-{root.release()}-{files.digest(*contents)}") as (path, new):
        if new:
            for old in files.cache().glob(f"deb-{root.release()}-*"):
                if old != new and old.is_dir():
                    shutil.rmtree(old)
            with root.layer(base) as where:
                root.run(
                    where,
                    [files.TREE / "packaging/build-deb.sh", new],
                    binds=[f"{files.TREE}:ro", new],
                    what="the package was not built",
                )
    return next(path.glob("crier_*.deb"))


def needs(deb):
    """What the package needs at run time, so that its installation downloads nothing."""
    shown = subprocess.run(
        ["dpkg-deb", "--field", deb, "Pre-Depends", "Depends"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = [line.split(":", 1)[1] for line in shown.splitlines()]
    return [need.strip() for need in ",".join(lines).split(",")]


class Machine:
    """A booted machine of the release, with these packages beyond a lab VM's; `on`: see
    root.pristine(). Use it as a context manager."""

    def __init__(self, packages=(), on=()):
        self.name = f"crier-{os.getpid()}-{id(self) & 0xffff:x}"
        self.packages, self.on = packages, on
        self.root = None
        self.process = None
        self.leader = None
        self.groups = []
        self.closing = contextlib.ExitStack()

    def __enter__(self):
        try:
            base = root.pristine(root.release(), [*SYSTEM, *self.packages], self.on)
            self.root = self.closing.enter_context(root.layer(base))
            self._prepare()
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _prepare(self):
        (self.root / "etc/machine-id").write_text("")
        (self.root / "etc/hostname").write_text("lab\n")
        (self.root / "var/log/journal").mkdir(exist_ok=True)

    def _own_groups(self):
        """Control groups of its own where the host's process 1 is not systemd, which would give it
        one: two machines in one group disturb each other."""
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            base = {"name=systemd": "/sys/fs/cgroup/systemd"}.get(controllers)
            if number == "0":
                unified = pathlib.Path("/sys/fs/cgroup/unified")
                base = unified if unified.is_dir() else "/sys/fs/cgroup"
            if base and os.path.exists(f"{base}{path}/cgroup.procs"):
                group = pathlib.Path(f"{base}{path}") / self.name
                with contextlib.suppress(OSError):
                    group.mkdir()
                    self.groups.append(group)

    def _boot(self):
        command = [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            f"--machine={self.name}",
            "-D",
            str(self.root),
            "--boot",
        ]
        if not os.path.isdir("/run/systemd/system"):
            command.insert(1, "--keep-unit")
            self._own_groups()
        self.console = self.root.parent / "console"

        def enter_groups():
            for group in self.groups:
                (group / "cgroup.procs").write_text(str(os.getpid()))

        with open(self.console, "wb") as console:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=enter_groups,
            )
        self.leader = wait.until(self._find_leader, 30, self._console)
        wait.until(self._is_up, 60, self._console, interval=0.2)

    def _console(self):
        return "the machine boots:\n" + self.console.read_text(errors="replace")[-3000:]

    def _find_leader(self):
        """The process on the host that is process 1 of the machine."""
        assert self.process.poll() is None, self._console()
        for path in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for child in path.read_text().split():
                with contextlib.suppress(OSError):
                    status = pathlib.Path(f"/proc/{child}/status").read_text()
                    if any(
                        line.startswith("NSpid:")
                        and line.split()[-1] == "1"
                        and len(line.split()) > 2
                        for line in status.splitlines()
                    ):
                        return int(child)
        return None

    def _is_up(self):
        assert self.process.poll() is None, self._console()
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def close(self):
        """Powers the machine off and takes its layer away."""
        if self.process and self.process.poll() is None:
            if self.leader:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.leader, signal.SIGRTMIN + 4)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                if self.leader:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.leader, signal.SIGKILL)
        for group in self.groups:
            for path in sorted(group.rglob("*"), reverse=True):
                if path.is_dir():
                    with contextlib.suppress(OSError):
                        path.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
        self.closing.close()

    def command(self, *arguments, user=None):
        """The host's command that runs `arguments` inside, as root or as `user`."""
        inside = ["runuser", "-u", user, "--"] if user else []
        return [
            "nsenter",
            "-t",
            str(self.leader),
            "-a",
            "env",
            "-i",
            f"PATH={root.PATH}",
            "LANG=C.UTF-8",
            "TERM=dumb",
            *inside,
            *map(str, arguments),
        ]

    def run(self, *arguments, user=None, check=True, timeout=60, stdin=None):
        """Runs a command inside to its end; the result has returncode, stdout and stderr (text)."""
        more = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        result = subprocess.run(
            self.command(*arguments, user=user),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout * wait.SLOWNESS,
            **more,
        )
        if check and result.returncode != 0:
            raise AssertionError(
                f"{' '.join(map(str, arguments))}: {result.returncode}\n"
                f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
            )
        return result

    def shell(self, script, **more):
        return self.run("sh", "-ec", script, **more)

    def path(self, inside):
        """Where a file of the machine is on the host."""
        return self.root / str(inside).lstrip("/")

    def write(self, inside, text):
        """Writes a file inside, readable by all."""
        self.run("sh", "-c", f"umask 022; cat >'{inside}'", stdin=text)

    def install(self, deb):
        """Installs a package file as a user would."""
        self.shell("mkdir -p /root/packages")
        shutil.copy2(deb, self.path("/root/packages"))
        return self.run(
            "apt-get",
            "install",
            "--yes",
            "--no-install-recommends",
            f"/root/packages/{deb.name}",
            timeout=120,
        )

    def journal(self, *matches, user=None, timeout=60):
        """Journal entries: journalctl -o json --all with options or matches."""
        found = self.run(
            "journalctl",
            "--quiet",
            "--no-pager",
            "--all",
            "-o",
            "json",
            *matches,
            user=user,
            timeout=timeout,
        )
        return [entry(json.loads(line)) for line in found.stdout.splitlines()]

    def show(self, unit, property_name):
        """One property of a unit."""
        return self.run("systemctl", "show", "-P", property_name, unit).stdout.strip()


def entry(fields):
    """An Entry from an object of journalctl -o json: text is a string, other bytes are a list of
    numbers, and a field that occurs several times is a list of these."""

    def value(item):
        return bytes(item) if isinstance(item, list) else item.encode()

    made = Entry()
    for name, item in fields.items():
        several = isinstance(item, list) and any(not isinstance(part, int) for part in item)
        made[name] = [value(part) for part in item] if several else [value(item)]
    return made


class Service:
    """crierd as the machine's service: what a user does with systemctl, journalctl and crierctl."""

    def __init__(self, machine):
        self.machine = machine

    def configure(self, config):
        """Writes the configuration; a dict for lib.config.text(), or text."""
        text = config if isinstance(config, str) else configuration.text(config)
        self.machine.write("/etc/crier/crierd.conf", text)

    def restart(self, config=None):
        """Starts it anew, with this configuration, and waits as systemctl does."""
        if config is not None:
            self.configure(config)
        self.machine.run("systemctl", "reset-failed", "crierd", check=False)
        self.machine.run("systemctl", "restart", "crierd")

    def stop(self):
        self.machine.run("systemctl", "stop", "crierd")

    pid = property(lambda self: int(self.machine.show("crierd", "MainPID")))

    def entries(self, *matches, user=None):
        """The entries of the run that is on, or was the last."""
        invocation = self.machine.show("crierd", "InvocationID")
        return self.machine.journal(
            "-u", "crierd", f"_SYSTEMD_INVOCATION_ID={invocation}", *matches, user=user
        )

    def events(self, group=None, since=0):
        matches = [f"MESSAGE_ID={records.IDS['EVENT']}"]
        found = self.entries(*matches, *([f"KAFKA_GROUP={group}"] if group else []))
        return found[since:]

    def records(self, kind):
        return self.entries(f"MESSAGE_ID={records.IDS[kind]}")

    def last_words(self, *matches, pid=None):
        """What the last process, or `pid`, has said that has ended: texts. Of one that is dead when
        journald takes its words, journald may not find out the unit any more."""
        pid = pid or self.machine.show("crierd", "ExecMainPID")
        self.machine.run("journalctl", "--sync")
        words = ["journalctl", "--quiet", "--no-pager", "-o", "cat", f"_PID={pid}", *matches]
        # It ends with 1 where --grep= finds nothing.
        return self.machine.run(*words, check=False).stdout.splitlines()

    def wait_events(self, count, timeout=40, group=None, since=0):
        return wait.until(
            lambda: found if len(found := self.events(group, since)) >= count else None,
            timeout,
            lambda: f"{count} events; there are {len(self.events(group, since))}",
            interval=0.5,
        )

    def status(self, user=None):
        return json.loads(self.machine.run("crierctl", "status", "--json", user=user).stdout)

    def group(self, name):
        return next(g for g in self.status()["groups"] if g["name"] == name)

    def producer(self, name):
        return next(p for p in self.status()["producers"] if p["name"] == name)

    def wait_stable(self, timeout=60):
        """Waits until all groups are stable, and returns the status."""

        def stable():
            status = self.status()
            return status if all(g["stable"] for g in status["groups"]) else None

        return wait.until(stable, timeout, lambda: str(self.status()), interval=0.3)
