# SPDX-License-Identifier: GPL-2.0-or-later
"""The room of limits, in the pipeline: what did not change is the same object, which costs nothing to compare."""

from dataclasses import replace

from esimshaper.core.commands import override
from esimshaper.core.model.limits import OverrideKind
from tests.core.limits_router import BOB, FREE, SLOW, A, B, Router, client, plan, quota


def test_usage_below_all_limits_changes_neither_policies_nor_states():
    router = Router(quota(action=SLOW), plan())
    router.tick(A=100, WHOLE=100)
    outcome, states = router.state.limits.outcome, router.state.limits.states
    router.tick(A=110, WHOLE=110)
    assert router.state.limits.outcome is outcome
    assert router.state.limits.states is states


def test_a_state_that_changes_is_seen_though_the_policies_are_equal():
    """The kernel holds the limit by itself, and the reject table still has to be written."""
    router = Router(quota())
    before = router.tick(A=400)
    after = router.tick(A=600)
    assert router.level() == "blocked"
    assert after.policies == before.policies
    assert after.policies is not before.policies


def test_of_policies_that_are_worked_out_anew_the_equal_ones_are_those_of_before():
    router = Router(quota())
    before = router.tick(A=100).policies
    router.state = override(router.state, client(BOB), OverrideKind.BLOCK)
    after = router.tick().policies
    assert after[B].blocked
    assert after[A] is before[A]


def test_a_packet_that_was_refused_of_an_account_without_a_client_concerns_nobody():
    router = Router(quota())
    outcome = router.tick(A=100)
    router.reading = replace(router.reading, announced={FREE[0]: 500})
    assert router.tick().policies == outcome.policies
    assert router.level() == "open"
