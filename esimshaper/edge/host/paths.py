# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: where the files of the program are, by the environment that systemd sets. Reads nothing but the environment.

It imports no library, so that `doctor` knows the paths on a box where one is missing.
"""

import os
from pathlib import Path

CONFIG_FILE = Path("/etc/esimshaper/esimshaper.yaml")
"""The configuration, unless the command line names another."""

NAMES_REPORT = Path("/run/esimshaper-names/report.json")
"""Where the process that names conversations says how much it has seen."""

_MODEMS_REPORT = "/run/esimshaper-modems/modems.json"

_WEB_SOCKET = "/run/esimshaper/web.sock"
_NOTIFY_SOCKET = "/run/esimshaper/notify.sock"


def state_directory() -> Path:
    """The directory of the history."""
    return Path(os.environ.get("STATE_DIRECTORY", "/var/lib/esimshaper").split(":")[0])


def pins_root() -> Path:
    """Where maps and programs are pinned; $ESIMSHAPER_PINS is for labs with several routers on one machine."""
    return Path(os.environ.get("ESIMSHAPER_PINS", "/sys/fs/bpf/esimshaper"))


def modems_report() -> Path:
    """Where the process that watches modems says what it has found; $ESIMSHAPER_MODEMS is for labs as well."""
    return Path(os.environ.get("ESIMSHAPER_MODEMS", _MODEMS_REPORT))


def web_socket() -> Path:
    """Where the daemon answers the page; $ESIMSHAPER_WEB is for labs as well."""
    return Path(os.environ.get("ESIMSHAPER_WEB", _WEB_SOCKET))


def notify_socket() -> Path:
    """Where the daemon hands out what is to be told; $ESIMSHAPER_NOTIFY is for labs as well."""
    return Path(os.environ.get("ESIMSHAPER_NOTIFY", _NOTIFY_SOCKET))


def page_note() -> Path:
    """Where the daemon notes that there is a page."""
    return state_directory() / "page.json"
