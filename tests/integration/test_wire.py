# SPDX-License-Identifier: BSD-2-Clause
"""Bytes that are no calls, or calls that nobody would write: each ends its own connection or gets a
named error, nobody else notices, and the daemon lives."""

import json
import socket

import pytest

from lib import config, jsonsuite, varlink, wait
from lib.crier import Crier

pytestmark = pytest.mark.xdist_group("wire")

GET_INFO = b'{"method":"org.varlink.service.GetInfo"}'
# Names with a dot are for vendors: a service that does not know them takes what they hold and
# passes it over.
WITH_VENDOR_KEY = b'{"method":"org.varlink.service.GetInfo","com.example":%s}'

# RFC 8259 lets a parser be stricter here, and ours is: a key that comes twice, and text with a NUL.
STRICTER = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
    "y_object_escaped_null_in_key.json",
    "y_string_null_escape.json",
}


@pytest.fixture(scope="module")
def crier():
    with Crier(config.build(topics=[config.topic("t")])) as crier:
        yield crier


@pytest.fixture(scope="module")
def suite():
    return jsonsuite.documents()


class Witness:
    """A client that is served before and after."""

    def __init__(self, crier):
        self.crier = crier
        self.connection = varlink.Connection(crier.socket_path, timeout=10 * wait.SLOWNESS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, data, end=False):
        """All replies to these bytes on a connection of their own, until the daemon closes it, or
        until `end`, which closes our side, has been noticed."""
        with varlink.Connection(self.crier.socket_path, 10 * wait.SLOWNESS) as connection:
            try:
                connection.send(data)
                if end:
                    connection.socket.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return list(iter(lambda: receive(connection), None))

    def served(self):
        """The witness is still served, and so is who comes new."""
        assert "interfaces" in self.connection.call("org.varlink.service.GetInfo")
        assert "interfaces" in self.crier.call("org.varlink.service.GetInfo")

    def answer(self, frame):
        """The one reply to a frame, or None where the connection was closed."""
        replies = self.send(frame + b"\0", end=True)
        self.served()
        assert len(replies) <= 1, (frame, replies)
        return replies[0] if replies else None


def receive(connection):
    try:
        return connection.receive()
    except ConnectionResetError:
        return None


@pytest.fixture
def witness(crier):
    with Witness(crier) as witness:
        yield witness
    assert crier.running()


def test_the_json_suite_is_whole(suite):
    kinds = [name[0] for name, _ in suite]
    assert kinds.count("y") == 95 and kinds.count("n") > 170 and len(kinds) == 318
    assert STRICTER < {name for name, _ in suite}


def test_documents_of_the_json_suite_are_no_calls(witness, suite):
    for name, document in suite:
        assert witness.answer(document) is None, name


def test_documents_of_the_json_suite_inside_a_call(witness, suite):
    for name, document in suite:
        reply = witness.answer(WITH_VENDOR_KEY % document)
        if name.startswith("n_") or name in STRICTER:
            assert reply is None, name
        elif name.startswith("y_"):
            assert "interfaces" in reply["parameters"], name


def test_documents_of_the_json_suite_as_parameters(witness, suite):
    for name, document in suite:
        reply = witness.answer(b'{"method":"io.crier.Control.Scale","parameters":%s}' % document)
        if name.startswith("n_") or name in STRICTER:
            assert reply is None, name
        elif reply is not None:
            assert reply["error"] == "org.varlink.service.InvalidParameter", name


def test_every_truncation_of_a_call_closes_the_connection(witness):
    call = (WITH_VENDOR_KEY % '[1.5,{"é":"\\u00e9"},null]'.encode()) + b"\0"
    for cut in range(len(call) - 1):
        assert not witness.send(call[:cut], end=True)
        assert not witness.send(call[:cut] + b"\0")
    witness.served()
    assert len(witness.send(call, end=True)) == 1


def test_every_byte_of_a_call_replaced(witness):
    for place in range(len(GET_INFO)):
        for byte in b"\x00\x01\x7f\x80\xc0\xff\"\\{}[],: ":
            frame = GET_INFO[:place] + bytes([byte]) + GET_INFO[place + 1:]
            for reply in witness.send(frame + b"\0", end=True):
                assert set(reply) == {"error", "parameters"} or frame == GET_INFO, (frame, reply)
        witness.served()


@pytest.mark.parametrize(
    "text",
    [
        b"\x80",
        b"\xbf",
        b"\xc0\xaf",
        b"\xc1\x81",
        b"\xc3",
        b"\xe0\x80\xaf",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x9f\x98",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"a\x00b",
        b"\xc0\x80",
        b"\\u0000",
        b"\\ud800",
        b"\\udc00\\ud800",
        b"\\x41",
        b"\x1f",
        b"\xef\xbb\xbf\xff",
    ],
    ids=lambda text: text.hex(),
)
def test_text_that_is_no_text(witness, text):
    quoted = b'"' + text + b'"'
    assert witness.send(WITH_VENDOR_KEY % quoted + b"\0") == []
    assert witness.send(WITH_VENDOR_KEY % (b"{" + quoted + b":1}") + b"\0") == []
    assert witness.send(b'{"method":' + quoted + b"}\0") == []
    witness.served()


@pytest.mark.parametrize(
    "number, valid",
    [
        ("9223372036854775807", True),
        ("-9223372036854775808", True),
        ("9223372036854775808", False),
        ("-9223372036854775809", False),
        ("1" * 60000, False),
        ("1e308", True),
        ("1e309", False),
        ("-1e999999999", False),
        ("1e-999999999", True),
        ("0." + "0" * 50000 + "1", True),
        ("NaN", False),
        ("Infinity", False),
        ("0x10", False),
        ("01", False),
        ("+1", False),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_numbers_at_the_edge(witness, number, valid):
    reply = witness.answer(WITH_VENDOR_KEY % number.encode())
    assert (reply is not None and "interfaces" in reply["parameters"]) == valid


def test_nesting_is_bounded(witness):
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        def nested(depth):
            return WITH_VENDOR_KEY % (opening * depth + b"1" + closing * depth)

        # The call itself is one level.
        assert witness.answer(nested(31)) is not None
        assert witness.answer(nested(32)) is None
        assert witness.answer(nested(9000)) is None
        assert witness.answer(WITH_VENDOR_KEY % (opening * 9000)) is None


@pytest.mark.parametrize(
    "frame",
    [
        b'{"method":"org.varlink.service.GetInfo","method":"org.varlink.service.GetInfo"}',
        b'{"method":"org.varlink.service.GetInfo","parameters":{"a":1,"a":1}}',
        b'{"method":"org.varlink.service.GetInfo","com.example":[{"a":{"b":1,"\\u0062":2}}]}',
        b'{"method":"org.varlink.service.GetInfo","colour":1}',
        b'{"method":"org.varlink.service.GetInfo","oneway":1}',
        b'{"method":"org.varlink.service.GetInfo","oneway":true,"more":true}',
        b'{"method":"org.varlink.service.GetInfo","more":"true"}',
        b'{"method":"org.varlink.service.GetInfo","parameters":[]}',
        b'{"method":"GetInfo"}',
        b'{"method":"org.varlink.service."}',
        b'{"method":"org.varlink.service.getInfo"}',
        b'{"method":"..Get"}',
        b'{"method":"' + b"a." * 200 + b'B"}',
        b'{"method":null}',
        b'{"error":"org.varlink.service.MethodNotFound","parameters":{}}',
        b'\xef\xbb\xbf{"method":"org.varlink.service.GetInfo"}',
        '{"method":"org.varlink.service.GetInfo"}'.encode("utf-16-le"),
        GET_INFO + b"\n" + GET_INFO,
        GET_INFO + b"x",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=range(20),
)
def test_what_only_looks_like_a_call_closes_the_connection(witness, frame):
    assert witness.send(frame + b"\0") == []
    witness.served()


def test_the_longest_call_is_served_and_a_longer_one_is_not(witness):
    def padded(size):
        return GET_INFO + b" " * (size - len(GET_INFO))

    assert "interfaces" in witness.answer(padded(65536))["parameters"]
    assert witness.answer(padded(65537)) is None
    # Without its end, too, and however much comes.
    assert witness.send(b" " * 65537) == []
    assert witness.send(b"[" * 5_000_000) == []
    witness.served()


def test_calls_before_what_is_malformed_are_answered(witness):
    replies = witness.send((GET_INFO + b"\0") * 3 + b"{\0" + GET_INFO + b"\0")
    assert len(replies) == 3
    witness.served()


def test_a_call_that_comes_byte_by_byte_is_served(crier, witness):
    with varlink.Connection(crier.socket_path, 10 * wait.SLOWNESS) as slow:
        for byte in GET_INFO + b"\0":
            slow.send(bytes([byte]))
            witness.connection.call("org.varlink.service.GetInfo")
        assert "interfaces" in slow.receive()["parameters"]


def test_a_call_that_does_not_end_is_given_up(crier, witness):
    # Beside each other, since each takes its 5 seconds.
    pieces = [b" ", b"{", GET_INFO, b'{"method":"' + b"a" * 60000]
    slow = [varlink.Connection(crier.socket_path, 20 * wait.SLOWNESS) for _ in pieces]
    for connection, piece in zip(slow, pieces):
        connection.send(piece)
    for connection in slow:
        assert receive(connection) is None
        connection.close()
    witness.served()


def test_parameters_of_every_method_are_checked(crier, witness):
    description = crier.call(
        "org.varlink.service.GetInterfaceDescription", interface="io.crier.Control"
    )["description"]
    methods = [line.split()[1].split("(")[0] for line in description.splitlines()
               if line.startswith("method ")]
    assert "Scale" in methods and len(methods) > 15
    for method in methods:
        for parameters in ({"colour": 1}, {"": None}, {"%s%n": "x"}, {"a" * 60000: 1}):
            call = {"method": f"io.crier.Control.{method}", "parameters": parameters}
            reply = witness.answer(json.dumps(call).encode())
            assert reply["error"] in (
                "org.varlink.service.InvalidParameter",
                "org.varlink.service.MethodNotFound",
            )
            if reply["error"].endswith("InvalidParameter"):
                assert reply["parameters"] == {"parameter": next(iter(parameters))}
