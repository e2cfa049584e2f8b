# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of documents -> words for the reader, in the reader's language. Pure.

A text that is translated is a whole sentence, or a name: languages put its parts in another order.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from gettext import NullTranslations
from typing import Any

from esimshaper.core.model.units import format_client, format_rate, format_size
from esimshaper.languages import moments

Document = Mapping[str, Any]

_BESIDE = "\N{NO-BREAK SPACE}"
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_DAY, _MONTH, _YEAR = 86400, 30 * 86400, 365 * 86400


class Words:
    """The words of one language. `gettext` and `ngettext` always fill places, so a `%` in their texts is doubled."""

    def __init__(self, language: str, catalog: NullTranslations) -> None:
        self.language = language
        self._catalog = catalog

    def gettext(self, text: str, **places: object) -> str:
        return self._catalog.gettext(text) % places

    def ngettext(self, one: str, several: str, n: int, **places: object) -> str:
        return self._catalog.ngettext(one, several, n) % {"n": n, **places}

    def joined(self, sentences: Sequence[str]) -> str:
        """Sentences one after another; those of Chinese and Japanese have no space between them."""
        return " ".join(sentences).replace("。 ", "。")

    # --- amounts

    def size(self, size: int) -> str:
        """A number stays beside its unit."""
        return format_size(size).replace(" ", _BESIDE)

    def rate(self, bits: int) -> str:
        return format_rate(bits).replace(" ", _BESIDE)

    def length(self, seconds: int) -> str:
        """A length of time in its largest unit: `14 days`, `2 years`."""
        if seconds >= _YEAR:
            return self.ngettext("%(n)s year", "%(n)s years", seconds // _YEAR)
        if seconds >= 3 * _MONTH:
            return self.ngettext("%(n)s month", "%(n)s months", seconds // _MONTH)
        if seconds >= _DAY:
            return self.ngettext("%(n)s day", "%(n)s days", seconds // _DAY)
        if seconds >= 3600:
            return self.ngettext("%(n)s hour", "%(n)s hours", seconds // 3600)
        return self.ngettext("%(n)s minute", "%(n)s minutes", max(1, seconds // 60))

    # --- times

    def until(self, moment: str, now: str, city: str = "") -> str:
        """A moment to come after the word `until`: `18:00`, `midnight in Tokyo`, `the end of Wed 2 Dec`."""
        there, here = datetime.fromisoformat(moment), datetime.fromisoformat(now)
        if there.hour or there.minute:
            return self.at(there, here)
        eve = there - timedelta(minutes=1)
        if eve.date() <= here.date():
            return self.gettext("midnight in %(city)s", city=city) if city else self.gettext("midnight")
        return self.gettext("the end of %(day)s", day=self.day(eve, here))

    def at(self, there: datetime, here: datetime) -> str:
        """A moment with its time of day: `18:00`, `tomorrow 07:00`, `Thu 3 Dec 07:00`."""
        time = moments.clock(there, self.language)
        if there.date() == here.date():
            return time
        return self.gettext("%(day)s %(time)s", day=self.day(there, here), time=time)

    def day(self, there: datetime, here: datetime) -> str:
        """A day as seen from another: `today`, `tomorrow`, `Thu 3 Dec`."""
        days = (there.date() - here.date()).days
        if -2 < days < 2:
            return (self.gettext("yesterday"), self.gettext("today"), self.gettext("tomorrow"))[days + 1]
        return moments.day(there, self.language)

    # --- names

    def client(self, entry: Document) -> str:
        """How a person would call the client of an entry; the few that are no devices have names in each language."""
        of_nobody = {
            "router": self.gettext("The router itself"),
            "unattributed": self.gettext("Not known whose"),
            "others": self.gettext("Further devices"),
        }
        key = entry["key"]
        return of_nobody.get(key) or format_client(entry["client"], key, entry.get("hostname") or "")

    def service(self, entry: Document) -> str:
        """The title of a service, in the reader's language where the catalogue has it."""
        if entry["service"] == "unnamed":
            return self.gettext("Everything else")
        if entry["service"] == "hidden":
            return self.gettext("Hidden by the device")
        titles = entry.get("titles") or {}
        spoken = self.language.partition("_")[0]
        return str(titles.get(self.language) or titles.get(spoken) or titles.get("en") or entry["service"])


def printable(text: str) -> str:
    """A name from a stranger on one line: no control characters, none that turn the direction of writing."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_hidden(character) else character for character in text)


def _is_hidden(character: str) -> bool:
    """Joiners are not: they make one picture of several."""
    return (
        unicodedata.category(character) in _HIDDEN and character not in "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
    )


def city_of(zone: str) -> str:
    """`Tokyo` of `Asia/Tokyo`; empty for a zone that is not named for a city."""
    area, slash, city = zone.rpartition("/")
    return city.replace("_", " ") if slash and area not in ("Etc", "") else ""
