# SPDX-License-Identifier: BSD-2-Clause
"""Where the tests keep what is costly to make: jars, the virtual machine's root, packages. Outside
the tree."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import socket
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]


def cache():
    """$CRIER_CACHE, else crier/ in the user's cache directory; made where it does not exist."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = pathlib.Path(os.environ.get("CRIER_CACHE") or os.path.join(home, "crier"))
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def once(name):
    """Makes a directory in the cache once, whoever else wants it at the same time; it is called
    KIND-WHICH, and one of a kind is made at a time. Yields (path, new): where `new` is not None,
    fill that directory; it becomes `path` when the block ends well."""
    path = cache() / name
    with open(cache() / f"{name.rpartition('-')[0]}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            yield path, None
            return
        new = cache() / f"{name}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield path, new
        new.rename(path)


def digest(*texts):
    """A short name for contents."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def sources():
    """The files of the tree that belong to it."""
    found = subprocess.run([TREE / "packaging/tree.sh"], check=True, capture_output=True)
    return sorted(name.decode() for name in found.stdout.split(b"\0") if name)


def free_ports(count):
    """Ports of 127.0.0.1 that no one listens on now, outside the range that outgoing connections
    take theirs from. No other process is given them as long as this one lives, also where it has
    another root and only the network in common."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = []
    first = max(free_ports.last + 1, 10000 + os.getpid() * 7 % max(low - 11000, 1))
    for port in range(first, 65535):
        if not _reserve(port):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        free_ports.last = port
        if len(found) == count:
            return found
    raise OSError("no free port")


def _reserve(port):
    """Whether the port is this process's now. Abstract names belong to the network as ports do,
    unix(7), and end with the process."""
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0crier-test-port-{port}")
    except OSError:
        held.close()
        return False
    free_ports.held.append(held)
    return True


free_ports.last = 0
free_ports.held = []
