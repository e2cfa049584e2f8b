# SPDX-License-Identifier: GPL-2.0-or-later
"""A quota that is added in the middle of its window begins with what history has of it, to the byte of what is read."""

from dataclasses import replace
from datetime import UTC

import pytest

from esimshaper.core.commands import begin_quotas, restart, wanted_history
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED
from esimshaper.core.model.limits import EVERYONE, Direction, Period, PeriodUnit, Quota
from esimshaper.core.model.state import State
from esimshaper.core.model.time_of_day import Hours, parse_span
from tests.core.limits_router import ALICE, BOB, MIDNIGHT, TV, WHOLE, A, Router, client, group, plan, quota

DAY = int(MIDNIGHT)
SAVED = tuple(
    HistoryRow(Resolution.DAY, DAY, who, Counters(9 * size, size))
    for who, size in ((ALICE, 10), (TV, 20), (ROUTER, 30), (UNATTRIBUTED, 40))
)


def begin(router: Router, *quotas: Quota, saved=SAVED) -> None:
    """As a reload does."""
    router.rules = replace(router.rules, quotas=(*router.rules.quotas, *quotas))
    rows = dict.fromkeys(wanted_history(router.state, router.rules, UTC), saved)
    router.state = begin_quotas(router.state, router.rules, rows, UTC)


def used(router: Router) -> dict[tuple[str, str], int]:
    return {(each.quota, each.subject.id): each.used for each in router.state.limits.kept.tallies}


def test_everybody_begins_with_what_he_used_and_the_limit_follows():
    router = Router()
    router.tick()
    router.tick(A=5)  # which is not saved yet
    begin(router, quota(), plan(limit=5000), quota("kids", group("family"), 300))
    told = router.tick().policies
    assert used(router) == {
        ("daily", ALICE): 105,
        ("daily", BOB): 0,
        ("daily", TV): 200,
        ("plan", ""): 1005,
        ("kids", "family"): 200,
    }
    assert told[A].block_at.both == 5 + 500 - 105
    assert told[WHOLE].block_at.both == 5000 - 1005
    assert router.announced == [
        "305 B that were used since 00:00, before the quota was there, count in it (daily, until tomorrow 00:00)",
        "1.01 KB that were used since 2027-01-01 00:00, before the quota was there, count in it "
        "(plan, until 2027-02-01 00:00)",
        "200 B that were used since 00:00, before the quota was there, count in it (kids, until tomorrow 00:00)",
    ]


def test_only_its_direction_counts():
    router = Router()
    router.tick()
    begin(router, quota(direction=Direction.UPLOAD), quota("down", client(TV), direction=Direction.DOWNLOAD))
    router.tick()
    assert (used(router)["daily", ALICE], used(router)["down", TV]) == (10, 180)


@pytest.mark.parametrize(
    "new",
    [
        plan(used=700),
        quota("old"),
    ],
)
def test_what_somebody_has_written_down_and_what_counts_already_stays(new):
    router = Router(quota("old"))
    router.tick(A=5)
    before = used(router)
    begin(router, replace(new, zone=UTC)) if new.name == "plan" else begin(router)
    assert wanted_history(router.state, router.rules, UTC) == {}
    assert used(router) == before


def test_a_quota_that_begins_beyond_its_limit_is_reached_and_may_begin_anew():
    router = Router()
    router.tick()
    begin(router, plan(limit=900))
    router.tick()
    assert router.level(EVERYONE) == "blocked"
    router.state = restart(router.state, router.rules, router.rules.quotas[0], None)
    router.tick()
    assert (router.level(EVERYONE), used(router)["plan", ""]) == ("open", 0)


def test_a_plan_that_begins_now_begins_at_nothing_and_one_since_then_with_its_part():
    router = Router()
    router.tick()
    now = int(router.state.clock.time)
    trip = Period(PeriodUnit.DAY, 30, now - now % 300)
    earlier = (
        HistoryRow(Resolution.DAY, DAY, ALICE, Counters(900, 100)),
        HistoryRow(Resolution.HOUR, DAY + 11 * 3600, ALICE, Counters(500, 100)),
        HistoryRow(Resolution.HOUR, DAY, ALICE, Counters(400)),
    )
    since = Period(PeriodUnit.DAY, 30, DAY + 11 * 3600)
    begin(router, quota("new", EVERYONE, period=trip), quota("since", EVERYONE, period=since), saved=earlier)
    router.tick()
    assert (used(router)["new", ""], used(router)["since", ""]) == (0, 600)


def test_a_quota_with_hours_begins_with_what_was_used_in_them():
    router = Router()
    router.tick()
    night = Hours((parse_span("22:00-24:00"), parse_span("08:00-10:30")), UTC, "")
    used_then = {-2: 1000, -1: 30, 7: 1000, 8: 200, 9: 4, 10: 50}  # hours from midnight on
    earlier = [
        HistoryRow(Resolution.HOUR, DAY + hour * 3600, ALICE, Counters(size)) for hour, size in used_then.items()
    ]
    earlier.append(HistoryRow(Resolution.FIVE_MINUTES, DAY + 10 * 3600 + 1800, ALICE, Counters(7)))
    since = Period(PeriodUnit.DAY, 30, DAY - 3600)  # in the middle of the hours of the evening
    begin(router, quota("nights", EVERYONE, period=since, hours=night, limit=5000), saved=earlier)
    router.tick()
    assert used(router)["nights", ""] == 30 + 200 + 4 + 50 - 7


def test_before_the_first_reading_there_is_nothing_to_ask_for():
    assert wanted_history(State(), Router(quota()).rules, UTC) == {}
