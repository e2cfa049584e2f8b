# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices, in the pipeline: each change is told once, in plain words, and no restart repeats it."""

from dataclasses import replace

import pytest

from esimshaper.core.commands import grant, override
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, Lease
from esimshaper.core.model.limits import EVERYONE, NO_THRESHOLD, Level, OverrideKind
from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import State
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import final, note_not_saved, note_saved
from tests.core.limits_router import ALICE, BOB, DAY, NOTIFY, SLOW, A, Router, client, group, plan, quota


def test_a_device_without_a_name_is_called_as_it_calls_itself():
    router = Router(quota(limit=500))
    router.leases = (Lease(BOB, "192.168.8.11", "kindle"),)
    router.tick()
    router.tick(B=600)
    router.state = grant(router.state, router.rules, client(BOB), 50)
    router.tick(60)
    assert router.announced[0] == "kindle (00:11) has used up 500 B (daily, until tomorrow 00:00)"
    assert "kindle (00:11) got 50 B more (daily, until tomorrow 00:00)" in router.announced
    assert router.announced[1].startswith("kindle (00:11) is blocked now")


def test_a_life_in_notices():
    router = Router(quota(limit=500_000_000, warn_at=(400_000_000, 475_000_000), action=SLOW))
    router.tick(A=399_000_000)
    assert router.announced == []
    router.tick(A=401_000_000)
    router.tick(A=476_000_000)
    router.tick(A=501_000_000)
    router.tick(A=600_000_000)
    router.state = grant(router.state, router.rules, client(ALICE), 200_000_000)
    router.tick(60)
    router.tick(A=680_000_000)
    router.tick(A=700_000_000)
    router.tick(DAY)
    until = "(daily, until tomorrow 00:00)"
    slow = "throttled to 256 kbit/s until tomorrow 00:00"
    assert router.announced == [
        f"alice has used 401 MB of 500 MB {until}",
        f"alice has used 476 MB of 500 MB {until}",
        f"alice has used up 500 MB {until}",
        f"alice is throttled now: daily: 501 MB used of 500 MB, {slow}",
        f"alice got 200 MB more {until}",
        "alice is no longer throttled",
        f"alice has used 680 MB of 700 MB {until}",
        f"alice has used up 700 MB {until}",
        f"alice is throttled now: daily: 700 MB used of 700 MB, {slow}",
        f"alice has 500 MB again {until}",
        "alice is no longer throttled",
    ]


def test_of_several_marks_at_once_the_highest_is_told():
    router = Router(quota(warn_at=(100, 200, 300)))
    router.tick(A=250)
    assert router.announced == ["alice has used 250 B of 500 B (daily, until tomorrow 00:00)"]
    router.tick(A=600)
    assert [text for text in router.announced if "has used" in text][1:] == [
        "alice has used up 500 B (daily, until tomorrow 00:00)"
    ]


@pytest.mark.parametrize(
    ("before", "after", "warnings"),
    [((500,), (800,), 2), ((800,), (500, 800), 1), ((500, 900), (900,), 1), ((500, 800), (400, 700), 1)],
)
def test_marks_that_are_changed_are_told_once_each(before, after, warnings):
    router = Router(quota(limit=1000, warn_at=before))
    router.tick(A=850)
    router.rules = replace(router.rules, quotas=(quota(limit=1000, warn_at=after),))
    told = router.tick(A=851)
    assert len(router.announced) == warnings
    next_warning = min((warning for warning in after if warning > 850), default=NO_THRESHOLD)
    assert told.policies[A].warn_at.both == next_warning


def test_what_an_earlier_version_saved_costs_one_warning_at_most():
    """It saved how many warnings were announced: less than any warning in bytes."""
    router = Router(quota(limit=1000, warn_at=(500, 800)), plan(10_000))
    router.tick(A=850)
    limits = router.disk.limits
    old = replace(limits, tallies=tuple(replace(each, warned=min(each.warned, 2)) for each in limits.tallies))
    router.disk = replace(router.disk, limits=old)
    router.restart()
    for _ in range(3):
        router.tick()
    assert [text.partition(" (")[0] for text in router.announced] == ["alice has used 850 B of 1.00 KB"] * 2


def test_a_limit_that_only_notifies_changes_no_state():
    router = Router(quota(action=NOTIFY))
    router.tick(A=500)
    assert router.announced == ["alice has used up 500 B (daily, until tomorrow 00:00)"]


def test_a_limit_of_everyone_is_told_once_and_the_state_of_each_client():
    router = Router(plan())
    router.tick(WHOLE=1000)
    (first, *others) = router.announced
    assert first == "everyone has used up 1.00 KB (plan, until 2027-02-01 00:00)"
    why = "is blocked now: plan: 1.00 KB used of 1.00 KB, blocked until 2027-02-01 00:00"
    assert others == [f"{who} {why}" for who in ("alice", BOB, "tv")]


def test_notices_say_what_they_are_about():
    router = Router(quota("tv", group("family"), limit=300))
    router.use(FAMILY=300)
    state, outcome = advance(State(), router.rules, router.now, Observation(router.reading))
    reached, changed = outcome.booking.notices
    assert (reached.kind, reached.subject, reached.quota, reached.bytes) == (
        NoticeKind.QUOTA_REACHED,
        group("family"),
        "tv",
        300,
    )
    assert reached.text == "group family has used up 300 B (tv, until tomorrow 00:00)"
    assert (changed.kind, changed.level, changed.quota) == (NoticeKind.CLIENT_STATE, Level.BLOCKED, "tv")
    assert state.saving.notices == outcome.booking.notices, "they wait for the save"


def test_a_restart_repeats_no_notice():
    router = Router(quota(warn_at=(100,)), plan(300))
    for counts in ({"A": 150}, {"A": 500}, {"WHOLE": 300}, {}):
        router.tick(**counts)
        told = list(router.announced)
        router.restart()
        router.tick()
        assert router.announced == told


def test_a_quota_lifted_by_the_settings_is_told_after_the_restart():
    router = Router(quota())
    router.tick(A=500)
    router.restart(quotas=())
    router.tick()
    assert router.announced[-1] == "alice is no longer blocked"


def test_notices_are_saved_before_they_go_out_and_then_forgotten():
    router = Router(quota())
    router.tick()
    router.use(A=500)
    state, outcome = advance(router.state, router.rules, router.now, Observation(router.reading))
    assert len(outcome.booking.notices) == 2
    assert outcome.booking.baseline.limits.levels == {ALICE: Level.BLOCKED}
    assert note_saved(state, outcome.booking).saving.notices == ()


def test_notices_that_come_while_a_save_is_under_way_wait_for_the_next():
    router = Router(quota(warn_at=(100,)))
    router.tick()
    router.use(A=100)
    state, first = advance(router.state, router.rules, router.now, Observation(router.reading))
    router.use(A=500)
    state, none = advance(state, router.rules, router.now, Observation(router.reading))
    assert none.booking is None
    state = note_saved(state, first.booking)
    assert note_not_saved(state, router.rules).saving.notices == state.saving.notices != (), "no save is under way"
    state, second = advance(state, router.rules, router.now, Observation(router.reading))
    kinds = [[notice.kind for notice in outcome.booking.notices] for outcome in (first, second)]
    assert kinds == [[NoticeKind.QUOTA_WARNING], [NoticeKind.QUOTA_REACHED, NoticeKind.CLIENT_STATE]]


def test_a_full_disk_does_not_keep_people_in_the_dark():
    """The notices of a booking go out when its save has ended, also badly; they are not in the next one."""
    router = Router(quota())
    router.tick()
    router.use(A=500)
    state, _ = advance(router.state, router.rules, router.now, Observation(router.reading))
    state = note_not_saved(state, router.rules)
    assert state.saving.notices == ()
    assert final(state, router.rules).notices == ()


def test_what_is_set_by_hand_is_saved_at_once():
    router = Router(quota())
    router.tick()
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK)
    outcome = router.tick()
    assert outcome.booking.baseline.limits.overrides
    assert router.announced == ["alice is blocked now: blocked by hand"]
    assert router.tick().booking is None


def test_what_is_set_by_hand_is_saved_also_if_there_is_nothing_to_tell():
    router = Router(quota())
    router.tick()
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW)
    assert router.tick().booking.baseline.limits.overrides
    assert router.announced == []


def test_nobody_is_warned_of_a_limit_that_is_reached():
    router = Router(quota(warn_at=(480,)))
    router.tick(A=450)
    router.reading = replace(router.reading, announced={A: 500})
    router.tick()
    told = list(router.announced)
    router.tick(A=490)
    assert router.announced == told


def test_a_client_that_left_is_told_of_when_its_quota_is_lifted():
    router = Router(quota())
    router.tick(A=500)
    router.restart(quotas=())
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED})
    router.tick()
    assert router.announced[-1] == "alice is no longer blocked"


def test_the_router_and_nobody_are_not_told_about():
    router = Router(plan(100))
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED, Account(1): ROUTER})
    router.tick(WHOLE=100)
    assert router.announced == ["everyone has used up 100 B (plan, until 2027-02-01 00:00)"]


def test_a_client_that_left_blocked_is_told_of_when_its_window_ends():
    router = Router(quota())
    router.tick(A=500)
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED})
    router.tick(DAY)
    assert router.announced[-2:] == [
        "alice has 500 B again (daily, until tomorrow 00:00)",
        "alice is no longer blocked",
    ]
    router.tick(DAY)
    assert router.state.baseline.limits.tallies == ()
    assert not router.state.baseline.limits.levels


@pytest.mark.parametrize("subject", [client(BOB), EVERYONE])
def test_a_grant_to_someone_without_a_quota_is_refused(subject):
    router = Router(quota("alices", client(ALICE)))
    router.tick()
    with pytest.raises(Unusable, match="no quota"):
        grant(router.state, router.rules, subject, 100)
    with pytest.raises(Unusable, match="nothing has been read"):
        grant(State(), router.rules, subject, 100)


def test_a_grant_is_announced_with_the_end_that_comes_first():
    router = Router(quota())
    router.tick()
    for seconds in (3600, DAY):
        router.state = grant(router.state, router.rules, client(ALICE), 100, int(router.now) + seconds)
    router.tick()
    assert router.announced == [
        "alice got 100 B more (daily, until 13:00)",
        "alice got 100 B more (daily, until tomorrow 00:00)",
    ]
