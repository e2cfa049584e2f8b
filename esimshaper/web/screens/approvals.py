# SPDX-License-Identifier: GPL-2.0-or-later
"""Services that wait for the owner's word: the owner's screen Approvals, and what a device sees of its own. Pure."""

from datetime import datetime

from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.states import Now
from esimshaper.web.words import Document, Words

EVERYONE = "everyone"
_MOST = 40


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Approvals."""
    document = documents["/v1/review"]
    now = Now.of(document)
    waiting = [card(words, each, now) for each in document["waiting"]]
    again = [_again(words, each, now) for each in document["again"]]
    answers = [_answer(words, each, now) for each in document["answers"][:_MOST]]
    return {
        "is_off": not document["on"],
        "waiting": waiting,
        "again": again,
        "answers": answers,
        "about": _about(words, document) if document["on"] else "",
        "pace": words.rate(document["rate_bits_per_second"]),
        "live": {f"moved-{each['number']}": each["moved"] for each in waiting},
        "shape": [[(each["number"], each["asked"]) for each in waiting], again, answers],
    }


def card(words: Words, use: Document, now: Now) -> Context:
    """A service that waits, of /v1/review."""
    _, here = words.gettext, datetime.fromisoformat(now.time)
    name, service = words.client({**use, "client": use["called"], "hostname": ""}), words.service(use)
    size, sent = words.size(use["today"]["total_bytes"]), words.size(use["today"]["up_bytes"])
    today = _("%(size)s today, %(sent)s of it sent.", size=size, sent=sent)
    ever = words.size(use["ever"]["total_bytes"])
    ever = words.ngettext("%(size)s on %(n)s day in all.", "%(size)s on %(n)s days in all.", use["days"], size=ever)
    asked = use["asked"] and _("It was asked for on the device at %(time)s.", time=_at(words, use["asked"], here))
    return {
        "number": use["number"],
        "key": use["key"],
        "name": name,
        "service": service,
        "since": _("It waits since %(time)s.", time=_at(words, use["since"], here)),
        "moved": words.joined([today, ever]),
        "asked": asked or "",
        "ends": _("To: %(names)s", names=", ".join(use["ends"])) if use["ends"] else "",
    }


def of_device(words: Words, held: Document, now: Now) -> Context:
    """What is held back of the device that looks, of /v1/me."""
    _, here = words.gettext, datetime.fromisoformat(now.time)
    if held["held"] == "waits":
        rate = words.rate(held["rate_bits_per_second"])
        sentence = _("It is new here and used much, so it goes on with %(rate)s until the owner agrees.", rate=rate)
    elif held["until"]:
        until = words.until(held["until"], now.time, now.city)
        sentence = _("The owner has stopped it until %(until)s.", until=until)
    else:
        sentence = _("The owner has stopped it.")
    asked = held["asked"] and _(
        "You asked for it at %(time)s. The owner sees it.", time=_at(words, held["asked"], here)
    )
    return {"service": held["service"], "name": words.service(held), "sentence": sentence, "asked": asked or ""}


def _at(words: Words, moment: str, here: datetime) -> str:
    return words.at(datetime.fromisoformat(moment), here)


def _answer(words: Words, answer: Document, now: Now) -> Context:
    _, here = words.gettext, datetime.fromisoformat(now.time)
    if answer["until"]:
        until = words.until(answer["until"], now.time, now.city)
        yes, no = _("Allowed until %(until)s.", until=until), _("Stopped until %(until)s.", until=until)
    else:
        yes, no = _("Always allowed."), _("Stopped for good.")
    asked = answer["asked"] and _("It was asked for on the device at %(time)s.", time=_at(words, answer["asked"], here))
    return {
        "number": answer["number"],
        "approved": answer["approved"],
        "sentence": _("%(service)s, %(name)s", service=words.service(answer), name=_whose(words, answer)),
        "said": yes if answer["approved"] else no,
        "asked": asked or "",
    }


def _whose(words: Words, about: Document) -> str:
    if about["called"] == EVERYONE:
        return words.gettext("all devices")
    if about["key"]:
        return words.client({**about, "client": about["called"], "hostname": ""})
    return str(about["called"]).removeprefix("group/")


def _again(words: Words, entry: Document, now: Now) -> str:
    about = entry["answer"] or entry["use"]
    places = {"service": words.service(about), "name": _whose(words, about)}
    places["size"] = words.size(about["ever"]["total_bytes"])
    if entry["answer"]:
        until = words.until(about["until"], now.time, now.city)
        return words.gettext("%(service)s, %(name)s: %(size)s so far. Allowed until %(until)s.", until=until, **places)
    return words.gettext("%(service)s, %(name)s: %(size)s so far, and nobody was ever asked.", **places)


def _about(words: Words, document: Document) -> str:
    return words.gettext(
        "What a device has not used before waits once it moves %(size)s in a day. An answer holds for %(time)s.",
        size=words.size(document["threshold_bytes"]),
        time=words.length(document["expires_seconds"]),
    )
