# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers to `correct`, `restart` and `undo` (core/report/acts.py has their shapes) -> pages. Pure."""

import shlex

from esimshaper.core.model.units import format_size, write_duration, write_size
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.quotas import now_lines, still_held
from esimshaper.views.words import Document, count, when

_UNDO = Line("`esimshaper undo` takes it back", Tone.QUIET)


def correct_page(document: Document) -> Page:
    """The answer to `esimshaper correct`."""
    who, now = document["subject"], document["time"]
    used = [(format_size(row["used_bytes"]), row["quota"], _left(row, now)) for row in document["quotas"]]
    lines = [Line(f"{who} counts as having used {size} of {quota} from now on: {left}") for size, quota, left in used]
    return [*lines, *still_held(document), _UNDO]


def restart_page(document: Document) -> Page:
    """The answer to `esimshaper restart`."""
    rows = document["quotas"]
    whose = f"each of {count(len(rows), 'client')}" if document["subject"] == "each-client" else document["subject"]
    lines = [Line(f"{document['quota']} begins anew for {whose}: {_left(row, document['time'])}") for row in rows[:1]]
    return [*lines, *still_held(document), _UNDO]


def undo_page(document: Document) -> Page:
    """The answer to `esimshaper undo`."""
    undone, now = document["undone"], document["time"]
    of = f"`{_command(undone)}` of {when(undone['at'], now)}"
    if document["changed"]:
        lines = [Line(f"{of} is undone"), *_standing(document)]
        lines.append(Line(f"`esimshaper {_command(undone)}` does it again", Tone.QUIET))
    else:
        lines = [Line(f"{of} had ended by itself; nothing is changed")]
    if document["next"]:
        earlier = f"`{_command(document['next'])}` of {when(document['next']['at'], now)}"
        lines.append(Line(f"`esimshaper undo` once more undoes {earlier}", Tone.QUIET))
    return lines


def _standing(document: Document) -> Page:
    """How the subject of an undone act stands now."""
    subject = document["subject"]
    if document["undone"]["act"] in ("block", "allow", "unblock"):
        return now_lines(f"{subject} is", document)
    rows = document["quotas"][:1] if subject == "each-client" else document["quotas"]
    lines = [Line(f"{row['quota']} of {row['subject']}: {_left(row, document['time'])}") for row in rows]
    return [*lines, *still_held(document)]


def _left(row: Document, now: str) -> str:
    return (
        f"{format_size(row['left_bytes'])} of {format_size(row['limit_bytes'])} left, renews {when(row['renews'], now)}"
    )


def _command(act: Document) -> str:
    """The act as a person would type it; one that ended at a moment, with its length."""
    kind, subject = act["act"], shlex.quote(act["subject"].removeprefix("client/"))
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
