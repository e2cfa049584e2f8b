# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers to `correct`, `restart`, `undo` and `undo --redo` (core/report/acts.py has their shapes) -> pages. Pure."""

import shlex

from esimshaper.core.model.units import format_size, write_duration, write_size
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.quotas import now_lines, still_held
from esimshaper.views.words import Document, called, count, when, whose

_UNDO = Line("`esimshaper undo` takes it back", Tone.QUIET)


def correct_page(document: Document) -> Page:
    """The answer to `esimshaper correct`."""
    now = document["time"]
    used = [(format_size(row["used_bytes"]), row["quota"], _left(row, now)) for row in document["quotas"]]
    said = f"{called(document)} counts as having used"
    lines = [Line(f"{said} {size} of {quota} from now on: {left}") for size, quota, left in used]
    return [*lines, *still_held(document), _UNDO]


def restart_page(document: Document) -> Page:
    """The answer to `esimshaper restart`."""
    rows = document["quotas"]
    all_of_them = f"each of {count(len(rows), 'client')}"
    who_is = all_of_them if document["subject"] == "each-client" else called(document)
    lines = [Line(f"{document['quota']} begins anew for {who_is}: {_left(row, document['time'])}") for row in rows[:1]]
    return [*lines, *still_held(document), _UNDO]


def undo_page(document: Document) -> Page:
    """The answer to `esimshaper undo`."""
    lines = _after(document, document["undone"], "is undone")
    if document["changed"]:
        lines.append(Line("`esimshaper undo --redo` does it again", Tone.QUIET))
    if document["next"]:
        lines.append(Line(f"`esimshaper undo` once more undoes {_of(document['next'], document)}", Tone.QUIET))
    return lines


def redo_page(document: Document) -> Page:
    """The answer to `esimshaper undo --redo`."""
    lines = _after(document, document["redone"], "is done again")
    if document["changed"]:
        lines.append(_UNDO)
    if document["next"]:
        lines.append(Line(f"`esimshaper undo --redo` once more does {_of(document['next'], document)}", Tone.QUIET))
    return lines


def _after(document: Document, act: Document, done: str) -> list[Line]:
    """What was done with an act, and how its subject stands now."""
    if not document["changed"]:
        return [Line(f"{_of(act, document)} had ended by itself; nothing is changed")]
    return [Line(f"{_of(act, document)} {done}"), *_standing(document, act["act"])]


def _of(act: Document, document: Document) -> str:
    """An act by its command and its time."""
    return f"`{_command(act)}` of {when(act['at'], document['time'])}"


def _standing(document: Document, act: str) -> list[Line]:
    if act == "plan":
        return [Line("`esimshaper plan` shows how it stands now")]
    if act in ("block", "allow", "unblock"):
        return now_lines(document)
    rows = document["quotas"][:1] if document["subject"] == "each-client" else document["quotas"]
    lines = [Line(f"{row['quota']} of {whose(row)}: {_left(row, document['time'])}") for row in rows]
    return [*lines, *still_held(document)]


def _left(row: Document, now: str) -> str:
    return (
        f"{format_size(row['left_bytes'])} of {format_size(row['limit_bytes'])} left, renews {when(row['renews'], now)}"
    )


def _command(act: Document) -> str:
    """The act as a person would type it; one that ended at a moment, with its length."""
    kind, subject = act["act"], shlex.quote(act["typed"])
    if kind == "plan":
        return f"plan ... {shlex.quote(act['quota'])}"
    if kind in ("correct", "restart"):
        size = [write_size(act["bytes"])] if kind == "correct" else []
        client = ["--client", subject] if act["subject"].startswith("client/") else []
        return " ".join([kind, shlex.quote(act["quota"]), *size, *client])
    if kind in ("grant", "revoke"):
        size = [f"{'-' if kind == 'revoke' else ''}{write_size(act['bytes'])}"] if act["bytes"] else ["--clear"]
        return " ".join(["grant", subject, *size, *_term(act)])
    over = ["--over-plan"] if act["over_plan"] else []
    always = ["--always"] if kind == "allow" and act["until"] is None else []
    return " ".join([kind, subject, *over, *always, *_term(act)])


def _term(act: Document) -> list[str]:
    begins = act["begins_unix"] or act["at_unix"]
    lasts = ["--for", write_duration(act["until_unix"] - begins)] if act["until_unix"] else []
    return [*lasts, *(["--at", shlex.quote(act["begins"][:16].replace("T", " "))] if act["begins"] else [])]
