# SPDX-License-Identifier: GPL-2.0-or-later
"""The reserve of a blocked router: exact ends for the kernel, one helping in each window of the quota that blocks."""

import pytest

from esimshaper.core import commands
from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import ROUTER
from esimshaper.core.model.limits import EVERYONE, OverrideKind, Period, PeriodUnit
from tests.core.limits_router import BLOCK, DAY, NOTIFY, Router, client, plan, quota

MONTH = 31 * DAY


def router(*quotas, reserve: int = 100) -> Router:
    made = Router(*quotas, reserve=reserve)
    made.tick(WHOLE=0)
    return made


def test_reserve_is_the_count_at_which_it_ends_and_half_of_it_is_for_what_is_listed():
    it = router(plan(1000))
    assert it.tick(WHOLE=1000).reserve == Reserve(100, 50)
    assert it.tick(WHOLE=1030, SPARED=30).reserve == Reserve(100, 50), "it ends at the same count"
    assert it.tick(WHOLE=1100, SPARED=100).reserve == Reserve(100, 50)


def test_each_window_of_the_plan_has_one_reserve():
    it = router(plan(1000))
    it.tick(WHOLE=1000)
    it.tick(WHOLE=1090, SPARED=90)
    it.tick(MONTH)
    assert it.tick(WHOLE=2090).reserve == Reserve(190, 140)


def test_days_that_were_blocked_leave_the_reserve_of_the_month_whole():
    it = router(plan(1000), quota("a-day", EVERYONE, 300))
    it.tick(WHOLE=300)
    assert it.tick(WHOLE=380, SPARED=80).reserve == Reserve(100, 50)
    it.tick(DAY)
    it.tick(WHOLE=680)
    assert it.tick(WHOLE=700, SPARED=100).reserve == Reserve(180, 130), "the day's, of which 20 are used"
    it.tick(DAY)
    it.tick(WHOLE=1000)
    month = next(each for each in it.state.limits.kept.reserve if each.quota == "plan")
    assert (month.used, month.allowed) == (0, 100)


def test_plan_that_was_used_up_unseen_has_the_smallest_reserve_of_all():
    it = router(plan(1000), quota("a-day", EVERYONE, 300))
    it.tick(WHOLE=300)
    it.tick(WHOLE=360, SPARED=60)
    assert it.tick(DAY).reserve == Reserve(160, 110)


def test_restart_and_reboot_give_no_second_helping():
    it = router(plan(1000))
    it.tick(WHOLE=1000)
    it.tick(60, A=60, WHOLE=1060, SPARED=60)
    it.restart()
    assert it.tick(60, A=70, WHOLE=1070, SPARED=70).reserve == Reserve(100, 50)
    assert it.disk.limits.reserve == it.state.limits.kept.reserve
    it.reboot()
    assert it.tick().reserve == Reserve(30, 0)


@pytest.mark.parametrize("quotas", [(), (plan(1000, action=NOTIFY),)])
def test_block_by_hand_has_the_reserve_of_a_day(quotas):
    it = router(*quotas)
    it.state = commands.override(it.state, EVERYONE, OverrideKind.BLOCK)
    it.tick()
    assert it.tick(SPARED=40).reserve == Reserve(100, 50)
    assert it.tick(DAY).reserve == Reserve(140, 90)


def test_quota_of_the_router_has_its_reserve_too_and_holds_only_the_router():
    it = router(quota("own", client(ROUTER), 500, BLOCK, period=Period(PeriodUnit.WEEK)))
    assert [(each.quota, each.allowed) for each in it.state.limits.kept.reserve] == [("own", 100)]
    assert it.tick().policies[1].block_at.both == 500


def test_another_size_counts_from_now_on():
    it = router(plan(1000))
    it.tick(WHOLE=1000)
    it.tick(60, A=60, WHOLE=1060, SPARED=60)
    it.restart(reserve=20)
    assert it.tick().reserve == Reserve(20, 10), "60 are used: nothing passes"
    it.restart(reserve=200)
    assert it.tick().reserve == Reserve(200, 100)
