# SPDX-License-Identifier: BSD-2-Clause
"""A Varlink client of a few lines, written from varlink.org and not from crier's own code, so that
the two check each other."""

import json
import pathlib
import socket

from lib.interface import Interface

TREE = pathlib.Path(__file__).resolve().parents[2]
CONTROL = Interface((TREE / "src/protocol/io.crier.Control.varlink").read_text())


def check(method, reply):
    """Fails where a reply is not as our interface describes it."""
    interface, _, name = method.rpartition(".")
    error_interface, _, error = reply.get("error", "").rpartition(".")
    if error_interface == CONTROL.name:
        CONTROL.check(CONTROL.errors[error], reply.get("parameters", {}), error)
    elif not error and interface == CONTROL.name:
        CONTROL.check(CONTROL.methods[name][1], reply.get("parameters", {}), name)


class VarlinkError(Exception):
    """An error reply: .name is the error's full name, .parameters its parameters."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {json.dumps(parameters)}")
        self.name = name
        self.parameters = parameters


class Connection:
    """One connection to a Varlink service on a UNIX socket."""

    def __init__(self, path, timeout=5.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, message):
        """Sends one message: a dict, or bytes that are sent as they are."""
        if not isinstance(message, bytes):
            message = json.dumps(message).encode() + b"\0"
        self.socket.sendall(message)

    def receive(self):
        """The next reply as a dict; None where the service has closed the connection."""
        while b"\0" not in self.buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                return None
            self.buffer += chunk
        frame, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(frame)

    def call(self, method, **parameters):
        """Calls a method and returns the reply's parameters."""
        self.send({"method": method, "parameters": parameters})
        reply = self.receive()
        if reply is None:
            raise ConnectionError("the service closed the connection without a reply")
        check(method, reply)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters", {}))
        return reply.get("parameters", {})


def call(path, method, timeout=5.0, **parameters):
    """One call over a connection of its own."""
    with Connection(path, timeout) as connection:
        return connection.call(method, **parameters)
