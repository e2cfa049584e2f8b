# SPDX-License-Identifier: GPL-2.0-or-later
"""The tick of rules by service: layers and who is here -> decisions. Pure.

While nothing changed, a tick compares a few objects: the layers are those of before, and so are the decisions.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from esimshaper.core.model.decisions import Layer, LowDataMode, OwnLayers, RulesSlice, RulesState
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import STRANGER, Quota, QuotaUsage, Subject, SubjectKind, Tally
from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.rules import Hierarchy, Rules
from esimshaper.core.model.service_policies import ServicePools
from esimshaper.core.model.shaping import PacesHeld
from esimshaper.core.model.tick import Tick
from esimshaper.core.rules import low_data, written
from esimshaper.core.rules.layers import decide, words_of
from esimshaper.core.rules.merge import service_policies

LOOK_SECONDS = 5.0
"""AUTO looks at quotas and plans so often: a crowd has thousands of tallies."""


class Around(NamedTuple):
    """What other rooms know: how much of quotas and plans is used."""

    tallies: Collection[Tally] = ()
    plans: PlanState = PlanState()


def advance(before: RulesSlice, tick: Tick, around: Around, others: Sequence[Layer] = ()) -> RulesSlice:
    """What holds now. `others`: layers of other rooms, which count after those of this one, in this order."""
    rules, reading = tick.rules, tick.reading
    if not rules.categories or not rules.knows_quotas:
        return before
    before = _with_own_layers(_with_automatic(before, tick, around), rules, tick.at.time)
    own = before.own.layers if before.own else ()
    said = tuple(layer for layer in (*own, *others) if layer.entries)
    inputs = (said, rules.categories, reading.service_names, rules.names, rules.groups, reading.owners, reading.free)
    if inputs == before.inputs:
        return before
    words = words_of(reading.service_names, rules.categories)
    decisions = decide(said, _hierarchies(reading, rules), words) if said else {}
    return replace(before, decisions=decisions, inputs=inputs)


def merged(ruled: RulesSlice, pools: ServicePools, held: PacesHeld) -> RulesSlice:
    """With what the kernel is to know of services."""
    made_from = (ruled.decisions, pools, held)
    is_same = bool(ruled.merged) and all(new is old for new, old in zip(made_from, ruled.merged, strict=True))
    if ruled.decisions is None or is_same:
        return ruled
    return replace(ruled, policies=service_policies(ruled.decisions, pools, held), merged=made_from)


def _with_automatic(before: RulesSlice, tick: Tick, around: Around) -> RulesSlice:
    rules, kept, now = tick.rules, before.kept, tick.at.time
    if not wants_auto(rules, kept):
        return replace(before, kept=replace(kept, automatic=())) if kept.automatic else before
    if 0 <= now - before.looked < LOOK_SECONDS:
        return before
    quotas = {quota.name: quota for quota in rules.quotas if quota.name not in tick.resting}
    found = low_data.shares(_usages(quotas, around.tallies), around.plans, now)
    automatic = low_data.automatic(kept.automatic, found, rules.low_data, now)
    return replace(before, kept=kept if automatic == kept.automatic else replace(kept, automatic=automatic), looked=now)


def wants_auto(rules: Rules, kept: RulesState) -> bool:
    """Whether quotas and plans decide on low-data mode for anybody."""
    modes = (rules.low_data.mode, *(each.mode for each in kept.low_data))
    return LowDataMode.AUTO in modes


def _usages(quotas: Mapping[str, Quota], tallies: Iterable[Tally]) -> Iterable[QuotaUsage]:
    return (QuotaUsage(quotas[each.quota], each) for each in tallies if each.quota in quotas)


def _with_own_layers(before: RulesSlice, rules: Rules, now: float) -> RulesSlice:
    hand = written.live(before.kept.hand, now)
    kept = before.kept if hand is before.kept.hand else replace(before.kept, hand=hand)
    made_from = (rules.services, rules.low_data, rules.names, rules.groups, kept)
    own = before.own
    if own and own.made <= now < own.due and own.made_from == made_from:
        return before
    low = low_data.in_force(rules, kept)
    layers = (
        written.layer_by_hand(hand),
        low_data.layer_of(rules.low_data, low),
        written.layer_of_rules(rules.services, now),
    )
    own = OwnLayers(layers, now, written.due(rules.services, hand, now), made_from, low)
    return replace(before, kept=kept, own=own)


def _hierarchies(reading: Reading, rules: Rules) -> Mapping[Account, Hierarchy]:
    """Of each client, and of the accounts of devices that were never seen."""
    known: dict[ClientKey, Hierarchy] = {
        client: rules.hierarchy(Subject(SubjectKind.CLIENT, client)) for client in reading.owners.values()
    }
    strangers = dict.fromkeys(reading.free, rules.hierarchy(STRANGER))
    return {**strangers, **{account: known[client] for account, client in reading.owners.items()}}
