# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's screen Low data: the switch of low-data mode, and what it holds back. Pure."""

from datetime import datetime

from esimshaper.web import held
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.states import Now
from esimshaper.web.words import Document, Words

EVERYONE = "everyone"
_MOST = 40


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Low data."""
    document = documents["/v1/low-data"]
    now, is_on = Now.of(document), document["on"]
    by_hand = next((each["mode"] for each in document["by_hand"] if each["subject"] == EVERYONE), "settings")
    held_back = [_held_back(words, each, now) for each in document["held_back"][:_MOST]]
    return {
        "is_on": bool(is_on),
        "whom": [_whom(words, each, now) for each in is_on],
        "modes": [(mode, text, mode == by_hand) for mode, text in _modes(words, document)],
        "others": [_by_hand(words, each) for each in document["by_hand"] if each["subject"] != EVERYONE],
        "what": _what(words, document),
        "held_back": held_back,
        "security": document["security"],
        "live": {f"size-{at}": each["size"] for at, each in enumerate(held_back)},
        "shape": [document["on"], document["by_hand"], [each["name"] for each in held_back]],
    }


def _modes(words: Words, document: Document) -> list[tuple[str, str]]:
    _ = words.gettext
    auto = _("By itself, from %(n)s %% on", n=document["from_percent"])
    return [("on", _("On")), ("off", _("Off")), ("auto", auto), ("settings", _("As in the settings"))]


def _subject(words: Words, written: str) -> str:
    return words.gettext("all devices") if written == EVERYONE else written.partition("/")[2] or written


def _whom(words: Words, each: Document, now: Now) -> str:
    name = _subject(words, each["subject"])
    if each["since"]:
        time = words.at(datetime.fromisoformat(each["since"]), datetime.fromisoformat(now.time))
        return words.gettext("For %(name)s, since %(time)s.", name=name, time=time)
    return words.gettext("For %(name)s, as it stands in the settings.", name=name)


def _by_hand(words: Words, each: Document) -> tuple[str, str]:
    modes = {"on": words.gettext("On"), "off": words.gettext("Off"), "auto": words.gettext("By itself")}
    return each["subject"], f"{_subject(words, each['subject'])}: {modes[each['mode']]}"


def _what(words: Words, document: Document) -> list[str]:
    names = words.gettext(", ").join(held.name_of(words, each, {}) for each in document["hold"])
    said = [words.gettext("It holds back: %(names)s.", names=names)] if names else []
    if document["video_bits_per_second"]:
        said.append(words.gettext("Video gets %(rate)s.", rate=words.rate(document["video_bits_per_second"])))
    go_on = words.gettext("Calls, messages, mail, maps and payment go on. At an unmetered link, everything does.")
    return [*said, go_on]


def _held_back(words: Words, each: Document, now: Now) -> Context:
    since = ""
    if each["since"]:
        since = words.at(datetime.fromisoformat(each["since"]), datetime.fromisoformat(now.time))
        since = words.gettext("since %(time)s", time=since)
    return {
        "name": words.client(each),
        "service": words.service(each),
        "since": since,
        "size": words.gettext("about %(size)s", size=words.size(each["estimate_bytes"])),
    }
