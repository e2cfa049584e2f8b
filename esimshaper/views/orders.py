# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers to `grant`, `block`, `allow` and `unblock` (core/report/quotas.py has their shapes) -> pages. Pure."""

import shlex

from esimshaper.core.model.units import format_size
from esimshaper.languages.texts import _
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.quotas import by_hand, coming, set_by_hand, until_in_full
from esimshaper.views.words import LEVELS, TONES, Document, called, is_by_hand, names_of, reason, said_of, when


def grant_page(document: Document) -> Page:
    """The answer to `esimshaper grant`."""
    size = format_size(document["bytes"])
    undo = _undo(f"grant --clear {_typed(document)}")
    if document["at"]:
        return [Line(coming({**document, "setting": "grant"}, document["time"])), undo]
    end = until_in_full(document["until"], document["time"])
    lines = _with_what_is_left(_("{name} got {size} more", name=called(document), size=size) + end, document)
    if any(document["bytes"] > row["limit_bytes"] - row["granted_bytes"] for row in document["quotas"]):
        lines.append(Line(_("That is more than the whole limit."), Tone.WARNING))
    return [*lines, *still_held(document), undo]


def revoke_page(document: Document) -> Page:
    """The answer to `esimshaper grant --clear`, or to a negative grant."""
    name = called(document)
    if document["bytes"]:
        size = format_size(document["bytes"])
        done = _("{size} of what was granted to {name} is taken back", size=size, name=name)
    else:
        done = _("all that was granted to {name} is taken back", name=name)
    return [*_with_what_is_left(done, document), *still_held(document)]


def _with_what_is_left(done: str, document: Document) -> list[Line]:
    """What was done, for each quota of a subject, and what is left of it now."""
    return [
        Line(
            _(
                "{done}: {left} of {limit} left ({quota}, renews {moment})",
                done=done,
                left=format_size(row["left_bytes"]),
                limit=format_size(row["limit_bytes"]),
                quota=row["quota"],
                moment=when(row["renews"], document["time"]),
            )
        )
        for row in document["quotas"]
    ]


def still_held(document: Document) -> list[Line]:
    """What goes on to hold the subject of a grant, and how that is lifted."""
    state, holder = document["state"], document["held_by"]
    if state["level"] == "open":
        return []
    lines = [_stays(document)]
    if is_by_hand(state):
        lines.append(_end_of_order(document))
    elif holder:
        said = _("`esimshaper {command}` gives more there", command=f"grant {_bare(holder)} SIZE")
        lines.append(Line(f"  {said}", Tone.QUIET))
    elif state["by_hours"]:
        said = _("`esimshaper {command}` lifts that", command=f"allow {_typed(document)}")
        lines.append(Line(f"  {said}", Tone.QUIET))
    return lines


def _stays(document: Document) -> Line:
    state = document["state"]
    level, why = _(LEVELS[state["level"]]), reason(state)
    said = _("{name} stays {level}: {why}", name=called(document), level=level, why=why)
    return Line(said, TONES[state["level"]])


def _end_of_order(document: Document) -> Line:
    """What ends the block or allow that holds for a subject: it may be set on its group, or on everyone."""
    whom = _bare(document["held_by"]) if document["held_by"] else _typed(document)
    said = _("`esimshaper {command}` ends that", command=f"unblock {whom}")
    return Line(f"  {said}", Tone.QUIET)


def now_lines(document: Document) -> list[Line]:
    """How a subject stands, and what ends an order for its group or everyone."""
    state, name = document["state"], called(document)
    if state["level"] == "open" and not state["reason"]:
        return [Line(_("nothing holds {name} back now", name=name))]
    return [Line(_("{name} is {how}", name=name, how=_how(document))), *_order_above(document)]


def _lifted_lines(document: Document) -> list[Line]:
    """As `now_lines`, of a subject for which an order by hand has just ended."""
    state, name = document["state"], called(document)
    if state["level"] == "open" and not state["reason"]:
        text = _("{name} is no longer blocked or allowed by hand, and nothing holds it back now", name=name)
        return [Line(text)]
    text = _("{name} is no longer blocked or allowed by hand, and is {how}", name=name, how=_how(document))
    return [Line(text), *_order_above(document)]


def _how(document: Document) -> str:
    state, why = document["state"], reason(document["state"])
    return why if state["level"] == "open" else said_of(_(LEVELS[state["level"]]), why)


def _order_above(document: Document) -> list[Line]:
    return [_end_of_order(document)] if document["held_by"] and is_by_hand(document["state"]) else []


def _undo(command: str) -> Line:
    return Line(_("`esimshaper {command}` takes it back", command=command), Tone.QUIET)


def _bare(subject: str) -> str:
    """The subject as a person would type it."""
    return shlex.quote(subject.removeprefix("client/"))


def _typed(document: Document) -> str:
    """The subject of an answer as a person would type it."""
    return shlex.quote(document["typed"])


def by_hand_page(document: Document) -> Page:
    """The answer to `esimshaper block`, `allow`, or one of them with --clear."""
    state, now = document["state"], document["time"]
    who_is = called(document)
    if document["at"]:
        return [Line(coming(document, now)), _undo(f"unblock {_typed(document)}")]
    if not document["setting"]:
        return _lifted_lines(document)
    allowed = document["setting"] == "allow"
    done = _("{name} is {how}", name=who_is, how=by_hand(document)) + until_in_full(document["until"], now)
    lines = [Line(done + (_lifted(document) if allowed else ""))]
    but = (
        _("But {name} is {how}, which counts more", name=called(each), how=set_by_hand(each, now))
        for each in document["but"]
    )
    lines += [Line(text, Tone.WARNING) for text in but]
    if allowed and state["quota"]:
        lines.append(_stays(document))
        over = f"allow {_typed(document)} --over-plan"
        said = _("`esimshaper {command}` lifts that too; `grant everyone SIZE` gives more", command=over)
        lines.append(Line(f"  {said}"))
    return [*lines, _undo(f"unblock {_typed(document)}")]


def _lifted(document: Document) -> str:
    """What an allow leaves in force."""
    if document["over_plan"] or not document["plans"]:
        if document["plans"]:
            return _("; no limit holds there any more, that of the plan neither")
        return _("; no limit holds there any more")
    return _("; of all limits only what is for everyone still holds ({plans})", plans=names_of(document["plans"]))
