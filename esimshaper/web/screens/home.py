# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's screens of all devices: Home, Devices. Pure."""

from collections.abc import Sequence
from datetime import datetime

from esimshaper.web import held, parts
from esimshaper.web.plans import plan_card
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.screens import alarms
from esimshaper.web.states import OF_DAEMON, Now, fraction, level_word
from esimshaper.web.words import Document, Words

MOST_DEVICES = 16
"""On Home; further ones stand on Devices."""
_MOST_NAMES = 110
PASSES = (3600, 4 * 3600, 86400)
"""So long the owner can let pass what a device asks for, in seconds."""


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Home: questions, the plan, devices by what they used today."""
    clients, status, asks = documents["/v1/clients"], documents["/v1/status"], documents["/v1/owner/asks"]
    now = Now.of(clients)
    plans = [plan_card(words, plan, now) for plan in documents["/v1/plan"]["plans"] if plan["uplinks"]]
    least = None if plans else parts.tightest([parts.as_of_me(each) for each in clients["quotas"]])
    seen = [each for each in clients["clients"] if each["today"]["total_bytes"] or each["state"]["reason"]]
    shown = devices(words, seen[:MOST_DEVICES])
    questions = [_question(words, each, now) for each in asks["asks"] if each["answer"] is None]
    noticed = alarms.waiting(words, documents["/v1/alarms"])
    return {
        "questions": questions,
        "services_waiting": _services_waiting(words, asks["services_waiting"]),
        "last": _last(words, asks["last"]) if asks["last"] else None,
        "alarms": noticed,
        "stops": alarms.stops(words),
        "plans": plans,
        "limit": parts.limit(words, least, now) if least else None,
        "devices": shown,
        "more": len(clients["clients"]) - len(shown),
        "amounts": parts.amounts(words),
        "times": [(seconds, words.length(seconds)) for seconds in PASSES],
        "live": {
            "now": words.rate(status["now"]["down_bits_per_second"] + status["now"]["up_bits_per_second"]),
            "today": words.size(status["today"]["total_bytes"]),
            "month": words.size(status["month"]["total_bytes"]),
            **{f"used-{at}": each["used"] for at, each in enumerate(shown)},
            **{f"left-{at}": each["left"] for at, each in enumerate(plans)},
            **alarms.live(noticed),
        },
        "shape": [
            asks["last"],
            asks["services_waiting"],
            *([(each["key"], each["word"], each["level"]) for each in shown], questions),
            *alarms.shape(noticed),
            *([(each["name"], each["sentences"][1:]) for each in plans], len(clients["clients"])),
        ],
    }


def build_devices(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Devices: the names of all, as many as a page can hold."""
    clients = documents["/v1/clients"]["clients"]
    return {"devices": devices(words, clients[:_MOST_NAMES]), "more": max(0, len(clients) - _MOST_NAMES)}


def devices(words: Words, clients: Sequence[Document]) -> list[Context]:
    """Rows of /v1/clients as a list, each with a part of the largest of them."""
    largest = max((each["today"]["total_bytes"] for each in clients), default=0)
    return [
        {
            "key": each["key"],
            "name": words.client(each),
            "level": OF_DAEMON[each["state"]["level"]],
            "word": level_word(words, each["state"]),
            "used": words.size(each["today"]["total_bytes"]),
            "part": fraction(each["today"]["total_bytes"], largest),
        }
        for each in clients
    ]


def _question(words: Words, ask: Document, now: Now) -> Context:
    at = words.at(datetime.fromisoformat(ask["at"]), datetime.fromisoformat(now.time))
    what = held.name_of(words, ask["service"], ask) if ask["service"] else words.size(ask["bytes"])
    places = {"name": ask["name"], "size": what, "time": at}
    return {
        "id": ask["id"],
        "key": ask["client"],
        "bytes": ask["bytes"],
        "text": ask["text"],
        "service": ask["service"],
        "sentence": words.gettext("%(name)s asks for %(size)s, since %(time)s.", **places),
    }


def _services_waiting(words: Words, number: int) -> str:
    if not number:
        return ""
    return words.ngettext("%(n)s service waits for your word.", "%(n)s services wait for your word.", number)


def _last(words: Words, act: Document) -> str:
    """What was done by hand last, as a sentence."""
    places = {"name": _whose(words, act), "size": words.size(act["bytes"]), "quota": act["quota"]}
    match act["act"]:
        case "block":
            return words.gettext("Last change by hand: %(name)s was stopped.", **places)
        case "allow":
            return words.gettext("Last change by hand: the limits of %(name)s rest.", **places)
        case "unblock":
            return words.gettext("Last change by hand: nothing is set for %(name)s any more.", **places)
        case "grant":
            return words.gettext("Last change by hand: %(size)s more for %(name)s.", **places)
        case "revoke":
            return words.gettext("Last change by hand: %(name)s lost what was given.", **places)
        case "plan":
            return words.gettext("Last change by hand: the plan %(quota)s was changed.", **places)
        case _:
            return words.gettext("Last change by hand: %(quota)s of %(name)s was corrected.", **places)


def _whose(words: Words, act: Document) -> str:
    if act["subject"] in ("everyone", "each-client"):
        return words.gettext("all devices")
    return str(act["called"] or act["typed"].removeprefix("group/"))
