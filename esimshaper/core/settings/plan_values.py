# SPDX-License-Identifier: GPL-2.0-or-later
"""Small values of a plan: amounts of data, of money, rates, lengths of time, numbers of SIMs. Pure."""

import re
from dataclasses import dataclass, replace
from datetime import tzinfo
from decimal import Decimal

from esimshaper.core.model.modems import iccid_in_pairs, iccid_of
from esimshaper.core.model.money import CURRENCIES, digits_of
from esimshaper.core.model.plan import FULL, STOP, Ending, Event, Length, LengthUnit
from esimshaper.core.model.units import MAX_BYTES, parse_size
from esimshaper.core.settings.amounts import parse_rate_within
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.periods import parse_moment

_WORDS = {"full": FULL, "stop": STOP}
_DECIMAL_UNITS = re.compile(r"([kKMGT])B$")
_MOMENT_HINT = "Write a date and time as 2026-11-01T09:00:00, or install, purchase or first-use."


@dataclass(frozen=True, slots=True)
class PlanBlock:
    """A block of a plan, and what the whole plan says on how to read it."""

    block: Block
    zone: tzinfo
    currency: str
    binary: bool

    def inner(self, block: Block) -> "PlanBlock":
        """Another block of the same plan."""
        return replace(self, block=block)

    def size(self, key: str, least: int = 1) -> int | None:
        """The amount of data at `key`, in bytes; a GB is what the seller means by it."""
        size = self.block.parse(key, self._parse_size, "Write whole bytes, for example 500MB or 1.5GB.")
        if size is not None and not least <= size <= MAX_BYTES:
            message = f"`{self.block.get(key)}` is not between {least}B and {MAX_BYTES // 1000**4}TB"
            self.block.refuse(key, message, "Check the number and its unit.")
            return None
        return size

    def _parse_size(self, text: str) -> int:
        return parse_size(_DECIMAL_UNITS.sub(r"\1iB", text).replace("ki", "Ki") if self.binary else text)

    def money(self, key: str, *, fraction: bool = False) -> Decimal | None:
        """The amount of money at `key`; `fraction`: it may be less than the smallest coin."""
        if not self.block.has(key):
            return None
        amount = Decimal(str(self.block.get(key)))
        if not self.currency:
            self.block.refuse(key, "there is a price but no currency", "Write the plan's `currency`, such as JPY.")
            return None
        digits = digits_of(self.currency)
        exponent = amount.normalize().as_tuple().exponent
        if not fraction and isinstance(exponent, int) and -exponent > digits:
            message = f"`{self.block.get(key)}` has more decimals than {self.currency} has, which are {digits}"
            self.block.refuse(key, message, "Check the price and the currency.")
            return None
        return amount

    def rate(self, key: str) -> int | None:
        """The rate at `key`: bit/s, FULL or STOP."""
        hint = "Write a rate as 256kbit, or full, or stop; the units are bits per second."
        return self.block.parse(key, lambda text: _WORDS[text] if text in _WORDS else parse_rate_within(text), hint)

    def start(self, key: str) -> Event | int | None:
        """The event or the moment at `key`."""
        if self.block.get(key) in tuple(Event):
            return Event(self.block.get(key))
        return self.block.parse(key, lambda text: parse_moment(text, self.zone), _MOMENT_HINT)

    def moment(self, key: str) -> int | None:
        """The moment at `key`."""
        hint = "Write a date and time as 2026-11-01T09:00:00."
        return self.block.parse(key, lambda text: parse_moment(text, self.zone), hint)

    def length(self) -> Length | None:
        """The hours, days or months of the block, up to where its `to` says. None where there are none, or too many."""
        units = [unit for unit in LengthUnit if self.block.has(unit.value)]
        if len(units) > 1:
            message = f"`{units[0]}` and `{units[1]}` are both given"
            self.block.refuse(units[1].value, message, "Keep the one that the seller says.")
        if len(units) != 1:
            return None
        ending = self.block.get("to", Ending.EXACT)
        if ending not in tuple(Ending):
            return None
        if units[0] is LengthUnit.HOURS and ending != Ending.EXACT:
            self.block.refuse("to", "hours do not end at midnight", "Write days: that of the start is day 1.")
            return None
        return Length(units[0], int(self.block.get(units[0].value)), Ending(ending))


def currency_from(plan: Block) -> str:
    """The code of the plan's currency; empty where there is none, or an unknown one."""

    def known(text: str) -> str:
        if text not in CURRENCIES:
            raise ValueError(f"`{text}` is not a currency")
        return text

    hint = "Write the three letters of ISO 4217: JPY, USD, EUR, TWD."
    return plan.parse("currency", known, hint) or ""


def iccid_from(plan: Block) -> str:
    """The digits of the SIM's number; empty where there is none, or where it cannot be one."""
    written: str = plan.get("iccid", "")
    if not written:
        return ""
    if digits := iccid_of(written):
        return digits
    hint = "It has 18 to 20 digits and begins with 89: `mmcli -i 0`, or the settings of a phone, show it."
    if swapped := iccid_in_pairs(written):
        hint = f"Its digits are swapped in pairs, as on the card; write {swapped}."
    plan.refuse("iccid", f"`{written}` is not the number of a SIM (ICCID)", hint)
    return ""
