# SPDX-License-Identifier: GPL-2.0-or-later
"""Time zones by name, from the database of this box: a name goes in, its rules come out. No file stays open."""

import contextlib
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from esimshaper.core.settings.old_zones import NAMES_TODAY

LOCALTIME, TIMEZONE = Path("/etc/localtime"), Path("/etc/timezone")


def known(name: str) -> tzinfo | None:
    """The rules of a zone; None for a name that this box does not know. UTC needs no database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC if name == "UTC" else None


def rules_or_utc(name: str) -> tzinfo:
    """The rules of a zone that was known before: an upgrade may have taken it away since. UTC for an unknown name."""
    return known(name) or UTC


def of_the_box() -> str:
    """The name of the time zone that this box has; UTC where that is not known.

    It is what systemd-timedated(8) sets: the target of /etc/localtime; or the name in Debian's /etc/timezone.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = str(LOCALTIME.readlink()).partition("zoneinfo/")[2] if LOCALTIME.is_symlink() else ""
        name = name or TIMEZONE.read_text(encoding="utf-8").strip()
        if name != "Etc/UTC" and known(name):
            return name
    return "UTC"


class StandIns:
    """Knows each name: an unknown zone is taken for that of its name today, and without one for UTC.

    `found`: the name that stands in for each unknown one.
    """

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def __call__(self, name: str) -> tzinfo:
        if zone := known(name):
            return zone
        today = NAMES_TODAY.get(name, "UTC")
        zone = known(today)
        self.found[name] = today if zone else "UTC"
        return zone or UTC
