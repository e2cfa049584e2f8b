# SPDX-License-Identifier: GPL-2.0-or-later
"""Each way to the Internet, as documents say it. Pure."""

from collections.abc import Mapping, Sequence

from esimshaper.core.model.counts import NOTHING, Counters, sum_of
from esimshaper.core.model.reading import Attachment, Hook
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, usage_entry

WAN_HOOKS = {Hook.WAN_INGRESS, Hook.WAN_EGRESS}


def totals(state: State, facts: DaemonFacts) -> Mapping[str, Counters]:
    """What each uplink carried since the maps were made, by name; all of them together are all clients."""
    if not state.meter.booked:
        return {}
    carried = state.meter.booked.carried.totals
    if not carried:
        return {facts.uplinks[0].name: sum_of(state.totals.values())}
    return {each.name: carried.get(each.name, NOTHING) for each in facts.uplinks}


def uplink_entries(state: State, facts: DaemonFacts) -> list[Document]:
    """Those of the settings, in their order."""
    sums = totals(state, facts)
    return [
        {
            "name": each.name,
            "interface": each.interfaces[0] if each.interfaces else each.interface,
            "metered": each.metered,
            "attached": any(is_attached(name, state.meter.attachments) for name in each.interfaces),
            "total": usage_entry(sums.get(each.name, NOTHING)),
        }
        for each in facts.uplinks
    ]


def is_attached(interface: str, attachments: Sequence[Attachment]) -> bool:
    """Whether both of our programs are there."""
    return {each.hook for each in attachments if each.interface == interface and each.attached} >= WAN_HOOKS
