# SPDX-License-Identifier: GPL-2.0-or-later
"""The week in a message: how much, by whom, what for, and a bar for each day. Pure."""

from datetime import date

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import _, ngettext, spoken
from esimshaper.notify.texts.telling import Order, Said, Telling

_WIDEST = 24
_BAR = "\N{BLACK SQUARE}"


def week(told: Telling) -> Said:
    """The weekly digest."""
    brief = _("The last 7 days: {size}.", size=told.size("total"))
    first, last = told.days()
    more = [_("From {first} to {last}.", first=first, last=last)]
    if told.has("total_before"):
        more.append(_("The week before: {size}.", size=told.size("total_before")))
    if told.data.get("top"):
        more.append(_("By devices: {sizes}.", sizes=told.sizes("top")))
    if told.data.get("services"):
        more.append(_("By services: {sizes}.", sizes=told.sizes("services")))
    if told.has("alarms"):
        more.append(ngettext("{n} alarm.", "{n} alarms.", told.number("alarms")))
    report = Order(_("To see all of it"), "esimshaper report --since 7d")
    return Said(brief, more, (report,), _plot(told))


def _plot(told: Telling) -> list[str]:
    """A line for each day. The bar stands first, as a mail is seldom shown in letters of one width."""
    days = [(date.fromisoformat(str(day)), int(size)) for day, size in told.data.get("days") or ()]
    largest = max((size for _day, size in days), default=0)
    return [f"{_bar(size, largest)} {moments.weekday(day, spoken())} {format_size(size)}" for day, size in days]


def _bar(size: int, largest: int) -> str:
    return _BAR * max(1 if size else 0, round(_WIDEST * size / largest)) if largest else ""
