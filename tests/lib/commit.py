# SPDX-License-Identifier: BSD-2-Clause
"""Commits offsets with metadata for a group without members, as crierd or another program would. In
Kafka's own protocol, because the Python client of Debian 12 knows no metadata."""

import socket
import struct

from lib import wait

OFFSET_COMMIT, FIND_COORDINATOR = 8, 10
# Kafka's COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: the first group
# of a broker has no coordinator before one looks for it.
NOT_YET = {14, 15, 16}


def text(value):
    data = b"" if value is None else value.encode()
    return struct.pack(">h", -1 if value is None else len(data)) + data


def commit(bootstrap, group, topic, offsets, metadata=None):
    """offsets: {partition: offset}, all with the same metadata. The broker at `bootstrap` has to be
    the group's coordinator: where there is one broker it is."""
    partitions = b"".join(
        struct.pack(">iq", partition, offset) + text(metadata)
        for partition, offset in offsets.items())
    body = (text(group) + struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 1)
            + text(topic) + struct.pack(">i", len(offsets)) + partitions)

    def answered():
        ask(bootstrap, FIND_COORDINATOR, 0, text(group))
        answer = ask(bootstrap, OFFSET_COMMIT, 2, body)
        place = 4 + 4 + 2 + len(topic)
        count = struct.unpack_from(">i", answer, place)[0]
        errors = [struct.unpack_from(">ih", answer, place + 4 + 6 * i)[1] for i in range(count)]
        assert len(errors) == len(offsets), answer
        return None if set(errors) & NOT_YET else errors

    errors = wait.until(answered, 20, "the group's coordinator answers")
    assert not any(errors), errors


def ask(bootstrap, key, version, body):
    """One request and its answer."""
    host, port = bootstrap.rsplit(":", 1)
    request = struct.pack(">hhi", key, version, 1) + text("test") + body
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(struct.pack(">i", len(request)) + request)
        stream = s.makefile("rb")
        return stream.read(struct.unpack(">i", stream.read(4))[0])


def note(group, topic, partition, epoch, cluster, anchor=0, last=-1, host="another", clean=0):
    """What crierd commits beside an offset. Names as they are: nothing in them is encoded."""
    return (
        f"crier/2 epoch={epoch} anchor={anchor} clean={clean} last={last} "
        f"sequence={'0' * 32}.0.0 host={host} cluster={cluster} group={group} topic={topic} "
        f"partition={partition}"
    )


def metadata(epoch, cluster, host="0" * 32, clean=0, **more):
    """What an earlier crierd has committed: crier/1. In the order that it had."""
    words = {"epoch": epoch, "cluster": cluster, "host": host, **more, "clean": clean}
    return "crier/1 " + " ".join(f"{key}={value}" for key, value in words.items())
