# SPDX-License-Identifier: BSD-2-Clause
"""The control socket, from outside: the interface's methods, malformed calls, and crierctl's
status."""

import json
import os
import re
import socket
import stat

import pytest

from lib import config, varlink, wait
from lib.crier import TREE, Crier, ctl

pytestmark = pytest.mark.xdist_group("status")

DESCRIPTION = (TREE / "src/protocol/io.crier.Control.varlink").read_text()


@pytest.fixture(scope="module")
def crier():
    setup = config.build(
        topics=[config.topic("post", 2)],
        producers=[config.producer("office", "post", rate=20.0)],
        groups=[config.group("mail", "post", 3, start="earliest")],
    )
    with Crier(setup) as crier:
        crier.wait_stable(owners=2)
        yield crier


def test_get_info_names_the_interface(crier):
    info = crier.call("org.varlink.service.GetInfo")
    assert info["product"] == "crierd" or "crier" in info["product"]
    assert info["interfaces"] == ["org.varlink.service", "io.crier.Control"]


def test_interface_description_is_the_file_in_the_tree(crier):
    reply = crier.call("org.varlink.service.GetInterfaceDescription", interface="io.crier.Control")
    assert reply["description"] == DESCRIPTION


TYPES = dict(re.findall(r"^type (\w+) \((.*?)^\)", DESCRIPTION, re.M | re.S))
STATUS = re.search(r"method Status\(\) -> \((.*?)^\)", DESCRIPTION, re.M | re.S).group(1)


def conforms(value, kind, where="Status"):
    """Checks a JSON value against a type of the interface description."""
    if kind.startswith("?"):
        return value is None or conforms(value, kind[1:], where)
    if kind.startswith("[]"):
        assert isinstance(value, list), where
        return all(conforms(item, kind[2:], f"{where}[]") for item in value)
    if kind.startswith("("):
        assert value in re.split(r"\s*,\s*", kind.strip("()")), f"{where}: {value}"
        return True
    if kind in TYPES:
        return members(value, TYPES[kind], where)
    wanted = {"string": str, "int": int, "bool": bool, "float": (int, float)}[kind]
    assert isinstance(value, wanted) and (kind == "bool") == isinstance(value, bool), where
    return True


def members(value, text, where):
    fields = dict(re.findall(r"(\w+): (\??(?:\[\])?(?:\w+|\([^)]*\)))", text))
    assert set(value) == set(fields), where
    return all(conforms(value[name], kind, f"{where}.{name}") for name, kind in fields.items())


def test_status_is_as_the_interface_describes_it(crier):
    status = crier.status()
    assert members(status, STATUS, "Status")
    assert status["pid"] == crier.pid
    assert status["cluster"]["embedded"] and status["cluster"]["state"] == "up"
    assert status["sink"]["kind"] == "stdout"


def test_status_counts_add_up(crier):
    wait.until(lambda: crier.group("mail")["written"] > 20, 20, lambda: crier.status())
    status = crier.status()
    group = status["groups"][0]
    assert group["received"] == sum(c["received"] for c in group["consumers"])
    assert group["written"] == sum(c["written"] for c in group["consumers"])
    assert len(group["standbys"]) == 1
    assert [c["client_id"] for c in group["consumers"]] == [
        f"crier-mail-consumer-{n}" for n in range(3)
    ]
    producer = status["producers"][0]
    assert producer["made"] >= producer["acked"] > 0
    assert producer["made"] == producer["acked"] + producer["failed"] + producer["queued"]


def test_positions_and_lag_are_known_once_committed(crier):
    def known():
        owned = [p for c in crier.group("mail")["consumers"] for p in c["partitions"]]
        return owned if all(p["lag"] is not None and p["committed"] for p in owned) else None

    for partition in wait.until(known, 30, lambda: crier.group("mail")):
        assert partition["position"] >= partition["committed"]
        assert partition["lag"] >= 0
    assert wait.until(lambda: crier.group("mail")["lag"] is not None, 10, "the group's lag")


@pytest.mark.parametrize(
    "call, error",
    [
        ("io.crier.Control.Stutus", "org.varlink.service.MethodNotFound"),
        ("io.nobody.Thing.Do", "org.varlink.service.InterfaceNotFound"),
    ],
)
def test_unknown_methods_are_named_errors(crier, call, error):
    with pytest.raises(varlink.VarlinkError) as caught:
        crier.call(call)
    assert caught.value.name == error


def test_parameters_that_a_method_does_not_have_are_refused(crier):
    with pytest.raises(varlink.VarlinkError) as caught:
        crier.call("io.crier.Control.Status", verbose=True)
    assert caught.value.name == "org.varlink.service.InvalidParameter"


@pytest.mark.parametrize(
    "frame",
    [b"\0", b"nonsense\0", b"[]\0", b'{"method": 1}\0', b'{"method": "a.B.C"', b"\xff" * 70000],
    ids=["empty", "text", "array", "method-type", "cut", "too-long"],
)
def test_malformed_frames_close_the_connection(crier, frame):
    with varlink.Connection(crier.socket_path, timeout=10 * wait.SLOWNESS) as connection:
        try:
            connection.send(frame)
            assert connection.receive() is None
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert crier.status()["pid"] == crier.pid


def test_oneway_calls_get_no_reply(crier):
    with varlink.Connection(crier.socket_path) as connection:
        connection.send({"method": "io.crier.Control.Status", "oneway": True})
        connection.send({"method": "org.varlink.service.GetInfo"})
        assert "interfaces" in connection.receive()["parameters"]


def test_calls_in_one_packet_are_answered_in_order(crier):
    one = json.dumps({"method": "org.varlink.service.GetInfo"}).encode() + b"\0"
    two = json.dumps({"method": "io.crier.Control.Status"}).encode() + b"\0"
    with varlink.Connection(crier.socket_path) as connection:
        connection.send(one + two + one)
        kinds = [sorted(connection.receive()["parameters"])[0] for _ in range(3)]
    assert kinds == ["interfaces", "cluster", "interfaces"]


def test_connections_of_one_user_are_limited_and_the_next_is_told_so(crier):
    held = []
    try:
        for _ in range(16):
            held.append(varlink.Connection(crier.socket_path))
            held[-1].call("org.varlink.service.GetInfo")
        with varlink.Connection(crier.socket_path) as one_more:
            reply = one_more.receive()
            assert reply["error"] == "io.crier.Control.Busy"
    finally:
        for connection in held:
            connection.close()
    wait.until(lambda: answers(crier), 5, "a free connection")


def answers(crier):
    try:
        return crier.status()
    except (varlink.VarlinkError, ConnectionError, json.JSONDecodeError):
        return None


def test_socket_is_open_to_everybody(crier):
    assert stat.S_IMODE(os.stat(crier.socket_path).st_mode) == 0o666


def test_a_stuck_client_does_not_slow_events_down(crier):
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.connect(str(crier.socket_path))
        stuck.setblocking(False)
        call = json.dumps({"method": "io.crier.Control.Status"}).encode() + b"\0"
        try:
            while True:
                stuck.send(call * 50)
        except BlockingIOError:
            pass
        before = crier.group("mail")["written"]
        wait.until(lambda: crier.group("mail")["written"] > before + 40, 10, "40 more events")


def test_crierctl_status_shows_the_picture(crier):
    shown = crier.ctl("status")
    assert shown.returncode == 0, shown.stderr
    assert not shown.stderr
    for word in (crier.bootstrap, "embedded", "office", "mail", "post", "standby"):
        assert word in shown.stdout, shown.stdout
    assert "\x1b" not in shown.stdout


def test_crierctl_without_a_verb_shows_the_status(crier):
    shown = crier.ctl()
    assert shown.returncode == 0 and "mail" in shown.stdout


def test_crierctl_status_json_is_the_reply(crier):
    shown = crier.ctl("status", "--json")
    assert shown.returncode == 0
    assert members(json.loads(shown.stdout), STATUS, "Status")


def test_crierctl_status_says_that_nothing_runs(place):
    shown = ctl("status", socket_path=place / "control")
    assert shown.returncode == 3
    assert str(place / "control") in shown.stderr
    as_json = ctl("status", "--json", socket_path=place / "control")
    assert as_json.returncode == 3
    assert json.loads(as_json.stdout)


def test_crierctl_suggests_the_nearest_verb(crier):
    shown = crier.ctl("statsu")
    assert shown.returncode == 2
    assert "'status'" in shown.stderr


def test_crier_socket_variable_names_the_socket(crier):
    shown = ctl("status", "--json", env={"CRIER_SOCKET": str(crier.socket_path)})
    assert json.loads(shown.stdout)["pid"] == crier.pid
