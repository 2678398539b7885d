# SPDX-License-Identifier: BSD-2-Clause
"""TLS, passwords and access rights: what works, and how each refusal is named in the status and in
the journal, once, with what to do."""

import pytest

from lib import config, kafka, oracle, wait


def properties(cluster, user="postal", password=None, **more):
    return [
        "security.protocol=sasl_ssl",
        "sasl.mechanisms=PLAIN",
        f"sasl.username={user}",
        f"sasl.password={password or kafka.USERS[user]}",
        f"ssl.ca.location={cluster.certificates.authority}",
        *(f"{key.replace('_', '.')}={value}" for key, value in more.items()),
    ]


def secured(cluster, name, extra=(), bootstrap=None, **parts):
    return {
        **config.build(**parts),
        "cluster": {
            "bootstrap": bootstrap or cluster.sasl_bootstrap,
            "properties": list(extra) or properties(cluster),
        },
    }


def everything(name, **more):
    return dict(
        producers=[config.producer("p", name, rate=20.0)],
        groups=[config.group(name, name, 1, start="earliest")],
        **more,
    )


def test_password_over_tls(cluster, name, start, journal):
    cluster.create_topic(name, 2)
    cluster.allow("postal", topics=[name], groups=[name])
    crier = start(secured(cluster, name, **everything(name)), journal)
    journal.wait_events(20)
    assert crier.status()["cluster"]["trouble"] is None
    assert not journal.records("TROUBLE")
    assert crier.stop()[0] == 0


def test_client_certificate(cluster, name, start, journal):
    cluster.create_topic(name, 2)
    cluster.allow("postal", topics=[name], groups=[name])
    cluster.certificates.make("postal")
    directory = cluster.certificates.directory
    crier = start(
        secured(
            cluster,
            name,
            [
                "security.protocol=ssl",
                f"ssl.ca.location={cluster.certificates.authority}",
                f"ssl.certificate.location={directory}/postal.pem",
                f"ssl.key.location={directory}/postal.key",
            ],
            cluster.tls_bootstrap,
            **everything(name),
        ),
        journal,
    )
    journal.wait_events(20)
    assert crier.stop()[0] == 0


def all_troubles(status):
    """Every trouble in a status: {code: text}."""
    parts = [status["cluster"], status["sink"], *status["producers"], *status["groups"]]
    parts += [consumer for group in status["groups"] for consumer in group["consumers"]]
    return {p["trouble"]["code"]: p["trouble"] for p in parts if p["trouble"]}


def named(crier, journal, code, subject=None):
    """Waits until the status names this trouble, and checks that the journal has it, with advice,
    and is told it once for each who has it (`subject` among them)."""
    trouble = wait.until(lambda: all_troubles(crier.status()).get(code), 40, lambda: crier.status())
    assert trouble["text"] and trouble["advice"]

    def said():
        return [r.text("MESSAGE") for r in journal.records() if r.text("CRIER_TROUBLE") == code]

    wait.until(
        lambda: any((subject or "") in text for text in said()),
        20,
        lambda: [r.text("MESSAGE") for r in journal.records()],
    )
    record = next(r for r in journal.records() if r.text("CRIER_TROUBLE") == code)
    assert record.text("CRIER_ADVICE") == trouble["advice"]
    wait.holds(lambda: len(said()) == len(set(said())) <= 3, 5, said)
    return trouble


def test_wrong_password_is_named(cluster, name, start, journal):
    cluster.create_topic(name)
    crier = start(
        secured(cluster, name, properties(cluster, password="wrong"), **everything(name)), journal
    )
    named(crier, journal, "auth-failed")
    # Where the machine is slow, a broker that had not answered yet was out of reach before.
    lost = len(journal.records("CLUSTER_LOST"))

    def code_of_cluster():
        return crier.status()["cluster"]["trouble"]["code"]

    # librdkafka says it only now and then; what it is does not change in between.
    wait.holds(lambda: code_of_cluster() == "auth-failed", 10, code_of_cluster)
    assert len(journal.records("CLUSTER_LOST")) == lost
    code, seconds = crier.stop()
    assert code == 0 and seconds < 5 * wait.SLOWNESS


def test_mechanism_that_the_broker_does_not_have_is_named(cluster, name, start, journal):
    extra = properties(cluster) + ["sasl.mechanisms=SCRAM-SHA-512"]
    extra.remove("sasl.mechanisms=PLAIN")
    crier = start(secured(cluster, name, extra, **everything(name)), journal)
    named(crier, journal, "auth-failed")


def test_untrusted_certificate_is_named(cluster, name, start, journal, place):
    other = kafka.Certificates(place / "other")
    extra = [p for p in properties(cluster) if not p.startswith("ssl.ca")]
    crier = start(
        secured(cluster, name, extra + [f"ssl.ca.location={other.authority}"], **everything(name)),
        journal,
    )
    named(crier, journal, "tls-failed")


def test_plaintext_to_a_tls_port_is_named(cluster, name, start, journal):
    crier = start(config.build(bootstrap=cluster.sasl_bootstrap, **everything(name)), journal)
    trouble = wait.until(lambda: crier.status()["cluster"]["trouble"], 40, lambda: crier.status())
    assert trouble["code"] in ("broker-lost", "tls-failed")
    assert "security.protocol" in trouble["advice"]


def test_forbidden_topic_is_named_and_heals_when_it_is_allowed(cluster, name, start, journal):
    cluster.create_topic(name)
    cluster.allow("postal", groups=[name])
    crier = start(secured(cluster, name, **everything(name)), journal)
    named(crier, journal, "topic-forbidden", name)
    cluster.allow("postal", topics=[name])
    journal.wait_events(20, timeout=60)
    wait.until(lambda: not all_troubles(crier.status()), 40, lambda: crier.status())


def test_forbidden_group_is_named_and_heals_when_it_is_allowed(cluster, name, start, journal):
    cluster.create_topic(name)
    cluster.allow("postal", topics=[name])
    crier = start(secured(cluster, name, **everything(name)), journal)
    named(crier, journal, "group-forbidden", name)
    assert oracle.broker_content(cluster.bootstrap, name)
    cluster.allow("postal", groups=[name])
    journal.wait_events(20, timeout=60)
    wait.until(lambda: not all_troubles(crier.status()), 40, lambda: crier.status())


@pytest.mark.parametrize("milliseconds", [3000, 1800001])
def test_session_timeout_that_the_broker_refuses_is_named(
    cluster, name, start, journal, milliseconds
):
    cluster.create_topic(name)
    group = config.group(
        name,
        name,
        properties=[
            f"session.timeout.ms={milliseconds}",
            "heartbeat.interval.ms=500",
            "max.poll.interval.ms=2000000",
        ],
    )
    crier = start(config.build(bootstrap=cluster.bootstrap, groups=[group]), journal)
    named(crier, journal, "session-timeout-refused")
