# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: our directories, by the environment that systemd sets. Reads nothing but the environment.

Imports nothing of others, so that `doctor` knows them on a box where a library is missing.
"""

import os
from pathlib import Path


def state_directory() -> Path:
    """The directory of the history."""
    return Path(os.environ.get("STATE_DIRECTORY", "/var/lib/esimshaper").split(":")[0])


def pins_root() -> Path:
    """Where maps and programs are pinned; $ESIMSHAPER_PINS is for labs with several routers on one machine."""
    return Path(os.environ.get("ESIMSHAPER_PINS", "/sys/fs/bpf/esimshaper"))
