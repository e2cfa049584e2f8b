# SPDX-License-Identifier: GPL-2.0-or-later
"""How channels of notices do, and what a test of them did (core/report/notices.py has the shapes) -> pages. Pure."""

from collections.abc import Mapping

from esimshaper.languages.texts import N_, _, ngettext
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.words import Document, when

_ENDS = {
    "sent": N_("it was sent"),
    "unknown": N_("perhaps it was delivered: nobody knows"),
    "refused": N_("it failed"),
    "impossible": N_("it is not possible"),
    "waiting": N_("nobody has taken it: `systemctl status esimshaper-notify` says why"),
    "trying": N_("it is still being tried"),
}
_TONES: Mapping[str, Tone] = {"sent": Tone.GOOD, "unknown": Tone.WARNING, "trying": Tone.WARNING}


def notify_page(document: Document) -> Page:
    """`esimshaper notify`: each channel, what waits there and why."""
    if not document["channels"]:
        hint = _("write a channel under `notices` into /etc/esimshaper/esimshaper.yaml, then: sudo esimshaper reload")
        return [Line(_("people are told in the journal only")), Line(hint, Tone.QUIET)]
    page: list[Line] = []
    for each in document["channels"]:
        page += _channel(each, document["time"])
    page += _quiet(document)
    page.append(Line(_("sudo esimshaper notify test: whether they work"), Tone.QUIET))
    return page


def test_page(document: Document) -> Page:
    """`esimshaper notify test`: step by step what happened."""
    page: list[Line] = []
    for each in document["tests"]:
        page.append(Line(f"{each['channel']}:"))
        page += [Line(f"  {step}", Tone.QUIET) for step in each["steps"]]
        said = _(_ENDS.get(each["fate"], each["fate"]))
        page.append(
            Line(f"  {said}{': ' + each['error'] if each['error'] else ''}", _TONES.get(each["fate"], Tone.BAD))
        )
    return page


def _quiet(document: Document) -> list[Line]:
    if document["quiet"]:
        said = _("as you have chosen") if document["quiet_chosen"] else _("as in the settings")
        return [Line(_("quiet hours: {hours}, {whose}", hours=document["quiet"], whose=said))]
    return [Line(_("quiet hours: none, as you have chosen"))] if document["quiet_chosen"] else []


def _channel(channel: Document, now: str) -> list[Line]:
    sent = channel["counts"].get("sent", 0)
    told = ngettext("{n} notice sent", "{n} notices sent", sent)
    parts = {"name": channel["name"], "level": channel["min"], "sent": told}
    by_hand = channel["min_chosen"]
    chosen = _("{name}: from {level} on, as you have chosen; {sent}", **parts)
    lines = [Line(chosen if by_hand else _("{name}: from {level} on; {sent}", **parts))]
    if channel["waiting"]:
        waits = ngettext(
            "{n} waits since {moment}",
            "{n} wait since {moment}",
            channel["waiting"],
            moment=when(channel["since"], now),
        )
        lines.append(Line(f"  {waits}"))
    if channel["perhaps_delivered"]:
        perhaps = ngettext("{n} perhaps delivered", "{n} perhaps delivered", channel["perhaps_delivered"])
        lines.append(Line(f"  {perhaps}", Tone.WARNING))
    if channel["error"]:
        what = _("not possible: {why}") if channel["impossible"] else _("the last try failed: {why}")
        lines.append(Line(f"  {what.replace('{why}', channel['error'])}", Tone.BAD))
    return lines
