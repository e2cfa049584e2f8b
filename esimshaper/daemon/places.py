# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the daemon's things are, by the environment that systemd sets. Reads nothing but the environment."""

import os
from pathlib import Path

from esimshaper.edge.pins import DEFAULT as DEFAULT_PINS


def state_directory() -> Path:
    """Where history is kept."""
    return Path(os.environ.get("STATE_DIRECTORY", "/var/lib/esimshaper").split(":")[0])


def pins_root() -> Path:
    """Where maps and programs are pinned; $ESIMSHAPER_PINS is for labs with several routers on one machine."""
    return Path(os.environ.get("ESIMSHAPER_PINS", DEFAULT_PINS))
