# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that follow a plan end so many bytes before its next step, exactly, whatever was bought on top."""

from dataclasses import replace
from datetime import UTC
from decimal import Decimal

import pytest

from esimshaper.core import commands, plan_commands
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import (
    EVERYONE,
    NO_THRESHOLD,
    Action,
    ActionKind,
    Follow,
    Period,
    PeriodUnit,
    Quota,
    StepKind,
)
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.requests import Figure, PlanAddCommand, PlanCorrectCommand
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import note_saved
from tests.core.plan.test_ticking import MB, ODD, ONE, OWNERS, TWO, A, Router

WHOLE = Account(100)


class Following(Router):
    """A router whose kernel has a budget for everyone."""

    def __init__(self, folder, follow):
        super().__init__(folder)
        quota = Quota(
            "carrier", EVERYONE, 10**15, Period(PeriodUnit.MONTH), UTC, Action(ActionKind.BLOCK), follow=follow
        )
        self.rules = replace(self.rules, quotas=(quota,))

    def tick(self, size=0, seconds=1.0):
        self.now, self.boottime, self.count = self.now + seconds, self.boottime + seconds, self.count + size
        budget = Budget(self.count, self.count, 0)
        reading = Reading(
            7, self.boottime, {A: Counters(self.count, 0, 1, 0)}, OWNERS, {A: budget, WHOLE: budget}, everyone=WHOLE
        )
        self.state, self.outcome = advance(self.state, self.rules, self.now, Observation(reading, modems=self.modems))
        if self.outcome.booking:
            self.state = note_saved(self.state, self.outcome.booking)
            self.disk = self.outcome.booking.baseline
        return self.outcome

    @property
    def room(self):
        """What the kernel lets pass yet."""
        at = self.outcome.policies[WHOLE].block_at.both
        return None if at == NO_THRESHOLD else at - self.count


def following(folder, sim=ONE, **follow):
    router = Following(folder, Follow(**follow))
    router.sim(sim)
    router.tick()
    return router


def test_it_ends_so_many_bytes_before_the_rate_falls(tmp_path):
    router = following(tmp_path, before=10 * MB)
    assert router.room == 90 * MB
    policy = router.outcome.policies[WHOLE]
    router.tick(60 * MB)
    assert router.room == 30 * MB
    assert router.outcome.policies[WHOLE] is policy  # nothing is written to the kernel while bytes pass
    router.tick(30 * MB)
    assert (router.room, router.state.limits.states[EVERYONE].level) == (0, "blocked")


def test_a_step_of_price_is_a_step_too(tmp_path):
    router = following(tmp_path, TWO, before=5 * MB, step=StepKind.PRICE)
    assert router.room == 295 * MB
    other = following(tmp_path, TWO, step=StepKind.RATE)
    assert other.room is None
    assert other.state.limits.kept.tallies == ()


def test_what_was_bought_on_top_puts_it_off_and_a_correction_brings_it_near(tmp_path):
    router = following(tmp_path)
    router.tick(70 * MB)
    router.state = plan_commands.add(router.state, router.rules, PlanAddCommand("", 50 * MB), None)
    router.tick()
    assert router.room == 80 * MB
    said = PlanCorrectCommand("", Figure(Decimal(90), "MB"))
    router.state = plan_commands.correct(router.state, router.rules, said, int(router.now), {"at": 0, "before": 0})
    router.tick()
    assert router.room == 60 * MB
    router.tick(25 * MB)
    assert router.room == 35 * MB


def test_a_new_window_opens_it_again(tmp_path):
    router = following(tmp_path, TWO)
    router.tick(300 * MB)
    assert router.state.limits.states[EVERYONE].level == "blocked"
    router.tick(0, 32 * 86400)
    assert (router.room, router.state.limits.states[EVERYONE].level) == (300 * MB, "open")


def test_the_strictest_holds_while_a_sim_is_unknown_and_the_plan_of_the_sim_afterwards(tmp_path):
    router = following(tmp_path)
    router.tick(60 * MB)
    router.sim(TWO)
    router.tick()
    assert router.room == 300 * MB
    router.sim(ODD)
    router.tick()
    assert router.room == 40 * MB


def test_it_holds_over_a_restart(tmp_path):
    router = following(tmp_path)
    router.tick(60 * MB)
    router.tick(0, 61)
    router.restart()
    router.tick(10 * MB)
    assert router.room == 30 * MB


def test_its_count_is_put_right_at_the_plan(tmp_path):
    router = following(tmp_path)
    (quota,) = router.rules.quotas
    with pytest.raises(Unusable, match="follows a plan"):
        commands.correct(router.state, router.rules, quota, None, 5)
