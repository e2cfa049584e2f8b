# SPDX-License-Identifier: GPL-2.0-or-later
"""Trips in the configuration: their days by the clock of the file, and what is wrong with them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.model.trips import Trip
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.trips import trips_from

LONDON = ZoneInfo("Europe/London")


def parsed(*trips: dict[str, str]) -> tuple[tuple[Trip, ...], list[Problem]]:
    problems: list[Problem] = []
    return trips_from(Block({"trips": list(trips)}, problems), LONDON), problems


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=LONDON).timestamp())


def test_the_last_day_belongs_to_a_trip_also_where_it_has_25_hours():
    trip = {"name": "scotland", "from": "2026-10-20", "to": "2026-10-25", "budget": "5GB"}
    found, problems = parsed(trip)
    assert (found, problems) == ((Trip("scotland", unix("2026-10-20"), unix("2026-10-26"), 5 * 10**9),), [])
    hours, _ = parsed({"name": "night", "from": "2026-10-20T22:00:00", "to": "2026-10-21T07:00:00"})
    assert hours == (Trip("night", unix("2026-10-20T22:00:00"), unix("2026-10-21T07:00:00")),)


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"to": "2026-09-30"}, "to", "the trip ends before it begins"),
        ({"from": "2026-02-30"}, "from", "`2026-02-30` is not in the calendar"),
        ({"budget": "much"}, "budget", "much"),
    ],
)
def test_what_is_wrong_has_its_place(change, path, said):
    found, (problem,) = parsed({"name": "japan", "from": "2026-10-01", "to": "2026-10-20", **change})
    assert problem.path == ("trips", 0, path)
    assert said in problem.message
    assert problem.hint
    assert found == () or path == "budget"


def test_two_trips_of_one_name_are_refused():
    trip = {"name": "japan", "from": "2026-10-01", "to": "2026-10-20"}
    found, (problem,) = parsed(trip, {**trip, "from": "2026-10-02"})
    assert len(found) == 1
    assert problem.path == ("trips", 1, "name")
