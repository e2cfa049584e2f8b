# SPDX-License-Identifier: GPL-2.0-or-later
"""What people can do on the page: fields of a form -> a command of web.sock, and a sentence of what was done. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from esimshaper.core.model.units import format_size, parse_size
from esimshaper.languages.texts import N_
from esimshaper.web.asked import Fields
from esimshaper.web.words import Words, printable

MAX_TEXT = 140
"""Characters of a question of a device, as the daemon takes them."""

MAX_NAME = 63

_TIME = re.compile("[0-2][0-9]:[0-5][0-9]")


class BadField(Exception):  # noqa: N818 - it is answered, not a fault
    """A form lacks something, or has something that no page of ours sends."""


Body = dict[str, Any]
Said = Callable[[Words, Body, Mapping[str, Any]], str]
"""The command as it was sent and its answer -> what was done."""


@dataclass(frozen=True, slots=True)
class Form:
    """`target` is the path on web.sock, whose {id} is a field; `body` raises BadField."""

    target: str
    body: Callable[[Fields], Body]
    said: Said
    owner: bool = True


def _ask(fields: Fields) -> Body:
    return {"bytes": _bytes(fields), "text": fields.get("text", "").strip()[:MAX_TEXT]}


def _grant(fields: Fields) -> Body:
    return {"subject": _needed(fields, "subject"), "bytes": _bytes(fields), **_seconds(fields)}


def _override(fields: Fields) -> Body:
    return {"subject": _needed(fields, "subject"), **_seconds(fields)}


def _subject(fields: Fields) -> Body:
    return {"subject": _needed(fields, "subject")}


def _nothing(fields: Fields) -> Body:  # noqa: ARG001 - as all readers
    return {}


def _name(fields: Fields) -> Body:
    return {"client": _needed(fields, "client"), "name": fields.get("name", "").strip()[:MAX_NAME]}


def _ask_for(fields: Fields) -> Body:
    return {"service": _needed(fields, "service")}


def _low_data(fields: Fields) -> Body:
    """Without a subject everyone is meant."""
    named = {"subject": fields["subject"]} if fields.get("subject") else {}
    return {"mode": _needed(fields, "mode"), **named}


def _updates(fields: Fields) -> Body:  # noqa: ARG001 - as all readers
    return {"service": "updates", "subject": "everyone", "seconds": 3600}


def _answer(fields: Fields) -> Body:
    if fields.get("seconds"):
        return _seconds(fields)
    return {"bytes": _whole(fields, "bytes")}


def _correct(fields: Fields) -> Body:
    _figure(fields)
    named = {"plan": fields["plan"]} if fields.get("plan") else {}
    return {**named, "figure": _decimal(fields, "figure"), "unit": _needed(fields, "unit")}


def _add(fields: Fields) -> Body:
    body: Body = {"plan": fields["plan"]} if fields.get("plan") else {}
    if fields.get("figure"):
        body["bytes"] = _figure(fields)
    if fields.get("price"):
        body["price"] = _decimal(fields, "price")
    return body


def _switch(fields: Fields) -> Body:
    named = {"uplink": fields["uplink"]} if fields.get("uplink") else {}
    return {"plan": _needed(fields, "plan"), **named}


def _review(fields: Fields) -> Body:
    """Without a subject, the device that asks is meant, or for whom the answer was."""
    whose = {"subject": subject} if (subject := fields.get("subject", "").strip()) else {}
    return {"number": _whole(fields, "number"), **whose}


def _ask_service(fields: Fields) -> Body:
    return {"service": _needed(fields, "service")}


def _fine(fields: Fields) -> Body:
    return {"number": _whole(fields, "number")}


def _slow(fields: Fields) -> Body:
    return {"number": _whole(fields, "number"), "seconds": _whole(fields, "seconds")}


def _mute(fields: Fields) -> Body:
    return {**_muted(fields), "seconds": _whole(fields, "seconds")}


def _unmute(fields: Fields) -> Body:
    return {**_muted(fields), "clear": True}


def _muted(fields: Fields) -> Body:
    """Without a kind all of them are meant, without a client everybody."""
    return {name: value for name in ("kind", "client") if (value := fields.get(name, "").strip())}


def _quiet(fields: Fields) -> Body:
    """Hours from a form with two times, or a word of its button."""
    if word := fields.get("hours", ""):
        return {"hours": word}
    begin, end = _needed(fields, "begin"), _needed(fields, "end")
    if not (_TIME.fullmatch(begin) and _TIME.fullmatch(end)) or begin == end:
        raise BadField("begin")
    return {"hours": f"{begin}-{end}"}


def _least(fields: Fields) -> Body:
    return {"channel": _needed(fields, "channel"), "min": _needed(fields, "min")}


def _allow_name(fields: Fields) -> Body:
    return {"name": _needed(fields, "name"), "seconds": _whole(fields, "seconds")}


def _refuse_name(fields: Fields) -> Body:
    return {"name": _needed(fields, "name"), "clear": True}


def _needed(fields: Fields, name: str) -> str:
    value = fields.get(name, "").strip()
    if not value:
        raise BadField(name)
    return value


def _whole(fields: Fields, name: str) -> int:
    value = fields.get(name, "").strip()
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise BadField(name)
    return int(value)


def _bytes(fields: Fields) -> int:
    if not (size := _whole(fields, "bytes")):
        raise BadField("bytes")
    return size


def _seconds(fields: Fields) -> Body:
    return {"seconds": _whole(fields, "seconds")} if fields.get("seconds") else {}


def _decimal(fields: Fields, name: str) -> str:
    """As the control socket takes an amount; a comma is a point, as half of the world writes it."""
    value = _needed(fields, name).replace(",", ".")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadField(name) from None
    if not number.is_finite() or number < 0 or len(value) > 18 or not value.replace(".", "", 1).isdigit():
        raise BadField(name)
    return value


def _figure(fields: Fields) -> int:
    try:
        return parse_size(f"{_decimal(fields, 'figure')}{_needed(fields, 'unit')}")
    except ValueError:
        raise BadField("figure") from None


def _says(text: str) -> Said:
    """The same sentence whatever was sent; `text` is marked by N_."""
    return lambda words, _body, _answer: words.gettext(text)


def _asked(words: Words, body: Body, answer: Mapping[str, Any]) -> str:  # noqa: ARG001 - as all of these
    size = format_size(body["bytes"])
    return words.gettext("You have asked for %(size)s. The owner sees it now.", size=size)


def _granted(words: Words, body: Body, answer: Mapping[str, Any]) -> str:  # noqa: ARG001
    return words.gettext("%(size)s more were given.", size=format_size(body["bytes"]))


def _undone(words: Words, body: Body, answer: Mapping[str, Any]) -> str:  # noqa: ARG001
    if "undone" in answer and answer["undone"] is None:
        return words.gettext("There is nothing that could be taken back.")
    return words.gettext("The last change was taken back.")


def _named(words: Words, body: Body, answer: Mapping[str, Any]) -> str:  # noqa: ARG001
    if name := printable(body["name"]):
        return words.gettext("It is called %(name)s now.", name=name)
    return words.gettext("It has the name of before again.")


def _answered(words: Words, body: Body, answer: Mapping[str, Any]) -> str:
    if body.get("seconds"):
        return words.gettext("It passes for %(time)s now.", time=words.length(body["seconds"]))
    return _granted(words, body, answer) if body["bytes"] else words.gettext("The answer was no.")


def _was_muted(words: Words, body: Body, answer: Mapping[str, Any]) -> str:  # noqa: ARG001
    return words.gettext("Nobody is told of it for %(time)s.", time=words.length(body["seconds"]))


_PLAN_CHANGED = _says(N_("The plan was changed."))

FORMS: Mapping[str, Form] = {
    "/ask": Form("/v1/me/ask", _ask, _asked, owner=False),
    "/ask-for": Form("/v1/me/ask", _ask_for, _says(N_("You have asked for it. The owner sees it now.")), owner=False),
    "/grant": Form("/v1/grant", _grant, _granted),
    "/block": Form("/v1/block", _override, _says(N_("It is stopped now."))),
    "/allow": Form("/v1/allow", _override, _says(N_("Its limits rest now."))),
    "/clear": Form("/v1/clear", _subject, _says(N_("Nothing is set by hand any more."))),
    "/undo": Form("/v1/undo", _nothing, _undone),
    "/name": Form("/v1/name", _name, _named),
    "/answer": Form("/v1/owner/asks/{id}", _answer, _answered),
    "/alarms/fine": Form("/v1/alarms/fine", _fine, _says(N_("That is usual from now on."))),
    "/alarms/slow": Form("/v1/alarms/slow", _slow, _says(N_("It is slowed down now."))),
    "/alarms/mute": Form("/v1/alarms/mute", _mute, _was_muted),
    "/alarms/unmute": Form("/v1/alarms/mute", _unmute, _says(N_("You are told of it again."))),
    "/notices/quiet": Form("/v1/notify/quiet", _quiet, _says(N_("Your quiet hours are changed."))),
    "/notices/least": Form("/v1/notify/min", _least, _says(N_("What you are told is changed."))),
    "/names/allow": Form("/v1/names/allow", _allow_name, _says(N_("The name is answered now."))),
    "/names/refuse": Form("/v1/names/allow", _refuse_name, _says(N_("What the lists say of it holds again."))),
    "/ask-service": Form("/v1/me/review", _ask_service, _says(N_("The owner sees that you ask for it.")), owner=False),
    "/review/approve": Form("/v1/review/approve", _review, _says(N_("It may go on now."))),
    "/review/refuse": Form("/v1/review/refuse", _review, _says(N_("It is stopped now."))),
    "/review/forget": Form("/v1/review/forget", _fine, _says(N_("You are asked again once it moves much."))),
    "/low-data/switch": Form("/v1/low-data", _low_data, _says(N_("Low-data mode is changed."))),
    "/low-data/updates": Form("/v1/services/allow", _updates, _says(N_("Updates pass for an hour now."))),
    "/plan/correct": Form("/v1/plan/correct", _correct, _PLAN_CHANGED),
    "/plan/add": Form("/v1/plan/add", _add, _PLAN_CHANGED),
    "/plan/switch": Form("/v1/plan/switch", _switch, _PLAN_CHANGED),
}
"""The forms that the daemon carries out, by their paths. Login, logout and the language are the page's own."""
