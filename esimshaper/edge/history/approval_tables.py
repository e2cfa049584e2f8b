# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of approval as values, and back. Pure."""

from typing import Any

from esimshaper.core.model.approval import Answer, ApprovalState, Use
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.edge.history.rows import Fetch, Keys, Tables, Values, is_client

KEYS: Keys = {
    "approval": ("id",),
    "approval_clients": ("client",),
    "approval_uses": ("client", "service"),
    "approval_answers": ("number",),
}


def tables(kept: ApprovalState) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "approval": {(1,): (kept.since, kept.audited, kept.number)} if kept != ApprovalState() else {},
        "approval_clients": {(client,): (came,) for client, came in kept.came.items()},
        "approval_uses": {key: (*use[:10], int(use.known), *use[11:]) for key, use in kept.uses.items()},
        "approval_answers": {(each.number,): _answer_values(each) for each in kept.answers},
    }


def approval_from(rows: Fetch) -> ApprovalState:
    """The ApprovalState in the tables. Raises ValueError."""
    since, audited, number = next((values for _, *values in rows("approval")), (0, 0, 1))
    return ApprovalState(
        since,
        came={ClientKey(client): came for client, came in rows("approval_clients") if is_client(client)},
        uses={
            (ClientKey(client), service): _use(values)
            for client, service, *values in rows("approval_uses")
            if is_client(client)
        },
        answers=tuple(_answer(*values) for values in rows("approval_answers")),
        number=number,
        audited=audited,
    )


def _use(values: list[Any]) -> Use:
    return Use._make([*values[:10], bool(values[10]), *values[11:]])


def _answer_values(each: Answer) -> Values:
    return each.subject.kind.value, each.subject.id, each.service, int(each.approved), each.at, each.until


def _answer(number: int, kind: str, subject: str, service: str, approved: int, at: int, until: int | None) -> Answer:
    return Answer(number, Subject(SubjectKind(kind), subject), service, bool(approved), at, until)
