# SPDX-License-Identifier: BSD-2-Clause
"""What the methods that ask the cluster show of a real Kafka: topics, and the members of our groups
that other programs run."""

import json

import pytest
from confluent_kafka import admin

from lib import clients, config, kafka, member, varlink, wait

CONTROL = "io.crier.Control."


def groups(crier, **parameters):
    return crier.call(CONTROL + "Groups", **parameters)


def places(member_or_consumer):
    return sorted((p["topic"], p["partition"]) for p in member_or_consumer["partitions"])


def everything(answer):
    """The partitions that ours and others own, each as often as it is owned."""
    ours = [p for g in answer["groups"] for c in g["consumers"] for p in places(c)]
    return sorted(ours + [p for m in answer["others"] for p in places(m)])


def wait_shared(crier, name, others, partitions):
    """Waits until that many members that are not ours and our own have all partitions."""

    def shared():
        answer = groups(crier, group=name)
        complete = everything(answer) == [(name, i) for i in range(partitions)]
        return answer if complete and len(answer["others"]) == others else None

    return wait.until(shared, 60, lambda: json.dumps(groups(crier), indent=1))


def build(cluster, name, consumers=1, **more):
    return config.build(
        bootstrap=cluster.bootstrap,
        groups=[config.group(name, name, consumers, start="earliest", **more)],
    )


# ---- topics ----


def test_topic_shows_the_ends_of_each_partitions_log(cluster, name, start, journal):
    cluster.create_topic(name, 3)
    cluster.produce(name, [(None, "v", None, p) for p in (0, 0, 2, 2, 2)])
    topics = [config.topic(name, 3)]
    crier = start(config.build(bootstrap=cluster.bootstrap, topics=topics), journal)
    (topic,) = crier.call(CONTROL + "Topics")["topics"]
    assert topic == {
        "name": name,
        "configured": True,
        "problem": None,
        "partitions": [
            {"partition": 0, "first": 0, "end": 2},
            {"partition": 1, "first": 0, "end": 0},
            {"partition": 2, "first": 0, "end": 3},
        ],
    }
    assert clients.ends(cluster.bootstrap, name) == {0: 2, 1: 0, 2: 3}


def test_topic_that_is_not_there_is_not_made_by_asking(name, start, journal):
    """By a broker that makes each topic that a client asks for, unless it says not to."""
    with kafka.Cluster(settings={"auto.create.topics.enable": "true"}) as cluster:
        cluster.create_topic(f"{name}read", 1)
        wanted = config.topic(f"{name}wanted", 2, create=False)
        crier = start(config.build(bootstrap=cluster.bootstrap, topics=[wanted]), journal)
        for _ in range(3):
            for missing in (f"{name}none", f"{name}wanted"):
                with pytest.raises(varlink.VarlinkError) as caught:
                    crier.call(CONTROL + "Topics", topic=missing)
                assert caught.value.name == CONTROL + "NoSuchTopic"
            assert "create" in caught.value.parameters["advice"]
            (topic,) = crier.call(CONTROL + "Topics")["topics"]
            assert topic["problem"] and topic["partitions"] == []
            (topic,) = crier.call(CONTROL + "Topics", topic=f"{name}read")["topics"]
            assert topic["problem"] is None and len(topic["partitions"]) == 1
        assert set(cluster.admin().list_topics(timeout=10).topics) == {f"{name}read"}


def test_partitions_that_are_added_are_seen(cluster, name, start, journal):
    cluster.create_topic(name, 2)
    crier = start(build(cluster, name), journal)
    assert groups(crier)["topics"] == [{"topic": name, "partitions": 2}]
    assert crier.call(CONTROL + "Keys", topic=name)["partitions"] == 2
    client = cluster.admin()
    client.create_partitions([admin.NewPartitions(name, 4)])[name].result()
    wait.until(
        lambda: groups(crier)["topics"] == [{"topic": name, "partitions": 4}]
        and crier.call(CONTROL + "Keys", topic=name)["partitions"] == 4
        and len(crier.call(CONTROL + "Topics", topic=name)["topics"][0]["partitions"]) == 4,
        30,
        lambda: groups(crier)["topics"],
    )


def test_cluster_that_goes_away_is_told_in_words_and_comes_back(name, start, journal):
    with kafka.Cluster() as cluster:
        cluster.create_topic(name, 2)
        crier = start(build(cluster, name), journal)
        crier.wait_stable(owners=1)
        assert groups(crier)["others_known"] is True
        (broker,) = cluster.brokers
        broker.freeze()
        # Within the five seconds of call(), before and after the daemon has noticed.
        answer = crier.call(CONTROL + "Topics")["topics"]
        assert [t["name"] for t in answer] == [name] and answer[0]["problem"]
        assert groups(crier)["others_known"] is False
        assert groups(crier)["topics"] == [{"topic": name, "partitions": 2}]
        broker.thaw()
        wait.until(
            lambda: groups(crier)["others_known"]
            and not crier.call(CONTROL + "Topics")["topics"][0]["problem"],
            60,
            lambda: crier.status(),
        )


# ---- members ----


def test_member_that_another_program_runs_is_shown_until_it_leaves(cluster, name, start, journal):
    cluster.create_topic(name, 3)
    crier = start(build(cluster, name, 2), journal)
    crier.wait_stable(owners=2)
    answer = groups(crier)
    assert answer["others"] == [] and answer["others_known"] is True
    script = member.LabScript(
        cluster.bootstrap, name, [name], start="earliest", properties=["client.id=guest"]
    )
    with script:
        wait.until(script.owned, 60, lambda: script.stderr)
        answer = wait_shared(crier, name, 1, 3)
        (other,) = answer["others"]
        assert other["group"] == name and other["client_id"] == "guest"
        assert other["host"] == "127.0.0.1"
        assert [p for _, p in places(other)] == script.owned()
        script.stop()
        wait_shared(crier, name, 0, 3)


def test_members_of_another_crierd_are_told_from_ours_by_more_than_their_client_ids(
    cluster, name, start, journal
):
    cluster.create_topic(name, 4)
    first, second = [start(build(cluster, name, 2), journal) for _ in range(2)]
    answers = [wait_shared(crier, name, 2, 4) for crier in (first, second)]
    for ours, theirs in (answers, reversed(answers)):
        mine = {c["client_id"]: places(c) for c in theirs["groups"][0]["consumers"]}
        assert {m["client_id"]: places(m) for m in ours["others"]} == mine
        assert len(mine) == 2
    assert second.stop()[0] == 0
    wait_shared(first, name, 0, 4)


def test_consumer_of_ours_that_was_killed_is_no_other_member(cluster, name, start, journal):
    cluster.create_topic(name, 2)
    crier = start(build(cluster, name, 3), journal)
    crier.wait_stable(owners=2)
    standby = crier.group(name)["standbys"][0]
    owner = min(c for c in crier.owners(crier.group(name)))
    for consumer in (standby, owner):
        crier.change("Kill", consumer=consumer, wait=False)
    seen = []

    def noticed():
        seen.append(groups(crier))
        assert seen[-1]["others"] == [] and seen[-1]["others_known"] is True
        return everything(seen[-1]) == [(name, 0), (name, 1)]

    wait.until(noticed, 60, lambda: json.dumps(seen[-1], indent=1))
    # The group had them for a while after they were gone.
    assert any(everything(answer) != [(name, 0), (name, 1)] for answer in seen)


def test_standbys_and_those_that_join_are_no_other_members(cluster, name, start, journal):
    cluster.create_topic(name, 1)
    crier = start(build(cluster, name, 4), journal)

    def stable():
        answer = groups(crier)
        assert answer["others"] == []
        return answer["groups"][0]["stable"] and answer["others_known"]

    wait.until(stable, 60, lambda: groups(crier))
    for count in (6, 2, 5):
        crier.change("Scale", group=name, count=count, wait=False)
        wait.until(
            lambda: stable() and len(groups(crier)["groups"][0]["consumers"]) == count,
            60,
            lambda: groups(crier),
        )


def test_groups_that_may_not_be_described_are_said_not_to_be_known(cluster, name, start, journal):
    cluster.create_topic(name, 1)
    cluster.allow("postal", topics=[name])
    properties = [
        "security.protocol=sasl_ssl",
        "sasl.mechanisms=PLAIN",
        "sasl.username=postal",
        f"sasl.password={kafka.USERS['postal']}",
        f"ssl.ca.location={cluster.certificates.authority}",
    ]
    guarded = {"bootstrap": cluster.sasl_bootstrap, "properties": properties}
    crier = start(
        {"cluster": guarded, "groups": [config.group(name, name, 1)]},
        journal,
    )
    wait.until(lambda: crier.status()["cluster"]["state"] == "up", 30, lambda: crier.status())
    answer = groups(crier)
    assert answer["others_known"] is False and answer["others"] == []
    assert answer["topics"] == [{"topic": name, "partitions": 1}]
    cluster.allow("postal", groups=[name])
    wait.until(lambda: groups(crier)["others_known"], 30, lambda: groups(crier))
