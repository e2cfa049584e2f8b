# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `approval` of the configuration."""

from typing import Any

import pytest

from esimshaper.core.model.approval import DAY, Approval
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.settings.approval import approval_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.subjects import Known

KNOWN = Known({"tv": ClientKey("02:00:00:00:00:11")}, {"kids"})


def read(block: dict[str, Any] | None, *, names: bool = True) -> tuple[Approval | None, list[Problem]]:
    problems: list[Problem] = []
    return approval_from(Block({} if block is None else {"approval": block}, problems), KNOWN, names=names), problems


def test_without_the_block_nothing_waits():
    assert read(None) == (None, [])


def test_the_values_are_those_of_the_block():
    assert read({"above": "100MB"}) == (Approval(10**8), [])
    whole = {"above": "10%", "for": "group/kids", "expires": "90d", "pace": "64kbit", "first_day": True}
    kids = Subject(SubjectKind.GROUP, "kids")
    assert read(whole) == (Approval(0, 10, kids, 90 * DAY, 64_000, first_day=True), [])


@pytest.mark.parametrize(
    ("block", "key", "said"),
    [
        ({"above": "0%"}, "above", "is not between 1% and 100%"),
        ({"above": "5KB"}, "above", "is not between"),
        ({"above": "100MB", "for": "everyone"}, "for", "each device is looked at by itself"),
        ({"above": "100MB", "for": "nobody"}, "for", "no client is named `nobody`"),
        ({"above": "100MB", "expires": "2h"}, "expires", "is not between a day and 366 days"),
        ({"above": "100MB", "pace": "1bit"}, "pace", "is not between 8kbit and 10gbit"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(block, key, said):
    _, [problem] = read(block)
    assert problem.path == ("approval", key)
    assert said in problem.message


def test_without_names_of_services_nothing_could_wait():
    _, [problem] = read({"above": "100MB"}, names=False)
    assert (problem.path, "services.names is off" in problem.message) == (("approval", "above"), True)
    assert read(None, names=False) == (None, [])
