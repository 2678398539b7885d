# SPDX-License-Identifier: BSD-2-Clause
"""A Debian root with nothing but the base system, as a newcomer has it, and commands in it."""

import contextlib
import subprocess
import threading

from lib import files, root, wait


# Commands ask for nothing, and all that they say is text in one stream.
STREAMS = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
    "errors": "replace",
}


class NewRoot:
    """A root of the release that is asked for; with packages, if any. Use it as a context
    manager."""

    def __init__(self, packages=()):
        self.packages = packages
        self.closing = contextlib.ExitStack()

    def __enter__(self):
        base = root.pristine(root.release(), self.packages)
        self.directory = self.closing.enter_context(root.layer(base, in_memory=True))
        return self

    def __exit__(self, *_):
        self.closing.close()

    def path(self, inside):
        """Where a file of the root is on the host."""
        return self.directory / str(inside).lstrip("/")

    def command(self, *arguments, user=None, cwd="/"):
        # What the tests fetch is fetched here too; only what root compiles may be known before.
        own, binds = ["env", "-u", "CI", "-u", "CRIER_CACHE", *root.QUICK_BUILD], []
        if user is None:
            ccache = files.cache() / "ccache"
            ccache.mkdir(exist_ok=True)
            binds.append(f"{ccache}:/root/.cache/crier/ccache")
        return root.command(
            self.directory, [*own, *arguments], binds=binds, user=user, cwd=cwd
        )

    def run(self, *arguments, check=True, **more):
        """Runs a command to its end; the result has returncode and stdout, with stderr in it."""
        done = subprocess.run(self.command(*arguments, **more), **STREAMS)
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done

    def install(self, *packages):
        """Installs packages as root would."""
        self.run("apt-get", "update")
        self.run("apt-get", "install", "--yes", "--no-install-recommends", *packages)

    def run_until(self, sign, *arguments, timeout=600, **more):
        """Runs a command until its output has `sign`, a compiled pattern, and ends it then. Returns
        the output up to there."""
        process = subprocess.Popen(self.command(*arguments, **more), **STREAMS)
        lines = []

        def read():
            for line in process.stdout:
                lines.append(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            wait.until(
                lambda: sign.search("".join(lines)) or not reader.is_alive(),
                timeout,
                lambda: "".join(lines)[-6000:],
                interval=0.3,
            )
            assert sign.search("".join(lines)), "".join(lines)[-6000:]
        finally:
            process.terminate()
            process.wait()
        return "".join(lines)
