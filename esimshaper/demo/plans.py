# SPDX-License-Identifier: GPL-2.0-or-later
"""The two eSIM plans of the demo: their terms, what the daemon says of them, and what they must have come to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esimshaper.core.model.units import format_size
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Line, Page, Table

FIRST, SECOND = "asia", "japan"
CURRENCY = "JPY"
LOW, HIGH, SECOND_PRICE = 480, 980, 700
"""What the first plan costs until its step, and beyond it; what the second one costs."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paid:
    """One plan in the end. used: bytes that it counted. cost: as the daemon has it. due: as the terms are read here."""

    name: str
    used: int
    cost: int
    due: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Both plans, and the bytes that the carrier billed meanwhile."""

    plans: tuple[Paid, ...]
    billed: int

    @property
    def apart(self) -> int:
        """Bytes by which both plans together differ from the bill."""
        return sum(each.used for each in self.plans) - self.billed

    @property
    def true(self) -> bool:
        """Whether each billed byte is one plan's, and each plan costs what its terms say."""
        return not self.apart and all(each.cost == each.due for each in self.plans)


def settings(uplink: str, step: int) -> list[str]:
    """The lines of the configuration file. step: the bytes after which the first plan, that of `uplink`, costs more."""
    prices = f"[{{from: 0, price: {LOW}}}, {{from: {step}B, price: {HIGH}}}]"
    return [
        "plans:",
        f"  - {{name: {FIRST}, uplink: {uplink}, currency: {CURRENCY}, "
        f"meters: [{{window: lifetime, steps: {prices}}}]}}",
        f"  - {{name: {SECOND}, currency: {CURRENCY}, price: {SECOND_PRICE}, lasts: {{days: 3, from: first-use}}, "
        "meters: [{window: lifetime, steps: [{from: 1GB, rate: stop}]}]}",
    ]


def by_name(document: Document) -> Mapping[str, Document]:
    """The plans of the daemon's answer."""
    return {plan["name"]: plan for plan in document["plans"]}


def spent(before: Mapping[str, Document], now: Mapping[str, Document], billed: int, step: int) -> Spent:
    """What was used and paid since `before`, and what is due by the terms."""
    plans = []
    for name in (FIRST, SECOND):
        counted = now[name]["counted_bytes"] if name in now else 0
        used = counted - (before[name]["counted_bytes"] if name in before else 0)
        due = (HIGH if counted > step else LOW) if name == FIRST else SECOND_PRICE
        plans.append(Paid(name, used, int(now[name]["cost"]) if name in now else 0, due))
    return Spent(tuple(plans), billed)


def glance(plans: Mapping[str, Document]) -> Line:
    """The plans in use so far, for the live picture."""
    parts = [f"{name} {format_size(plan['counted_bytes'])}, {plan['cost']} {CURRENCY}" for name, plan in plans.items()]
    return Line(f"Plans so far: {'; '.join(parts)}" if parts else "", Tone.QUIET)


def spent_page(found: Spent) -> Page:
    """The plans beside the bill."""
    rows = [[each.name.ljust(15), f"{each.used:,}", f"{each.cost:,}", f"{each.due:,}"] for each in found.plans]
    rows.append(["together", f"{found.billed + found.apart:,}", f"{sum(each.cost for each in found.plans):,}", ""])
    titles = ("PLAN", "BYTES", f"COST, {CURRENCY}", "BY THE TERMS")
    verdict = (
        Line("Each billed byte is one plan's, through the change of eSIM; each plan costs what it says.", Tone.GOOD)
        if found.true
        else Line(f"THE PLANS ARE {found.apart:,} B OFF THE BILL, OR COST ANOTHER SUM. Please report it.", Tone.BAD)
    )
    return [_table(titles, rows), verdict]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return Table(tuple(Column(title, right=at > 0) for at, title in enumerate(titles)), [list(row) for row in rows])
