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
    return _read(file, here)[0]


def read_prices(file: Path, currency: str = "") -> tuple[Plan, ...]:
    """The plans of a price list with a price in `currency`, or in the only one there is, and those without a price.

    Raises SettingsError, also where prices of several currencies would have to be compared.
    """
    plans, item = _read(file)
    priced = {plan.currency: plan for plan in reversed(plans) if plan.currency}
    first = next((plan for plan in plans if plan.currency), None)
    if first and len(priced) > 1 and not currency:
        other = next(plan for plan in plans if plan.currency not in ("", first.currency))
        lines = {plan.name: item.at(("plans", number)).place for number, plan in enumerate(plans)}
        said = (
            f"`{other.name}` has its price in {other.currency}, and `{first.name}` in line {lines[first.name].line} in"
        )
        text = f"{said} {first.currency}: tomorrow's rate of exchange is not known"
        hint = f"Compare one of them: {' or '.join(f'--currency {code}' for code in sorted(priced))}."
        raise SettingsError([placed(lines[other.name], text, hint)])
    return tuple(plan for plan in plans if plan.currency in (currency or plan.currency, ""))


def _read(file: Path, here: str = "") -> tuple[tuple[Plan, ...], Item]:
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
    return plans, item


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
