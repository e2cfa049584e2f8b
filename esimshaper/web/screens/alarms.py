# SPDX-License-Identifier: GPL-2.0-or-later
"""Abnormal use: the owner's screen Alarms, the alarms on Home, and what a device sees of its own. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime

from esimshaper.languages import moments
from esimshaper.languages.texts import speaking
from esimshaper.views.core_texts import whole
from esimshaper.views.notice_texts import KINDS, NO_DEVICES
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.states import Now
from esimshaper.web.words import Document, Words

STOPS = (1800, 7200, 86400)
"""For how long one tap stops a device."""
MUTE_SECONDS = 7 * 86400
SILENCES = (8 * 3600, 86400, 7 * 86400)
"""For how long one tap keeps all alarms quiet."""
_MOST = 40
_USUAL_NIGHT = ("22:00", "07:00")
_SPAN = re.compile("([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Alarms."""
    document, notify = documents["/v1/alarms"], documents["/v1/notify"]
    now = Now.of(document)
    channels = [_channel(words, each, now) for each in notify["channels"]]
    going_on = [card(words, each, now) for each in document["open"] if each["told"]]
    unseen = [card(words, each, now) for each in document["open"] if not each["told"]]
    past = [card(words, each, now) for each in document["past"][:_MOST]]
    muted = [_mute(words, each, now) for each in document["muted"]]
    return {
        "is_off": document["level"] == "off",
        "open": going_on,
        "past": past,
        "unseen": unseen,
        "muted": muted,
        "channels": channels,
        "quiet": quiet(notify),
        "silences": [(seconds, words.length(seconds)) for seconds in SILENCES],
        "about": _about(words, document),
        "stops": stops(words),
        "mute_seconds": MUTE_SECONDS,
        "mute_length": words.length(MUTE_SECONDS),
        "live": live(going_on),
        "shape": [shape(going_on), shape(past), shape(unseen), muted, channels, notify["quiet"]],
    }


def waiting(words: Words, document: Document) -> list[Context]:
    """The alarms that go on and that nobody has answered, for Home."""
    now = Now.of(document)
    return [card(words, each, now) for each in document["open"] if each["told"] and not each["answer"]]


def stops(words: Words) -> list[tuple[int, str]]:
    """For how long a tap stops a device: seconds, and the same in words."""
    return [(seconds, words.length(seconds)) for seconds in STOPS]


def live(cards: Sequence[Context]) -> dict[str, str]:
    """The texts of alarms that page.js refreshes."""
    return {f"alarm-{each['number']}": each["amount"] for each in cards}


def shape(cards: Sequence[Context]) -> list[object]:
    """What is drawn anew when it is another."""
    return [(each["number"], each["sentence"], each["answer"]) for each in cards]


def card(words: Words, alarm: Document, now: Now) -> Context:
    """An alarm of /v1/alarms."""
    key = alarm["key"]
    with speaking(words.language):
        sentence = whole(alarm["text"])
    return {
        "number": alarm["number"],
        "client": alarm["client"],
        "key": key,
        "name": _who(words, alarm),
        "kinds": [(kind, kind_name(words, kind)) for kind in alarm["kinds"]],
        "sentence": sentence,
        "amount": amount(words, alarm, now),
        "told": alarm["told"],
        "open": alarm["until"] is None,
        "answer": _answer(words, alarm["answer"]),
        "can_stop": key not in NO_DEVICES,
    }


def kind_name(words: Words, kind: str) -> str:
    """What a kind of abnormal use is, in a few words; those of `esimshaper alarms`."""
    return words.gettext(KINDS[kind]) if kind in KINDS else kind


def amount(words: Words, alarm: Document, now: Now) -> str:
    """How much it was, and from when to when: the end is left out while it goes on."""
    here, since = datetime.fromisoformat(now.time), datetime.fromisoformat(alarm["since"])
    places = {"size": words.size(alarm["bytes"]), "since": words.at(since, here)}
    if alarm["until"] is None:
        return words.gettext("%(size)s since %(since)s.", **places)
    until = datetime.fromisoformat(alarm["until"])
    if until.date() == since.date():
        end = moments.clock(until, words.language)
        return words.gettext("%(size)s from %(since)s to %(until)s.", **places, until=end)
    return words.gettext("%(size)s from %(since)s to %(until)s.", **places, until=words.at(until, here))


def of_device(words: Words, alarm: Document, now: Now) -> Context:
    """An alarm as the device sees it that moved the bytes: nothing in it is of anybody else."""
    return {
        "kinds": ", ".join(kind_name(words, kind) for kind in alarm["kinds"]),
        "amount": amount(words, alarm, now),
        "open": alarm["until"] is None,
        "answer": _answer_heard(words, alarm["answer"]),
    }


def _who(words: Words, alarm: Document) -> str:
    if not alarm["key"]:
        return words.gettext("All devices together")
    return words.client({"client": alarm["called"], "key": alarm["key"], "hostname": ""})


def _answer(words: Words, answer: str) -> str:
    _ = words.gettext
    return {"fine": _("You said that it is fine."), "cut": _("It was stopped or slowed down.")}.get(answer, answer)


def _answer_heard(words: Words, answer: str) -> str:
    _ = words.gettext
    named = {"fine": _("The owner says that it is fine."), "cut": _("It was stopped or slowed down.")}
    return named.get(answer) or _("The owner was told.")


def _mute(words: Words, each: Document, now: Now) -> Context:
    _, until = words.gettext, words.until(each["until"], now.time, now.city)
    what = kind_name(words, each["kind"]) if each["kind"] else _("everything")
    if each["client"]:
        sentence = _("%(name)s: %(what)s, until %(until)s", name=each["client"], what=what, until=until)
    else:
        sentence = _("All devices: %(what)s, until %(until)s", what=what, until=until)
    return {"kind": each["kind"] or "", "client": each["client"] or "", "sentence": sentence}


def quiet(notify: Document) -> Context:
    """The quiet hours. begin, end: what the fields of the form have at first; several spans stand in the settings."""
    hours = notify["quiet"] or ""
    found = _SPAN.fullmatch(hours)
    begin, end = found.groups() if found else _USUAL_NIGHT
    return {"hours": hours, "chosen": notify["quiet_chosen"], "begin": begin, "end": end}


def _channel(words: Words, channel: Document, now: Now) -> Context:
    """A way on which the owner is told, and how it does."""
    _ = words.gettext
    least = {
        "info": _("Everything is told."),
        "warning": _("Warnings and alarms are told."),
        "alarm": _("Only alarms are told."),
    }
    sentences = [least[channel["min"]]]
    if channel["impossible"]:
        sentences.append(_("It cannot be used: %(reason)s", reason=channel["error"] or "?"))
    elif channel["waiting"] and channel["since"]:
        since = words.at(datetime.fromisoformat(channel["since"]), datetime.fromisoformat(now.time))
        text = words.ngettext(
            "%(n)s message waits since %(since)s.",
            "%(n)s messages wait since %(since)s.",
            channel["waiting"],
            since=since,
        )
        sentences.append(text)
    if channel["error"] and not channel["impossible"]:
        sentences.append(_("The last try failed: %(reason)s", reason=channel["error"]))
    taps = [
        (least, text, least == channel["min"])
        for least, text in (("info", _("Everything")), ("warning", _("Warnings")), ("alarm", _("Only alarms")))
    ]
    return {
        "name": channel["name"],
        "sentences": sentences,
        "bad": bool(channel["error"]),
        "taps": taps,
        "chosen": channel["min_chosen"],
    }


def _about(words: Words, document: Document) -> list[str]:
    """What use is held against, and whose is not known yet."""
    _, sentences = words.gettext, []
    if allowance := document["allowance"]:
        size = words.size(allowance["bytes"])
        if allowance["of"]:
            sentences.append(_("A day has %(size)s, by %(quota)s.", size=size, quota=allowance["of"]))
        else:
            sentences.append(_("A day is taken to have %(size)s, as no limit for all and no plan says it.", size=size))
    if names := document["learning"]:
        learning = words.ngettext(
            "What is usual is not known yet of %(n)s device.",
            "What is usual is not known yet of %(n)s devices.",
            len(names),
        )
        sentences.append(learning)
    return sentences
