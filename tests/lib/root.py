# SPDX-License-Identifier: BSD-2-Clause
"""Debian roots: a folder with a Debian release and some packages, made once and kept in the cache;
a layer above it that may be written to; and commands that run in it, with the host's network and
the settings of the host's package clients. Needs root."""

import contextlib
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from lib import files

RELEASES = ("bookworm", "trixie")
# mmdebstrap(1)'s options for a root as Debian's installer makes one.
MERGED_USR = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
BOOTSTRAP = {"bookworm": (MERGED_USR, "--include=usr-is-merged"), "trixie": ()}

# Where administrators put what their package clients need: certificates, mirrors, proxies.
SETTINGS = (
    "/usr/local/share/ca-certificates",
    "/etc/apt/auth.conf",
    "/etc/apt/auth.conf.d",
    "/etc/pip.conf",
    "~/.config/pip",
    "~/.m2/settings.xml",
)
# Of apt's own settings, those that say how packages are fetched.
APT_SETTING = re.compile(r"Acquire::(https?|Check-|Retries|Force|Proxy)", re.I)
# What the environment says of the host itself.
NOT_INHERITED = {"PATH", "PWD", "OLDPWD", "SHELL", "SHLVL", "TMPDIR", "_"}
# For the environment of what is built only to be tried.
QUICK_BUILD = ("CFLAGS=-O0", "DEB_BUILD_OPTIONS=nocheck noautodbgsym noopt parallel=2")
_machines = itertools.count()
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def host_release():
    """The codename of the host's Debian release; empty where it is no Debian."""
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    return ""


def release():
    """The Debian release that the tests are asked for: $CRIER_RELEASE, or the host's."""
    return os.environ.get("CRIER_RELEASE") or host_release()


def _mirror():
    """The mirror that the host's apt uses."""
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    own = host_release()
    mirrors = [line.split()[1] for line in found.stdout.splitlines() if line.split()[0] == own]
    if not mirrors:
        raise RuntimeError(f"apt knows no mirror of '{own}'; run apt-get update")
    return mirrors[0]


def _run_host(*command, what):
    """Runs a command; its output is shown only where it fails."""
    done = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise RuntimeError(f"{what}:\n{done.stdout[-6000:]}")


def _bootstrap(codename, new):
    _run_host(
        *("mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase"),
        # What is unpacked here is made again where a power loss spoils it.
        "--dpkgopt=force-unsafe-io",
        *(f"--aptopt={setting}" for setting in _apt_settings()),
        *BOOTSTRAP[codename],
        *(codename, new, _mirror()),
        what=f"no root of '{codename}' could be made",
    )
    _take_settings(new)


def _take_settings(root):
    """Gives a root the settings of the host's package clients."""
    for name in SETTINGS:
        source = pathlib.Path(name).expanduser()
        target = root / str(source).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copy2(source, target)


def _apt_settings():
    """Those of the host's apt that say how packages are fetched, as its files have them."""
    shown = subprocess.run(
        ["apt-config", "dump", "--no-empty", "--format", '%F "%v";%n'],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [line for line in shown.splitlines() if APT_SETTING.match(line)]


def pristine(codename, packages=(), on=()):
    """The directory with a root of this release and these packages, which nobody changes; makes it
    once. A package may be named as in the fields of a Debian package: with a version, or with
    others that would do. It has those of `on` too, and begins as a copy of their root: installing
    what is there is quick."""
    packages, on = sorted(set(packages)), sorted(set(on))
    which = files.digest(*packages, *(["on", *on] if on else [])) if packages else "base"
    base = pristine(codename, on) if packages else None
    with files.once(f"root-{codename}-{which}") as (path, new):
        if new and base:
            _run_host("cp", "-a", f"{base}/.", new, what="no copy of a root")
            install(new, packages)
        elif new:
            _bootstrap(codename, new)
    return path


def install(root, packages):
    """Installs packages in a root as its administrator would."""
    script = 'apt-get -q update && apt-get -q satisfy --yes --no-install-recommends "$@"'
    run(
        root,
        ["sh", "-c", script, "sh", *packages],
        what=f"not installed in {root}: {', '.join(packages)}",
    )


def command(root, arguments, binds=(), user=None, cwd="/"):
    """The host's command that runs `arguments` in a root, as root or another user of it. `binds`
    are paths of the host, as systemd-nspawn takes them: PATH, or PATH:ANOTHER inside; those that
    end with ':ro' cannot be written to."""
    words = [
        *("systemd-nspawn", "--quiet", "--pipe", "--register=no", "--as-pid2", "-D", str(root)),
        f"--machine=crier-{os.getpid()}-{next(_machines)}",
        f"--chdir={cwd}",
        *("-E", f"PATH={PATH}", "-E", "DEBIAN_FRONTEND=noninteractive"),
    ]
    if not os.path.isdir("/run/systemd/system"):
        words.append("--keep-unit")
    if user:
        words.append(f"--user={user}")
    for name in os.environ.keys() - NOT_INHERITED - {"DEBIAN_FRONTEND"}:
        if not (user and name == "HOME"):
            words += ["-E", name]
    for bind in binds:
        path = str(bind)
        words.append(
            f"--bind-ro={path[: -len(':ro')]}" if path.endswith(":ro") else f"--bind={path}"
        )
    return [*words, *map(str, arguments)]


def run(root, arguments, what, **more):
    """Runs a command in a root to its end, see command(); where it fails, raises with `what` and
    the command's output."""
    _run_host(*command(root, arguments, **more), what=what)


def _mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode == 0


def _unmount(path):
    done = subprocess.run(["umount", path], capture_output=True)
    if done.returncode != 0:
        subprocess.run(["umount", "--lazy", path], check=False)


@contextlib.contextmanager
def layer(base, in_memory=False):
    """A writable layer above a pristine root, gone afterwards: an overlay, or a copy where that is
    not possible. `in_memory`: what is written stays there, which is faster."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=files.cache()))
    memory = in_memory and _mount("-t", "tmpfs", "-o", "size=4G", "tmpfs", directory)
    root, upper, work = (directory / name for name in ("root", "upper", "work"))
    for path in (root, upper, work):
        path.mkdir()
    options = f"lowerdir={base},upperdir={upper},workdir={work}"
    mounted = _mount("-t", "overlay", "overlay", "-o", options, root)
    try:
        if not mounted:
            _run_host("cp", "-a", f"{base}/.", root, what="no copy of a root")
        yield root
    finally:
        if mounted:
            _unmount(root)
        if memory:
            _unmount(directory)
        shutil.rmtree(directory, ignore_errors=True)
