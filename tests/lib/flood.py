# SPDX-License-Identifier: BSD-2-Clause
"""Clients that nobody would want, each process with many connections to a control socket: Flood
starts them. As a program: flood.py SOCKET UID KIND COUNT … (more KINDs and COUNTs)."""

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys

CALL = b'{"method":"io.crier.Control.Status"}\0'
LIMIT = 16


class Client:
    """One connection that is made anew whenever it ends."""

    def __init__(self, path, counts):
        self.path = path
        self.counts = counts

    def begin(self, selector):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        self.socket.setblocking(False)
        self.counts["connections"] += 1
        selector.register(self.socket, selectors.EVENT_READ, self)
        with contextlib.suppress(BrokenPipeError):
            # It may be refused at once.
            self.greet()

    def end(self, selector):
        selector.unregister(self.socket)
        self.socket.close()

    def send(self, data):
        """Whether it was taken."""
        try:
            return self.socket.send(data) > 0
        except BlockingIOError:
            return False

    def greet(self):
        """What is said first."""

    def ready(self):
        """Something is to read; false where the connection has ended."""
        data = self.socket.recv(1 << 20)
        self.counts["replies"] += data.count(b"\0")
        return bool(data)


class Status(Client):
    """Asks for the status as fast as it is answered, four calls ahead."""

    def greet(self):
        self.send(CALL * 4)

    def ready(self):
        data = self.socket.recv(1 << 20)
        ended = data.count(b"\0")
        self.counts["replies"] += ended
        self.send(CALL * ended)
        return bool(data)


class Deaf(Client):
    """Asks and asks, and never reads."""

    def greet(self):
        while self.send(CALL * 100):
            pass

    def ready(self):
        # The end of a connection is seen by writing.
        self.send(CALL)
        return True


class Partial(Client):
    """Sends most of a call."""

    def greet(self):
        self.send(CALL[:-5])


class HalfClosed(Client):
    """Sends a call and then no more."""

    def greet(self):
        self.send(CALL)
        self.socket.shutdown(socket.SHUT_WR)


class Garbage(Client):
    """Sends what is no call, over and over."""

    def greet(self):
        self.send(b"[" * 5000 + b"\0")


class Idle(Client):
    """Connects and says nothing."""


KINDS = {
    "status": Status,
    "deaf": Deaf,
    "partial": Partial,
    "half-closed": HalfClosed,
    "garbage": Garbage,
    "idle": Idle,
}


def serve(selector):
    """One turn; false where standard input has ended."""
    for key, _ in selector.select():
        if key.data is None:
            return False
        try:
            goes_on = key.data.ready()
        except (BrokenPipeError, ConnectionResetError):
            goes_on = False
        if not goes_on:
            key.data.counts["ended"] += 1
            key.data.end(selector)
            key.data.begin(selector)
    return True


def main(path, uid, *kinds):
    if int(uid) != os.getuid():
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    counts = {}
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ, None)
        for kind, count in zip(kinds[::2], kinds[1::2]):
            counts[kind] = {"connections": 0, "replies": 0, "ended": 0}
            for _ in range(int(count)):
                KINDS[kind](path, counts[kind]).begin(selector)
        print("ready", flush=True)
        while serve(selector):
            pass
    print(json.dumps(counts))


class Flood:
    """Processes of clients, until the block ends. `users` has a dict of kinds and how many for each
    user, 16 connections at most: more are refused. As root each is a user of its own. `command`
    runs this file somewhere else."""

    def __init__(self, path, *users, command=(sys.executable, __file__)):
        self.path = path
        self.command = command
        self.users = users if os.geteuid() == 0 else users[:1]
        self.processes = []
        self.counts = {}

    def __enter__(self):
        for number, kinds in enumerate(self.users):
            uid = 60000 + number if os.geteuid() == 0 else os.getuid()
            words = [str(word) for pair in kinds.items() for word in pair]
            self.processes.append(subprocess.Popen(
                [*self.command, str(self.path), str(uid), *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for process in self.processes:
            assert process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        for process in self.processes:
            for kind, counts in json.loads(process.communicate()[0] or "{}").items():
                total = self.counts.setdefault(kind, dict.fromkeys(counts, 0))
                for name, count in counts.items():
                    total[name] += count


if __name__ == "__main__":
    main(*sys.argv[1:])
