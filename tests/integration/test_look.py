# SPDX-License-Identifier: BSD-2-Clause
"""The methods that show topics, keys and groups, on the embedded broker, and without any broker."""

import base64
import socket
import threading
import zlib

import confluent_kafka.admin
import pytest

from lib import clients, config, varlink, wait

CONTROL = "io.crier.Control."


def murmur2(data):
    """The hash of Kafka's Java client, from its definition."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:][:4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def refused(crier, method, error, **parameters):
    with pytest.raises(varlink.VarlinkError) as caught:
        crier.call(CONTROL + method, **parameters)
    assert caught.value.name == CONTROL + error, caught.value
    return caught.value.parameters


@pytest.fixture
def crier(start, journal):
    return start(
        config.build(
            topics=[config.topic("post", 5), config.topic("quiet", 2)],
            producers=[
                config.producer("keyed", "post", rate=50.0, keys=["Ada", "Grace"], count=60),
                config.producer("plain", "other", rate=50.0, count=10),
            ],
            groups=[config.group("mail", ["post", "extra"], 7, start="earliest")],
        ),
        journal,
    )


# ---- topics ----


def test_topics_are_those_that_configuration_producers_and_groups_name(crier):
    topics = crier.call(CONTROL + "Topics")["topics"]
    assert [(t["name"], t["configured"], len(t["partitions"])) for t in topics] == [
        ("post", True, 5),
        ("quiet", True, 2),
        ("other", False, 1),
        ("extra", False, 1),
    ]
    assert not any(t["problem"] for t in topics)


def test_topic_shows_the_ends_of_each_partitions_log(crier):
    wait.until(lambda: crier.producer("keyed")["state"] == "done", 20, lambda: crier.status())
    (topic,) = crier.call(CONTROL + "Topics", topic="post")["topics"]
    assert sum(p["end"] for p in topic["partitions"]) == 60
    assert {p["first"] for p in topic["partitions"]} == {0}
    ends = {p["partition"]: p["end"] for p in topic["partitions"]}
    assert ends == clients.ends(crier.bootstrap, "post")


def test_any_topic_of_the_cluster_is_shown_by_name(crier):
    clients.produce(crier.bootstrap, "foreign", [(None, "1"), (None, "2")])
    (topic,) = crier.call(CONTROL + "Topics", topic="foreign")["topics"]
    assert topic["name"] == "foreign" and not topic["configured"]
    assert sum(p["end"] for p in topic["partitions"]) == 2


@pytest.mark.parametrize("name", ["pots", "no such topic", "", "x" * 600])
def test_topic_that_is_not_there_is_refused_and_not_made_by_asking(crier, name):
    for _ in range(2):
        problem = refused(crier, "Topics", "NoSuchTopic", topic=name)
        assert problem["topic"] == name and problem["text"] and "post" in problem["advice"]
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": crier.bootstrap})
    assert set(admin.list_topics(timeout=10).topics) == {"post", "quiet", "other", "extra"}


# ---- groups ----


def test_groups_come_with_what_it_takes_to_draw_them(crier):
    group = crier.wait_stable(owners=5)["groups"][0]
    answer = crier.call(CONTROL + "Groups")
    assert [g["name"] for g in answer["groups"]] == ["mail"]
    assert answer["groups"][0]["standbys"] == group["standbys"]
    assert crier.owners(answer["groups"][0]) == crier.owners(group)
    assert answer["topics"] == [
        {"topic": "post", "partitions": 5},
        {"topic": "extra", "partitions": 1},
    ]
    # Members that others run the embedded broker cannot tell.
    assert answer["others"] == [] and answer["others_known"] is False
    assert crier.call(CONTROL + "Groups", group="mail")["topics"] == answer["topics"]


def test_group_that_is_not_there_is_refused(crier):
    assert "mail" in refused(crier, "Groups", "NoSuchGroup", group="mial")["advice"]


# ---- keys ----


def test_keys_show_where_each_went_and_how_often(crier):
    def counted():
        answer = crier.call(CONTROL + "Keys", topic="post")
        return answer if sum(k["consumed"] for k in answer["keys"]) == 60 else None

    answer = wait.until(counted, 30, lambda: crier.call(CONTROL + "Keys", topic="post"))
    assert answer["partitions"] == 5
    assert answer["without_key"] == answer["uncounted"] == 0
    assert answer["keys"] == [
        {
            "key": key,
            "base64": False,
            "partition": zlib.crc32(key.encode()) % 5,
            "produced": 30,
            "consumed": 30,
            "crc32": zlib.crc32(key.encode()) % 5,
            "murmur2": (murmur2(key.encode()) & 0x7FFFFFFF) % 5,
        }
        for key in ("Ada", "Grace")
    ]


def test_keys_of_every_kind_are_counted_or_said_not_to_be(crier, journal):
    binary, nul, longest = b"\xff\xfe", b"a\0b", b"k" * 256
    events = [("umlaut \u00e4", 3), (binary, 2), (nul, 1), ("", 1), (longest, 1)]
    clients.produce(
        crier.bootstrap,
        "extra",
        [(key, "v", None, 0) for key, n in events for _ in range(n)]
        + [(None, "v", None, 0)] * 4
        + [(longest + b"k", "v", None, 0)] * 2,
    )
    journal.wait_events(14 + 60)
    answer = crier.call(CONTROL + "Keys", topic="extra")
    shown = {(k["key"], k["base64"]): k for k in answer["keys"]}
    assert {key: k["consumed"] for key, k in shown.items()} == {
        ("umlaut \u00e4", False): 3,
        (base64.b64encode(binary).decode(), True): 2,
        (base64.b64encode(nul).decode(), True): 1,
        ("", False): 1,
        (longest.decode(), False): 1,
    }
    assert answer["keys"][0]["consumed"] == 3 and answer["keys"][1]["consumed"] == 2
    assert answer["without_key"] == 4 and answer["uncounted"] == 2
    # librdkafka puts an empty key anywhere, the Java client where its hash says.
    assert shown[("", False)]["crc32"] is None and shown[("", False)]["murmur2"] == 0


def test_only_the_busiest_hundred_keys_are_shown(crier, journal):
    keys = [f"key {i}" for i in range(150)]
    clients.produce(crier.bootstrap, "extra", [(key, "v") for key in keys + keys[:90]])
    journal.wait_events(240 + 60)
    answer = crier.call(CONTROL + "Keys", topic="extra")
    assert len(answer["keys"]) == 100 and answer["uncounted"] == 0
    assert {k["key"] for k in answer["keys"] if k["consumed"] == 2} == set(keys[:90])


def test_events_without_key_are_counted_as_produced_and_as_consumed(crier):
    wait.until(lambda: crier.producer("plain")["state"] == "done", 20, lambda: crier.status())
    answer = crier.call(CONTROL + "Keys", topic="other")
    assert answer["keys"] == [] and answer["without_key"] == 10 and answer["partitions"] == 1


def test_keys_of_a_topic_that_nothing_names_are_refused(crier):
    assert "post" in refused(crier, "Keys", "NoSuchTopic", topic="pots")["advice"]
    assert crier.call(CONTROL + "Keys", topic="quiet")["keys"] == []


# ---- without a cluster ----


@pytest.fixture
def silent():
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def away(bootstrap):
    return config.build(
        bootstrap=bootstrap,
        topics=[config.topic("post", 5)],
        producers=[config.producer("office", "letters")],
        groups=[config.group("mail", "post", 2)],
    )


def check_away(crier):
    """What is known is told, and why the rest is not: within the five seconds of call()."""
    topics = crier.call(CONTROL + "Topics")["topics"]
    assert [(t["name"], t["configured"]) for t in topics] == [("post", True), ("letters", False)]
    assert all(t["problem"] and t["partitions"] == [] for t in topics), topics
    (topic,) = crier.call(CONTROL + "Topics", topic="foreign")["topics"]
    assert topic["problem"] and not topic["configured"]
    groups = crier.call(CONTROL + "Groups")
    assert [g["name"] for g in groups["groups"]] == ["mail"]
    assert groups["topics"] == [{"topic": "post", "partitions": None}]
    assert groups["others"] == [] and groups["others_known"] is False
    keys = crier.call(CONTROL + "Keys", topic="post")
    assert keys["partitions"] is None and keys["keys"] == []


def test_cluster_that_does_not_answer_is_told_in_words(start, journal, silent):
    crier = start(away(silent), journal)
    check_away(crier)
    wait.until(lambda: crier.status()["cluster"]["state"] == "lost", 20, lambda: crier.status())
    check_away(crier)
    assert silent in crier.call(CONTROL + "Topics")["topics"][0]["problem"]
    assert crier.stop()[0] == 0


def test_cluster_that_refuses_connections_is_told_in_words(start, journal):
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"127.0.0.1:{server.getsockname()[1]}"
    crier = start(away(nobody), journal)
    check_away(crier)
    wait.until(lambda: crier.status()["cluster"]["state"] == "lost", 20, lambda: crier.status())
    check_away(crier)


def test_clients_that_go_away_while_they_wait_leave_the_daemon_well(start, journal, silent):
    crier = start(away(silent), journal)
    for method in ("Topics", "Groups") * 5:
        with varlink.Connection(crier.socket_path) as connection:
            connection.send({"method": CONTROL + method})
    check_away(crier)
    assert crier.stop()[0] == 0


def test_more_clients_than_can_ask_at_once_are_all_answered(start, journal, silent):
    crier = start(away(silent), journal)
    answers = []

    def ask():
        answer = varlink.call(crier.socket_path, CONTROL + "Topics", timeout=30 * wait.SLOWNESS)
        answers.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert all(t["problem"] for answer in answers for t in answer["topics"])


def test_call_with_more_gets_one_reply_when_the_cluster_was_asked(start, journal, silent):
    crier = start(away(silent), journal)
    with varlink.Connection(crier.socket_path, 10 * wait.SLOWNESS) as connection:
        connection.send({"method": CONTROL + "Topics", "more": True})
        reply = connection.receive()
        assert not reply.get("continues") and reply["parameters"]["topics"]


def test_stop_does_not_wait_for_a_cluster_that_was_asked(start, journal, silent):
    crier = start(away(silent), journal)
    with varlink.Connection(crier.socket_path, 20 * wait.SLOWNESS) as connection:
        connection.send({"method": CONTROL + "Groups"})
        crier.status()
        assert crier.stop()[0] == 0
        reply = connection.receive()
        assert reply["error"] == CONTROL + "Failed", reply
