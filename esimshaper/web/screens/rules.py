# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's screens of what was agreed: Limits of the settings, plans of carriers, sessions of this page. Pure."""

from collections.abc import Sequence
from datetime import datetime

from esimshaper.web import parts
from esimshaper.web.plans import plan_card
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.states import Now, scope_of
from esimshaper.web.words import Document, Words

UNITS = ("MB", "GB", "MiB", "GiB")
_MOST_LIMITS = 60
_ALLOWED_SECONDS = 3600
"""So long a tap has a refused name answered."""


def build_limits(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Limits: what stands in the settings, what is used of it, and which names DNS refuses."""
    document = documents["/v1/limits"]
    rows, now = document["quotas"], Now.of(document)
    names = list(dict.fromkeys(row["quota"] for row in rows))
    return {
        "file": document["file"],
        "quotas": [_quota(words, [row for row in rows if row["quota"] == name], now) for name in names],
        "more": max(0, len(rows) - _MOST_LIMITS),
        "refused": _refused(words, documents["/v1/names"]),
    }


def _refused(words: Words, document: Document) -> Context | None:
    """What DNS refuses by the owner's lists, and what it answers for a time; None where it is left alone."""
    if not document["dnsmasq"]:
        return None
    _, percent, here = words.gettext, f"{document['refused_percent']} %", datetime.fromisoformat(document["time"])
    return {
        "sentence": _("Names of your lists, refused to all devices: %(number)s", number=f"{document['names']:,}"),
        "much": _("Of the last hour's answers %(part)s were refused: a list may take away too much.", part=percent)
        if document["refuses_much"]
        else "",
        "problems": document["problems"],
        "allowed": [
            {
                "name": each["name"],
                "sentence": _(
                    "%(name)s is answered until %(until)s.",
                    name=each["name"],
                    until=words.at(datetime.fromisoformat(each["until"]), here),
                ),
            }
            for each in document["allowed"]
        ],
        "seconds": _ALLOWED_SECONDS,
    }


def _quota(words: Words, rows: Sequence[Document], now: Now) -> Context:
    first = rows[0]
    return {
        "name": first["quota"],
        "sentence": words.joined([_rule(words, first), *scope_of(words, first)]),
        "rows": [
            {"whose": _whose(words, row), **parts.limit(words, parts.as_of_me(row), now)}
            for row in rows[: _MOST_LIMITS // 4]
        ],
    }


def _rule(words: Words, row: Document) -> str:
    """What a limit says: `500 MB a day, then 256 kbit/s.`"""
    _, limit = words.gettext, words.size(row["limit_bytes"] - row["granted_bytes"])
    amount = {
        "hour": _("%(limit)s an hour", limit=limit),
        "day": _("%(limit)s a day", limit=limit),
        "week": _("%(limit)s a week", limit=limit),
        "month": _("%(limit)s a month", limit=limit),
    }.get(row["period"]) or _("%(limit)s each %(period)s", limit=limit, period=row["period"])
    if row["action"] == "throttle":
        return _(
            "%(amount)s, then slowed down to %(rate)s.", amount=amount, rate=words.rate(row["rate_bits_per_second"])
        )
    if row["action"] == "block":
        return _("%(amount)s, then nothing passes.", amount=amount)
    return _("%(amount)s, then the owner is told.", amount=amount)


def _whose(words: Words, row: Document) -> str:
    if row["key"]:
        return words.client(row)
    if row["subject"] == "everyone":
        return words.gettext("All devices together")
    return words.gettext("%(name)s together", name=row["subject"].removeprefix("group/"))


def build_plan(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Plan: what was bought, what is left, and the carrier's own figure."""
    document = documents["/v1/plan"]
    now, plans = Now.of(document), document["plans"]
    used = [each for each in plans if each["uplinks"]]
    return {
        "plans": [{**plan_card(words, each, now), "lots": _lots(words, each, now)} for each in used],
        "others": [each["name"] for each in plans if not each["uplinks"] and not each["is_over"]],
        "uplinks": [each["uplink"] for each in document["uplinks"]],
        "configured": document["configured"],
        "units": UNITS,
    }


def _lots(words: Words, plan: Document, now: Now) -> list[str]:
    return [_lot(words, lot, now) for lot in plan["lots"]]


def _lot(words: Words, lot: Document, now: Now) -> str:
    left = words.gettext("unlimited data") if lot["left_bytes"] is None else words.size(lot["left_bytes"])
    if lot["ends"]:
        until = words.until(lot["ends"], now.time, now.city)
        return words.gettext("Bought on top: %(size)s left until %(until)s.", size=left, until=until)
    return words.gettext("Bought on top: %(size)s left.", size=left)


def build_sessions(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Sessions: who is logged in as the owner."""
    document = documents["/v1/owner/sessions"]
    here = datetime.fromisoformat(document["time"])
    return {"sessions": [_session(words, each, here) for each in document["sessions"]]}


def _session(words: Words, each: Document, here: datetime) -> Context:
    since, until = (words.at(datetime.fromisoformat(each[name]), here) for name in ("since", "until"))
    sentence = words.gettext("Logged in since %(since)s, until %(until)s at the latest.", since=since, until=until)
    return {"name": each["name"], "current": each["current"], "sentence": sentence}
