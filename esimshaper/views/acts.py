# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers to `correct`, `restart`, `undo` and `undo --redo` (core/report/acts.py has their shapes) -> pages. Pure."""

import shlex

from esimshaper.core.model.units import format_size, write_duration, write_size
from esimshaper.languages.texts import N_, _, ngettext
from esimshaper.views.fit import Tone
from esimshaper.views.orders import now_lines, still_held
from esimshaper.views.page import Line, Page
from esimshaper.views.words import Document, called, when, whose

_UNDO = N_("`esimshaper {command}` takes it back")


def correct_page(document: Document) -> Page:
    """The answer to `esimshaper correct`."""
    now = document["time"]
    lines = [
        Line(
            _(
                "{name} counts as having used {size} of {quota} from now on: {left}",
                name=called(document),
                size=format_size(row["used_bytes"]),
                quota=row["quota"],
                left=_left(row, now),
            )
        )
        for row in document["quotas"]
    ]
    return [*lines, *still_held(document), _takes_back()]


def restart_page(document: Document) -> Page:
    """The answer to `esimshaper restart`."""
    rows = document["quotas"]
    all_of_them = ngettext("each of {n} client", "each of {n} clients", len(rows))
    name = all_of_them if document["subject"] == "each-client" else called(document)
    lines = [
        Line(
            _(
                "{quota} begins anew for {name}: {left}",
                quota=document["quota"],
                name=name,
                left=_left(row, document["time"]),
            )
        )
        for row in rows[:1]
    ]
    return [*lines, *still_held(document), _takes_back()]


def _takes_back() -> Line:
    return Line(_(_UNDO, command="undo"), Tone.QUIET)


def undo_page(document: Document) -> Page:
    """The answer to `esimshaper undo`."""
    lines = _after(document, document["undone"], N_("{act} is undone"))
    if document["changed"]:
        lines.append(Line(_("`esimshaper undo --redo` does it again"), Tone.QUIET))
    if document["next"]:
        text = _("`esimshaper undo` once more undoes {act}", act=_of(document["next"], document))
        lines.append(Line(text, Tone.QUIET))
    return lines


def redo_page(document: Document) -> Page:
    """The answer to `esimshaper undo --redo`."""
    lines = _after(document, document["redone"], N_("{act} is done again"))
    if document["changed"]:
        lines.append(_takes_back())
    if document["next"]:
        text = _("`esimshaper undo --redo` once more does {act}", act=_of(document["next"], document))
        lines.append(Line(text, Tone.QUIET))
    return lines


def _after(document: Document, act: Document, done: str) -> list[Line]:
    """What was done with an act, and how its subject stands now."""
    if not document["changed"]:
        return [Line(_("{act} had ended by itself; nothing is changed", act=_of(act, document)))]
    return [Line(_(done, act=_of(act, document))), *_standing(document, act["act"])]


def _of(act: Document, document: Document) -> str:
    """An act by its command and its time."""
    return _("`{command}` of {moment}", command=_command(act), moment=when(act["at"], document["time"]))


def _standing(document: Document, act: str) -> list[Line]:
    if act == "plan":
        return [Line(_("`esimshaper plan` shows how it stands now"))]
    if act in ("block", "allow", "unblock"):
        return now_lines(document)
    rows = document["quotas"][:1] if document["subject"] == "each-client" else document["quotas"]
    lines = [
        Line(_("{quota} of {name}: {left}", quota=row["quota"], name=whose(row), left=_left(row, document["time"])))
        for row in rows
    ]
    return [*lines, *still_held(document)]


def _left(row: Document, now: str) -> str:
    return _(
        "{left} of {limit} left, renews {moment}",
        left=format_size(row["left_bytes"]),
        limit=format_size(row["limit_bytes"]),
        moment=when(row["renews"], now),
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
