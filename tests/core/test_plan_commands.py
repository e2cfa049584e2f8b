# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do to plans by hand, and how it is taken back; what the carrier's own figures say of the count."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from esimshaper.core import commands, plan_commands
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.plan import Event
from esimshaper.core.model.requests import (
    Figure,
    PlanAddCommand,
    PlanCorrectCommand,
    PlanStartCommand,
    PlanSwitchCommand,
)
from esimshaper.core.report.drift import factor_of, sentence_of
from tests.core.plan.test_ticking import GB, MB, ODD, ONE, TEXT, TWO, Router

HOUR = 3600
NOTHING = {"at": 0, "before": 0}


@pytest.fixture
def router(tmp_path):
    found = Router(tmp_path)
    found.sim(ONE)
    found.tick()
    found.tick(60 * MB)
    return found


def do(router, act, *said):
    router.state = act(router.state, router.rules, *said)
    router.tick()


def undo(router):
    router.state = commands.undo(router.state, router.rules).state
    router.tick()


def tally(router, name="one"):
    return router.state.plans.kept.tallies[name]


def figure(text, unit="MB"):
    return Figure(Decimal(text), unit)


def test_what_was_bought_on_top_can_be_taken_back_and_done_again(router):
    do(router, plan_commands.add, PlanAddCommand("", 50 * MB, Decimal(500)), None)
    assert tally(router).left == 90 * MB
    assert tally(router).course.paid == 990 + 500
    router.tick(20 * MB)
    undo(router)
    assert (tally(router).left, tally(router).counted) == (20 * MB, 80 * MB)
    router.state = commands.redo(router.state, router.rules).state
    router.tick(5 * MB)
    assert (tally(router).left, tally(router).counted) == (65 * MB, 85 * MB)


def used_up(router):
    """Plan one is slow, and the link is held."""
    router.tick(40 * MB)
    assert router.tick().plan_rates == {"wan": 300_000}


def test_a_top_up_ends_the_hold_of_the_link_until_it_is_used_up_or_lapses(router):
    used_up(router)
    do(router, plan_commands.add, PlanAddCommand("one", 50 * MB), None)
    assert router.tick(49 * MB).plan_rates == {}
    assert router.tick(MB).plan_rates == {"wan": 300_000}
    do(router, plan_commands.add, PlanAddCommand("one", 50 * MB), int(router.now) + HOUR)
    assert router.tick(MB).plan_rates == {}
    assert router.tick(0, HOUR).plan_rates == {"wan": 300_000}


def test_a_switch_or_a_reset_ends_the_hold_of_the_link(router):
    used_up(router)
    do(router, plan_commands.switch, PlanSwitchCommand("two"))
    assert router.tick(MB).plan_rates == {}
    do(router, plan_commands.switch, PlanSwitchCommand("one"))
    assert router.tick(MB).plan_rates == {"wan": 300_000}
    do(router, plan_commands.reset, "one")
    assert router.tick(MB).plan_rates == {}


def test_the_end_of_the_window_ends_the_hold_of_the_link(tmp_path):
    text = TEXT.replace("window: lifetime", "window: day")
    router = Router(tmp_path, text)
    router.sim(ONE)
    router.tick(100 * MB)
    assert router.tick().plan_rates == {"wan": 300_000}
    midnight = tally(router).course.counts[0].window.end
    assert router.tick(MB, midnight - router.now - 1).plan_rates == {"wan": 300_000}
    assert router.tick(MB, 1).plan_rates == {}


def test_a_lot_lapses_when_it_was_said_to(router):
    until = int(router.now) + HOUR
    do(router, plan_commands.add, PlanAddCommand("one", 50 * MB), until)
    router.tick(10 * MB)  # of the lot, since it ends before the plan
    assert (tally(router).left, tally(router).course.lots[0].left) == (80 * MB, 40 * MB)
    router.tick(0, HOUR)
    assert tally(router).left == 40 * MB
    with pytest.raises(Unusable, match="ended before it began"):
        do(router, plan_commands.add, PlanAddCommand("one", 50 * MB), int(router.now))


def test_a_plan_begins_anew_with_what_was_used_since(router):
    at = int(router.now) - 50
    used = [(at + 10, 7 * MB), (at + 20, 5 * MB)]
    do(router, plan_commands.start, PlanStartCommand("one", event=Event.FIRST_USE), at, used)
    assert (tally(router).counted, tally(router).course.life.start) == (12 * MB, at)
    router.tick(MB)
    undo(router)
    assert tally(router).counted == 61 * MB


def test_an_unknown_sim_gets_the_plan_that_a_person_says(router):
    router.sim(ODD)
    router.tick(8 * MB)
    do(router, plan_commands.switch, PlanSwitchCommand("two"))
    assert (tally(router, "one").counted, tally(router, "two").counted) == (60 * MB, 8 * MB)
    router.sim(ONE)  # another SIM: what was said by hand is over
    router.tick(MB)
    assert tally(router, "one").counted == 61 * MB


def test_a_switch_that_was_wrong_gives_the_bytes_back(router):
    do(router, plan_commands.switch, PlanSwitchCommand("two"))
    router.tick(9 * MB)
    undo(router)
    router.tick(MB)
    assert (tally(router, "one").counted, router.counted("two")) == (70 * MB, 0)


def test_acts_on_plans_and_on_limits_are_taken_back_in_turn(router):
    do(router, plan_commands.reset, "one")
    assert tally(router).left == 100 * MB
    undo(router)
    assert tally(router).left == 40 * MB
    with pytest.raises(Unusable, match="nothing was done by hand"):
        undo(router)


def test_acts_are_taken_back_in_turn_also_after_a_restart(router):
    do(router, plan_commands.add, PlanAddCommand("", 50 * MB), None)
    do(router, plan_commands.switch, PlanSwitchCommand("two"))
    router.tick(5 * MB)
    router.save()
    router.restart()
    router.tick(2 * MB)
    assert (router.counted("one"), router.counted("two")) == (60 * MB, 7 * MB)
    undo(router)
    assert (router.counted("one"), router.counted("two")) == (67 * MB, 0)
    undo(router)
    assert tally(router).left == 33 * MB
    with pytest.raises(Unusable, match="nothing was done by hand"):
        undo(router)


def test_acts_of_an_older_database_which_has_not_what_it_takes_stay(router):
    do(router, plan_commands.add, PlanAddCommand("", 50 * MB), None)
    router.save()
    router.disk = replace(router.disk, plans=replace(router.disk.plans, acted=()))
    router.restart()
    router.tick()
    assert tally(router).left == 90 * MB
    with pytest.raises(Unusable, match="nothing was done by hand"):
        undo(router)


def test_a_figure_above_ours_counts_at_once_and_one_below_only_if_wanted(router):
    do(router, plan_commands.correct, PlanCorrectCommand("", figure("80")), int(router.now), NOTHING)
    assert (tally(router).left, tally(router).counted) == (20 * MB, 60 * MB)
    do(router, plan_commands.correct, PlanCorrectCommand("", figure("50")), int(router.now), NOTHING)
    assert tally(router).left == 20 * MB
    router.save()
    assert any("a limit gets no looser by that alone" in text for text in router.heard)
    do(router, plan_commands.correct, PlanCorrectCommand("", figure("50"), lower=True), int(router.now), NOTHING)
    assert tally(router).left == 50 * MB
    assert [each.figure for each in tally(router).corrections] == [80 * MB, 50 * MB, 50 * MB]


def test_a_rounded_figure_changes_nothing_within_its_rounding(router):
    do(router, plan_commands.correct, PlanCorrectCommand("", figure("0.1", "GB")), int(router.now), NOTHING)
    assert tally(router).left == 40 * MB


def test_a_figure_of_an_earlier_moment_is_compared_with_our_count_of_then(router):
    router.tick(0, 600)
    since = {"at": 20 * MB, "before": 5 * MB}
    do(router, plan_commands.correct, PlanCorrectCommand("", figure("45")), int(router.now) - 300, since)
    (new,) = tally(router).corrections
    assert (new.ours, new.counted, new.lowest, new.added) == (40 * MB, 40 * MB, 35 * MB, 5 * MB)
    assert tally(router).left == 35 * MB


@pytest.mark.parametrize("seed", range(12))
def test_the_factor_is_found_within_its_stated_error(tmp_path, seed):
    """Lag of 0 to 2 hours, figures rounded to 0.1 GB, in decimal or in binary units."""
    chance = random.Random(seed)
    true, binary = chance.choice([0.97, 1.0, 1.018, 1.08]), seed % 3 == 0
    text = TEXT.replace("lasts: {days: 30, from: first-use}", "lasts: forever").replace("from: 100MB", "from: 900GB")
    router = Router(tmp_path, text)
    router.sim(ONE)
    router.tick()
    ours = []  # when, and the sum until then
    for hour in range(24 * 12):
        router.tick(chance.randrange(5 * MB, 120 * MB), HOUR)
        ours.append(router.count)
        if hour % 72 == 71:
            lag = chance.randrange(3)
            carrier = Decimal(ours[-1 - lag]) * Decimal(str(true)) / (1024**3 if binary else GB)
            said = PlanCorrectCommand("", Figure(round(carrier, 1), "GB"))
            since = {"at": 0, "before": ours[-1] - ours[-3]}
            do(router, plan_commands.correct, said, int(router.now), since)
    found = tally(router).corrections
    factor = factor_of(found)
    assert abs(factor.value - (true / 1.073741824 if binary else true)) <= factor.error
    words = sentence_of(factor, found, binary=False)
    if binary and true == 1.0:
        assert "your seller counts binary GB" in words
    if not binary and true == 1.08:
        assert "more than we do" in words


def test_a_seller_that_rounds_up_each_session_is_told(router):
    for number in range(1, 4):
        router.sim(ONE, connects=1 + 40 * number)
        router.tick(200 * MB)
        ours = router.count
        carrier = Figure(Decimal(ours + 40 * number * 500_000) / MB, "MB")
        do(router, plan_commands.correct, PlanCorrectCommand("", carrier), int(router.now), NOTHING)
    found = tally(router).corrections
    assert "rounds up each session, by some 500 KB" in sentence_of(factor_of(found), found, binary=False)


def test_a_plan_that_is_not_there_is_said_with_those_that_are(router):
    with pytest.raises(Unusable, match="no plan is called three") as failed:
        plan_commands.switch(router.state, router.rules, PlanSwitchCommand("three"))
    assert "one, two, cable" in failed.value.hint
    router.sim(TWO)
    with pytest.raises(Unusable, match="has not begun yet"):
        plan_commands.reset(router.state, router.rules, "cable")
    assert datetime.fromtimestamp(router.now, UTC)
