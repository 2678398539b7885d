#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sets crier beside what one would use instead: on a lab VM, with a real Kafka outside it. Each
figure is the median of alternating runs, with its spread. Needs root; takes minutes; not a test."""

import argparse
import itertools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib import config, files, kafka, varlink, vm, wait  # noqa: E402
from lib.flood import Flood  # noqa: E402

import measure  # noqa: E402
from delivery import CONSTANT, PARTITIONS, SOCKET, VALUE, Delivery  # noqa: E402

# The machine's own packages: what crier is set beside.
TOOLS = ("kcat", "rsyslog", "rsyslog-kafka", "python3-confluent-kafka")
LAB_VALUE = VALUE % "%{alpha:7}"
# Runs a command and tells what it has used of the CPU.
CPU_OF_COMMAND = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""
# Runs a command many times and tells how long each took, in milliseconds.
TIMES_OF_COMMAND = """
import json, subprocess, sys, time
times = []
for _ in range(20):
    began = time.perf_counter()
    subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
    times.append(1000 * (time.perf_counter() - began))
print(json.dumps(times))
"""
# All places on the control socket but the one that looks.
FLOOD = ({"status": 16}, {"status": 16}, {"status": 16}, {"status": 15})
SETTLE_SECONDS = 15
JOURNALD = """[Journal]
Storage=persistent
SystemMaxUse=8G
ForwardToSyslog=no
"""


class Bench(Delivery):
    """All contenders. Each is a method that runs once and returns its figures."""

    def __init__(self, lab, options):
        super().__init__(lab, options)
        self.many = options.events * 20

    def prepare(self):
        """Installs crier and what it is set beside in the machine."""
        self.machine.shell("mkdir -p /etc/systemd/journald.conf.d")
        self.machine.write("/etc/systemd/journald.conf.d/bench.conf", JOURNALD)
        self.machine.run("systemctl", "restart", "systemd-journald")
        self.copy(vm.package(), "/root/crier.deb")
        self.machine.shell("export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; "
                           "apt-get install -qq --yes --no-install-recommends "
                           f"/root/crier.deb {' '.join(TOOLS)}", timeout=300)
        self.machine.run("systemctl", "stop", "crierd")
        self.machine.shell("systemctl disable --now rsyslog.service syslog.socket", check=False)
        self.copy(files.TREE / "tests/lib/labscript.py", "/root/labscript.py")
        self.copy(files.TREE / "tests/lib/flood.py", "/root/flood.py")
        with self.lab.tool("flood") as flood:
            self.copy(flood, "/root/flood")

    def copy(self, source, inside):
        shutil.copy2(source, self.lab.inside(inside))

    # Out of Kafka, without the journal.

    def crier_consumes(self):
        group = config.group(self.lab.fresh("bench"), self.topic, start="earliest", log=False)
        pid = self.start_crier(groups=[group])
        try:
            rate = measure.rate(lambda: self.status()["groups"][0]["received"], self.many)
            return {"rate": rate, "cpu": self.lab.cpu(pid)}
        finally:
            self.stop_crier()

    def kcat_consumes(self):
        out = "/root/consumed"
        self.machine.run("sh", "-c", f": >{out}")
        command = (f"exec kcat -q -b {self.lab.cluster.bootstrap} -X auto.offset.reset=earliest "
                   f"-G {self.lab.fresh('bench')} {self.topic} >{out}")
        pid = self.start_unit("bench-kcat", "sh", "-c", command)
        path = self.lab.inside(out)
        line = len(CONSTANT) + 1
        try:
            # kcat's output comes in blocks; the last one only when it ends.
            rate = measure.rate(lambda: path.stat().st_size // line, self.many - 100)
            return {"rate": rate, "cpu": self.lab.cpu(pid)}
        finally:
            self.stop_unit("bench-kcat")

    def consume(self):
        self.topic = self.fill(itertools.repeat(CONSTANT, self.many))
        results = measure.alternate(self.options.rounds, {
            "crierd, log = false": self.crier_consumes, "kcat -G to a file": self.kcat_consumes})
        measure.table(f"Out of Kafka, {self.many:,} events", results, "crierd, log = false",
                      [("rate", "events/s", 0), ("cpu", "CPU s", 2)])

    # Into Kafka.

    def crier_produces(self):
        topic = self.new_topic()
        producer = config.producer("bench", topic, CONSTANT, rate="max", count=self.many,
                                   properties=["acks=all"])
        with self.lab.stored(topic, PARTITIONS) as count:
            pid = self.start_crier(producers=[producer])
            try:
                return {"rate": measure.rate(count, self.many), "cpu": self.lab.cpu(pid)}
            finally:
                self.stop_crier()

    def kcat_produces(self):
        topic = self.new_topic()
        command = self.machine.command("python3", "-c", CPU_OF_COMMAND, "kcat", "-P", "-b",
                                       self.lab.cluster.bootstrap, "-t", topic, "-X", "acks=all",
                                       "-l", "/root/lines")
        with self.lab.stored(topic, PARTITIONS) as count, subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as kcat:
            rate = measure.rate(count, self.many)
            return {"rate": rate, "cpu": float(kcat.stdout.read())}

    def produce(self):
        self.machine.shell(f"yes '{CONSTANT}' | head -n {self.many} >/root/lines")
        results = measure.alternate(self.options.rounds, {
            "crierd, rate = max": self.crier_produces, "kcat -P": self.kcat_produces})
        measure.table(f"Into Kafka, {self.many:,} events, acks=all", results, "crierd, rate = max",
                      [("rate", "events/s", 0), ("cpu", "CPU s", 2)])

    # At rest: five consumers of one group, one event a second.

    def idle_figures(self, pid):
        """CPU and memory of a process over a while, once it has found its pace."""
        time.sleep(SETTLE_SECONDS)
        before, began = self.lab.cpu(pid), time.monotonic()
        time.sleep(self.options.seconds)
        used = self.lab.cpu(pid) - before
        return {"cpu": 100 * used / (time.monotonic() - began), "memory": self.lab.memory(pid)}

    def crier_idles(self):
        topic = self.new_topic()
        producer = config.producer("office", topic, LAB_VALUE, rate=1.0)
        group = config.group(self.lab.fresh("bench"), topic, consumers=5)
        pid = self.start_crier(producers=[producer], groups=[group])
        try:
            return self.idle_figures(pid)
        finally:
            self.stop_crier()

    def script_idles(self):
        topic = self.new_topic()
        group = self.lab.fresh("bench")
        pid = self.start_unit("bench-script", "/usr/bin/python3", "/root/labscript.py",
                              self.lab.cluster.bootstrap, topic, "--producers=1",
                              *[f"--group={group}"] * 5)
        try:
            return self.idle_figures(pid)
        finally:
            self.stop_unit("bench-script")

    def idle(self):
        results = measure.alternate(self.options.rounds, {
            "crierd": self.crier_idles, "the lab's script": self.script_idles})
        figures = [("cpu", "CPU, % of a core", 2), ("memory", "RssAnon, MiB", 1)]
        measure.table("Five consumers, 1 event/s", results, "crierd", figures)
        measure.table("The same, by memory", results, "crierd", figures[::-1])

    # From start to READY=1.

    def crier_starts(self):
        self.start_crier(groups=[config.group("bench", self.topic, consumers=5)])
        try:
            began, ready = (int(self.machine.run("systemctl", "show", "crierd", "-P", name).stdout)
                            for name in ("ExecMainStartTimestampMonotonic",
                                         "ActiveEnterTimestampMonotonic"))
            return {"ready": (ready - began) / 1000}
        finally:
            self.stop_crier()

    def ready(self):
        self.topic = self.new_topic()
        results = measure.alternate(2 * self.options.rounds, {"crierd": self.crier_starts})
        measure.table("From start to READY", results, "crierd", [("ready", "ms", 1)])

    # Asking for the status, while events flow and while they do not.

    def crier_is_asked(self, flood):
        """Consumes while one client looks, beside those that flood; figures by the daemon's own
        clock, since an answer may come late."""
        group = config.group(self.lab.fresh("bench"), self.topic, start="earliest", log=False)
        pid = self.start_crier(groups=[group])
        command = self.machine.command("python3", "/root/flood.py")
        try:
            with varlink.Connection(self.lab.inside(SOCKET), timeout=60) as connection:
                connection.call("org.varlink.service.GetInfo")
                with Flood(SOCKET, *flood, command=command) as running:
                    figures = measure.watch(
                        lambda: connection.call("io.crier.Control.Status"), self.many)
                asked = sum(kind["replies"] for kind in running.counts.values())
                return {**figures, "cpu": self.lab.cpu(pid), "asked": asked}
        finally:
            self.stop_crier()

    def crierctl_shows(self):
        told = self.machine.run("python3", "-c", TIMES_OF_COMMAND, "crierctl", "status").stdout
        return {"time": statistics.median(json.loads(told))}

    def kafka_describes(self):
        began = time.perf_counter()
        told = self.lab.cluster.describe_group(self.group)
        assert self.group in told, told
        return {"time": 1000 * (time.perf_counter() - began)}

    def control(self):
        self.topic = self.fill(itertools.repeat(CONSTANT, self.many))
        results = measure.alternate(self.options.rounds, {
            "64 clients flood status": lambda: self.crier_is_asked(FLOOD),
            "one client asks": lambda: self.crier_is_asked(())})
        measure.table(f"Out of Kafka, {self.many:,} events, log = false", results,
                      "64 clients flood status",
                      [("rate", "events/s", 0), ("cpu", "CPU s", 2),
                       ("p99", "status p99, ms", 1), ("asked", "status answered to the flood", 0)])
        topic, self.group = self.new_topic(), self.lab.fresh("bench")
        self.start_crier(groups=[config.group(self.group, topic, consumers=5)])
        try:
            wait.until(lambda: self.status()["groups"][0]["stable"], 60, "a stable group")
            results = measure.alternate(self.options.rounds, {
                "crierctl status": self.crierctl_shows,
                "kafka-consumer-groups --describe": self.kafka_describes})
        finally:
            self.stop_crier()
        measure.table("Five consumers of a group, shown by a command", results, "crierctl status",
                      [("time", "ms", 1)])


BENCHES = ("ready", "journal", "files_of_journal", "verify", "recovery", "latency", "consume",
           "produce", "idle", "control")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", nargs="*", help=f"which ones ({', '.join(BENCHES)}); default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000,
                        help="into the journal; half as many to recover; elsewhere 20 times as "
                        "many (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60,
                        help="how long to watch what idles, and to send events for their latency "
                        "(default: %(default)s)")
    options = parser.parse_args()
    if unknown := set(options.bench) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    if os.geteuid() != 0:
        sys.exit("run.py: the lab VM needs root")
    with kafka.Cluster() as cluster, vm.Machine() as machine:
        bench = Bench(measure.Lab(machine, cluster), options)
        bench.prepare()
        for name in options.bench or BENCHES:
            print(f"{name}:", flush=True)
            getattr(bench, name)()


if __name__ == "__main__":
    main()
