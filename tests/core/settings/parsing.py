# SPDX-License-Identifier: GPL-2.0-or-later
"""What parse_settings makes of a tree, by halves: the settings of a right one, the problems of a wrong one. Pure."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.tree import parse_settings
from esimshaper.core.settings.values import Settings

ZONES = {name: ZoneInfo(name) for name in ("UTC", "Asia/Tokyo", "Europe/Berlin", "America/Sao_Paulo")}
"""The time zones that these boxes know."""


def settings_of(tree: Mapping[str, Any]) -> Settings:
    """The settings of a tree that has no problems."""
    settings, problems = parse_settings(tree, ZONES.get)
    assert problems == ()
    assert settings is not None
    return settings


def problems_of(tree: Mapping[str, Any]) -> tuple[Problem, ...]:
    """All problems of a tree; settings come of it only if there are none."""
    settings, problems = parse_settings(tree, ZONES.get)
    assert settings is None or not problems
    return problems


def messages_of(tree: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Path and message of each problem."""
    return [(each.path, each.message) for each in problems_of(tree)]
