# SPDX-License-Identifier: BSD-2-Clause
"""A socket that answers as crierd would, or as nothing should: for what crierctl makes of it."""

import contextlib
import json
import socket
import threading


def trouble(code="broker-lost", text="the broker is gone", advice="start it", since_ms=1000):
    return {"code": code, "text": text, "advice": advice, "since_ms": since_ms}


def partition(number, topic="post.office", lag=0, **more):
    return {
        "topic": topic,
        "partition": number,
        "position": 10,
        "committed": 10,
        "lag": lag,
        "open_transaction_ms": None,
        "held": 0,
        "ledger": None,
        **more,
    }


def consumer(number, partitions=(), group="invoice-services", **more):
    return {
        "consumer": number,
        "group": group,
        "client_id": f"crier-{group}-consumer-{number}",
        "state": "owner" if partitions else "standby",
        "paused": False,
        "received": 10 * len(partitions),
        "written": 10 * len(partitions),
        "per_second": 1.5 * len(partitions),
        "trouble": None,
        "partitions": list(partitions),
        **more,
    }


def group(name="invoice-services", consumers=(), **more):
    return {
        "name": name,
        "topics": ["post.office"],
        "delivery": "at-least-once",
        "configured": "auto",
        "reason": "nothing better is there",
        "log": True,
        "start": "latest",
        "wanted": len(consumers),
        "stable": True,
        "rebalances": 1,
        "received": sum(c["received"] for c in consumers),
        "written": sum(c["written"] for c in consumers),
        "per_second": 7.5,
        "lag": 0,
        "standbys": [c["consumer"] for c in consumers if c["state"] == "standby"],
        "trouble": None,
        "consumers": list(consumers),
        **more,
    }


def producer(name="office", **more):
    return {
        "name": name,
        "topic": "post.office",
        "rate": 1.0,
        "count": 0,
        "made": 120,
        "acked": 119,
        "failed": 0,
        "overflowed": 0,
        "queued": 1,
        "per_second": 0.98,
        "state": "running",
        "trouble": None,
        **more,
    }


def status(**more):
    """A whole reply of Status: lab task 2, five partitions and seven consumers."""
    consumers = [consumer(n, [partition(n, lag=n)]) for n in range(5)]
    consumers += [consumer(5), consumer(6)]
    return {
        "version": "0.1.0",
        "pid": 4711,
        "state": "running",
        "uptime_ms": 123_000,
        "cluster": {
            "bootstrap": "127.0.0.1:41001",
            "embedded": True,
            "id": "mockCluster1",
            "state": "up",
            "trouble": None,
        },
        "sink": {
            "kind": "journal",
            "target": "/run/systemd/journal/socket",
            "state": "ok",
            "entries": 50,
            "trouble": None,
        },
        "producers": [producer()],
        "groups": [group(consumers=consumers, lag=10)],
        **more,
    }


@contextlib.contextmanager
def serving(path, respond):
    """Serves one connection after the other in a thread: respond(connection, call) is given each
    call, as bytes without the NUL, and does what it likes with the connection."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(8)
    calls = []
    end = threading.Event()

    def serve():
        while not end.is_set():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                buffer = b""
                while b"\0" not in buffer and not end.is_set():
                    chunk = connection.recv(65536)
                    if not chunk:
                        break
                    buffer += chunk
                if b"\0" in buffer:
                    calls.append(json.loads(buffer.split(b"\0")[0]))
                    respond(connection, end)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield calls
    finally:
        end.set()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as wake:
            wake.connect(str(path))
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


def frames(*replies):
    """Replies as they are sent."""
    return b"".join(json.dumps(reply).encode() + b"\0" for reply in replies)


def replying(path, reply):
    """serving(), with one reply to everything: a dict, a list of dicts that follow each other, or
    bytes that are sent as they are."""
    if isinstance(reply, dict):
        reply = [reply]
    if not isinstance(reply, bytes):
        reply = frames(*reply)
    return serving(path, lambda connection, _: connection.sendall(reply))
