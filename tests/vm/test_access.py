# SPDX-License-Identifier: BSD-2-Clause
"""Who may do what on a machine with several users: each verb of the table, as root, as a member of
group crier, as the service's own user, and as anybody else. The names that the verbs are given do
not exist, so that being allowed changes nothing."""

import json
import re

import pytest

from lib import config, fakereplies
from lib.verbs import VERBS

CONTROL = "io.crier.Control"
# Stop last: it is a verb that needs no name.
METHODS = sorted((v for v in VERBS if v.method), key=lambda v: v.name == "stop")
REFUSED = 77
MEMBER, OWN, OTHER, ROOT = "member", "crier", "student", None


@pytest.fixture(scope="module")
def users(machine):
    machine.run("useradd", "--groups", "crier", MEMBER)
    yield
    machine.run("userdel", MEMBER)


@pytest.fixture
def running(service, users):
    service.restart(
        config.build(
            topics=[config.topic("post")],
            producers=[config.producer("letters", "post", rate=5.0)],
            groups=[config.group("mail", "post")],
        )
    )
    service.wait_stable()
    return service


def typed(service, verb, user, *more):
    """Runs the verb's first example of the pictures' tests."""
    words = fakereplies.CASES[verb.name][0].typed
    return service.machine.run("crierctl", *words, *more, user=user, check=False)


def is_allowed(verb, user):
    allowed = {
        "ANYBODY": {ROOT, MEMBER, OWN, OTHER},
        "OPERATOR": {ROOT, MEMBER, OWN},
        "ROOT": {ROOT},
    }
    return user in allowed[verb.access]


@pytest.mark.parametrize("user", [OTHER, MEMBER, OWN, ROOT], ids=str)
def test_verbs_are_for_whom_the_table_says(running, user):
    for verb in METHODS:
        shown = typed(running, verb, user)
        assert (shown.returncode != REFUSED) == is_allowed(verb, user), (verb.name, shown)
        if verb.access == "ANYBODY":
            assert shown.returncode == 0
    active = running.machine.show("crierd", "ActiveState")
    # Whoever may stop it has done so.
    assert active == "active" if user == OTHER else active in ("inactive", "deactivating")


def test_who_is_refused_is_told_what_to_type(running):
    for verb in METHODS:
        if verb.access == "ANYBODY":
            continue
        shown = typed(running, verb, OTHER)
        assert not shown.stdout
        # The method, or one that the verb asks first.
        assert re.search(rf"{CONTROL}\.\w+ is for root", shown.stderr)
        if verb.access == "OPERATOR":
            assert "group crier" in shown.stderr
            assert "usermod -aG crier USER" in shown.stderr
        as_json = typed(running, verb, OTHER, "--json")
        assert as_json.returncode == REFUSED
        assert "PermissionDenied" in json.dumps(json.loads(as_json.stdout))


def test_refused_verbs_change_nothing(running):
    before = running.status()
    calls = [
        ("pause", "letters"),
        ("scale", "mail", "3"),
        ("kill", str(before["groups"][0]["consumers"][0]["consumer"])),
        ("rate", "letters", "max"),
        ("log-level", "debug"),
        ("stop",),
    ]
    for words in calls:
        shown = running.machine.run("crierctl", *words, user=OTHER, check=False)
        assert shown.returncode == REFUSED, (words, shown)
    after = running.status()
    assert after["pid"] == before["pid"] and after["state"] == "running"
    assert after["producers"][0]["rate"] == 5.0
    assert after["producers"][0]["state"] == "running"
    assert after["groups"][0]["wanted"] == 1
    consumers = [c["consumer"] for c in after["groups"][0]["consumers"]]
    assert consumers == [c["consumer"] for c in before["groups"][0]["consumers"]]


def test_every_method_is_closed_to_others_also_by_hand(running):
    """Whatever parameters come, access is looked at first; and what describes the service is for
    everybody."""
    for method in (v.method for v in METHODS if v.access != "ANYBODY"):
        for parameters in ("{}", '{"colour": 1}'):
            shown = running.machine.run(
                "crierctl", "call", f"{CONTROL}.{method}", parameters, user=OTHER, check=False
            )
            assert shown.returncode == REFUSED, (method, parameters, shown)
    for method, parameters in (
        ("GetInfo", "{}"),
        ("GetInterfaceDescription", json.dumps({"interface": CONTROL})),
    ):
        shown = running.machine.run(
            "crierctl", "call", f"org.varlink.service.{method}", parameters, user=OTHER
        )
        assert CONTROL in shown.stdout


def test_members_act_and_the_journal_tells_who_it_was(running):
    machine = running.machine
    uid = machine.run("id", "-u", MEMBER).stdout.strip()
    machine.run("crierctl", "rate", "letters", "7", user=MEMBER)
    assert running.producer("letters")["rate"] == 7.0
    entries = running.entries(f"CRIER_PEER_UID={uid}")
    assert [e.text("CRIER_METHOD") for e in entries] == [f"{CONTROL}.Rate"]


def test_a_member_who_is_one_no_more_is_refused_at_the_next_login(running):
    machine = running.machine
    machine.run("gpasswd", "--delete", MEMBER, "crier")
    try:
        shown = machine.run("crierctl", "producers", user=MEMBER, check=False)
        assert shown.returncode == REFUSED
    finally:
        machine.run("usermod", "--append", "--groups", "crier", MEMBER)
    assert machine.run("crierctl", "producers", user=MEMBER).returncode == 0
