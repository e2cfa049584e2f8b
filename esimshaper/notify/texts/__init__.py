# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs of notify.sock -> what people read, in their language, in three sizes. Pure.

sms     one part: the sentence that counts, and as many of the others as there is room for
short   for a push: that sentence as the subject, the others as the body
long    for a mail: the same, and what can be typed
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esimshaper.languages.texts import _, ngettext, speaking
from esimshaper.notify.letter import SEVERITIES
from esimshaper.notify.texts import alarms, limits, plans
from esimshaper.notify.texts.fitting import fits, together
from esimshaper.notify.texts.telling import Said, Telling
from esimshaper.notify.texts.week import week

KINDS: Mapping[str, Callable[[Telling], Said]] = {**limits.KINDS, **plans.KINDS, **alarms.KINDS, "week": week}
"""What makes sentences of each kind of notice."""

_NAMES = (40, 20, 16, 12, 10, 8, 6, 5, 4, 3)
"""Characters that a name keeps in a short message: the first of these with which it fits."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message. An SMS has no subject."""

    subject: str
    body: str


def text_of(job: Mapping[str, Any], language: str, size: str) -> Text:
    """The message of a job, whose notices are one, a group of one episode, or a digest.

    `language` is one of those of esimshaper.languages; the text of an SMS is one part, whatever names are in it.
    """
    notices = job["notices"]
    with speaking(language):
        if size == "sms":
            return Text("", _sms(notices))
        if len(notices) == 1:
            return _one(notices[0], size)
        return _several(notices, size)


def _said(notice: Mapping[str, Any], most: int | None = None) -> Said:
    told = Telling(notice, most)
    try:
        return KINDS[told.kind](told)
    except (KeyError, TypeError, ValueError):
        # The daemon that wrote it down was of another version: it is told in poor words rather than not at all.
        return Said(f"{told.who()}: {told.kind}")


def _sms(notices: Sequence[Mapping[str, Any]]) -> str:
    """The most grave notice first; of several only what counts of each."""
    space = _space()
    for most in _NAMES:
        if len(notices) == 1:
            said = _said(notices[0], most)
            sentences = [said.brief, *said.more]
        else:
            sentences = [_said(each, most).brief for each in _gravest_first(notices)]
        if fits(sentences[0]):
            break
    return together(sentences, space)


def _one(notice: Mapping[str, Any], size: str) -> Text:
    said, noticed = _said(notice), _("Noticed: {moment}.", moment=Telling(notice).at())
    if size == "short":
        return Text(said.brief, _space().join(said.more) or noticed)
    parts = [said.brief, "\n".join(said.more), "\n".join(said.plot), _typed(said), noticed]
    return Text(said.brief, _paragraphs(parts))


def _several(notices: Sequence[Mapping[str, Any]], size: str) -> Text:
    """A subject that says how many, and one line for each, in the order of time."""
    gravest = _said(_gravest_first(notices)[0]).brief
    subject = _("{first} And {n} more.", first=gravest, n=len(notices) - 1)
    lines = [_("{moment}: {text}", moment=Telling(each).at(), text=_said(each).brief) for each in notices]
    if size == "short":
        return Text(subject, "\n".join(lines))
    head = ngettext("{n} message from the router:", "{n} messages from the router:", len(notices))
    whole = [_space().join([line, *_said(each).more]) for line, each in zip(lines, notices, strict=True)]
    orders = {_typed(_said(each)): None for each in notices}
    return Text(subject, _paragraphs([head, *whole, *orders]))


def _gravest_first(notices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of those that are equally grave the newest first."""
    return sorted(notices, key=lambda each: (SEVERITIES.index(each["severity"]), each["at"]), reverse=True)


def _typed(said: Said) -> str:
    return "\n".join(f"{purpose}:\n    {command}" for purpose, command in said.orders)


def _paragraphs(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _space() -> str:
    """Between two sentences; those of Chinese and Japanese have none."""
    return "" if _("{sentence}.", sentence="")[-1:] == "。" else " "
