# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration in force: its file, its settings, and how the last look at the file ended. Owns nothing.

The caller of a change also puts it in force: Ticker at an event, Reloader on request.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Service
from esimshaper.core.settings.values import Settings
from esimshaper.edge.host import clock
from esimshaper.edge.settings_file import rules_or_utc


def rules_of(settings: Settings) -> Rules:
    """The part of the settings that core needs."""
    names = {client.key: client.name for client in settings.clients}
    groups = {client.key: client.group for client in settings.clients if client.group}
    zone = rules_or_utc(settings.timezone)
    quotas, reserve = settings.quotas, settings.router.reserve
    curfews, uplinks, plans = settings.blocks, settings.uplinks, settings.plans
    wan = settings.wan.interface
    rules = Rules(wan, zone, names, groups, quotas, reserve=reserve, curfews=curfews, uplinks=uplinks, plans=plans)
    rules = replace(rules, services=settings.rules, low_data=settings.low_data, approval=settings.approval)
    rules = replace(rules, watch=settings.watch, scopes=settings.scopes, notices=settings.notices)
    return replace(rules, paces=settings.saver.paces, measure=settings.saver.measure)


class Configuration:
    """`path` is absolute. `settings` and `rules` are in force since `loaded`.

    `accepted`: False if the file was read again since, and refused.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path.absolute()
        self._categories: Mapping[str, str] = {}
        self.take(settings)

    def follow(self, settings: Settings) -> None:
        """Takes the same settings for another name of the uplink."""
        self.settings = settings
        self.rules = replace(rules_of(settings), categories=self._categories)

    def categorise(self, services: Mapping[str, Service]) -> None:
        """Takes the categories of the services of the catalogue, by name."""
        self._categories = {name: each.category for name, each in services.items() if each.category}
        self.rules = replace(self.rules, categories=self._categories)

    def take(self, settings: Settings) -> None:
        """Takes settings that were read from the file just now."""
        self.follow(settings)
        self.zone = rules_or_utc(settings.timezone)
        self.loaded = clock.local(self.zone)
        self.accepted = True
