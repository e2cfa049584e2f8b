# SPDX-License-Identifier: GPL-2.0-or-later
"""What the data saver saved, and how that is known: the owner's screen Saver, and what a device sees of it. Pure."""

from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.words import Document, Words


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Saver."""
    document = documents["/v1/saver"]
    shown = [_mechanism(words, each, document["days"]) for each in document["mechanisms"]]
    return {"mechanisms": shown, "shape": shown}


def of_device(words: Words, own: Document) -> Context:
    """A pace of the device that looks, of /v1/me."""
    _, rate = words.gettext, words.rate(own["rate_bits_per_second"])
    sentences = [
        _("%(what)s: %(rate)s at most on this device, to save data.", what=_called(words, own["what"]), rate=rate)
    ]
    if own["saved_bytes"] is not None and own["saved_bytes"] > 0:
        size = words.size(own["saved_bytes"])
        sentences.append(
            _("Estimated: it saved some %(size)s here in the last %(days)s days.", size=size, days=own["days"])
        )
    return {"sentences": sentences}


def _called(words: Words, what: str) -> str:
    return words.gettext("Films and videos") if what == "video" else what


def _mechanism(words: Words, each: Document, days: int) -> Context:
    _ = words.gettext
    if each["mechanism"] == "pace":
        rate = words.rate(each["rate_bits_per_second"])
        title = _("%(what)s at %(rate)s", what=_called(words, each["what"]), rate=rate)
    elif each["mechanism"] == "names":
        title = words.ngettext("DNS refuses %(n)s name", "DNS refuses %(n)s names", each["names"])
    else:
        title = _("Devices are told that data is scarce here")
    counted = "" if each["refused"] is None else _counted(words, each["refused"])
    return {
        "title": title,
        **_known(words, each, days),
        "watched": _watched(words, each["watched"]),
        "counted": counted,
    }


def _counted(words: Words, refused: int) -> str:
    return words.ngettext(
        "Counted: %(n)s answer of the last hour refused a name.",
        "Counted: %(n)s answers of the last hour refused a name.",
        refused,
    )


def _known(words: Words, each: Document, days: int) -> Context:
    """Big: how much; how: how that is known."""
    _ = words.gettext
    if each["how"] == "estimated":
        saved, low, high = (words.size(max(0, each[f"{part}_bytes"])) for part in ("saved", "low", "high"))
        said = _("saved in the last %(days)s days, as estimated", days=days)
        return {
            "big": saved,
            "caption": said,
            "how": _("Between %(low)s and %(high)s, with a certainty of nine in ten.", low=low, high=high),
        }
    why = {
        "off": _("Unknown: nobody measures. This line in the settings lets one film of eight go free, to compare:"),
        "little": _("Unknown so far: too few films were watched without it, to compare."),
        "unseen": _("Bytes unknown: what does not come cannot be counted."),
    }
    line = "saver: {measure: 1/8}" if each["why"] == "off" else ""
    return {"big": "", "caption": "", "how": why[each["why"]], "line": line}


def _watched(words: Words, watched: Document | None) -> str:
    if not watched or watched["held_bytes_per_minute"] is None or watched["free_bytes_per_minute"] is None:
        return ""
    held, free = (words.size(watched[f"{part}_bytes_per_minute"]) for part in ("held", "free"))
    return words.gettext("A minute costs %(held)s, and %(free)s without it.", held=held, free=free)
