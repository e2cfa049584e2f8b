# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of the terms of a plan: English here, other languages in the catalogs. Pure: texts only."""

from collections.abc import Iterable, Mapping

from esimshaper.languages.catalogs import translations
from esimshaper.languages.texts import N_, NN_

PHRASES: Mapping[str, tuple[str, str]] = {
    # a length, and where it ends
    "hours": NN_("{n} hour", "{n} hours"),
    "days": NN_("{n} day", "{n} days"),
    "months": NN_("{n} month", "{n} months"),
    "exact": (N_("{length}, to the minute"), ""),
    "midnight": (N_("{length}, to midnight at the end of the last day; the day of the start is the first"), ""),
    "midnight-after": (N_("{length}, and on to the midnight after that"), ""),
    "first-use": (N_("the first use"), ""),
    "purchase": (N_("the purchase"), ""),
    "install": (N_("the installation"), ""),
    # the plan
    "price": (N_("It costs {money}."), ""),
    "price-each": (N_("It costs {money}, and the same again each time it renews itself."), ""),
    "forever": (N_("It has no end."), ""),
    "lasts": (N_("It lasts from {start}: {length}."), ""),
    "renews": (N_("Then it renews itself."), ""),
    "by": (N_("Its clock starts at the latest {length} after {event}."), ""),
    "started": (N_("Known so far: {event} on {moment}."), ""),
    "zone": (N_("Its days and months begin at midnight in {zone}."), ""),
    "binary": (N_("Its GB is 1,073,741,824 bytes."), ""),
    "round-session": (N_("Each session of the modem is rounded up to a multiple of {size}."), ""),
    "round-day": (N_("The sum of each day is rounded up to a multiple of {size}."), ""),
    "round-total": (N_("The total is rounded up to a multiple of {size}."), ""),
    "free-hours": (N_("Nothing is counted {hours}."), ""),
    "free-service": (N_("The service {service} is not counted."), ""),
    "nothing": (N_("Nothing is counted."), ""),
    # a meter
    "meter": (N_("{counts}, {window}:"), ""),
    "all": (N_("All data"), ""),
    "roaming": (N_("Data abroad"), ""),
    "tether": (N_("Data of devices behind the SIM, which is all that passes a router"), ""),
    "throttled": (N_("Data that passes while it is slow"), ""),
    "window-lifetime": (N_("over the whole lifetime"), ""),
    "window-hour": (N_("in each hour of the clock"), ""),
    "window-day": (N_("in each day"), ""),
    "window-week": (N_("in each week from Monday"), ""),
    "window-month": (N_("in each month of the calendar"), ""),
    "window-blocks": (N_("in each window from {start} on ({length})"), ""),
    "window-once": (N_("in one window from {start} on ({length})"), ""),
    "window-each-use": (N_("in a window that begins with use when the one before is over ({length})"), ""),
    "window-last": (N_("in the last {length}, today included"), ""),
    "line": (N_("{range}: {what}"), ""),
    "any": (N_("any amount"), ""),
    "up-to": (N_("up to {end}"), ""),
    "between": (N_("above {start}, up to {end}"), ""),
    "above": (N_("above {start}"), ""),
    "window-price": ("{money}", ""),
    "adds": (N_("{money} for each {size} begun"), ""),
    "full": (N_("full speed"), ""),
    "rate": ("{rate}", ""),
    "stop": (N_("nothing passes"), ""),
    "in-hours": (N_("{what} {hours}"), ""),
    "next-day": (N_("{what} on the following day"), ""),
    "at-most": (N_("never more than {money} in a window"), ""),
    "beyond": (N_("beyond that: {what}"), ""),
    "after": (N_("after that window: {what}"), ""),
    "first": (N_("in the first window: {what}"), ""),
    "rollover": NN_(
        "what is left over can be used for one window more", "what is left over can be used for {n} windows more"
    ),
    # a top-up
    "top-up": (N_("More can be bought: {lot} for {money}, {until}."), ""),
    "unlimited": (N_("unlimited data"), ""),
    "until-length": (N_("for {length}"), ""),
    "until-month-end": (N_("until the end of the month"), ""),
    "until-plan": (N_("as long as the plan"), ""),
    "longest": (N_("The plan then ends at the later of its own end and that."), ""),
    "restart": (N_("The plan then begins its time anew."), ""),
    "adds-days": NN_(
        "The plan then lasts one day longer; if it is over already, to the end of that day.",
        "The plan then lasts {n} days longer; if it is over already, to the end of that day.",
    ),
    "auto": (N_("It is bought by itself as soon as nothing is left."), ""),
    # whose it is, and where it is from
    "uplink": (N_("It belongs to the uplink {name}."), ""),
    "ssid": (N_("It belongs to the Wi-Fi network {name}."), ""),
    "interface": (N_("It belongs to the interface {name}."), ""),
    "seen": (N_("These terms were read on {day}; look at your own contract."), ""),
    "note": (N_("Note: {text}"), ""),
}
"""The form for one and for several; the latter is empty where there is one form."""

SEPARATOR = N_(", ")
"""What stands between the parts of a line."""


def phrase(name: str, language: str, number: int = 2, /, **places: object) -> str:
    """A phrase with its places filled; `number` chooses between the forms for one and for several."""
    one, several = PHRASES[name]
    catalog = translations(language)
    said = catalog.ngettext(one, several, number) if several else catalog.gettext(one)
    return said.format(n=number, **places)


def joined(parts: Iterable[str], language: str) -> str:
    """Parts of a line, one after the other."""
    return translations(language).gettext(SEPARATOR).join(parts)
