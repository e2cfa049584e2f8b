# SPDX-License-Identifier: GPL-2.0-or-later
"""The twenty usages of each shipped plan, worked out from the words of its seller, beside golden.json.

Each `Terms` was written from the survey of terms (C1 of the study that the plans come from), and not from etc/plans or
from the program: how much is fast, what comes after it, what it costs, when it ends. All of it is used at once, abroad,
at 10:00 on 10 November 2026 of the plan's zone; it was bought and installed at 9:30.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import pytest

from tests.core.plan.test_golden import GOLDEN

GB, MB = 10**9, 10**6
STOP = 0
UNLIMITED = 1 << 62


def fixed(price: str) -> Callable[[int], str]:
    return lambda used: price


def by_amount(*prices: tuple[int, str]) -> Callable[[int], str]:
    """The price of the whole month: the one of the highest amount that was passed; `up to 3 GB` includes the 3 GB."""
    return lambda used: [price for above, price in prices if used > above or not above][-1]


def each(unit: int, price: str, *, beyond: int = 0, most: str = "", digits: int = 2) -> Callable[[int], str]:
    """So much for each unit that was begun."""

    def cost(used: int) -> str:
        units = -(-max(0, used - beyond) // unit)
        found = units * Decimal(price)
        if most:
            found = min(found, Decimal(most))
        exact = found.quantize(Decimal(1).scaleb(-digits)) if found == round(found, digits) else found.normalize()
        return f"{exact:f}"

    return cost


class End(NamedTuple):
    """The end of a plan. by_use: there is none before the first byte."""

    text: str = "no end"
    by_use: bool = False


NEVER = End()


@dataclass(frozen=True)
class Terms:
    """fast: bytes at full speed. slow: the rates after that, each with the amount beyond which it holds; STOP: none.

    left: what the plan has until it is slow or stops, where that is another amount; None: as much as you like. unit: of
    the bill. lot: what it buys by itself when the data is used up, and the price of one.
    """

    fast: int
    slow: tuple[tuple[int, int], ...]
    price: Callable[[int], str]
    end: End = NEVER
    left: int | None = -1
    unit: int = 1
    lot: tuple[int, str] = (0, "0")

    def line(self, used: int) -> str:
        billed = -(-used // self.unit) * self.unit
        lots = max(0, -(-(billed - self.fast) // self.lot[0])) if self.lot[0] else 0
        fast = self.fast + lots * self.lot[0]
        full, rest = min(billed, fast), max(0, billed - fast)
        rate = next((rate for above, rate in reversed(self.slow) if billed >= above), None)
        slowly = 0 if STOP in {rate for _, rate in self.slow} else rest
        shown = "full" if rate is None else f"{rate} bit/s"
        allowance = fast if self.left == -1 else self.left
        left = None if allowance is None or allowance >= UNLIMITED else max(0, allowance - billed)
        price = self.price(billed)
        if lots:
            price = f"{Decimal(price) + lots * Decimal(self.lot[1])}"
        end = "no end" if self.end.by_use and not used else self.end.text
        parts = f"{full} full, {slowly} slow, {rest - slowly} refused"
        return f"{used}: {parts}; then {shown}, {left} left, price {price}, {end}"


def until(day: str, clock: str, zone: str = "+00:00") -> End:
    return End(f"{day}T{clock}:00{zone}")


def by_use(day: str, clock: str = "10:00", zone: str = "+00:00") -> End:
    return End(f"{day}T{clock}:00{zone}", by_use=True)


def stops(fast: int, price: str, end: End = NEVER) -> Terms:
    return Terms(fast, ((fast, STOP),), fixed(price), end)


def slows(fast: int, rate: int, price: str, end: End = NEVER) -> Terms:
    return Terms(fast, ((fast, rate),), fixed(price), end)


def free_of_limits(price: Callable[[int], str], end: End = NEVER, left: int | None = None, unit: int = 1) -> Terms:
    return Terms(UNLIMITED, (), price, end, left, unit)


JST, SGT, NEW_YORK, MADRID = "+09:00", "+08:00", "-05:00", "+01:00"

BY_HAND = {
    # 1, 2: N GB, N days; the clock starts at the first connection, or at the installation; stop.
    "Airalo 10 GB": stops(10 * GB, "26.00", by_use("2026-12-10")),
    "Airalo from install": stops(1 * GB, "4.50", until("2026-11-17", "09:30")),
    # 3: from the first use to the minute.
    "GigSky 5 GB": stops(5 * GB, "19.99", by_use("2026-11-25")),
    # 4, 5: 24 h x 7 from the first use; the day plan is slow after 1 GB of each 24 h.
    "Nomad 5 GB": stops(5 * GB, "13.00", by_use("2026-11-17")),
    "Nomad day plan": slows(1 * GB, 512_000, "17.00", by_use("2026-11-17")),
    # 6: 3 days are 72 h from the activation.
    "Nommi 3 days": slows(1 * GB, 128_000, "9.00", until("2026-11-13", "09:30")),
    # 7, 8: 1 GB a day, then 128 kbit/s; ends at midnight of UTC+8 on day 5, or to the minute.
    "Keepgo Asia 5 days": slows(1 * GB, 128_000, "15.00", until("2026-11-15", "00:00", SGT)),
    "Keepgo elsewhere 5 days": slows(1 * GB, 128_000, "15.00", until("2026-11-15", "09:30")),
    # 9: about 1.5 GB a day, then 1 Mbit/s.
    "Simify unlimited": slows(1500 * MB, 1_000_000, "39.00", by_use("2026-11-20")),
    # 10, 11: tethering 1 GB a day; afterwards 1 GB a month for ever.
    "Holafly 7 days": stops(1 * GB, "27.00", until("2026-11-17", "09:30")),
    "Holafly Always On": stops(1 * GB, "0.00"),
    # 12: the day of the installation is day 1, and it ends at 23:59 of day 10.
    "Sakura 10 days": slows(10 * GB, 200_000, "4500", until("2026-11-20", "00:00", JST)),
    # 13: a month of the calendar, then some 200 kbit/s.
    "Mobal": slows(30 * GB, 200_000, "4378"),
    # 14: 5 GB in 10 days; stop.
    "b-mobile visitor": stops(5 * GB, "1980", by_use("2026-11-20", zone=JST)),
    # 15, 16: 24 h x 30 from the purchase, up to the end of the last day; then 128 kbit/s; one hour without a limit.
    "povo 3 GB": slows(3 * GB, 128_000, "990", until("2026-12-11", "00:00", JST)),
    "povo 1 hour": free_of_limits(fixed("110"), until("2026-11-10", "10:30", JST)),
    # 17, 18
    "LINEMO": Terms(10 * GB, ((10 * GB, 300_000), (15 * GB, 128_000)), by_amount((0, "990"), (3 * GB, "2090"))),
    "LINEMO mini": slows(3 * GB, 300_000, "990"),
    # 19: abroad 2 GB, then 128 kbit/s; these bytes are in the price as all others; at home as much as you like.
    "Rakuten": Terms(
        2 * GB, ((2 * GB, 128_000),), by_amount((0, "1078"), (3 * GB, "2178"), (20 * GB, "3278")), left=None
    ),
    # 20: 30 GB, shared with abroad, then 1 Mbit/s; the 15 days abroad have begun today.
    "ahamo": slows(30 * GB, 1_000_000, "2970"),
    # 21: a full month's coupon; then 300 kbit/s.
    "IIJmio": slows(2 * GB, 300_000, "850"),
    # 22: while slow, after 366 MB in 3 days slower still.
    "MVNO slow rule": Terms(3 * GB, ((3 * GB, 200_000), (3366 * MB, 64_000)), fixed("900")),
    # 23: 5 GB a month; what was used today counts tomorrow only.
    "mineo A": slows(5 * GB, 200_000, "1518"),
    # 24: what was used today has an effect tomorrow at 18:00.
    "WiMAX": free_of_limits(fixed("4380")),
    # 25: 7 GB; 2 GB more for 2,500 yen, again and again where that is chosen.
    "SoftBank 7 GB": Terms(7 * GB, (), fixed("5700"), lot=(2 * GB, "2500")),
    # 26: one day, to midnight of London.
    "Three Euro pass": free_of_limits(fixed("5.00"), until("2026-11-11", "00:00")),
    # 27: 12 GB of binary units abroad, 2 pounds for each 24 h of use; nothing is counted at home.
    "Three Go Roam": Terms(12 * 2**30, ((12 * 2**30, STOP),), lambda used: "2.00" if used else "0.00", left=None),
    # 28: 5 GB abroad, then 256 kbit/s; the cap of tethering is 50 GB.
    "T-Mobile abroad": Terms(
        5 * GB, ((5 * GB, 256_000),), fixed("85.00"), until("2026-12-10", "09:30", NEW_YORK), left=50 * GB
    ),
    # 29: 28 days, renewed.
    "Orange ES": stops(20 * GB, "10.00", until("2026-12-08", "09:30", MADRID)),
    # 30: a refill adds data and restarts the days; it refills itself.
    "Wave Connect": Terms(3 * GB, (), fixed("15.00"), by_use("2026-12-10"), lot=(3 * GB, "15.00")),
    # 31: the clock starts at the purchase.
    "uupay 3 GB": stops(3 * GB, "8.00", until("2026-12-10", "09:30")),
    # 32: the end of the last day where you are.
    "Flexiroam 5 GB": stops(5 * GB, "18.00", by_use("2026-11-25", "00:00")),
    # 33, 34, 35: by the unit, per session.
    "emnify pay as you go": free_of_limits(each(MB, "0.02"), left=0, unit=1000),
    "Soracom global": free_of_limits(each(MB, "0.20"), left=0, unit=100_000),
    "Session rounding": free_of_limits(each(MB, "0.10"), left=0, unit=MB),
    # 36: 0.32 yen for 128 bytes, at most 1,500 yen a day.
    "SoftBank rental 3G": free_of_limits(each(128, "0.32", most="1500", digits=0), left=0),
    # 37: a cap of 45 pounds, then no data: 450 MB at the price of this example.
    "Superdrug roaming": Terms(450 * MB, ((450 * MB, STOP),), each(MB, "0.10", most="45"), left=None),
    # 38: 14 GB abroad, then by the MB.
    "UW": free_of_limits(each(MB, "0.0036", beyond=14 * GB)),
    # 39: 100 GB, then 4, beyond 200 GB 1 Mbit/s, by day only: at night as much as you like.
    "Satellite 100 GB": Terms(100 * GB, ((100 * GB, 4_000_000), (200 * GB, 1_000_000)), fixed("70.00"), left=None),
    # 40: 30 days, renewed; what is left lives on.
    "Vodafone GH": stops(2 * GB, "20.00", until("2026-12-10", "09:30")),
    # 41
    "Hotel Wi-Fi": free_of_limits(fixed("0.00")),
}


def lines() -> Iterator[tuple[str, str]]:
    for name, picture in json.loads(GOLDEN.read_text()).items():
        for line in picture["usages"]:
            yield name, line


@pytest.mark.parametrize("name", list(json.loads(GOLDEN.read_text())))
def test_each_usage_is_what_the_words_of_the_seller_come_to(name: str) -> None:
    golden = json.loads(GOLDEN.read_text())[name]["usages"]
    worked_out = [BY_HAND[name].line(int(line.partition(":")[0])) for line in golden]
    assert golden == worked_out


def test_no_plan_is_left_out() -> None:
    assert {name for name, _ in lines()} == BY_HAND.keys()
    assert sum(1 for _ in lines()) == 41 * 20
