# SPDX-License-Identifier: GPL-2.0-or-later
"""The list `trips` -> Trips. Pure."""

import re
from datetime import datetime, timedelta, tzinfo

from esimshaper.core.model.trips import Trip
from esimshaper.core.model.units import parse_size
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.periods import parse_moment

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HINT = "Write a date as 2026-11-01, or a date and time as 2026-11-01T09:00:00."


def trips_from(tree: Block, zone: tzinfo | None) -> tuple[Trip, ...]:
    """All trips that are right, in their order; `zone` is that of dates without one of their own."""
    found: dict[str, Trip] = {}
    for block in tree.blocks("trips"):
        trip = _trip(block, zone)
        if trip and trip.name in found:
            block.refuse("name", f"two trips are called `{trip.name}`", "Give one of them another name.")
        elif trip:
            found[trip.name] = trip
    return tuple(found.values())


def _trip(block: Block, zone: tzinfo | None) -> Trip | None:
    if zone is None:
        return None
    name = block.name()
    began = block.parse("from", lambda text: parse_moment(text, zone), _HINT)
    ended = block.parse("to", lambda text: _end(text, zone), _HINT)
    budget = block.parse("budget", parse_size, "Write how much data there is for all of it, for example 20GB.")
    if name is None or began is None or ended is None:
        return None
    if ended <= began:
        block.refuse("to", "the trip ends before it begins", "Write the last day of the trip, or a later moment.")
        return None
    return Trip(name, began, ended, budget)


def _end(text: str, zone: tzinfo) -> int:
    """Of a day its end: the last day of a trip belongs to it."""
    if not _DATE.fullmatch(text):
        return parse_moment(text, zone)
    day = datetime.fromtimestamp(parse_moment(text, zone), zone)
    following = day.date() + timedelta(days=1)
    return int(datetime(following.year, following.month, following.day, tzinfo=zone).timestamp())
