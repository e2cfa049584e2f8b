# SPDX-License-Identifier: GPL-2.0-or-later
"""How a device stands, and its limits -> sentences with their reason and their end. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from esimshaper.web.words import Document, Words, city_of

OF_DAEMON = {"open": "ok", "throttled": "slow", "blocked": "stopped"}
"""The levels of the daemon's documents, and those of the page: other words for other people."""


class Now(NamedTuple):
    """The moment that a screen is about, and the city of its clock."""

    time: str
    city: str

    @classmethod
    def of(cls, document: Document) -> "Now":
        return cls(document["time"], city_of(document.get("zone") or ""))


class Said(NamedTuple):
    """A state in words. `level` is ok, slow, stopped or unknown: its colour, which adds nothing."""

    level: str
    word: str
    sentence: str


def state(words: Words, document: Document, now: Now) -> Said:
    """What `state` of /v1/me says."""
    _ = words.gettext
    level, cause = document["level"], document["cause"]
    until = words.until(document["until"], now.time, now.city) if document["until"] else ""
    if level == "unknown":
        sentence = _("The router does not know this device. Is it behind another router, or does it use a VPN?")
        return Said(level, _("Not known"), sentence)
    of_services = [_held(words, each, now) for each in document["services"]]
    if level == "ok" and of_services:
        return Said("slow", _("Partly held back"), words.joined(of_services))
    if level == "ok":
        return Said(level, _("Full speed"), _open(words, cause, until))
    word = _("Slowed down") if level == "slow" else _("Stopped")
    if cause == "quota":
        sentences = [used_up(words, document), _then(words, document, until)]
    else:
        sentences = [_closed(words, cause, until)] if level == "stopped" else [_slowed(words, document, until)]
    return Said(level, word, words.joined([*sentences, *of_services]))


def _held(words: Words, each: Document, now: Now) -> str:
    """What holds for some services."""
    names, until = ", ".join(each["services"]), words.until(each["until"], now.time, now.city)
    if each["level"] == "throttled":
        rate = words.rate(each["rate_bits_per_second"])
        return words.gettext(
            "%(services)s: slowed down to %(rate)s until %(until)s.", services=names, rate=rate, until=until
        )
    return words.gettext("%(services)s: nothing passes until %(until)s.", services=names, until=until)


def of_daemon(document: Document, quotas: Sequence[Document]) -> Document:
    """A `state` of the other documents as /v1/me would have it. `quotas`: rows of /v1/quotas, for what a limit is."""
    by_hand = "allowed" if document["level"] == "open" else "hand"
    cause = "hours" if document["by_hours"] else "quota" if document["quota"] else by_hand
    row: Document = next((each for each in quotas if each["quota"] == document["quota"]), {})
    return {
        "level": OF_DAEMON[document["level"]],
        "cause": cause if document["reason"] else "",
        "rate_bits_per_second": document["rate_bits_per_second"],
        "until": document["until"],
        "services": document["services"],
        "limit_bytes": row.get("limit_bytes"),
        "period": row.get("period"),
        "shared": not row.get("key"),
    }


def _open(words: Words, cause: str, until: str) -> str:
    _ = words.gettext
    if cause != "allowed":
        return _("Nothing holds this device back.")
    if until:
        return _("The owner has lifted all limits of this device until %(until)s.", until=until)
    return _("The owner has lifted all limits of this device.")


def _closed(words: Words, cause: str, until: str) -> str:
    _ = words.gettext
    if cause == "hours":
        if until:
            return _("At this time of day the Internet is off for this device, until %(until)s.", until=until)
        return _("At this time of day the Internet is off for this device.")
    if cause == "hand":
        if until:
            return _("The owner has switched the Internet off for this device until %(until)s.", until=until)
        return _("The owner has switched the Internet off for this device.")
    return _("Nothing passes at the moment.")


def _slowed(words: Words, document: Document, until: str) -> str:
    rate = words.rate(document["rate_bits_per_second"])
    if until:
        return words.gettext("This device gets %(rate)s until %(until)s.", rate=rate, until=until)
    return words.gettext("This device gets %(rate)s.", rate=rate)


def used_up(words: Words, document: Document) -> str:
    """The limit that is used up; `shared` if it is not this device's alone."""
    _, limit = words.gettext, document["limit_bytes"]
    if limit is None:
        return _("A limit is used up.")
    size = words.size(limit)
    if document["shared"]:
        return {
            "day": _("The daily limit of %(limit)s, which several devices share, is used up.", limit=size),
            "week": _("The weekly limit of %(limit)s, which several devices share, is used up.", limit=size),
            "month": _("The monthly limit of %(limit)s, which several devices share, is used up.", limit=size),
        }.get(document["period"]) or _("The limit of %(limit)s, which several devices share, is used up.", limit=size)
    return {
        "day": _("The daily limit of %(limit)s is used up.", limit=size),
        "week": _("The weekly limit of %(limit)s is used up.", limit=size),
        "month": _("The monthly limit of %(limit)s is used up.", limit=size),
    }.get(document["period"]) or _("The limit of %(limit)s is used up.", limit=size)


def _then(words: Words, document: Document, until: str) -> str:
    if document["level"] == "slow":
        return _slowed(words, document, until)
    if until:
        return words.gettext("Nothing passes until %(until)s.", until=until)
    return words.gettext("Nothing passes.")


def level_word(words: Words, state: Document) -> str:
    """A `state` of the daemon's documents in a word or two; empty where nothing is to be said."""
    named = {"throttled": words.gettext("Slowed down"), "blocked": words.gettext("Stopped")}
    return named.get(state["level"]) or (words.gettext("Limits lifted") if state["reason"] else "")


def limit_name(words: Words, quota: Document) -> str:
    """`Daily limit`, `Monthly limit, shared`, or the name that the owner gave it where its period has no word."""
    _ = words.gettext
    own = {"day": _("Daily limit"), "week": _("Weekly limit"), "month": _("Monthly limit")}
    shared = {
        "day": _("Daily limit, shared"),
        "week": _("Weekly limit, shared"),
        "month": _("Monthly limit, shared"),
    }
    name = (shared if quota["shared"] else own).get(quota["period"]) or str(quota["name"])
    return f"{name} ({', '.join(quota['services'])})" if quota["services"] else name


def left_of(words: Words, quota: Document, now: Now) -> str:
    """What the amount that is left of a limit is: `left today`."""
    _ = words.gettext
    named = {
        "day": _("left today"),
        "week": _("left this week"),
        "month": _("left this month"),
    }
    until = words.until(quota["renews"], now.time, now.city) if quota["renews"] else ""
    return named.get(quota["period"]) or (_("left until %(until)s", until=until) if until else _("left"))


def used_of(words: Words, quota: Document, now: Now) -> str:
    """How much of a limit is used, and how long it runs, as sentences."""
    used, limit = words.size(quota["used_bytes"]), words.size(quota["limit_bytes"])
    sentences = [words.gettext("%(used)s of %(limit)s are used.", used=used, limit=limit)]
    if quota.get("resting"):
        sentences.append(words.gettext("It does not count at this time of day."))
    elif quota["renews"]:
        until = words.until(quota["renews"], now.time, now.city)
        sentences.append(words.gettext("This limit runs until %(until)s.", until=until))
    return words.joined([*sentences, *scope_of(words, quota)])


def scope_of(words: Words, quota: Document) -> list[str]:
    """What a limit looks at, if that is not all that passes uplinks with a bill: a sentence, or none."""
    if quota["services"]:
        return [words.gettext("It counts %(services)s only.", services=", ".join(quota["services"]))]
    if quota["plan"]:
        return [words.gettext("It counts the plan %(plan)s only.", plan=quota["plan"])]
    if quota["uplinks"]:
        return [words.gettext("It counts what passes %(uplinks)s only.", uplinks=", ".join(quota["uplinks"]))]
    return []


def fraction(part: int, whole: int) -> int:
    """Of a meter that goes to 100; what is not nothing is seen."""
    if part <= 0 or whole <= 0:
        return 0
    return min(100, max(1, round(100 * part / whole)))
