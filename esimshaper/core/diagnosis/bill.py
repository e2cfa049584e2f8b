# SPDX-License-Identifier: GPL-2.0-or-later
"""Why the carrier may say another number: what is known of this router -> findings, in plain words. Pure.

`doctor --bill` shows them. A reason that shows in figures here is a warning, one that only the carrier knows a note,
and one that does not hold here is ok.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from esimshaper.core.model.box import Finding, Findings
from esimshaper.core.model.units import format_moment, format_size

DAY = 86400  # seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """A quota of everyone in its present period; Unix seconds and bytes. before: `used` of the configuration."""

    name: str
    limit: int
    used: int
    began: int
    before: int = 0


@dataclass(frozen=True, slots=True)
class BillFacts:
    """What is known here. counted_since: the start of the oldest day of the history (Unix seconds).

    between_midnights: bytes between midnight here and midnight UTC, of today. detours: interfaces by which devices go
    out uncounted. unasked, router, wasted: bytes of this month that nobody asked for; of the router itself; that came
    after a block. dropped: uploads that were taken off by an estimate. estimated_days: days with a power cut.
    """

    now: float
    zone: tzinfo
    plans: tuple[Plan, ...] = ()
    counted_since: int | None = None
    between_midnights: int = 0
    detours: tuple[str, ...] = ()
    unasked: int = 0
    router: int = 0
    wasted: int = 0
    dropped: int = 0
    estimated_days: int = 0


def explain(facts: BillFacts) -> tuple[Finding, ...]:
    """All reasons, in the order in which they are worth looking at."""
    return tuple(finding for reason in REASONS for finding in reason(facts))


def without_figures(zone: tzinfo, now: float) -> tuple[Finding, ...]:
    """The reasons that need no daemon: those which the carrier alone knows."""
    facts = BillFacts(now, zone)
    return tuple(finding for reason in GENERAL for finding in reason(facts))


def midnights(now: float, zone: tzinfo) -> tuple[int, int]:
    """The last midnights in `zone` and in UTC, the earlier first: between them, today is another day for a carrier."""
    here = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    local, utc = int(here.timestamp()), int(now) // DAY * DAY
    return min(local, utc), max(local, utc)


def _zone(facts: BillFacts) -> Findings:
    here = datetime.fromtimestamp(facts.now, facts.zone)
    offset = here.utcoffset() or timedelta()
    if not offset:
        sentence = (
            "Days and months begin at midnight UTC here. A carrier that counts by another time zone has another today "
            "and another month; over a whole plan the sum is the same."
        )
        yield Finding.note("zone", sentence, "`timezone` of the quota, as the carrier says it")
        return
    name = str(facts.zone)
    sentence = (
        f"Days and months begin at midnight in {name} here (UTC{here:%z}). A carrier that counts by UTC, or by the "
        "time of its own country, has another today and another month; over a whole plan the sum is the same."
    )
    hint = "`timezone` of the quota, as the carrier says it; esimshaper history --by hour has the hours"
    if facts.between_midnights:
        size = format_size(facts.between_midnights)
        sentence += f" Between midnight there and midnight UTC, {size} were used."
    yield Finding.note("zone", sentence, hint)


def _before(facts: BillFacts) -> Findings:
    for plan in facts.plans:
        since = facts.counted_since
        began = format_moment(plan.began, facts.now, facts.zone)
        if since is None or plan.began >= since:
            yield Finding.ok("before", f"{plan.name} began at {began}, and was counted from then on.")
            continue
        first = format_moment(since, facts.now, facts.zone)
        sentence = f"{plan.name} began at {began}, and this router has counted since {first}."
        if plan.before:
            known = f" What was used before is in it as the configuration says it: {format_size(plan.before)}."
            yield Finding.note("before", sentence + known)
        else:
            hint = f"`used` of the quota {plan.name}, before its first start, as the carrier's app says it"
            yield Finding.warning("before", f"{sentence} What was used before is not in it.", hint)


def _uplinks(facts: BillFacts) -> Findings:
    if facts.detours:
        names = ", ".join(facts.detours)
        sentence = f"Devices go out by {names} now: that is not counted here. If it costs the same plan, it is missing."
        yield Finding.warning("uplinks", sentence, "name the interface that is billed under wan.interface")
    else:
        yield Finding.ok("uplinks", "No device goes out by an interface that is not counted now.")


def _rounding(facts: BillFacts) -> Findings:
    sentence = (
        "Here each byte counts once. Many carriers round up: each connection of the modem, or each day, to a full "
        "1 KB, 100 KB or 1 MB."
    )
    for plan in facts.plans:
        days = max(1, math.ceil((facts.now - plan.began) / DAY))
        sentence += f" By 1 MB a day that is up to {format_size(days * 10**6)} of {plan.name} so far."
    yield Finding.note("rounding", sentence, "the carrier's terms say what it rounds")


def _units(facts: BillFacts) -> Findings:
    yield Finding.note(
        "units",
        "1 GB is 1,000,000,000 bytes here. A carrier that means 1,073,741,824 sells 7 % more and shows 7 % less"
        + "".join(f": {plan.name} would show {_binary(plan.used)} of {_binary(plan.limit)}" for plan in facts.plans[:1])
        + ".",
        "`limit: 10GiB` if the carrier means that",
    )


def _binary(size: int) -> str:
    return f"{size / 1024**3:.2f} GiB"


def _others(facts: BillFacts) -> Findings:  # noqa: ARG001 - as all reasons
    sentence = (
        "The same SIM in another device, devices at a Wi-Fi of the modem's own, and what the modem does by itself (its "
        "updates, text messages over data) are billed, and never pass this router."
    )
    yield Finding.note("others", sentence, "switch the modem's own Wi-Fi off, and its updates")


def _late(facts: BillFacts) -> Findings:  # noqa: ARG001 - as all reasons
    sentence = (
        "Apps of carriers are often hours late, abroad up to two days. What a carrier gives free of charge, such as "
        "its own app, is counted here."
    )
    yield Finding.note("late", sentence)


def _included(facts: BillFacts) -> Findings:
    parts = [
        f"{format_size(size)} {what}"
        for size, what in (
            (facts.unasked, "this month that no device asked for (scans from the Internet, mostly)"),
            (facts.router, "this month of the router itself"),
            (facts.wasted, "in all that still came after a block"),
        )
        if size
    ]
    if parts:
        yield Finding.ok("included", f"The carrier bills these as well, so they are in the sum: {', '.join(parts)}.")


def _estimates(facts: BillFacts) -> Findings:
    if facts.dropped:
        sentence = (
            f"{format_size(facts.dropped)} of uploads that did not leave were taken off by an estimate, since this "
            "modem's driver tells packets and no bytes."
        )
        yield Finding.note("estimates", sentence)
    if facts.estimated_days:
        days = "1 day has" if facts.estimated_days == 1 else f"{facts.estimated_days} days have"
        sentence = f"{days} a power cut: up to a minute of traffic may be missing there."
        yield Finding.note("estimates", sentence, "esimshaper history --by day marks them")


GENERAL: tuple[Callable[[BillFacts], Iterator[Finding]], ...] = (_zone, _rounding, _units, _others, _late)
REASONS = (_before, _uplinks, *GENERAL, _included, _estimates)
