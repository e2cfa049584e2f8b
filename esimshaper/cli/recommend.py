# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `recommend`: recorded or typed use, and a list of prices -> the plan to buy."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from esimshaper.cli.base import (
    WRONG_USE,
    Verbs,
    add_json,
    add_socket,
    add_verb,
    fetch,
    progress,
    show_document,
)
from esimshaper.cli.parser import reject
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.units import format_size, parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esimshaper.core.model.plan import Plan
    from esimshaper.core.model.recorded import Use

_PER = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}
HISTORY_DAYS, MOST_DAYS = 60, 400


def add_verb_recommend(verbs: Verbs) -> None:
    """`recommend`."""
    recommend = add_verb(
        verbs,
        "recommend",
        _recommend,
        "says which plan of a price list to buy, by the use on record, of a CSV file, or as typed",
        "esimshaper recommend --prices plans.yaml --use 800MB/day --trip 12d",
    )
    text = "recorded use as CSV: an export, or time,client,down_bytes,up_bytes (default: the history of the daemon)"
    recommend.add_argument("usage", type=Path, metavar="FILE", nargs="?", help=text)
    recommend.add_argument("--prices", type=Path, metavar="FILE", required=True, help="a file with a list of plans")
    recommend.add_argument("--use", type=_use, metavar="AMOUNT", help="how much: 800MB/day, 5GB/week, 20GB/month")
    length = recommend.add_mutually_exclusive_group()
    length.add_argument("--days", type=_days, metavar="N", help="for so many days")
    length.add_argument("--trip", type=_trip, dest="days", metavar="DURATION", help="the same, as 10d or 36h")
    recommend.add_argument("--abroad", action="store_true", help="all of it is roaming, for plans that count it apart")
    recommend.add_argument("--currency", metavar="CODE", help="only plans with this currency, where there are several")
    add_json(recommend, "print JSON, with money as decimal strings")
    add_socket(recommend)


def _use(text: str) -> tuple[int, int]:
    """Bytes, and the hours in which they are used."""
    size, slash, unit = text.partition("/")
    try:
        return parse_size(size.strip()), _PER[unit.strip() if slash else "day"]
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an amount such as 800MB/day, 5GB/week or 20GB/month"
        ) from None


def _days(text: str) -> int:
    """Hours of so many days."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of days from 1 to {MOST_DAYS}")
    return int(text) * 24


def _trip(text: str) -> int:
    try:
        hours = -(-parse_duration(text) // 3600)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if hours > MOST_DAYS * 24:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than {MOST_DAYS} days")
    return hours


def _recommend(options: argparse.Namespace) -> int:
    from esimshaper.core.plan.advice import advice_document
    from esimshaper.core.plan.recommend import advise
    from esimshaper.edge.settings_file import SettingsError
    from esimshaper.edge.settings_file.plans import read_prices

    if options.use and options.usage:
        reject(options, "use is either typed (--use) or read from a file")
    if options.use and not options.days:
        reject(options, "--use needs --days or --trip: for how long?")
    try:
        listed = read_prices(options.prices, (options.currency or "").upper())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    plans, free = ([plan for plan in listed if bool(plan.currency) is priced] for priced in (True, False))
    if not plans:
        in_what = f" in {options.currency.upper()}" if options.currency else ""
        raise Unusable(f"no plan of {options.prices} has a price{in_what}", "write one, or change --currency")
    use, source, assumed = _use_of(options)
    if not any(hour.size for hour in use):
        raise Unusable("nothing was used in that time", "type it: --use 800MB/day --trip 12d")
    with progress("comparing"):
        advice = advise(plans, use, roaming=options.abroad, free=free)
    hours = options.days or (use[-1].at - use[0].at) // 3600 + 1
    taken = {"bytes": sum(hour.size for hour in use), "hours": hours, "from": source}
    document = advice_document(advice, taken, [*assumed, *_assumptions(options, plans)])
    return show_document(options, "recommend", "recommend_page", document, paged=True)


def _use_of(options: argparse.Namespace) -> "tuple[Sequence[Use], str, list[str]]":
    """The use of the trip, where it is from, and what is assumed about it."""
    from esimshaper.core.plan.recommend import as_trip, spread
    from esimshaper.edge.host import clock

    if options.use:
        size, each = options.use
        start = int(clock.now()) // 3600 * 3600
        source = f"as typed ({format_size(size)} in {each} hours)"
        return spread(size, each, start, options.days), source, ["The use is even over all hours."]
    use, source = _from_file(options.usage) if options.usage else _from_history(options)
    if not use:
        raise Unusable(f"there is no use {source}", "type it: --use 800MB/day --trip 12d")
    if not options.days:
        return use, source, ["The next trip is like what is on record."]
    recorded = (use[-1].at - use[0].at) // 3600 + 1
    assumed = "The trip is like the last days on record."
    if recorded < options.days:
        assumed = f"The trip is like the {recorded} hours on record, again and again by whole days."
    return as_trip(use, options.days), source, [assumed]


def _from_file(path: Path) -> "tuple[Sequence[Use], str]":
    from esimshaper.core.plan.recommend import hourly
    from esimshaper.edge.imports.recorded import read_recorded

    with progress("reading"):
        return hourly((each.at, each.down + each.up) for each in read_recorded(path)), f"of {path}"


def _from_history(options: argparse.Namespace) -> "tuple[Sequence[Use], str]":
    from esimshaper.core.plan.recommend import hourly

    hours = max(options.days or 0, HISTORY_DAYS * 24)
    rows = fetch(options, "/v1/history", {"by": "hour", "limit": str(hours)})["rows"]
    moments = ((datetime.fromisoformat(row["start"]).timestamp(), row["total_bytes"]) for row in rows)
    return hourly(moments), "of the history"


def _assumptions(options: argparse.Namespace, plans: "Sequence[Plan]") -> list[str]:
    """What else the answer rests on, as far as these plans make a difference of it."""
    from esimshaper.core.model.plan import Counts, RoundingUnit

    said = ["Each plan is bought, installed and first used in the first hour of use; lots are bought only by `auto`."]
    said.append("As much is used while it is slow, or does not pass, as was used at full speed.")
    if any(meter.counts is Counts.ROAMING for plan in plans for meter in plan.meters):
        said.append("All of it is roaming." if options.abroad else "Nothing of it is roaming; --abroad if it is.")
    if any(plan.rounding and plan.rounding.per is RoundingUnit.SESSION for plan in plans):
        said.append("A session of the modem ends after an hour without use, and after 24 hours.")
    if any(free.service for plan in plans for free in plan.free):
        said.append("Services that are free in a plan are counted: by the hour it is not known what bytes were for.")
    said += [f"{plan.name}: {plan.note}" for plan in plans if plan.note]
    return said
