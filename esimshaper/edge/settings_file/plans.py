# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of plans: a path goes in, Plans or all mistakes with their places come out. No file stays open."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from esimshaper.core.model.plan import Plan
from esimshaper.core.settings.plans import parse_plans
from esimshaper.edge.settings_file import SettingsError
from esimshaper.edge.settings_file.schema import SCHEMA_FILE, judge, read_schema
from esimshaper.edge.settings_file.yaml_file import Item, PlacedProblem, Position, placed, read
from esimshaper.edge.settings_file.zones import known, of_the_box, rules_or_utc

EXAMPLE = "/usr/share/doc/esimshaper/plans/travel.yaml, or etc/plans in the sources"


def read_plans(file: Path, here: str = "") -> tuple[Plan, ...]:
    """The plans of `file`. Its `local` is the zone `here`, without one that of this box. Raises SettingsError."""
    if not file.exists():
        raise SettingsError([placed(Position(file), "there is no such file", f"An example is {EXAMPLE}.")])
    problems: list[PlacedProblem] = []
    item = read(file, problems)
    if item is None:
        raise SettingsError(problems)
    item = _without_settings(item)
    plain, misshapen = judge([item], item, complete=True, schema=_schema())
    here = here or of_the_box()
    plans, wrong = parse_plans(plain, (here, rules_or_utc(here)), known)
    problems += misshapen
    problems += (placed(item.at(each.path).place, each.message, each.hint) for each in wrong)
    if problems:
        raise SettingsError(sorted(set(problems), key=lambda each: (each.line, each.column)))
    return plans


def _without_settings(item: Item) -> Item:
    """A whole configuration may be named too: then only its plans are looked at."""
    if not isinstance(item.content, dict):
        return item
    others = read_schema(SCHEMA_FILE)["properties"].keys() - {"plans"}
    return replace(item, content={key: value for key, value in item.content.items() if key not in others})


def _schema() -> Mapping[str, Any]:
    whole = read_schema(SCHEMA_FILE)
    return {
        "title": "a list `plans`",
        "description": "Write `plans:`, and a list of plans below it.",
        "type": "object",
        "required": ["plans"],
        "additionalProperties": False,
        "properties": {"plans": whole["properties"]["plans"]},
        "$defs": whole["$defs"],
    }
