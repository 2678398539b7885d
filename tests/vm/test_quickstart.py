# SPDX-License-Identifier: BSD-2-Clause
"""The README's first command on a machine that has what the package is built with: from the source
tree to events in the journal. (Where nothing is installed it is tried in tests/bare.)"""

import re
import shutil

from lib import files, root, vm


def test_quickstart_installs_builds_and_shows_events():
    with vm.Machine(vm.build_needs(), vm.build_on()) as machine:
        for name in files.sources():
            target = machine.path("/root/crier") / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(files.TREE / name, target)
        script = "/root/crier/packaging/quickstart.sh"
        shown = machine.run("env", *root.QUICK_BUILD, script, timeout=600).stdout
        assert re.search(r"Consumer \d+: .+ \(key: \S+\)", shown), shown[-3000:]
        assert machine.show("crierd", "ActiveState") == "active"
        assert machine.show("crierd", "UnitFileState") == "enabled"
        assert "crierctl status" in shown and "usermod" in shown
