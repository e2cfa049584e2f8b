# SPDX-License-Identifier: GPL-2.0-or-later
"""Tally, in the pipeline: nobody loses a byte of a quota, gets one twice, or gets a second window for nothing."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from esimshaper.core.commands import grant
from esimshaper.core.limits.tally import LARGEST_PACKETS, Turn, is_used_up
from esimshaper.core.model.counts import UNUSED
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account
from esimshaper.core.model.limits import EVERYONE, Direction, Period, PeriodUnit, Tally, Window
from tests.core.limits_router import (
    ALICE,
    BOB,
    DAY,
    MIDNIGHT,
    NOTIFY,
    OWNERS,
    TV,
    A,
    Router,
    client,
    group,
    plan,
    quota,
)

TODAY = Window(int(MIDNIGHT), int(MIDNIGHT) + DAY)
TOMORROW = Window(TODAY.end, TODAY.end + DAY)


def test_each_client_has_a_tally_of_its_own_and_the_router_none():
    router = Router(quota())
    router.tick(A=100, B=30)
    used = {tally.subject: tally.used for tally in router.state.baseline.limits.tallies}
    assert used == {client(ALICE): 100, client(BOB): 30, client(TV): 0}
    assert not {client(ROUTER), client(UNATTRIBUTED)} & used.keys()


def test_groups_and_everyone_are_counted_by_accounts_of_their_own():
    router = Router(quota("family", group("family")), plan())
    router.tick(A=100, FAMILY=40, WHOLE=140)
    assert router.tally("family", group("family")).used == 40
    assert router.tally("plan", EVERYONE).used == 140


@pytest.mark.parametrize(("direction", "used"), [("both", 100), ("download", 90), ("upload", 10)])
def test_a_quota_counts_its_direction(direction, used):
    router = Router(quota(direction=Direction(direction)))
    router.tick(A=100)
    assert router.tally().used == used


def test_only_what_is_new_is_added_also_over_a_restart_and_a_reboot():
    router = Router(quota())
    router.tick(A=100)
    router.tick(60, A=150)
    router.restart()
    router.tick(A=170)
    assert router.tally().used == 170
    router.tick(60)
    router.reboot()
    router.tick(A=30)
    assert router.tally().used == 200, "new maps count from zero"


def test_a_refused_upload_that_was_read_half_way_is_not_kept():
    router = Router(quota())
    router.tick(A=100)
    router.use(A=1600)
    router.tick()
    router.tick(A=100)
    assert router.tally().used == 100


def test_an_account_that_a_reading_leaves_out_is_not_counted_again():
    router = Router(quota())
    router.tick(A=100)
    router.reading = replace(router.reading, budgets={})
    router.tick()
    router.tick(A=120)
    assert router.tally().used == 120


def test_a_window_that_ends_takes_all_with_it():
    router = Router(quota(warn_at=(400,)))
    router.tick(A=600)
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    router.tick()
    assert (router.tally().granted, router.tally().reached) == (50, True)
    router.tick(43198)
    new = router.tally()
    assert (new.window, new.used, new.granted, new.warned, new.reached) == (TOMORROW, 0, 0, 0, False)


def test_bytes_belong_to_the_window_in_which_they_were_read():
    router = Router(quota())
    router.tick(A=100)
    router.tick(43199, A=130)
    assert (router.now, router.tally().window, router.tally().used) == (MIDNIGHT + DAY, TOMORROW, 30)


@pytest.mark.parametrize(
    "changed", [quota(limit=700), quota(warn_at=(10,)), quota(action=NOTIFY), quota(period=Period(PeriodUnit.WEEK))]
)
def test_a_changed_quota_keeps_what_was_used(changed):
    router = Router(quota())
    router.tick(A=300)
    router.restart(quotas=(changed,))
    router.tick(A=310)
    assert router.tally().used == 310


def test_another_period_or_zone_keeps_what_was_used_unless_its_window_was_over():
    router = Router(quota())
    router.tick(A=300)
    router.restart(quotas=(quota(period=Period(PeriodUnit.HOUR)),))
    router.tick(A=310)
    assert (router.tally().used, router.tally().window.end) == (310, MIDNIGHT + 43200 + 3600)
    router.tick(60)
    router.restart(quotas=(replace(quota(), zone=timezone(timedelta(hours=5))),))
    router.tick(3600)
    assert router.tally().used == 0


def test_the_tallies_of_a_quota_that_is_gone_are_gone():
    router = Router(quota(), plan())
    router.tick(A=300, WHOLE=300)
    router.restart(quotas=(plan(),))
    router.tick()
    assert [tally.quota for tally in router.state.baseline.limits.tallies] == ["plan"]
    router.tick(60, A=310)
    router.restart(quotas=(quota(),))
    router.tick(A=330)
    assert router.tally().used == 20


def test_a_first_window_may_begin_with_something_used_and_only_that():
    router = Router(plan(used=250))
    router.tick(WHOLE=10)
    router.tick(60)
    router.restart()
    router.tick(WHOLE=30)
    assert router.tally("plan", EVERYONE).used == 280
    router.tick(31 * DAY)
    assert router.tally("plan", EVERYONE).used == 0


def test_a_renamed_client_keeps_its_usage():
    router = Router(quota())
    router.tick(A=300)
    router.restart(names={ALICE: "al"})
    router.tick()
    assert router.tally().used == 300


def test_a_client_that_left_keeps_its_usage_while_the_window_lasts():
    router = Router(quota())
    router.tick(A=300)
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED})
    router.tick()
    assert router.tally().used == 300
    router.reading = replace(router.reading, owners=OWNERS)
    router.tick(A=320)
    assert router.tally().used == 320
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED})
    router.tick(DAY)
    assert router.state.baseline.limits.tallies == ()


def test_a_recycled_account_belongs_to_its_new_owner():
    router = Router(quota())
    router.tick(A=300)
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED, A: BOB})
    router.tick(A=310)
    assert (router.tally().used, router.tally(subject=client(BOB)).used) == (300, 10)


def test_a_higher_limit_can_be_reached_anew_and_a_lower_one_at_once():
    router = Router(quota())
    router.tick(A=500)
    router.restart(quotas=(quota(limit=600),))
    router.tick()
    assert not router.tally().reached
    router.tick(60)
    router.restart(quotas=(quota(limit=300),))
    router.tick()
    assert router.tally().reached


def test_what_a_first_window_begins_with_is_nobodys_own_among_each_client():
    """Each device that comes by would begin with it, and begin with it again after it was away for a while."""
    router = Router(quota(used=250))
    router.tick(A=10)
    assert router.tally().used == 10


def test_nor_the_time_it_was_given_for_when_the_period_gets_longer():
    router = Router(quota())
    router.tick()
    router.state = grant(router.state, router.rules, client(ALICE), 200, int(router.now) + DAY)
    router.tick()
    router.restart(quotas=(quota(period=Period(PeriodUnit.MONTH)),))
    router.tick()
    assert router.tally().granted == 200
    router.tick(DAY)
    assert (router.tally().granted, router.state.baseline.limits.grants) == (0, ())


def test_a_limit_that_is_raised_to_what_was_used_is_reached_as_before_and_not_announced_again():
    router = Router(quota())
    router.tick(A=600)
    told = list(router.announced)
    router.rules = replace(router.rules, quotas=(quota(limit=600),))
    router.tick()
    assert (router.tally().allowed, router.tally().reached) == (600, True)
    assert router.announced == told


def test_a_mark_that_is_taken_out_and_put_back_is_not_announced_again():
    router = Router(quota(warn_at=(400,)))
    router.tick(A=450)
    told = list(router.announced)
    for warnings in ((), (400,)):
        router.rules = replace(router.rules, quotas=(quota(warn_at=warnings),))
        router.tick()
    assert router.announced == told


def test_a_client_that_left_is_forgotten_at_the_very_end_of_its_window():
    router = Router(quota())
    router.tick(A=300)
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED})
    router.tick(43198)
    assert router.tally().used == 300
    router.tick(1)
    assert (router.now, router.state.baseline.limits.tallies) == (TODAY.end, ())


@pytest.mark.parametrize(("left", "reached"), [(LARGEST_PACKETS, True), (LARGEST_PACKETS + 1, False)])
def test_a_refused_packet_says_that_a_limit_is_reached_only_if_it_can_have_been_so_large(left, reached):
    """A limit in another direction may end at the same count."""
    tally = Tally("daily", client(ALICE), TODAY, used=0, allowed=left)
    turn = Turn(0, {}, {}, (), announced={client(ALICE): (left, UNUSED)})
    assert is_used_up(tally, quota(limit=left), turn) is reached
