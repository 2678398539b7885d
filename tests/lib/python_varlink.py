# SPDX-License-Identifier: BSD-2-Clause
"""The Varlink project's own Python client, which Debian 12 has no package of."""

import subprocess
import sys
import warnings

from lib import files

PACKAGE = "varlink==31.0.0"


def module():
    """The module `varlink`; fetches it once."""
    with files.once(f"varlink-{files.digest(PACKAGE)}") as (path, new):
        if new:
            subprocess.run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
                + ["--root-user-action=ignore", f"--target={new}", PACKAGE],
                check=True,
                stdin=subprocess.DEVNULL,
            )
    sys.path.append(str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import varlink
    finally:
        sys.path.remove(str(path))
    return varlink
