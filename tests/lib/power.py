# SPDX-License-Identifier: BSD-2-Clause
"""A guest whose power can fail: a kernel in qemu's emulation, with journald and crierd of the vm
ring's machine and no more. Both are in an initramfs; /var is a disk, which is all that a loss of
power leaves. What has not been brought to disk stays in the guest's memory: its kernel writes
nothing back by itself. The guest reaches the broker on the host's 127.0.0.1; nothing can reach the
guest."""

import contextlib
import lzma
import os
import re
import resource
import shutil
import subprocess

from lib import files, root

JOURNALD = "/usr/lib/systemd/systemd-journald"
PROGRAMS = (JOURNALD, "/usr/sbin/crierd", "/usr/bin/setpriv")
SETTINGS = ("passwd", "group", "nsswitch.conf", "ld.so.cache")
APPLETS = "chgrp chmod chown echo hostname insmod ip mkdir mount poweroff sh sleep touch".split()
FOLDERS = "usr/bin usr/sbin usr/lib usr/lib64 etc/systemd modules dev proc run sys var".split()
MODULES = ("virtio_pci", "virtio_blk", "virtio_net")
# Of these the host's disk has what is used.
DISK = 1 << 30

# A file that is full is brought to disk; these never are.
JOURNALD_CONF = """[Journal]
Storage=persistent
SyncIntervalSec=1h
RateLimitBurst=0
SystemMaxUse=900M
SystemMaxFileSize=300M
SystemKeepFree=1M
"""

# Without the loopback interface 127.0.0.1 is not the guest's own; qemu connects to the host's.
INIT = f"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
echo 95 >/proc/sys/vm/dirty_ratio
echo 90 >/proc/sys/vm/dirty_background_ratio
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
for module in /modules/*; do insmod $module; done
hostname lab
mount -t ext4 -o commit=600,noinit_itable /dev/vda /var || poweroff -f
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
ip route add 127.0.0.1 via 10.0.2.2
mkdir -p /run/systemd/journal /run/log /run/crier /tmp
touch /run/systemd/journal/flushed
chgrp systemd-journal /var/log/journal
chmod 2755 /var/log/journal
chown crier:crier /run/crier /var/lib/crier
{JOURNALD} &
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
/usr/bin/setpriv --reuid=crier --regid=crier --init-groups crierd -c /var/crierd.conf
echo "crierd ended with $?"
poweroff -f
"""

# In a root of the release; into $1.
FETCH_KERNEL = """
apt-get -q update
cd /tmp
kernel=$(apt-cache depends --important linux-image-cloud-amd64 | sed -n 's/.*Depends: //p')
apt-get -q download "$kernel" busybox-static
for deb in *.deb; do dpkg-deb --extract "$deb" "$1"; done
"""


def kernel():
    """The directory with Debian's kernel for virtual machines and busybox, both of the release."""
    with files.once(f"kernel-{root.release()}-{files.digest(FETCH_KERNEL)}") as (path, new):
        if new:
            with root.layer(root.pristine(root.release())) as where:
                root.run(
                    where,
                    ["sh", "-ec", FETCH_KERNEL, "sh", new],
                    binds=[new],
                    what="there is no kernel for the guest",
                )
    return path


def _module(found, name, order):
    """Adds a module, behind those that it needs, as its file says it. What is no file is in the
    kernel already."""
    if name in order or name not in found:
        return
    data = found[name].read_bytes()
    data = lzma.decompress(data) if found[name].suffix == ".xz" else data
    needs = re.search(rb"\0depends=([^\0]*)\0", data).group(1).decode()
    for need in filter(None, needs.split(",")):
        _module(found, need.replace("-", "_"), order)
    order[name] = data


def _modules(directory):
    """{name: content} of the modules, in the order in which they are loaded."""
    found = {
        path.name.partition(".")[0].replace("-", "_"): path for path in directory.rglob("*.ko*")
    }
    order = {}
    for name in MODULES:
        _module(found, name, order)
    return order


def initramfs(machine, path):
    """Makes the guest's memory file system from the machine's programs, and busybox."""
    stage = path.parent / "stage"
    for name in FOLDERS:
        (stage / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (stage / name).symlink_to(f"usr/{name}")
    linked = machine.run("ldd", *PROGRAMS).stdout
    libraries = set(re.findall(r"(?:^|\s)(/\S+) \(0x", linked, re.M))
    for name in (*PROGRAMS, *libraries):
        name = re.sub("^/lib", "/usr/lib", name)
        target = stage / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(machine.path(name), target)
    for name in SETTINGS:
        shutil.copy2(machine.path(f"/etc/{name}"), stage / "etc")
    (stage / "etc/machine-id").write_text(f"{int.from_bytes(os.urandom(16), 'big'):032x}\n")
    (stage / "etc/systemd/journald.conf").write_text(JOURNALD_CONF)
    (busybox,) = kernel().glob("**/bin/busybox")
    shutil.copy2(busybox, stage / "usr/bin/busybox")
    for name in APPLETS:
        (stage / "usr/bin" / name).symlink_to("busybox")
    (directory,) = kernel().glob("**/modules/*/kernel")
    for number, data in enumerate(_modules(directory).values()):
        (stage / f"modules/{number:02}").write_bytes(data)
    (stage / "init").write_text(INIT)
    (stage / "init").chmod(0o755)
    names = "\0".join(str(name.relative_to(stage)) for name in sorted(stage.rglob("*")))
    with open(path, "wb") as archive:
        subprocess.run(
            ["cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=+0:+0"],
            input=names.encode(),
            stdout=archive,
            cwd=stage,
            check=True,
        )
    shutil.rmtree(stage)
    return path


class Guest:
    """`config` is crierd's. close() it."""

    def __init__(self, machine, directory, memory, config):
        self.machine, self.directory, self.memory = machine, directory, memory
        self.disk = directory / "disk"
        self.console = directory / "console"
        self.process = None
        self.losses = 0
        self.seconds = 0.0
        content = directory / "var"
        for name in ("lib/crier", "log/journal"):
            (content / name).mkdir(parents=True)
        (content / "crierd.conf").write_text(config)
        subprocess.run(
            [
                *("mke2fs", "-q", "-t", "ext4", "-N", "1024", "-E", "lazy_itable_init=0"),
                *("-d", content, self.disk, f"{DISK // 1024}k"),
            ],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        shutil.rmtree(content)

    def close(self):
        if self.process:
            self.lose_power()

    def boot(self):
        """Does not wait until it is up."""
        (image,) = kernel().glob("boot/vmlinuz-*")
        command = [
            *("qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max"),
            *("-smp", "1", "-m", "512", "-nodefaults", "-no-reboot", "-display", "none"),
            *("-kernel", str(image), "-initrd", str(self.memory)),
            *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
            *("-serial", f"file:{self.console}"),
            *("-drive", f"if=none,id=disk,format=raw,cache=writeback,file={self.disk}"),
            *("-device", "virtio-blk-pci,drive=disk"),
            *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"),
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def said(self):
        """What is on its console, for a failure's text."""
        with contextlib.suppress(FileNotFoundError):
            return self.console.read_text(errors="replace")[-3000:]
        return ""

    def check_runs(self):
        assert self.process.poll() is None, f"{self.process.stderr.read()}\n{self.said()}"

    def lose_power(self):
        """All at once, SIGKILL."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.process = None
        self.losses += 1
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds += used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime

    @contextlib.contextmanager
    def journal(self):
        """Where the machine has a copy of the journal that is on the disk, as the next start would
        find it, with the file system's own journal replayed; until the block ends."""
        assert not self.process
        subprocess.run(
            ["e2fsck", "-E", "journal_only", "-p", self.disk], check=True, capture_output=True
        )
        inside = f"/var/log/crier-power-{os.getpid()}"
        self.machine.run("mkdir", inside)
        try:
            subprocess.run(
                ["debugfs", "-R", f"rdump /log/journal {self.machine.path(inside)}", self.disk],
                check=True,
                capture_output=True,
            )
            yield f"{inside}/journal"
        finally:
            self.machine.run("rm", "-rf", inside)
