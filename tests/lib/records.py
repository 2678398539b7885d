# SPDX-License-Identifier: BSD-2-Clause
"""The kinds of entries that crierd writes, as src/journal/records.def lists them."""

import pathlib
import re

TABLE = pathlib.Path(__file__).resolve().parents[2] / "src" / "journal" / "records.def"

# Kind → MESSAGE_ID, and back.
IDS = dict(re.findall(r'^RECORD\((\w+),\s*"([0-9a-f]{32})"', TABLE.read_text(), re.M))
NAMES = {message_id: name for name, message_id in IDS.items()}
