# SPDX-License-Identifier: GPL-2.0-or-later
"""Switches of policies: what is set for later is in the kernel before, so it holds while the daemon is dead."""

import pytest

from esimshaper.core.commands import override
from esimshaper.core.limits.hold import AHEAD_SECONDS, hold, of_tunnels
from esimshaper.core.model.hold import Hold, Switch
from esimshaper.core.model.limits import EVERYONE, Curfew, Override, OverrideKind
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import State
from esimshaper.core.pipeline import recover_from_kernel
from tests.core.limits.test_hours import MORNING, NIGHT, go_to, hours
from tests.core.limits_router import ALICE, DAY, FREE, MIDNIGHT, TV, WHOLE, A, B, Router, T, client, group, quota

BLOCK, ALLOW, OVER_PLAN, _ = OverrideKind
OPEN, BLOCKED = Hold(), Hold(blocked=True)


def router(*curfews: Curfew) -> Router:
    it = Router(quota(), curfews=curfews)
    it.tick(A=100)
    return it


def boot(it: Router, moment: float) -> int:
    """The moment in the kernel's clock."""
    return round((moment - it.now + it.reading.boottime) * 1e9)


def test_a_curfew_is_in_the_policies_before_it_begins_and_its_end_with_it():
    it = router(Curfew(client(TV), hours("23:00-07:00")))
    policies = it.tick().policies
    night, morning = Switch(boot(it, NIGHT), BLOCKED), Switch(boot(it, MORNING), OPEN)
    assert policies[T].switches == (night, morning)
    assert not policies[T].blocked
    assert {policies[each].switches for each in (A, B, WHOLE, *FREE)} == {()}
    policies = go_to(it, NIGHT).policies
    assert policies[T].blocked
    assert policies[T].switches == (morning, Switch(boot(it, NIGHT + DAY), BLOCKED))


def test_switches_of_everyone_are_those_of_all_below_with_the_reason():
    it = router(Curfew(EVERYONE, hours("23:00-07:00")), Curfew(group("family"), hours("22:00-23:30")))
    policies = it.tick().policies
    with_everyone = Hold(blocked=True, with_everyone=True)
    assert policies[A].switches == policies[WHOLE].switches == policies[FREE[0]].switches
    assert policies[A].switches[0] == Switch(boot(it, NIGHT), with_everyone)
    assert policies[T].switches == (
        Switch(boot(it, NIGHT - 3600), BLOCKED),
        Switch(boot(it, NIGHT + 1800), with_everyone),
    )


def test_what_is_set_by_hand_is_in_the_kernel_with_its_beginning_and_end():
    it = router()
    it.state = override(it.state, client(ALICE), BLOCK, MORNING, NIGHT)
    it.state = override(it.state, client(TV), OVER_PLAN, NIGHT)
    it.state = override(it.state, client(TV), ALLOW, None, NIGHT + 60)
    policies = it.tick().policies
    assert policies[A].switches == (Switch(boot(it, NIGHT), BLOCKED), Switch(boot(it, MORNING), OPEN))
    assert policies[T].hold == Hold(exempt=True, over_plan=True)
    assert policies[T].switches == (Switch(boot(it, NIGHT), OPEN), Switch(boot(it, NIGHT + 60), Hold(exempt=True)))


def test_a_word_by_hand_hides_the_hours_that_it_covers():
    it = router(Curfew(client(TV), hours("23:00-07:00")))
    it.state = override(it.state, client(TV), ALLOW, NIGHT + 3600)
    assert it.tick().policies[T].switches == (
        Switch(boot(it, NIGHT + 3600), BLOCKED), Switch(boot(it, MORNING), OPEN),
    )  # fmt: skip


def test_policies_are_not_written_anew_while_nothing_changes_but_usage_and_a_slewed_clock():
    it = router(Curfew(client(TV), hours("23:00-07:00")))
    before = it.tick().policies
    for step in range(1, 30):
        it.now += 0.001
        after = it.tick(A=100 + step).policies
        assert (after[T], after[A]) == (before[T], before[A])
    it.now += 0.1
    late = it.tick().policies[T].switches[0].at
    assert before[T].switches[0].at - late == pytest.approx(0.129e9, abs=2e6)


def test_a_clock_that_is_set_moves_the_switches():
    it = router(Curfew(client(TV), hours("23:00-07:00")))
    it.now += 1800
    policies = it.tick().policies
    assert policies[T].switches[0].at == boot(it, NIGHT)


def test_the_kernel_knows_two_days_and_each_midnight_the_next_one():
    it = router(Curfew(client(TV), hours("mon 23:00-24:00")))  # it is Friday
    assert it.tick().policies[T].switches == ()
    monday = int(MIDNIGHT) + 3 * DAY
    policies = go_to(it, monday - DAY).policies
    assert policies[T].switches[0] == Switch(boot(it, monday + 23 * 3600), BLOCKED)
    assert monday + 23 * 3600 - it.now <= AHEAD_SECONDS


def test_packets_of_tunnels_are_blocked_with_everyone_and_exempt_with_anybody():
    allowed = {client(TV): Override(client(TV), ALLOW)}
    assert of_tunnels({}, frozenset({EVERYONE})) == Hold(blocked=True, with_everyone=True)
    assert of_tunnels(allowed, frozenset({EVERYONE})) == Hold(blocked=True, exempt=True, with_everyone=True)
    assert hold((client(TV), EVERYONE), allowed, frozenset({EVERYONE})) == Hold(exempt=True)


def test_a_start_without_history_takes_no_hours_for_a_word_by_hand_and_finds_ends():
    it = router(Curfew(client(TV), hours("23:00-07:00")))
    it.state = override(it.state, client(ALICE), BLOCK, MORNING)
    installed = go_to(it, NIGHT + 60).policies
    assert (installed[T].blocked, installed[A].blocked) == (True, True)
    seen = Observation(it.reading, (), (), (), clock_trusted=True)
    found = recover_from_kernel(State(), it.rules, it.now, seen, installed).limits.kept.overrides
    assert found == (Override(client(ALICE), BLOCK, MORNING),)


def test_nor_those_that_began_while_nobody_was_there():
    it = router(Curfew(client(TV), hours("23:00-07:00")))
    installed = it.tick().policies
    go_to(it, NIGHT + 60)
    seen = Observation(it.reading, (), (), (), clock_trusted=True)
    assert recover_from_kernel(State(), it.rules, it.now, seen, installed).limits.kept.overrides == ()
