# SPDX-License-Identifier: GPL-2.0-or-later
"""Alarms that block: through the whole pipeline, with an end, doubled when it comes again, and lifted by an answer."""

from dataclasses import replace

from esimshaper.core import commands, watch_commands
from esimshaper.core.model.limits import Override, OverrideKind
from esimshaper.core.model.watch import LEARNING_HOURS, AlarmKind, Answer, Learned, Watch, WatchLevel
from tests.core.limits_router import ALICE, A, Router, client

MB = 1000**2
BLOCKING = Watch(WatchLevel.NORMAL, blocks={AlarmKind.SURGE: 3600})


def leaking(seconds: int = 60, watch: Watch = BLOCKING) -> Router:
    """A router with a client that is known, and downloads 2 MB a second until it is blocked."""
    router = Router(watch=watch)
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
