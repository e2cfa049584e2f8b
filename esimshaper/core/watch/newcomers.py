# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that were never seen: what they may move at first, and which have moved more. Pure.

The kernel ends a probation at its byte, as it ends a quota (core/limits/probation.py). Within some seconds the alarm
about it has the same done with an end, and told.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from esimshaper.core.model.counts import Usage
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.probation import Probation
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.watch import AlarmKind, Allowance, Answer, Episode, Watch, WatchLevel, WatchSlice, WatchState
from esimshaper.core.watch import constants as at
from esimshaper.core.watch.detectors import floors_of


def strange(before: WatchSlice, tick: Tick, keys: Iterable[ClientKey]) -> frozenset[ClientKey]:
    """Those of `keys` that nobody has seen before: neither the history nor the watch."""
    unknown = frozenset(keys).difference(before.kept.learned, BUILT_IN_CLIENTS)
    return unknown.difference(tick.identities, tick.rules.names) if unknown else unknown


def allowed(watch: Watch, allowance: Allowance | None) -> int:
    """The bytes that a new device may move in its first time."""
    if watch.newcomer is not None:
        return watch.newcomer
    return floors_of(allowance.bytes if allowance else at.DEFAULT_DAY, at.FACTORS[watch.level]).newcomer


def is_over(moved: int, most: int, watch: Watch) -> bool:
    """Whether a new device has used that up."""
    # Where the kernel blocks at that count, an upload that would go past it is not counted, so that the rest is less
    # than a packet for ever.
    rest = min(at.LARGEST_PACKET, most // 2) if AlarmKind.NEWCOMER in watch.reactions else 0
    return moved >= most - rest


def probation(before: WatchSlice, tick: Tick) -> Probation | None:
    """What the kernel is to hold new devices to; None if the settings ask for no more than a notice."""
    watch, now = tick.rules.watch, int(tick.at.time)
    reaction = watch.reactions.get(AlarmKind.NEWCOMER)
    if reaction is None or watch.level is WatchLevel.OFF:
        return None
    most, length = allowed(watch, before.allowance), watch.newcomer_seconds
    recent = {key: each for key, each in before.kept.newcomers.items() if now - each[0] < length}
    told = [each for each in before.kept.episodes if AlarmKind.NEWCOMER in each.kinds] if recent else []
    answered = {each.client for each in told if each.answer is not Answer.NONE}
    young = {key: (most - moved, came + length) for key, (came, moved) in recent.items() if key not in answered}
    if tick.step.booked is not None:  # else all are new, as on the first day of the program
        fresh = strange(before, tick, tick.reading.owners.values()) - recent.keys()
        young |= dict.fromkeys(fresh, (most, now + length))
    return Probation(most, reaction.rate, young)


def met(before: WatchSlice, tick: Tick, usage: Usage, *, late: bool) -> WatchState:
    """What is remembered, with what new devices moved in this tick; `late`: nobody knows in which time that was."""
    kept = before.kept
    # What was moved while nobody looked alarms nobody, unless the kernel has counted it as that of a probation.
    if late and (tick.step.booked is None or AlarmKind.NEWCOMER not in tick.rules.watch.reactions):
        return kept
    new = dict.fromkeys(strange(before, tick, usage), (int(tick.at.time), 0))
    if not new and not kept.newcomers:
        return kept
    young = {**new, **kept.newcomers}
    moved = {key: (came, size + usage[key].total_bytes) for key, (came, size) in young.items() if key in usage}
    return replace(kept, newcomers={**young, **moved})


def to_cut(kept: WatchState, begun: Collection[Episode], freed: Collection[ClientKey | None]) -> list[Episode]:
    """Episodes that go on, of new devices that the kernel holds already, though people are not told of them now."""
    told = {each.number for each in begun}
    return [
        each
        for each in kept.episodes
        if each.is_open
        and AlarmKind.NEWCOMER in each.kinds
        and each.answer is Answer.NONE
        and each.number not in told
        and not {None, each.client} & set(freed)
    ]
