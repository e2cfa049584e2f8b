# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of the settings and decisions by hand -> their layers of now. Pure."""

import math

from esimshaper.core.model.decisions import ByHand, Decision, DecisionKind, Entry, Layer, LayerName, ServiceRule
from esimshaper.core.model.hours import end_of, present, windows


def layer_of_rules(rules: tuple[ServiceRule, ...], now: float) -> Layer:
    """The rules that hold at `now`, in their order."""
    entries = (_entry(number, rule, now) for number, rule in enumerate(rules, start=1))
    return Layer(LayerName.RULES, tuple(entry for entry in entries if entry))


def _entry(number: int, rule: ServiceRule, now: float) -> Entry | None:
    since = until = None
    if rule.hours:
        window = present(rule.hours, now)
        if window is None:
            return None
        since, until = window.start, end_of(window, now)
    decision = Decision(
        rule.kind,
        LayerName.RULES,
        f"rule {number}: {rule.written}",
        rule.rate,
        rule.metered_only,
        until,
        f"rule {number}" if rule.kind is DecisionKind.PACE else "",
        since,
    )
    return Entry(rule.subject, rule.what, decision)


def layer_by_hand(hand: tuple[ByHand, ...]) -> Layer:
    """What people have decided; the newest counts."""
    return Layer(LayerName.HAND, tuple(map(_by_hand, hand)))


def _by_hand(each: ByHand) -> Entry:
    decision = Decision(each.kind, LayerName.HAND, "set by hand", until=each.until, since=each.at)
    return Entry(each.subject, frozenset((each.what,)), decision)


def due(rules: tuple[ServiceRule, ...], hand: tuple[ByHand, ...], now: float) -> float:
    """When the next of them begins or ends; endless if none does."""
    ends = [each.until for each in hand if each.until is not None]
    found = [next(windows(rule.hours, now), None) for rule in rules if rule.hours]
    hours = [window.end if window.start <= now else window.start for window in found if window]
    return min((*ends, *hours), default=math.inf)


def live(hand: tuple[ByHand, ...], now: float) -> tuple[ByHand, ...]:
    """Those of `hand` that have not ended; the same object while none has."""
    ended = any(each.until is not None and each.until <= now for each in hand)
    return tuple(each for each in hand if each.until is None or each.until > now) if ended else hand
