# SPDX-License-Identifier: GPL-2.0-or-later
"""The tick of rules by service: layers and who is here -> decisions. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from esimshaper.core.model.decisions import Layer, RulesSlice
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import STRANGER, Subject, SubjectKind
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.rules import Hierarchy, Rules
from esimshaper.core.model.service_policies import ServicePools
from esimshaper.core.model.shaping import PacesHeld
from esimshaper.core.model.tick import Tick
from esimshaper.core.rules.layers import decide, words_of
from esimshaper.core.rules.merge import service_policies


def advance(before: RulesSlice, tick: Tick, layers: Sequence[Layer]) -> RulesSlice:
    """What holds now. `layers`: in the order in which they count; an empty one says nothing."""
    rules, reading = tick.rules, tick.reading
    if not rules.categories or not rules.knows_quotas:
        return before
    said = tuple(layer for layer in layers if layer.entries)
    inputs = (said, rules.categories, reading.service_names, rules.names, rules.groups, reading.owners, reading.free)
    if inputs == before.inputs:
        return before
    decisions = (
        decide(said, _hierarchies(reading, rules), words_of(reading.service_names, rules.categories)) if said else {}
    )
    return replace(before, decisions=decisions, inputs=inputs)


def merged(ruled: RulesSlice, pools: ServicePools, held: PacesHeld) -> RulesSlice:
    """With what the kernel is to know of services."""
    made_from = (ruled.decisions, pools, held)
    is_same = bool(ruled.merged) and all(new is old for new, old in zip(made_from, ruled.merged, strict=True))
    if ruled.decisions is None or is_same:
        return ruled
    return replace(ruled, policies=service_policies(ruled.decisions, pools, held), merged=made_from)


def _hierarchies(reading: Reading, rules: Rules) -> Mapping[Account, Hierarchy]:
    """Of each client, and of the accounts of devices that were never seen."""
    known: dict[ClientKey, Hierarchy] = {
        client: rules.hierarchy(Subject(SubjectKind.CLIENT, client)) for client in reading.owners.values()
    }
    strangers = dict.fromkeys(reading.free, rules.hierarchy(STRANGER))
    return {**strangers, **{account: known[client] for account, client in reading.owners.items()}}
