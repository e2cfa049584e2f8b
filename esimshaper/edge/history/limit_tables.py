# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of limits. Pure."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limit_state import Act, LimitState
from esimshaper.core.model.limits import (
    EVERYONE,
    Coming,
    Grant,
    Level,
    Override,
    OverrideKind,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.edge.history import act_tables
from esimshaper.edge.history.rows import Fetch, Keys, Tables, Values, is_client

Each = TypeVar("Each", Tally, Grant, Override, Coming, Act)

_RESERVE = "reserve"
"""In the column `kind` of tallies: of the router's reserve, which has no subject."""

KEYS: Keys = {
    "tallies": ("quota", "kind", "subject"),
    "grants": ("number",),
    "overrides": ("kind", "subject"),
    "levels": ("client",),
    **act_tables.KEYS,
}


def tables(limits: LimitState) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "tallies": {
            **{(tally.quota, *_subject_values(tally.subject)): _tally_values(tally) for tally in limits.tallies},
            **{(tally.quota, _RESERVE, ""): _tally_values(tally) for tally in limits.reserve},
        },
        "grants": {
            (number,): (grant.quota, *_subject_values(grant.subject), grant.bytes, grant.until)
            for number, grant in enumerate(limits.grants)
        },
        "overrides": {
            _subject_values(each.subject): (each.kind.value, each.until, each.rate) for each in limits.overrides
        },
        "levels": {(client,): (level.value,) for client, level in limits.levels.items()},
        **act_tables.tables(limits),
    }


def limits_from(rows: Fetch) -> LimitState:
    """The LimitState in the tables. Raises ValueError."""
    found = list(rows("tallies"))
    return LimitState(
        tallies=_possible(
            _tally(quota, _subject(kind, name), values) for quota, kind, name, *values in found if kind != _RESERVE
        ),
        reserve=tuple(_tally(quota, EVERYONE, values) for quota, kind, _, *values in found if kind == _RESERVE),
        grants=_possible(
            Grant(quota, _subject(kind, name), size, until) for _, quota, kind, name, size, until in rows("grants")
        ),
        overrides=_possible(
            Override(_subject(kind, name), OverrideKind(override), until, rate)
            for kind, name, override, until, rate in rows("overrides")
        ),
        levels={ClientKey(client): Level(level) for client, level in rows("levels") if is_client(client)},
        coming=_possible(act_tables.coming_from(rows)),
        acts=_possible(act_tables.acts_from(rows)),
        restarts=act_tables.restarts_from(rows),
    )


def _possible(found: Iterable[Each]) -> tuple[Each, ...]:
    """Leaves out rows of a key that no client can have: the card has lost a bit, and no account belongs to it."""
    return tuple(each for each in found if each.subject.kind is not SubjectKind.CLIENT or is_client(each.subject.id))


def _tally_values(tally: Tally) -> Values:
    window = (tally.window.start, tally.window.end)
    other = (tally.other_start, tally.other_used)
    return *window, tally.used, tally.granted, tally.allowed, tally.warned, tally.reached, *other


def _tally(quota: str, subject: Subject, values: Sequence[int]) -> Tally:
    start, end, used, granted, allowed, warned, reached, *other = values
    return Tally(quota, subject, Window(start, end), used, granted, allowed, warned, bool(reached), *other)


def _subject_values(subject: Subject) -> tuple[str, str]:
    return subject.kind.value, subject.id


def _subject(kind: str, name: str) -> Subject:
    return Subject(SubjectKind(kind), name)
