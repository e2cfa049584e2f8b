# SPDX-License-Identifier: GPL-2.0-or-later
"""Grants on tallies: bytes given by hand, taken back, or ended."""

from dataclasses import replace

import pytest

from esimshaper.core.commands import grant, revoke
from esimshaper.core.limits.tally import expire_grants, live_grants
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import EVERYONE, Grant, Period, PeriodUnit, Tally, Window
from esimshaper.core.model.units import MAX_BYTES
from tests.core.limits_router import (
    ALICE,
    DAY,
    MIDNIGHT,
    Router,
    client,
    plan,
    quota,
)

TODAY = Window(int(MIDNIGHT), int(MIDNIGHT) + DAY)
TOMORROW = Window(TODAY.end, TODAY.end + DAY)


def test_a_grant_raises_the_limit_and_the_marks_for_the_rest_of_the_window():
    router = Router(quota(warn_at=(400,)), plan())
    router.tick(A=500)
    assert (router.tally().warned, router.tally().reached) == (400, True)
    router.state = grant(router.state, router.rules, client(ALICE), 200)
    router.tick()
    tally = router.tally()
    assert (tally.granted, tally.allowed, tally.warned, tally.reached) == (200, 700, 0, False)
    assert router.tally("plan", EVERYONE).granted == 0
    router.tick(A=600)
    assert router.tally().warned == 400


def test_grants_without_end_are_refused_before_they_are_more_than_a_number_can_hold():
    router = Router(quota())
    router.tick(A=500)
    router.state = grant(router.state, router.rules, client(ALICE), MAX_BYTES)
    for _ in range(20):
        with pytest.raises(Unusable, match="no more than 1000 TB can be granted on daily") as refused:
            grant(router.state, router.rules, client(ALICE), MAX_BYTES)
        assert refused.value.hint == "`esimshaper allow --over-plan` lifts all limits."
    router.tick()
    assert router.tally().allowed == MAX_BYTES + 500


def test_a_grant_may_end_before_its_window():
    router = Router(quota())
    router.tick(A=100)
    until = int(router.now) + 60
    router.state = grant(router.state, router.rules, client(ALICE), 200, until)
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    router.tick(A=600)
    router.restart()
    router.tick()
    assert (router.tally().allowed, router.tally().reached) == (750, False)
    router.tick(60)
    assert (router.tally().allowed, router.tally().reached) == (550, True)
    assert router.state.baseline.limits.grants == ()


def test_what_was_granted_can_be_taken_back_and_the_limit_holds_again():
    router = Router(quota())
    router.tick(A=600)
    router.state = grant(router.state, router.rules, client(ALICE), 300)
    router.tick()
    assert (router.tally().allowed, router.tally().reached) == (800, False)
    router.state = revoke(router.state, router.rules, client(ALICE), 100)
    router.tick()
    assert (router.tally().granted, router.tally().allowed, router.tally().reached) == (200, 700, False)
    router.state = revoke(router.state, router.rules, client(ALICE), None)
    router.tick()
    assert (router.tally().granted, router.tally().allowed, router.tally().reached) == (0, 500, True)
    assert "alice has 200 B of its grants no more (daily, until tomorrow 00:00)" in router.announced
    with pytest.raises(Unusable, match="nothing was granted to alice"):
        revoke(router.state, router.rules, client(ALICE), None)


def test_the_end_of_a_grant_that_was_taken_back_takes_nothing_more():
    router = Router(quota())
    router.tick(A=100)
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    router.state = grant(router.state, router.rules, client(ALICE), 200, int(router.now) + 60)
    router.state = revoke(router.state, router.rules, client(ALICE), 150)
    router.tick()
    assert (router.tally().granted, [each.bytes for each in router.state.limits.kept.grants]) == (100, [50])
    router.tick(61)
    assert (router.tally().granted, router.state.limits.kept.grants) == (50, ())


def test_more_than_was_granted_is_not_taken_off_the_limit():
    router = Router(quota())
    router.tick(A=100)
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    router.state = revoke(router.state, router.rules, client(ALICE), 10**9)
    router.tick()
    assert (router.tally().granted, router.tally().allowed) == (0, 500)


def test_a_grant_does_not_outlive_its_window_when_the_period_gets_shorter():
    router = Router(quota())
    router.tick()
    router.state = grant(router.state, router.rules, client(ALICE), 200, int(router.now) + 5400)
    router.tick()
    router.restart(quotas=(quota(period=Period(PeriodUnit.HOUR)),))
    router.tick()
    router.tick(3600)
    assert (router.tally().granted, router.state.baseline.limits.grants) == (0, ())
    router.state = grant(router.state, router.rules, client(ALICE), 300)
    router.tick(2000)
    assert router.tally().granted == 300, "nor does its end take another grant away"


def test_a_grant_ends_at_its_moment_and_one_that_no_tally_has_is_forgotten():
    grant_of_50 = Grant("daily", client(ALICE), 50, 1000)
    tally = Tally("daily", client(ALICE), TODAY, granted=80)
    assert expire_grants([tally], [grant_of_50], 999.9) == ([tally], (grant_of_50,))
    assert expire_grants([tally], [grant_of_50], 1000.0) == ([replace(tally, granted=30)], ())
    for tallies in ([], [replace(tally, granted=49)]):
        assert expire_grants(tallies, [grant_of_50], 1000.0) == (tallies, ())


def test_a_grant_that_no_tally_has_takes_no_other_with_it():
    gone, kept = Grant("weekly", client(ALICE), 50, 1000), Grant("daily", client(ALICE), 50, 1000)
    tally = Tally("daily", client(ALICE), TODAY, granted=50)
    assert expire_grants([tally], [gone, kept], 999) == ([tally], (kept,))
    assert live_grants([Grant("weekly", client(ALICE), 1, 1000), kept], [tally]) == (kept,), "be it one byte"
