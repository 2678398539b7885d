# SPDX-License-Identifier: BSD-2-Clause
"""The verbs that there are, read from the table that both programs are made of."""

import re
import typing

from lib.crier import TREE


class Verb(typing.NamedTuple):
    name: str
    method: str  # "" where crierctl has it for itself
    arguments: str
    help: str
    access: str  # ANYBODY, OPERATOR or ROOT; "" where crierctl has it for itself


def read():
    """All rows, in their order."""
    text = (TREE / "src/protocol/verbs.def").read_text().partition("*/")[2].partition("*/")[2]
    text = re.sub(r"^#if 0$.*?^#endif$", "", text, flags=re.M | re.S)
    rows = re.findall(r'^(CLIENT_)?VERB\(\w+, (".*?)\);?$', text, re.M | re.S)
    found = []
    for client, row in rows:
        texts = re.findall(r'"([^"]*)"', row)
        name, method, arguments, line = [texts[0], ""] + texts[1:] if client else texts
        access = "" if client else re.search(r'", (ANYBODY|OPERATOR|ROOT), ', row)[1]
        found.append(Verb(name, method, arguments, line, access))
    assert len(found) == len(re.findall(r"^(?:CLIENT_)?VERB\(", text, re.M))
    return found


VERBS = read()
