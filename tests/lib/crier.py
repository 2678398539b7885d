# SPDX-License-Identifier: BSD-2-Clause
"""Runs a crierd with a configuration of its own in a directory of its own, and asks it for its
status."""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from lib import config as configuration
from lib import varlink, wait

TREE = pathlib.Path(__file__).resolve().parents[2]


def program(name):
    """The built program: $CRIERD or $CRIERCTL, else the one at the root of the tree."""
    return os.environ.get(name.upper()) or str(TREE / name)


def wrapper():
    """What runs the programs, for example valgrind: $CRIER_WRAPPER, split as a shell would."""
    return shlex.split(os.environ.get("CRIER_WRAPPER", ""))


# Where crierctl shows the same everywhere.
CTL_ENV = {"LC_ALL": "C.UTF-8", "NO_COLOR": "", "CRIER_SOCKET": "", "COLUMNS": "", "TZ": "UTC"}


def ctl(*arguments, socket_path=None, timeout=20, env=None):
    """Runs crierctl; the result has returncode, stdout and stderr (text)."""
    command = [program("crierctl")] + (["-s", str(socket_path)] if socket_path else [])
    return subprocess.run(
        command + list(arguments),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )


class Crier:
    """One crierd. Use it as a context manager: leaving ends the process, whatever happened.

    config:   a dict for lib.config.text(), or the text of a configuration file
    journal:  a FakeJournal; without one the sink is standard output
    ready:    wait until the daemon has said READY=1
    """

    def __init__(self, config, journal=None, arguments=(), env=None, ready=True, directory=None):
        self.own_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="crier-test-"))
        self.text = config if isinstance(config, str) else configuration.text(config)
        self.journal = journal
        self.arguments = list(arguments)
        self.env = env or {}
        self.wait_ready = ready
        self.process = None
        self.notified = []
        self.notify_socket = None
        self.started = None

    socket_path = property(lambda self: self.directory / "control")
    config_path = property(lambda self: self.directory / "crierd.conf")
    stdout = property(lambda self: (self.directory / "stdout").read_text(errors="replace"))
    stderr = property(lambda self: (self.directory / "stderr").read_text(errors="replace"))
    pid = property(lambda self: self.process.pid)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.end()
                self.check_sanitizers()
        finally:
            self.close()

    def command(self):
        sink = (
            ["--sink=journal", f"--journal-socket={self.journal.path}"]
            if self.journal
            else ["--sink=stdout"]
        )
        return (
            wrapper()
            + [program("crierd"), f"--config={self.config_path}", f"--socket={self.socket_path}"]
            + sink
            + self.arguments
        )

    def start(self):
        """Starts the daemon and, unless ready=False, waits for READY=1."""
        self.config_path.write_text(self.text)
        path = self.directory / "notify"
        path.unlink(missing_ok=True)
        if self.notify_socket:
            self.notify_socket.close()
        self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify_socket.bind(str(path))
        self.notify_socket.settimeout(0.2)
        self.notified = []
        threading.Thread(
            target=self._read_notifications, args=(self.notify_socket, self.notified), daemon=True
        ).start()
        env = {**os.environ, "NOTIFY_SOCKET": str(path), **self.env}
        with open(self.directory / "stdout", "wb") as out, open(
            self.directory / "stderr", "wb"
        ) as err:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=env,
                cwd=self.directory,
            )
        if self.wait_ready:
            wait.until(
                lambda: self.notification("READY") or not self.running(),
                20,
                "READY=1",
                interval=0.01,
            )
            assert self.notification(
                "READY"
            ), f"crierd ended with {self.process.returncode} before it was ready:\n{self.stderr}"
        return self

    def close(self):
        """Ends the process, if it still runs, and removes the directory."""
        if self.running():
            self.process.kill()
            self.process.wait()
        if self.notify_socket:
            sock, self.notify_socket = self.notify_socket, None
            sock.close()
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def notifications(self):
        """All sd_notify assignments so far, in order: [(name, value), …]."""
        return list(self.notified)

    def _read_notifications(self, sock, notified):
        """Reads as systemd does, at once: a full socket would make the daemon wait."""
        while self.notify_socket is sock:
            try:
                datagram = sock.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                return
            for line in datagram.decode().splitlines():
                notified.append(tuple(line.split("=", 1)))

    def notification(self, name):
        """The newest value of one sd_notify variable; None before there is one."""
        return dict(self.notifications()).get(name)

    def call(self, method, timeout=5, **parameters):
        """Calls a method; where crierd has ended meanwhile the error says how."""
        try:
            return varlink.call(self.socket_path, method, timeout * wait.SLOWNESS, **parameters)
        except ConnectionError as error:
            try:
                code = self.process.wait(1)
            except subprocess.TimeoutExpired:
                raise error from None
            raise ConnectionError(f"crierd ended with {code}:\n{self.stderr}") from error

    def change(self, method, timeout=90, **parameters):
        """Calls a method of io.crier.Control that waits until its effect is there."""
        return self.call(f"io.crier.Control.{method}", timeout, **parameters)

    def status(self):
        return self.call("io.crier.Control.Status")

    def ctl(self, *arguments, **more):
        return ctl(*arguments, socket_path=self.socket_path, **more)

    def group(self, name):
        return next(g for g in self.status()["groups"] if g["name"] == name)

    def producer(self, name):
        return next(p for p in self.status()["producers"] if p["name"] == name)

    @property
    def bootstrap(self):
        """The embedded broker's address, from the file beside the control socket."""
        return (self.directory / "bootstrap").read_text().strip()

    def wait_stable(self, *names, owners=None, timeout=40):
        """Waits until the groups (all, without names) are stable, and `owners` of their consumers
        own a partition. Returns the status."""

        def stable():
            status = self.status()
            groups = [g for g in status["groups"] if not names or g["name"] in names]
            if not groups or not all(g["stable"] for g in groups):
                return None
            if owners is not None and any(len(self.owners(g)) != owners for g in groups):
                return None
            return status

        return wait.until(
            stable, timeout, lambda: f"a stable group: {self.status()['groups']}\n{self.stderr}"
        )

    @staticmethod
    def owners(group):
        """{consumer number: [(topic, partition), …]} of the consumers that own something."""
        return {
            c["consumer"]: [(p["topic"], p["partition"]) for p in c["partitions"]]
            for c in group["consumers"]
            if c["partitions"]
        }

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=10):
        """Waits for the end and returns the exit code."""
        try:
            return self.process.wait(timeout * wait.SLOWNESS)
        except subprocess.TimeoutExpired:
            raise wait.Timeout(
                f"crierd still runs after {timeout * wait.SLOWNESS:.0f} s:\n{self.stderr}"
            )

    def stop(self, number=signal.SIGTERM, timeout=10):
        """Stops the daemon by a signal; returns the exit code and how many seconds the stop
        took."""
        begin = time.monotonic()
        self.send(number)
        code = self.wait(timeout)
        return code, time.monotonic() - begin

    def kill(self):
        """SIGKILL: the daemon dies without leaving its groups."""
        self.process.kill()
        self.process.wait()

    def memory(self):
        """Resident anonymous memory in bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB", text, re.M).group(1)) * 1024

    def end(self):
        """Ends what still runs: by SIGKILL, but where leaks are looked for as they are found, at an
        orderly end."""
        if not self.running():
            return
        if wrapper() or "ASAN_OPTIONS" in os.environ:
            with contextlib.suppress(wait.Timeout):
                self.stop(timeout=15)
        if self.running():
            self.kill()

    def check_sanitizers(self):
        """Fails where AddressSanitizer, UndefinedBehaviorSanitizer or valgrind has complained."""
        signs = "ERROR: (Address|Leak)Sanitizer|runtime error:" + ("|^==[0-9]+==" * bool(wrapper()))
        assert not re.search(signs, self.stderr, re.M), self.stderr


def run(*arguments, timeout=10, env=None, **more):
    """Runs crierd to its end, for what ends by itself (--help, --check-config, errors)."""
    return subprocess.run(
        wrapper() + [program("crierd"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout * wait.SLOWNESS,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        **more,
    )
