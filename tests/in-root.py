# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command in a root of a Debian release, which is made where there is none yet.

in-root.py RELEASE [--packages PACKAGE…] [--on PACKAGE…] [--bind PATH…] -- COMMAND…

The command sees the paths that are bound; what else it writes is gone afterwards. Ends as it does.
With --on the root is made from one that has these packages.
"""

import argparse
import subprocess
import sys

from lib import root


def main():
    words = sys.argv[1:]
    split = words.index("--")
    options, typed = words[:split], words[split + 1:]
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("release", choices=root.RELEASES)
    parser.add_argument("--packages", nargs="*", default=[])
    parser.add_argument("--on", nargs="*", default=[])
    parser.add_argument("--bind", action="append", default=[])
    asked = parser.parse_args(options)
    # COMMAND|PACKAGE: in a root commands come from packages.
    packages = [name.rpartition("|")[2] for name in asked.packages]
    base = root.pristine(asked.release, packages, asked.on)
    with root.layer(base) as where:
        command = root.command(where, typed, binds=asked.bind)
        return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
