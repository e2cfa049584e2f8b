# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person says that was bought -> the terms of a quota: `1 GB a day then 128 kbit/s`. Pure.

10 GB a month from the 15th, then stop  ->  limit 10GB, one month, began "15", then block
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from esimshaper.core.model.typed import typed_size
from esimshaper.core.model.units import MAX_BYTES, parse_rate, parse_size

EXAMPLES = ("10 GB for 30 days", "1 GB a day then 128 kbit/s", "50 GB a month", "unlimited")

_NOTHING = re.compile(r"(un|not? )limit(ed|s)?|no(ne|thing)?|flat(rate)?|-", re.IGNORECASE)
_TERMS = re.compile(
    r"(?P<number>[0-9]+(?:[.][0-9]+|,[0-9]{1,2})?) ?"
    r"(?P<unit>[kmgt]?i?b|[kmgt])(?:igs?|ytes?|(?:iga|ega|era|ilo)bytes?)?\b"
    r"(?P<period>.*?)"
    r"(?:[,;]? *\b(?:and )?(?:then|after(?: that|wards)?)\b[,:]? *(?P<then>.+))?",
    re.IGNORECASE,
)
_EACH = re.compile(
    r" *,? *(?:(?:an?|per|each|every|/) ?(?P<unit>hour|day|week|month)|(?P<ly>hourly|daily|weekly|monthly))"
    r"(?: *,? *for [0-9]+ (?:day|week|month)s?)?"  # a limit for each day says all
)
_NEEDLESS = re.compile(
    r" *\b(?:(?:of )?(?:data|internet|traffic)|plan|package|bundle|fair[ -]use|prepaid|valid)\b", re.IGNORECASE
)
_TIME_FIRST = re.compile(
    r"(?P<time>(?:for )?(?:an?|[0-9]+) (?:hour|day|week|month)s?)[ ,:]+(?P<amount>[0-9][0-9.,]* ?[a-z]+)(?P<rest>.*)",
    re.IGNORECASE,
)
_FOR = re.compile(r" *,? *(?:for|in|over|valid|/|within)? *(?P<count>[0-9]{1,4}|an?) ?(?P<unit>hour|day|week|month)s?")
_FROM = re.compile(
    r"[,;]? *\b(?:and )?(?:from|since|start(?:s|ing|ed)|begin(?:s|ning)|began|renew(?:s|ing)|resets?)(?: on| from)? "
    r"+(?:"
    r"(?:the +)?(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?(?: +of +(?:the|each|every) +month)?|(?P<word>today|yesterday|now)|"
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?)"
    r")(?: +on(?:wards?)?)?(?=[,;]|$| +then\b)",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"(?:(?:slow(?:ed)?|throttled?|at|with|to|down|only) +)*(?P<number>[0-9]+(?:[.][0-9]+)?) ?"
    r"(?P<unit>[kmg]?)(?:b(?:it)?s?(?:ps|/s)?|(?<=[kmg]))"
)
_BLOCK = re.compile(r"block(ed)?|stop|cut( off)?|off|nothing|end")
_NOTIFY = re.compile(r"notify|message|tell me|(just )?go(es)? on|nothing happens")
_WORDS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What was bought, as the configuration writes it.

    limit: `10GB`. unit: `day`. count: so many units from a moment of its own; 0 for each calendar day, month or so.
    then: `block`, `notify`, or a rate such as `128kbit`. began: as parse_began reads it; empty where nothing was said.
    """

    limit: str
    unit: str
    count: int = 0
    then: str = "block"
    began: str = ""

    def period(self, began: str) -> str:
        """The value of `period`; `began`: when the first one began, in ISO 8601."""
        return f"{{{self.unit}s: {self.count}, from: {began}}}" if self.count else self.unit

    @property
    def action(self) -> str:
        """The value of `then`."""
        return self.then if self.then in ("block", "notify") else f"{{throttle: {self.then}}}"


def parse_terms(text: str) -> Terms | None:
    """The terms that `text` says; None if nothing is limited. Raises ValueError with what to write instead."""
    words = " ".join(text.split())
    terms = _NEEDLESS.sub("", words).strip()
    if first := _TIME_FIRST.fullmatch(terms):
        terms = f"{first['amount']} {first['time']}{first['rest']}"
    if _NOTHING.fullmatch(words):
        return None
    since = _FROM.search(terms)
    began = since["day"] or (since["word"] or "").lower() or since["date"].upper() if since else ""
    found = _TERMS.fullmatch(terms[: since.start()] + terms[since.end() :] if since else terms)
    if found is None:
        raise ValueError(f"`{words}` does not begin with an amount of data, as in `{EXAMPLES[0]}`")
    limit = typed_size(found["number"] + found["unit"])
    if not 1 <= parse_size(limit) <= MAX_BYTES:
        raise ValueError(f"`{limit}` is not between 1B and {MAX_BYTES // 1000**4}TB")
    monthly = "monthly" if began.isdigit() else ""  # a day of the month
    unit, count = _period(found["period"].lower().strip() or monthly, words)
    then = _then((found["then"] or "block").lower().strip(". "), words)
    if began and not count:  # no calendar day or month
        unit, count = ("day", 7) if unit == "week" else (unit, 1)
    return Terms(limit, unit, count, then, began)


def _period(written: str, text: str) -> tuple[str, int]:
    if each := _EACH.fullmatch(written):
        return each["unit"] or _WORDS[each["ly"]], 0
    if lasts := _FOR.fullmatch(written):
        count = 1 if lasts["count"].startswith("a") else int(lasts["count"])
        unit, count = ("day", 7 * count) if lasts["unit"] == "week" else (lasts["unit"], count)
        if 1 <= count <= LONGEST[unit]:
            return unit, count
        raise ValueError(f"`{written}` is not from 1 to {LONGEST[unit]} {unit}s")
    raise ValueError(f"`{text}` does not say for how long: for 30 days, a month, a day")


LONGEST: Mapping[str, int] = {"hour": 8760, "day": 3650, "month": 120}
"""As in esimshaper.schema.json."""


def _then(written: str, text: str) -> str:
    if _BLOCK.fullmatch(written):
        return "block"
    if _NOTIFY.fullmatch(written):
        return "notify"
    if found := _RATE.fullmatch(written):
        rate = f"{found['number']}{found['unit']}bit"
        parse_rate(rate)
        return rate
    raise ValueError(f"`{written}` in `{text}` is not what happens then: block, notify, or a rate such as 128 kbit/s")
