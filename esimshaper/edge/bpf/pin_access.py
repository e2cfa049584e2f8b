# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: lets the group of the process that names conversations use just the pins that it needs.

Folders let it pass and not look around; how it comes to the first one is the unit's business, as bpffs is closed.
"""

import contextlib
import grp
import os
from pathlib import Path

GROUP = "esimshaper-names"
PINS = ("heads", "bindings", "flow_names", "service_numbers")
PROGRAM = "name_flows"
PASS, USE = 0o710, 0o660


def share(generation: Path, programs: Path) -> None:
    """Gives the group its rights, where there is the group and this process may; a pin that is not there has none."""
    with contextlib.suppress(KeyError, PermissionError, FileNotFoundError):
        group = grp.getgrnam(GROUP).gr_gid
        for pin in (*(generation / name for name in PINS), programs / PROGRAM):
            _give(pin, group, USE)
        for folder in (programs, generation, generation.parent):
            _give(folder, group, PASS)


def _give(path: Path, group: int, mode: int) -> None:
    os.chown(path, -1, group)
    path.chmod(mode)
