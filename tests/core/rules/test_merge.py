# SPDX-License-Identifier: GPL-2.0-or-later
"""Decisions, pools and classes meet in one service policy for each account and service."""

from esimshaper.core.model.decisions import Decision, DecisionKind, LayerName
from esimshaper.core.model.identity import Account
from esimshaper.core.model.service_policies import ServicePolicy
from esimshaper.core.model.shaping import Paced
from esimshaper.core.rules.merge import service_policies

ONE, TWO = Account(2), Account(3)
POOLS = (Account(300), Account(301))


def decision(kind, **more):
    return Decision(kind, LayerName.SAVER, "a test says so", **more)


BLOCK = decision(DecisionKind.BLOCK, metered_only=True)
PACE = decision(DecisionKind.PACE, rate=2_500_000, share="saver 1")


def test_a_block_counts_into_the_pools_too():
    assert service_policies({ONE: {3: BLOCK}}, {ONE: {3: POOLS, 4: POOLS[:1]}, TWO: {3: POOLS}}, {}) == {
        ONE: {3: ServicePolicy(blocked=True, metered_only=True, pools=POOLS), 4: ServicePolicy(pools=POOLS[:1])},
        TWO: {3: ServicePolicy(pools=POOLS)},
    }


def test_a_pace_has_a_class_or_else_a_rate_in_bytes():
    wanted = {ONE: {3: PACE}, TWO: {3: PACE}}
    held = {ONE: {"saver 1": Paced(77, 2_500_000)}, TWO: {"saver 1": Paced(0, 1_000_000)}}
    assert service_policies(wanted, {}, held) == {
        ONE: {3: ServicePolicy(paced=True, class_id=77, police_rate=312_500)},
        TWO: {3: ServicePolicy(paced=True, police_rate=125_000)},
    }


def test_a_pace_that_waits_for_the_end_of_a_film_holds_nothing_yet():
    assert service_policies({ONE: {3: PACE}}, {}, {}) == {}
    assert service_policies({ONE: {3: PACE}}, {ONE: {3: POOLS}}, {ONE: {}}) == {ONE: {3: ServicePolicy(pools=POOLS)}}
    alone = decision(DecisionKind.PACE, rate=80)
    assert service_policies({ONE: {3: alone}}, {}, {}) == {ONE: {3: ServicePolicy(paced=True, police_rate=10)}}


def test_what_is_allowed_needs_no_policy():
    allowed = {ONE: {3: decision(DecisionKind.ALLOW)}}
    assert service_policies(allowed, {}, {}) == {}


def test_accounts_with_the_same_rows_share_one():
    row, pools = {3: BLOCK}, {3: POOLS}
    crowd = {Account(n): row for n in range(2, 255)}
    found = service_policies(crowd, dict.fromkeys(crowd, pools), {})
    assert len({id(each) for each in found.values()}) == 1
