# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered of plans comes back from the database as it was."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import Event
from esimshaper.core.model.plan_state import (
    Correction,
    Interval,
    KeptCount,
    KeptCourse,
    KeptLot,
    PlanActed,
    PlanState,
    PlanTally,
    RoundedPart,
    UplinkPlan,
    Waiting,
)
from esimshaper.core.model.state import Baseline, Booked, Booking
from esimshaper.edge.history.database import History

COUNTS = (
    KeptCount("all/month", Window(5, 9), 5, 7, ((30, 1), (20, 0)), Decimal("12.50"), is_over=False, days=((3, 4),)),
    KeptCount("roaming/24 hours", is_over=True),
)
LOTS = (KeptLot(5, 90, 10, Decimal(500), 3), KeptLot(None, None))
MOMENTS = {Event.PURCHASE: 1, Event.FIRST_USE: 2}
COURSE = KeptCourse(
    1, MOMENTS, Window(2, 1 << 62), Decimal("0.004"), Decimal(1), "forever", rounded=RoundedPart(1, 2, 3)
)
FULL = PlanTally(
    "trip",
    KeptCourse(1, MOMENTS, Window(2, 1 << 62), Decimal("0.004"), Decimal(1), "x", counts=COUNTS, lots=LOTS),
    counted=9,
    credit=2,
    began=3.5,
    unsure=True,
    by_day={740_000: 8},
    corrections=(Correction(1, 2, 3, 4, 5, 6, 7, 8, 9),),
    told=("low:1", "ends:2"),
)
FULL_HOME = replace(FULL, plan="home")
COUNTED = {"home": (9, 3), "new": (0, 0)}
STATE = PlanState(
    {"trip": FULL, "home": PlanTally("home", COURSE)},
    {"wan": UplinkPlan("trip", "8981", by_hand=True, waiting=Waiting(1, 2, 3, 4.5), lost=6)},
    (Interval("home", "wan", 1, 5), Interval("trip", "wan", 5)),
    (
        PlanActed(
            "home has 50 MB more", {"home": FULL_HOME, "new": None}, {"wan": UplinkPlan("home")}, COUNTED, "home"
        ),
        PlanActed("nothing begun, 東京", {}, {}, {}, ""),
    ),
)


def test_plans_come_back_as_they_were(tmp_path):
    path = tmp_path / "history.db"
    with closing(History(path)) as history:
        history.save(Booking((), Baseline(Booked(7, {}, {}), plans=STATE)))
    with closing(History(path)) as again:
        assert again.load().plans == STATE


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"rows": {"plans": [[1]]}, "counted": {}, "plans": []}'])
def test_an_act_that_cannot_be_read_is_given_up_and_nothing_else(tmp_path, text):
    path = tmp_path / "history.db"
    with closing(History(path)) as history:
        history.save(Booking((), Baseline(Booked(7, {}, {}), plans=STATE)))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE plan_acts SET act = ? WHERE number = 1", (text,))
    with closing(History(path)) as again:
        assert again.load().plans == replace(STATE, acted=())
