# SPDX-License-Identifier: BSD-2-Clause
"""Any Varlink client works: the Varlink project's own for Python, and, for those that are stricter
with what they read, a reader of the interface by the book."""

import pytest

from lib import config, python_varlink, wait
from lib.crier import TREE, Crier
from lib.interface import Interface

pytestmark = pytest.mark.xdist_group("varlink-clients")

CONTROL = "io.crier.Control"


@pytest.fixture(scope="module")
def varlink():
    return python_varlink.module()


@pytest.fixture(scope="module")
def crier():
    setup = config.build(
        topics=[config.topic("post", 4)],
        producers=[config.producer("office", "post", rate=50.0)],
        groups=[config.group("mail", "post", 2, start="earliest")],
    )
    with Crier(setup) as crier:
        crier.wait_stable(owners=2)
        yield crier


@pytest.fixture
def client(crier, varlink):
    with varlink.Client.new_with_address(f"unix:{crier.socket_path}") as client:
        yield client


def test_service_is_described(client):
    info = client.get_interface("org.varlink.service")
    assert info.name == "org.varlink.service"
    with client.open("org.varlink.service") as service:
        reply = service.GetInfo()
    assert reply["product"] == "crierd"
    assert reply["interfaces"] == ["org.varlink.service", CONTROL]


def test_interface_is_read_by_the_clients_own_reader(client, varlink):
    interface = client.get_interface(CONTROL)
    ours = Interface((TREE / "src/protocol/io.crier.Control.varlink").read_text())
    assert interface.name == ours.name == CONTROL
    assert set(interface.members) == {*ours.types, *ours.methods, *ours.errors}
    for name, (taken, given) in ours.methods.items():
        method = interface.get_method(name)
        assert list(method.in_type.fields) == list(taken)
        assert list(method.out_type.fields) == list(given)


@pytest.mark.parametrize("name", ["org.varlink.service", CONTROL])
def test_descriptions_follow_the_grammar(crier, name):
    text = crier.call("org.varlink.service.GetInterfaceDescription", interface=name)
    interface = Interface(text["description"])
    assert interface.name == name
    assert interface.methods and interface.errors


def test_every_error_of_ours_has_words_and_advice(crier):
    text = crier.call("org.varlink.service.GetInterfaceDescription", interface=CONTROL)
    for name, fields in Interface(text["description"]).errors.items():
        assert list(fields)[:2] == ["text", "advice"], name
        assert fields["text"] == fields["advice"] == "string", name


def test_status_passes_the_clients_own_check_of_types(client, crier):
    with client.open(CONTROL) as control:
        status = control.Status()
    assert status["pid"] == crier.pid
    assert status["groups"][0]["name"] == "mail"
    assert {c["state"] for c in status["groups"][0]["consumers"]} == {"owner"}
    with client.open(CONTROL, namespaced=True) as control:
        assert control.Status().cluster.embedded is True


def test_parameters_may_be_left_out_or_null(client, crier):
    with client.open(CONTROL) as control:
        assert [c["group"] for c in control.Consumers()["consumers"]] == ["mail", "mail"]
        assert len(control.Consumers("mail")["consumers"]) == 2
        level = control.LogLevel()
    # This client leaves out what is null; others do not.
    assert crier.call(f"{CONTROL}.LogLevel", level=None) == level


def test_errors_have_their_name_and_typed_parameters(client, varlink):
    with client.open(CONTROL) as control:
        with pytest.raises(varlink.VarlinkError) as caught:
            control.Scale(group="mial", count=1)
        assert caught.value.error() == f"{CONTROL}.NoSuchGroup"
        assert caught.value.parameters()["group"] == "mial"
        assert "mail" in caught.value.parameters()["advice"]
        with pytest.raises(varlink.VarlinkError) as caught:
            control.Remove(4711)
        assert caught.value.parameters(namespaced=True).consumer == 4711
        # The connection goes on.
        assert control.Status()["state"] == "running"
    with pytest.raises(varlink.InterfaceNotFound):
        client.get_interface("io.crier.Nothing")


def test_a_call_with_more_ends_with_the_reply(client):
    with client.open(CONTROL) as control:
        replies = list(control.Scale(group="mail", count=4, _more=True))
        assert replies[-1]["after"] == 4 and replies[-1]["stable"]
        assert len(replies[-1]["consumers"]) == 4
        assert all(reply["group"] == "mail" for reply in replies)
        # And the connection is free again.
        assert control.Status()["groups"][0]["wanted"] == 4


def test_events_come_as_long_as_the_client_wants_them(client, crier):
    with client.open(CONTROL) as control:
        seen = []
        for reply in control.Tail(follow=True, lines=0, _more=True):
            seen += [event["value"] for event in reply["events"]]
            if len(seen) > 20:
                break
        assert all(seen)
    wait.until(lambda: crier.group("mail")["written"] > 20, 20, crier.status)


def test_a_oneway_call_is_carried_out(client, crier):
    with client.open(CONTROL) as control:
        assert control.Pause(["office"], _oneway=True) is None
    wait.until(lambda: crier.producer("office")["state"] == "paused", 10, crier.status)
    with client.open(CONTROL) as control:
        assert control.Resume(["office"])["targets"][0]["after"] == "running"
