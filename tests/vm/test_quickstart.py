# SPDX-License-Identifier: BSD-2-Clause
"""The README's first command on a fresh machine: from the source tree to events in the journal."""

import re
import shutil

from lib import files, vm


def test_quickstart_installs_builds_and_shows_events():
    with vm.Machine() as machine:
        for name in files.sources():
            target = machine.path("/root/crier") / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(files.TREE / name, target)
        shown = machine.run("/root/crier/packaging/quickstart.sh", timeout=600).stdout
        assert re.search(r"Consumer \d+: .+ \(key: \S+\)", shown), shown[-3000:]
        assert machine.show("crierd", "ActiveState") == "active"
        assert machine.show("crierd", "UnitFileState") == "enabled"
        assert "crierctl status" in shown and "usermod" in shown
