# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration in force: its file, what of it is in force, and how the last look at the file ended. Pure but for
the clock; who changes it puts it in force.
"""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from esimshaper.core.pipeline import Rules
from esimshaper.core.settings.values import Settings


def rules_of(settings: Settings) -> Rules:
    """What core needs to know of the settings."""
    names = {client.mac: client.name for client in settings.clients}
    groups = {client.mac: client.group for client in settings.clients if client.group}
    return Rules(settings.wan.interface, ZoneInfo(settings.timezone), names, groups, settings.quotas)


class Configuration:
    """`path` means the same file whatever folder the daemon works in. `loaded`: when `settings` were taken; `accepted`:
    whether that was the last time that the file was looked at.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path.absolute()
        self.take(settings)

    def follow(self, settings: Settings) -> None:
        """The same settings, for another name of the uplink."""
        self.settings = settings
        self.rules = rules_of(settings)

    def take(self, settings: Settings) -> None:
        """These count from now on."""
        self.follow(settings)
        self.zone = ZoneInfo(settings.timezone)
        self.loaded = datetime.now(self.zone)
        self.accepted = True
