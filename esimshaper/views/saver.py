# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of the data saver (core/report/saver.py has its shape) -> a page. Pure."""

from collections.abc import Sequence

from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.words import Document, lasted

_EXAMPLE = "saver: {pace: [{for: each-client, only: video, rate: 2500kbit}], measure: 1/8}"


def saver_page(document: Document) -> Page:
    """`esimshaper saver`."""
    if not document["mechanisms"]:
        return [Line(_("Nothing is saved beyond limits. For example:")), Line(f"  {_EXAMPLE}", Tone.QUIET)]
    page: list[Line] = []
    for each in document["mechanisms"]:
        page += [Line(_title(each), Tone.TITLE), *_known(each, document["days"]), Line()]
    if len(document["mechanisms"]) > 1:
        return [*page, Line(_("These are not added up, as they are not known in the same way."), Tone.QUIET)]
    return page[:-1]


def saved_line(saved: Sequence[Document]) -> list[Line]:
    """For `esimshaper status`: what was estimated on evenings, if anything was."""
    estimated = sum(each["bytes"] for each in saved if each["how"] == "estimated")
    if not estimated:
        return []
    text = _("Saved by paces so far, as estimated: {size} (see: esimshaper saver)", size=format_size(estimated))
    return [Line(text, Tone.QUIET)]


def _title(each: Document) -> str:
    if each["mechanism"] == "pace":
        return _("{what} at {rate}", what=each["what"], rate=format_rate(each["rate_bits_per_second"]))
    if each["mechanism"] == "names":
        return ngettext("DNS refuses {n} name of the lists", "DNS refuses {n} names of the lists", each["names"])
    return _("devices are told that the link is metered")


def _known(each: Document, days: int) -> list[Line]:
    """How much, and how that is known."""
    lines = _counted(each["refused"])
    if each["how"] == "estimated":
        sizes = {part: format_size(max(0, each[f"{part}_bytes"])) for part in ("saved", "low", "high")}
        text = _("  estimated: {saved} saved in the last {days} days", days=days, saved=sizes.pop("saved"))
        sure = _("  between {low} and {high}, with a certainty of nine in ten", **sizes)
        lines += [Line(text, Tone.GOOD if each["low_bytes"] > 0 else Tone.PLAIN), Line(sure)]
    else:
        why = {
            "off": _("  unknown: nothing is measured; `measure: 1/8` lets one film of eight go free, to compare"),
            "little": _("  unknown so far: too few films were watched without the pace, to compare"),
            "unseen": _("  bytes unknown: what does not come cannot be counted"),
        }
        lines.append(Line(why[each["why"]], Tone.QUIET))
    return lines + _watched(each["watched"]) if each["watched"] else lines


def _counted(refused: int | None) -> list[Line]:
    """Of names that DNS refuses."""
    if refused is None:
        return []
    text = ngettext(
        "  counted: {n} answer of the last hour refused a name",
        "  counted: {n} answers of the last hour refused a name",
        refused,
    )
    return [Line(text)]


def _watched(watched: Document) -> list[Line]:
    """What was compared."""
    held, free = watched["held_bytes_per_minute"], watched["free_bytes_per_minute"]
    lines = []
    if held is not None and free is not None:
        text = _("  a minute costs {held}, and {free} without the pace", held=format_size(held), free=format_size(free))
        lines.append(Line(text))
    if watched["held_seconds"] or watched["free_seconds"]:
        times = {part: lasted(watched[f"{part}_seconds"]) for part in ("held", "free")}
        lines.append(Line(_("  watched: {held} with it, {free} without it", **times), Tone.QUIET))
    return lines
