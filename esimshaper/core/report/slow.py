# SPDX-License-Identifier: GPL-2.0-or-later
"""What carriers give slow uplinks, by the terms of plans or as measured -> what is done about it. Pure.

slow      {"uplink": name, "plan": name or null, "bits_per_second": what the carrier gives (of measured ones the least),
           "known_by": "terms", or "measure" where these say nothing, or more,
           "held_down_bits_per_second", "held_up_bits_per_second": what the link is held to; null if it is not,
           "until", "until_unix": when the window ends that is used up; null if nobody knows,
           "sentence": all of this for people}
"""

from collections.abc import Mapping

from esimshaper.core.model.shaping import Side, held
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_moment, format_rate
from esimshaper.core.report.frame import DaemonFacts, Document, moment

_ENDLESS = 10 * 366 * 86_400
"""Seconds: what ends later than that never does."""


def entries(state: State, facts: DaemonFacts) -> list[Document]:
    """One for each uplink that is slow, by its plan and as measured. Where nothing passes, the plan itself says so."""
    by_terms = (_entry(state, facts, name, rate) for name, rate in sorted(state.plans.rates.items()) if rate)
    names = sorted({name for name, _ in state.ceilings.measured})
    return [*by_terms, *(_measured_entry(state, facts, name) for name in names)]


def of_all(state: State, facts: DaemonFacts) -> Document | None:
    """The slowest entry of the uplink that devices use; None where it is not slow, or nobody knows which one it is."""
    if not facts.shaped and len(facts.uplinks) > 1:
        return None
    found = [each for each in entries(state, facts) if facts.shaped in ("", each["uplink"])]
    return min(found, key=lambda each: int(each["bits_per_second"])) if found else None


def held_rates(state: State, facts: DaemonFacts) -> Mapping[tuple[str, ...], float]:
    """What the link is held to, by uplink and direction."""
    name = facts.shaped
    found: dict[tuple[str, ...], float] = {}
    rates = _measured(state, name)
    by_terms = state.plans.rates.get(name)
    for side in facts.link if by_terms or rates else ():
        known = [rate for rate in (by_terms, rates.get(side)) if rate]
        if known:
            found[name, side.value] = held(facts.link[side], min(known), side)
    return found


def _entry(state: State, facts: DaemonFacts, name: str, rate: int) -> Document:
    uplink = state.plans.kept.uplinks.get(name)
    plan = uplink.plan if uplink else ""
    until = _until(state, plan, facts.now.timestamp())
    rates = {side: held(facts.link[side], rate, side) for side in facts.link} if name == facts.shaped else {}
    down, up = rates.get(Side.DOWNLOAD), rates.get(Side.UPLOAD)
    return {
        "uplink": name,
        "plan": plan or None,
        "bits_per_second": rate,
        "known_by": "terms",
        "held_down_bits_per_second": down,
        "held_up_bits_per_second": up,
        **moment("until", until, facts.now.tzinfo),
        "sentence": _sentence(facts, plan, name, rate, until, down, up),
    }


def _measured(state: State, name: str) -> Mapping[Side, int]:
    return {side: each.carrier for (uplink, side), each in state.ceilings.measured.items() if uplink == name}


def _measured_entry(state: State, facts: DaemonFacts, name: str) -> Document:
    uplink, rates = state.plans.kept.uplinks.get(name), _measured(state, name)
    to = {side: held(facts.link[side], rate, side) for side, rate in rates.items()} if name == facts.shaped else {}
    gives, holds = (" and ".join(_ways(each)) for each in (rates, to))
    begin = f"the carrier gives {name} {gives}, as measured, though nothing written says so"
    end = f"The link is held to {holds}, so that packets wait here; it ends by itself once the carrier is faster"
    return {
        "uplink": name,
        "plan": uplink.plan or None if uplink else None,
        "bits_per_second": min(rates.values()),
        "known_by": "measure",
        "held_down_bits_per_second": to.get(Side.DOWNLOAD),
        "held_up_bits_per_second": to.get(Side.UPLOAD),
        **moment("until", None, facts.now.tzinfo),
        "sentence": f"{begin}. {end}" if to else f"{begin}. Traffic is shaped at {facts.shaped} only",
    }


def _ways(rates: Mapping[Side, int]) -> list[str]:
    words = {Side.DOWNLOAD: "down", Side.UPLOAD: "up"}
    return [f"{format_rate(rates[side])} {word}" for side, word in words.items() if side in rates]


def _until(state: State, plan: str, now: float) -> int | None:
    """The end of the window that ends first, if all of them do."""
    tally = state.plans.kept.tallies.get(plan)
    ends = [count.window.end for count in tally.course.counts if count.window] if tally else []
    return min(ends) if ends and max(ends) < now + _ENDLESS else None


def _sentence(
    facts: DaemonFacts, plan: str, name: str, rate: int, until: int | None, down: int | None, up: int | None
) -> str:
    what = f"plan {plan}" if plan else f"the plan of {name}, which is not known,"
    zone = facts.now.tzinfo
    when = f" until {format_moment(until, facts.now.timestamp(), zone)}" if until is not None and zone else ""
    begin = f"{what} is slow{when}: the carrier gives {format_rate(rate)}"
    if down is None or up is None:
        return f"{begin}. Traffic is shaped at {facts.shaped} only, so packets of {name} wait at the carrier"
    to = f"{format_rate(down)} down and {format_rate(up)} up"
    return (
        f"{begin}. The link is held to {to}, so that packets wait here: devices get equal shares, and DNS and small "
        "packets go first"
    )
