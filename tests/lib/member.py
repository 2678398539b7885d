# SPDX-License-Identifier: BSD-2-Clause
"""Members of a group that are not crier's: the lab's script and kcat, as processes."""

import ast
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

LABSCRIPT = pathlib.Path(__file__).with_name("labscript.py")


class Member:
    """A process with its output in files. Leaving the context ends it."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="crier-member-"))
        self.process = None

    def __enter__(self):
        with open(self.directory / "stdout", "wb") as out, open(
            self.directory / "stderr", "wb"
        ) as err:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    stdout = property(lambda self: (self.directory / "stdout").read_text(errors="replace"))
    stderr = property(lambda self: (self.directory / "stderr").read_text(errors="replace"))

    def stop(self, number=signal.SIGINT, timeout=20):
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()
        self.process.wait()


class LabScript(Member):
    """The lab's script with one consumer for each group in `groups`."""

    def __init__(
        self,
        bootstrap,
        topic,
        groups=(),
        producers=0,
        rate=1.0,
        keys=(),
        start="latest",
        properties=(),
    ):
        command = [
            sys.executable,
            LABSCRIPT,
            bootstrap,
            topic,
            "--producers",
            producers,
            "--rate",
            rate,
            "--start",
            start,
        ]
        for option, values in (("--group", groups), ("--key", keys), ("--property", properties)):
            for value in values:
                command += [option, value]
        super().__init__(command)

    def owned(self, number=0):
        """The partitions that consumer `number` owns now; None before its first assignment."""
        found = re.findall(rf"^Consumer {number} owns (\[.*\])$", self.stderr, re.M)
        return ast.literal_eval(found[-1]) if found else None

    def printed(self, number=0):
        """The lines that consumer `number` printed for events."""
        return re.findall(rf"^Consumer {number}: (.*)$", self.stdout, re.M)


class Kcat(Member):
    """kcat as one member of a group; prints `partition offset value` lines."""

    def __init__(self, bootstrap, group, topic, properties=()):
        command = ["kcat", "-b", bootstrap, "-u", "-f", "%p %o %s\\n"]
        for value in properties:
            command += ["-X", value]
        super().__init__(command + ["-G", group, topic])

    def lines(self):
        return [line.split(" ", 2) for line in self.stdout.splitlines() if line.count(" ") >= 1]

    def owned(self):
        """The partitions that kcat owns now; None before its first assignment."""
        found = re.findall(
            r"^% Group \S+ rebalanced \(memberid \S+\): (assigned|revoked): ?(.*)$",
            self.stderr,
            re.M,
        )
        if not found:
            return None
        kind, places = found[-1]
        return (
            sorted(int(p) for p in re.findall(r"\[(\d+)\]", places)) if kind == "assigned" else []
        )
