# SPDX-License-Identifier: BSD-2-Clause
"""A real Apache Kafka in KRaft mode on 127.0.0.1, from its published jars: one broker or three,
with faults on demand. Every process is ended by its id."""

import base64
import functools
import pathlib
import shutil
import signal
import subprocess
import tempfile
import uuid

import confluent_kafka
from confluent_kafka import admin

from lib import clients, files, wait

POM = files.TREE / "tests" / "kafka" / "pom.xml"

CHECKPOINT = "bootstrap.checkpoint"

# Users of the SASL listener; each topic and group needs an ACL. Who comes through the plain
# listener may do anything.
USERS = {"postal": "right-password", "admin": "admin-password"}


def jars():
    """The directory with the broker's jars; fetches them once."""
    with files.once(f"kafka-{files.digest(POM.read_text())}") as (path, new):
        if new:
            subprocess.run(
                [
                    "mvn",
                    "--quiet",
                    "--batch-mode",
                    "-Dstyle.color=never",
                    f"--file={POM}",
                    "dependency:copy-dependencies",
                    "-DincludeScope=runtime",
                    f"-DoutputDirectory={new}",
                ],
                check=True,
                stdin=subprocess.DEVNULL,
            )
    return path


def java_command(main, *arguments, memory, archive=None):
    """The command that runs a Java program of Kafka; `archive`: java(1)'s option for an archive of
    classes, without one that of prepared()."""
    return [
        "java",
        archive or f"-XX:SharedArchiveFile={prepared() / 'broker.jsa'}",
        f"-Xmx{memory}m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        ":".join(map(str, sorted(jars().glob("*.jar")))),
        main,
        *map(str, arguments),
    ]


def java(main, *arguments, **more):
    """Runs a Java program of Kafka to its end; raises where it fails."""
    return subprocess.run(
        java_command(main, *arguments, memory=128, **more),
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@functools.cache
def prepared():
    """The directory with what a broker has left that ran once for this: the classes that it loads,
    as they are in memory, from which others start in half the time, and the checkpoint with which
    the log of a new cluster begins, so that Kafka's tool need not make it each time."""
    version = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True)
    with files.once(f"broker-{files.digest(POM.read_text(), version.stderr)}") as (path, new):
        if new:
            with Cluster(archive=f"-XX:ArchiveClassesAtExit={new}/broker.jsa") as cluster:
                cluster.stop()
                shutil.copy2(cluster.brokers[0].directory / "data" / CHECKPOINT, new)
    return path


def new_id():
    """A new name of a cluster or a directory, as Kafka makes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


class Certificates:
    """A certificate authority, and PEM files for the broker and for clients, made by openssl."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.authority = self.directory / "ca.pem"
        self._openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "30",
            "-subj",
            "/CN=test authority",
        )

    def _openssl(self, *arguments):
        subprocess.run(
            ["openssl", *arguments],
            cwd=self.directory,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )

    def make(self, name):
        """Makes NAME.key and NAME.pem, signed, for localhost; returns the file that holds both."""
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        self._openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        self._openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-out",
            f"{name}.pem",
            "-extfile",
            extensions.name,
        )
        store = self.directory / f"{name}.store.pem"
        store.write_text(
            (self.directory / f"{name}.key").read_text()
            + (self.directory / f"{name}.pem").read_text()
        )
        return store


class Broker:
    """One broker (and controller) process with its directory and its ports, which it keeps when
    restarted."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.number = number
        self.directory = cluster.directory / f"broker-{number}"
        self.directory.mkdir()
        self.port, self.controller_port, self.sasl_port, self.tls_port = files.free_ports(4)
        self.process = None

    address = property(lambda self: f"127.0.0.1:{self.port}")

    def configure(self):
        """Writes the properties and formats the log directory."""
        self.properties = self.directory / "server.properties"
        self.properties.write_text("".join(f"{k}={v}\n" for k, v in self.settings().items()))
        if self.cluster.archive:
            java(
                "kafka.tools.StorageTool",
                *("format", "-t", self.cluster.id, "-c", self.properties),
                archive=self.cluster.archive,
            )
            return
        data = self.directory / "data"
        data.mkdir()
        shutil.copy2(prepared() / CHECKPOINT, data)
        (data / "meta.properties").write_text(
            f"version=1\ncluster.id={self.cluster.id}\nnode.id={self.number}\n"
            f"directory.id={new_id()}\n"
        )

    def settings(self):
        brokers = self.cluster.brokers
        copies = min(3, len(brokers))
        listeners = {"PLAINTEXT": self.port}
        if self.cluster.secure:
            listeners.update(SASL_SSL=self.sasl_port, SSL=self.tls_port)
        advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())
        settings = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": ",".join(
                f"{b.number}@127.0.0.1:{b.controller_port}" for b in brokers
            ),
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SASL_SSL:SASL_SSL,SSL:SSL",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.directory / "data",
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 5,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "transaction.state.log.num.partitions": 5,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": max(1, copies - 1),
            "auto.create.topics.enable": "false",
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            "message.max.bytes": 8 * 1024 * 1024,
            # A broker that died is noticed after 3 s instead of 9 s; a group waits 0.5 s for
            # members instead of 3 s.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 500,
        }
        if self.cluster.secure:
            settings.update(self.security())
        settings.update(self.cluster.settings)
        return settings

    def security(self):
        users = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
        return {
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": "org.apache.kafka.common.security."
            f"plain.PlainLoginModule required {users};",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.cluster.certificates.make(f"broker{self.number}"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.cluster.certificates.authority,
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
            "allow.everyone.if.no.acl.found": "false",
        }

    def start(self):
        """Starts the process; does not wait for it."""
        assert not self.running()
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                java_command(
                    "kafka.Kafka", self.properties, memory=256, archive=self.cluster.archive
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
            )

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        """Ends the process and waits for its end; a stopped (frozen) one is killed."""
        if self.running():
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        self.stop(signal.SIGKILL)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    @property
    def log(self):
        return (self.directory / "log").read_text(errors="replace")


class Cluster:
    """A cluster of brokers. Use it as a context manager."""

    def __init__(self, brokers=1, secure=False, settings=None, archive=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="crier-kafka-"))
        self.id = new_id()
        self.secure = secure
        self.settings = settings or {}
        self.archive = archive
        self.certificates = Certificates(self.directory / "certificates") if secure else None
        self.brokers = []
        for number in range(1, brokers + 1):
            self.brokers.append(Broker(self, number))

    def __enter__(self):
        try:
            for broker in self.brokers:
                broker.configure()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for broker in self.brokers:
            broker.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    bootstrap = property(lambda self: ",".join(broker.address for broker in self.brokers))
    sasl_bootstrap = property(lambda self: f"127.0.0.1:{self.brokers[0].sasl_port}")
    tls_bootstrap = property(lambda self: f"127.0.0.1:{self.brokers[0].tls_port}")

    def start(self):
        """Starts the brokers that do not run, and waits until all of them serve."""
        for broker in self.brokers:
            if not broker.running():
                broker.start()
        self.wait_ready()

    def stop(self, number=signal.SIGTERM):
        for broker in self.brokers:
            broker.stop(number)

    def wait_ready(self, timeout=60):
        """Waits until every broker answers and knows all the others."""
        for broker in self.brokers:
            client = admin.AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
            wait.until(
                lambda: self._serves(broker, client),
                timeout,
                lambda: f"broker ready:\n{broker.log[-4000:]}",
            )

    def _serves(self, broker, client):
        if not broker.running():
            raise AssertionError(
                f"broker {broker.number} ended with {broker.process.returncode}:\n{broker.log}"
            )
        try:
            return len(client.list_topics(timeout=1).brokers) == len(self.brokers)
        except confluent_kafka.KafkaException:
            return False

    def admin(self):
        return admin.AdminClient({"bootstrap.servers": self.bootstrap})

    def groups(self, name):
        """The groups of this name, one or none; as soon as the coordinator answers, which one that
        has only begun does not."""
        client, said = self.admin(), []

        def attempt():
            try:
                return [client.list_groups(name, timeout=10)]
            except confluent_kafka.KafkaException as error:
                said.append(error)
                return None

        return wait.until(attempt, 60, lambda: f"the coordinator answers: {said[-1:]}")[0]

    def create_topic(self, name, partitions=1, **config):
        """Makes a topic and waits until it can be used."""
        topic = admin.NewTopic(name, partitions, min(3, len(self.brokers)), config=config)
        client = self.admin()
        client.create_topics([topic], request_timeout=30)[name].result()
        wait.until(
            lambda: len(self.topic_partitions(name, client)) == partitions, 20, f"topic {name}"
        )
        return name

    def topic_partitions(self, name, client=None):
        """The partitions of a topic: {number: metadata}; empty where there is no such topic."""
        topics = (client or self.admin()).list_topics(timeout=10).topics
        return topics[name].partitions if name in topics and not topics[name].error else {}

    def produce(self, topic, events):
        """Puts events into a topic; see clients.produce()."""
        clients.produce(self.bootstrap, topic, events)

    def allow(self, user, topics=(), groups=()):
        """Lets a user of the SASL or TLS listener read and write topics, and join groups."""
        for topic in topics:
            self._acl(
                "--allow-principal",
                f"User:{user}",
                "--operation",
                "Read",
                "--operation",
                "Write",
                "--operation",
                "Describe",
                "--topic",
                topic,
            )
        for group in groups:
            self._acl("--allow-principal", f"User:{user}", "--operation", "Read", "--group", group)

    def _acl(self, *arguments):
        java(
            "org.apache.kafka.tools.AclCommand",
            "--bootstrap-server",
            self.bootstrap,
            "--add",
            *arguments,
        )

    def describe_group(self, group):
        """What kafka-consumer-groups says about a group's members."""
        return java(
            "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            "--bootstrap-server",
            self.bootstrap,
            "--describe",
            "--group",
            group,
        ).stdout
