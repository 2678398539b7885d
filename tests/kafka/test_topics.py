# SPDX-License-Identifier: BSD-2-Clause
"""Topics on a real Kafka: made where `create` says so, and named where they are not as they are
configured."""

from lib import config, kafka, wait


def test_existing_topic_with_other_partitions_is_a_warning_that_names_both(
    cluster, name, start, journal
):
    cluster.create_topic(name, 3)
    crier = start(
        config.build(
            bootstrap=cluster.bootstrap,
            topics=[config.topic(name, 7)],
            groups=[config.group(name, name, 1)],
        ),
        journal,
    )
    record = journal.wait_record("TOPIC_DIFFERS")
    assert record.text("KAFKA_TOPIC") == name
    assert "3" in record.text("MESSAGE") and "7" in record.text("MESSAGE")
    # It is used as it is.
    group = crier.wait_stable(owners=1)["groups"][0]
    assert len(group["consumers"][0]["partitions"]) == 3
    assert len(cluster.topic_partitions(name)) == 3
    assert len(journal.records("TOPIC_DIFFERS")) == 1


def test_existing_topic_as_configured_says_nothing(cluster, name, start, journal):
    cluster.create_topic(name, 3)
    crier = start(
        config.build(bootstrap=cluster.bootstrap, topics=[config.topic(name, 3)]), journal
    )
    wait.until(lambda: crier.status()["cluster"]["state"] == "up", 20, lambda: crier.status())
    assert crier.status()["cluster"]["id"] == cluster.id
    assert crier.stop()[0] == 0
    assert not journal.records("TOPIC_DIFFERS") and not journal.records("TOPIC_CREATED")


def test_topic_that_cannot_be_created_is_named(cluster, name, start, journal):
    """Three copies do not fit one broker."""
    start(
        config.build(bootstrap=cluster.bootstrap, topics=[config.topic(name, 1, replication=3)]),
        journal,
    )
    record = journal.wait_record("TROUBLE")
    assert record.text("CRIER_TROUBLE") == "topic-refused"
    assert name in record.text("MESSAGE")


def test_missing_topic_is_named_once_and_heals_when_it_is_made(cluster, name, start, journal):
    crier = start(
        config.build(
            bootstrap=cluster.bootstrap,
            topics=[config.topic(name, 1, create=False)],
            groups=[config.group(name, name, 1, start="earliest")],
            producers=[config.producer("p", name, rate=10.0)],
        ),
        journal,
    )
    trouble = wait.until(lambda: crier.group(name)["trouble"], 30, lambda: crier.status())
    assert trouble["code"] == "topic-missing"
    assert name in trouble["text"] and "create" in trouble["advice"]
    wait.holds(lambda: len(said(journal, name)) <= 2, 5, lambda: said(journal, name))
    cluster.create_topic(name, 1)
    journal.wait_events(20, timeout=60)
    wait.until(
        lambda: not crier.group(name)["trouble"] and not crier.producer("p")["trouble"],
        30,
        lambda: crier.status(),
    )
    journal.wait_record("TROUBLE_OVER")


def said(journal, name):
    """The records that name this trouble: one for the group, one for the producer."""
    return [r.text("MESSAGE") for r in journal.records("TROUBLE") if name in r.text("MESSAGE")]


def test_topics_are_ours_to_create_on_a_broker_that_creates_them_by_itself(name, start, journal):
    """Looking for a topic must not make it: such a broker would make it with one partition."""
    with kafka.Cluster(settings={"auto.create.topics.enable": "true"}) as cluster:
        other = f"{name}other"
        topics = [config.topic(name, 5), config.topic(other, 5, create=False)]
        crier = start(config.build(bootstrap=cluster.bootstrap, topics=topics), journal)
        record = journal.wait_record("TOPIC_CREATED")
        assert record.text("KAFKA_TOPIC") == name
        assert crier.stop()[0] == 0
        assert not journal.records("TOPIC_DIFFERS")
        assert len(cluster.topic_partitions(name)) == 5
        assert other not in cluster.admin().list_topics(timeout=10).topics


def test_a_reload_makes_new_topics_before_their_groups(cluster, name, start, journal):
    first = config.build(
        bootstrap=cluster.bootstrap,
        topics=[config.topic(name, 1)],
        groups=[config.group(name, name, 1)],
    )
    crier = start(first, journal)
    crier.wait_stable(owners=1)
    rebalances = crier.group(name)["rebalances"]
    new = name + "new"
    crier.config_path.write_text(
        config.text(
            config.build(
                bootstrap=cluster.bootstrap,
                topics=[config.topic(name, 2), config.topic(new, 3)],
                producers=[config.producer("p", new, rate=50.0)],
                groups=[config.group(name, name, 1), config.group(new, new, 2, start="earliest")],
            )
        )
    )
    crier.change("Reload")
    # Reload returns when they are there.
    assert len(cluster.topic_partitions(new)) == 3
    group = crier.group(new)
    assert group["stable"] and sum(map(len, crier.owners(group).values())) == 3
    assert crier.group(name)["rebalances"] == rebalances
    assert journal.wait_record("TOPIC_CREATED", count=2).text("KAFKA_TOPIC") == new
    assert journal.wait_record("TOPIC_DIFFERS").text("KAFKA_TOPIC") == name
    assert not journal.records("TROUBLE")
    journal.wait_events(20, group=new)


def test_a_group_made_anew_on_kafka_skips_nothing_and_writes_nothing_twice(
    cluster, name, start, journal
):
    def build(**group):
        return config.build(
            bootstrap=cluster.bootstrap,
            topics=[config.topic(name, 3)],
            producers=[config.producer("p", name, rate=200.0)],
            groups=[config.group(name, name, 2, start="earliest", **group)],
        )

    crier = start(build(), journal)
    crier.wait_stable(owners=2)
    journal.wait_events(100)
    crier.config_path.write_text(config.text(build(delivery="at-least-once")))
    (change,) = crier.change("Reload")["changes"]
    assert change["effect"] == "restarted"
    crier.change("Pause", targets=["p"])
    acked = crier.producer("p")["acked"]
    places = [e.place for e in journal.wait_events(acked)]
    assert len(places) == len(set(places)) == acked
