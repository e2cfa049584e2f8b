# SPDX-License-Identifier: GPL-2.0-or-later
"""Alarms that block or throttle: through the whole pipeline, with an end, doubled when it comes again, and lifted by an
answer."""

from dataclasses import replace
from typing import Any

import pytest

from esimshaper.core import commands, watch_commands
from esimshaper.core.model.hold import Hold, Switch
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import (
    CLASS_SELF,
    EVERYONE,
    Action,
    ActionKind,
    Curfew,
    Override,
    OverrideKind,
    Policy,
    Quota,
    Shaped,
)
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import State
from esimshaper.core.model.watch import (
    LEARNING_HOURS,
    AlarmKind,
    Answer,
    Episode,
    Learned,
    Reaction,
    Watch,
    WatchLevel,
    WatchState,
)
from esimshaper.core.pipeline import recover_from_kernel
from esimshaper.core.shaping.policy_transition import writes
from esimshaper.core.watch.cutting import cut
from tests.core.limits.test_hours import hours
from tests.core.limits_router import ALICE, A, Router, client, quota

MB = 1000**2
BLOCKING = Watch(WatchLevel.NORMAL, reactions={AlarmKind.SURGE: Reaction(3600)})


def leaking(seconds: int = 60, watch: Watch = BLOCKING, quotas: tuple[Quota, ...] = (), **rules: Any) -> Router:
    """A router with a client that is known, and downloads 2 MB a second until it is blocked."""
    router = Router(*quotas, watch=watch, **rules)
    for _ in range(6):
        router.tick(A=0)
    kept = replace(router.state.watch.kept, learned={ALICE: Learned(LEARNING_HOURS, int(router.now // 3600))})
    router.state = replace(router.state, watch=replace(router.state.watch, kept=kept))
    return go_on(router, seconds)


def go_on(router: Router, seconds: int) -> Router:
    """Downloads go on where they are not blocked."""
    used = router.reading.budgets[A].both
    for _ in range(seconds):
        used += 2 * MB if router.level() == "open" else 0
        router.tick(A=used)
    return router


def test_a_surge_is_blocked_within_a_minute_until_its_end_and_told_so():
    router = leaking()
    assert router.level() == "blocked"
    (episode,) = router.state.watch.kept.episodes
    assert (episode.kinds, episode.answer, episode.told) == ((AlarmKind.SURGE,), Answer.CUT, True)
    assert episode.bytes < 75 * MB, "the rest of the minute did not pass"
    (override,) = router.state.limits.kept.overrides
    assert override.kind is OverrideKind.ALARM
    assert override.until is not None
    assert 3540 < override.until - router.now <= 3600
    assert router.state.limits.states[client(ALICE)].reason.startswith("blocked by an alarm until ")
    (text,) = [text for text in router.announced if "% of a day of 1.00 GB" in text]
    assert "It is blocked until" in text
    assert f"`esimshaper alarms fine {episode.number}`" in text
    router.tick(seconds=3700)
    assert router.level() == "open"


def test_without_a_rule_nobody_is_blocked():
    router = leaking(watch=Watch(WatchLevel.NORMAL))
    assert router.level() == "open"
    assert any("Stop it: `esimshaper block alice --for 1h`" in text for text in router.announced)


def test_an_answer_lifts_the_block_and_teaches():
    router = leaking()
    router.state = watch_commands.fine(router.state, router.state.watch.kept.episodes[0].number)
    router.tick()
    assert router.level() == "open"
    assert router.state.limits.kept.overrides == ()
    assert router.state.watch.kept.learned[ALICE].days


def test_a_person_may_unblock_it_and_is_asked_no_more_of_this_one():
    router = leaking()
    router.state = commands.override(router.state, client(ALICE), None)
    go_on(router, 30)
    assert router.level() == "open"


def test_the_next_one_soon_after_lasts_twice_as_long():
    router = leaking()
    router.tick(seconds=3700)
    for _ in range(1000):  # a quarter of an hour until the episode is over
        router.tick(seconds=1)
    go_on(router, 60)
    assert router.level() == "blocked"
    until = router.state.limits.kept.overrides[0].until
    assert until is not None
    assert 7100 < until - router.now <= 7200


def test_a_restart_keeps_the_block():
    router = leaking()
    until = router.state.limits.kept.overrides[0].until
    router.restart()
    router.tick()
    assert router.level() == "blocked"
    assert router.state.limits.kept.overrides == (Override(client(ALICE), OverrideKind.ALARM, until),)


# --- {throttle: RATE}

SLOW = 256_000
SLOWING = Watch(WatchLevel.NORMAL, reactions={AlarmKind.SURGE: Reaction(3600, SLOW)})
END = SLOWING.reactions[AlarmKind.SURGE].seconds


def slowed(*quotas: Quota, **rules: Any) -> Router:
    """A router with a client that an alarm has throttled, and the policies of the next tick in `outcome`."""
    router = leaking(watch=SLOWING, quotas=quotas, **rules)
    assert router.level() == "throttled"
    return router


def test_a_surge_is_held_to_a_rate_by_its_class_and_its_end_is_in_the_kernel_before():
    router = slowed()
    outcome = router.tick()
    policy = router.with_classes(outcome)[A]
    (override,) = router.state.limits.kept.overrides
    assert override.until is not None
    end = round((override.until - router.now + router.reading.boottime) * 1e9)
    assert (policy.hold, policy.switches) == (Hold(throttled=True), (Switch(end, Hold()),))
    assert policy.police_rate == SLOW // 8, "where no class is, as in tunnels"
    assert outcome.shaped == (Shaped(A, SLOW),)
    assert policy.classes[CLASS_SELF]
    assert not any(each.throttled for account, each in outcome.policies.items() if account != A)
    reason = router.state.limits.states[client(ALICE)].reason
    assert reason.startswith("throttled to 256 kbit/s by an alarm until ")
    (text,) = [text for text in router.announced if "% of a day of 1.00 GB" in text]
    assert "It is held to 256 kbit/s until" in text
    router.tick(seconds=END + 100)
    outcome = router.tick()
    assert (router.level(), outcome.shaped, outcome.policies[A].hold) == ("open", (), Hold())


def test_it_is_told_once_and_teaches_nothing():
    router = slowed()
    for _ in range(120):
        router.tick()
    (episode,) = router.state.watch.kept.episodes
    assert (episode.answer, episode.told) == (Answer.CUT, True)
    assert [" held to 256 kbit/s until " in text for text in router.announced] == [True, False], router.announced
    assert "alice is throttled now: throttled to 256 kbit/s by an alarm until" in router.announced[1]


@pytest.mark.parametrize("kind", [None, OverrideKind.ALLOW, OverrideKind.ALLOW_OVER_PLAN])
def test_unblock_and_allow_end_it(kind):
    router = slowed()
    router.state = commands.override(router.state, client(ALICE), kind)
    outcome = router.tick()
    assert (router.level(), outcome.policies[A].throttled, outcome.shaped) == ("open", False, ())


def test_an_answer_ends_it_and_teaches():
    router = slowed()
    router.state = watch_commands.fine(router.state, router.state.watch.kept.episodes[0].number)
    outcome = router.tick()
    assert (router.level(), outcome.policies[A].throttled, router.state.limits.kept.overrides) == ("open", False, ())
    assert router.state.watch.kept.learned[ALICE].days


def test_quotas_hold_beside_it():
    router = slowed(quota(limit=300 * MB))
    outcome = router.tick()
    assert outcome.policies[A].block_at.both == 300 * MB
    router.tick(A=301 * MB)
    assert router.level() == "blocked"


def test_of_two_rates_the_slower_one_counts():
    router = slowed(quota(limit=300 * MB, action=Action(ActionKind.THROTTLE, 64_000)))
    assert Shaped(A, SLOW) in router.tick().shaped, "the limit is not reached"
    router.tick(A=301 * MB)
    assert Shaped(A, 64_000) in router.tick().shaped
    assert router.state.limits.states[client(ALICE)].rate == 64_000


@pytest.mark.parametrize("who", [EVERYONE, client(ALICE)])
def test_a_block_by_hand_or_by_hours_counts_more(who):
    router = slowed()
    router.state = commands.override(router.state, who, OverrideKind.BLOCK)
    assert router.tick().policies[A].blocked
    assert router.level() == "blocked"
    router.state = commands.override(router.state, who, None)
    router.tick()
    assert router.level() == ("throttled" if who == EVERYONE else "open")
    router.rules = replace(router.rules, curfews=(Curfew(who, hours("00:00-23:59")),))
    assert router.tick().policies[A].blocked


def test_a_restart_keeps_it_and_so_does_a_start_without_a_history():
    router = slowed()
    (override,) = router.state.limits.kept.overrides
    installed = router.tick().policies
    router.restart()
    router.tick()
    assert (router.level(), router.state.limits.kept.overrides) == ("throttled", (override,))
    seen = Observation(router.reading, (), (), (), clock_trusted=True)
    lost = recover_from_kernel(State(), router.rules, router.now, seen, installed)
    assert lost.limits.kept.overrides == (override,)


def test_of_several_reactions_the_hardest_one_counts():
    kept = WatchState(episodes=(both := Episode(1, ALICE, (AlarmKind.SURGE, AlarmKind.UPLOAD), 0, 0),))
    reactions = {AlarmKind.SURGE: Reaction(9000, SLOW), AlarmKind.UPLOAD: Reaction(600)}
    ((_, override),) = cut(kept, [both], Watch(WatchLevel.NORMAL, reactions=reactions), 0)[1]
    assert (override.rate, override.until) == (0, 600)
    reactions[AlarmKind.UPLOAD] = Reaction(600, SLOW // 2)
    ((_, override),) = cut(kept, [both], Watch(WatchLevel.NORMAL, reactions=reactions), 0)[1]
    assert (override.rate, override.until) == (SLOW // 2, 600)


def test_a_change_is_never_looser_in_between():
    held, open_ = Policy(throttled=True), Policy(parent=A)
    first, last = writes({A: held}, {A: open_}, Account(100))
    assert first[A].throttled
    assert not last[A].throttled
