# SPDX-License-Identifier: BSD-2-Clause
"""Fault: the embedded broker misbehaves on purpose, where the configuration and the caller's user
allow it."""

import os
import pathlib

import pytest

from lib import config, varlink, wait

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="Fault is for root")


def settings(faults=True, brokers=1, **more):
    return {
        **config.build(topics=[config.topic("t", 1)], **more),
        "cluster": {"bootstrap": "embedded", "embedded_brokers": brokers},
        "control": {"faults": faults},
    }


@pytest.fixture
def crier(start, journal):
    return start(settings(), journal)


def fault(crier, kind, **parameters):
    assert crier.change("Fault", kind=kind, **parameters) == {}


def refused(crier, refusal, /, **parameters):
    with pytest.raises(varlink.VarlinkError) as raised:
        crier.change("Fault", **parameters)
    assert raised.value.name.rpartition(".")[2] == refusal, raised.value
    return raised.value.parameters


def produce(crier, **more):
    reply = crier.change("Produce", topic="t", events=[{"value": "v"}], **more)
    return reply["results"][0], reply["duration_ms"]


def as_nobody(function):
    """Whether function() does well when another user runs it."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os._exit(0 if function() else 1)
        except BaseException:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def test_faults_need_the_configuration_to_allow_them(start):
    crier = start(settings(faults=False))
    assert "faults = true" in refused(crier, "Unsupported", kind="down")["advice"]
    assert produce(crier)[0]["problem"] is None


def test_faults_are_not_for_other_clusters(start):
    crier = start(
        config.build(bootstrap="127.0.0.1:1", control={"faults": True}, topics=[config.topic("t")])
    )
    assert "embedded" in refused(crier, "Unsupported", kind="down")["advice"]


def test_faults_are_for_root(crier):
    def is_denied():
        with pytest.raises(varlink.VarlinkError) as raised:
            crier.change("Fault", kind="down")
        return raised.value.name == "org.varlink.service.PermissionDenied"

    pathlib.Path(crier.directory).chmod(0o755)
    assert as_nobody(lambda: crier.status()["state"] == "running")
    assert as_nobody(is_denied)
    assert produce(crier)[0]["problem"] is None


@pytest.mark.parametrize(
    "parameter, given",
    [
        ("kind", {"kind": "dwn"}),
        ("broker", {"kind": "down", "broker": 0}),
        ("broker", {"kind": "down", "broker": 2}),
        ("latency_ms", {"kind": "latency"}),
        ("latency_ms", {"kind": "latency", "latency_ms": -1}),
        ("latency_ms", {"kind": "latency", "latency_ms": 60001}),
        ("latency_ms", {"kind": "down", "latency_ms": 1}),
        ("count", {"kind": "up", "count": 1}),
        ("request", {"kind": "errors", "error": 7}),
        ("error", {"kind": "errors", "request": "Produce"}),
        ("request", {"kind": "errors", "request": "Metadata", "error": 7}),
        ("error", {"kind": "errors", "request": "Produce", "error": 0}),
        ("error", {"kind": "errors", "request": "Produce", "error": -195}),
        ("error", {"kind": "errors", "request": "Produce", "error": 32000}),
        ("error", {"kind": "errors", "request": "Produce", "error": 2**32 + 7}),
        ("count", {"kind": "errors", "request": "Produce", "error": 7, "count": 0}),
        ("count", {"kind": "errors", "request": "Produce", "error": 7, "count": 10001}),
    ],
)
def test_values_that_cannot_be_used_are_refused(crier, parameter, given):
    error = refused(crier, "BadValue", **given)
    assert error["parameter"] == parameter and error["text"]


def test_request_that_is_misspelt_gets_a_suggestion(crier):
    error = refused(crier, "BadValue", kind="errors", request="Prodcue", error=7)
    assert "'Produce'" in error["advice"]


def test_broker_goes_down_and_comes_up(crier, journal):
    assert produce(crier)[0]["offset"] == 0
    fault(crier, "down")
    with pytest.raises(varlink.VarlinkError) as raised:
        produce(crier, timeout_ms=200)
    assert raised.value.name == "io.crier.Control.TimedOut"
    wait.until(lambda: crier.status()["cluster"]["state"] == "lost", 60, lambda: crier.status())
    journal.wait_record("CLUSTER_LOST")
    fault(crier, "up")
    wait.until(lambda: crier.status()["cluster"]["state"] == "up", 60, lambda: crier.status())
    journal.wait_record("CLUSTER_BACK")
    assert produce(crier)[0]["problem"] is None


def test_one_broker_of_several_goes_down(start):
    crier = start(settings(brokers=3))
    for broker in (1, 2, 3):
        fault(crier, "down", broker=broker)
        fault(crier, "up", broker=broker)
    assert refused(crier, "BadValue", kind="down", broker=4)["parameter"] == "broker"
    assert produce(crier)[0]["problem"] is None


def test_latency_is_added_to_each_answer_until_it_is_ended(crier):
    produce(crier)
    fault(crier, "latency", latency_ms=400)
    assert produce(crier)[1] >= 800  # the topic is looked up, then the event is sent
    fault(crier, "latency", latency_ms=0)
    assert produce(crier)[0]["problem"] is None


@pytest.mark.parametrize("broker", [{}, {"broker": 1}])
def test_so_many_requests_are_refused_as_asked_for(crier, broker):
    fault(crier, "errors", request="Produce", error=10, count=2, **broker)
    problems = [produce(crier)[0]["problem"] for _ in range(3)]
    assert "too large" in problems[0] and "too large" in problems[1] and problems[2] is None


@pytest.mark.parametrize(
    "request_name, error",
    [
        ("FindCoordinator", 15),
        ("JoinGroup", 14),
        ("SyncGroup", 15),
        ("Heartbeat", 27),
        ("OffsetFetch", 14),
        ("OffsetCommit", 14),
        ("ListOffsets", 6),
        ("Fetch", 6),
    ],
)
def test_groups_survive_errors_of_each_request(start, journal, request_name, error):
    crier = start(
        settings(
            groups=[config.group("g", "t", 2, start="earliest")],
            producers=[config.producer("p", "t", rate=50.0)],
        ),
        journal,
    )
    fault(crier, "errors", request=request_name, error=error, count=3)
    crier.wait_stable(owners=1)
    fault(crier, "errors", request=request_name, error=error, count=3)
    before = crier.group("g")["written"]
    wait.until(lambda: crier.group("g")["written"] > before + 100, 60, lambda: crier.status())


def test_faults_are_records(crier, journal):
    fault(crier, "errors", request="Fetch", error=6, count=3, broker=1)
    record = journal.wait_record("CONTROL")
    assert record.text("CRIER_METHOD") == "io.crier.Control.Fault"
    assert "broker 1 refuse the next 3 Fetch requests" in record.text("MESSAGE")


def test_seek_after_one_that_was_refused_before_all_brokers_had_answered(start, journal):
    """Answers to a seek that is over count for nothing. (It was freed then: the sanitizers see.)"""
    groups = [config.group("g", "t", 2, start="earliest")]
    two = {**settings(brokers=2, groups=groups), "topics": [config.topic("t", 2)]}
    crier = start(two, journal)
    crier.wait_stable("g", owners=2)
    fault(crier, "latency", broker=2, latency_ms=300)
    for _ in range(5):
        with pytest.raises(varlink.VarlinkError, match="holds the offsets"):
            crier.change("Seek", group="g", topic="t", to="100000")
    crier.change("Seek", group="g", topic="t", to="earliest")
    assert crier.group("g")["stable"]
