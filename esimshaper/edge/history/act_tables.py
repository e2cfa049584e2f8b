# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of what was done by hand, to undo it after a restart as well. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from esimshaper.core.model.limit_state import Act, ActKind, Change, LimitState, Restart
from esimshaper.core.model.limits import Coming, Override, OverrideKind, Subject, SubjectKind
from esimshaper.edge.history.rows import Fetch, Keys, Rows, Tables, Values

_GRANT = "grant"
"""In the column `manual`, beside the words of OverrideKind."""

KEYS: Keys = {
    "coming": ("number",),
    "acts": ("number",),
    "act_changes": ("act", "number"),
    "act_dropped": ("act", "number"),
    "restarts": ("quota",),
}


def tables(limits: LimitState) -> Tables:
    """All rows of the tables of KEYS."""
    changes, dropped = ([getattr(act, name) for act in limits.acts] for name in ("changes", "dropped"))
    return {
        "coming": {(number,): _coming_values(each) for number, each in enumerate(limits.coming)},
        "acts": {(number,): _act_values(act) for number, act in enumerate(limits.acts)},
        "act_changes": _numbered([[_change_values(each) for each in of] for of in changes]),
        "act_dropped": _numbered([[_coming_values(each) for each in of] for of in dropped]),
        "restarts": {(each.quota,): (each.anchor, each.at) for each in limits.restarts},
    }


def coming_from(rows: Fetch) -> tuple[Coming, ...]:
    """What is to come, as in the tables. Raises ValueError."""
    return tuple(_coming(values) for _, *values in rows("coming"))


def restarts_from(rows: Fetch) -> tuple[Restart, ...]:
    """The restarts in the tables."""
    return tuple(Restart(*values) for values in rows("restarts"))


def acts_from(rows: Fetch) -> tuple[Act, ...]:
    """The acts in the tables, in their order. Raises ValueError."""
    changes: dict[int, list[Change]] = {}
    for act, _, quota, kind, name, *numbers in rows("act_changes"):
        changes.setdefault(act, []).append(Change(quota, _subject(kind, name), *numbers))
    dropped: dict[int, list[Coming]] = {}
    for act, _, *values in rows("act_dropped"):
        dropped.setdefault(act, []).append(_coming(values))
    return tuple(_act(values, changes.get(number, ()), dropped.get(number, ())) for number, *values in rows("acts"))


def _numbered(of_acts: Sequence[Sequence[Values]]) -> Rows:
    return {(act, number): values for act, rows in enumerate(of_acts) for number, values in enumerate(rows)}


def _coming_values(each: Coming) -> Values:
    act = each.kind.value if each.kind else _GRANT
    return each.subject.kind.value, each.subject.id, act, each.at, each.bytes, each.until


def _coming(values: Sequence[Any]) -> Coming:
    kind, name, act, at, size, until = values
    return Coming(_subject(kind, name), at, None if act == _GRANT else OverrideKind(act), size, until)


def _change_values(each: Change) -> Values:
    return each.quota, each.subject.kind.value, each.subject.id, each.start, each.used, each.granted, each.until


def _act_values(act: Act) -> Values:
    before, rate = ((act.before.kind.value, act.before.until), act.before.rate) if act.before else ((None, None), 0)
    restarts = [(each.anchor, each.at) if each else (None, None) for each in (act.moved, act.earlier)]
    said = (act.at, act.quota, act.bytes, act.until, act.over_plan, act.begins)
    return act.kind.value, act.subject.kind.value, act.subject.id, *said, *before, *restarts[0], *restarts[1], rate


def _act(values: Sequence[Any], changes: Iterable[Change], dropped: Iterable[Coming]) -> Act:
    kind, whose, name, at, quota, size, until, over_plan, begins, *rest = values
    manual, manual_until, moved_anchor, moved_at, earlier_anchor, earlier_at, rate = rest
    subject = _subject(whose, name)
    return Act(
        ActKind(kind),
        subject,
        at,
        quota,
        size,
        until,
        bool(over_plan),
        begins,
        Override(subject, OverrideKind(manual), manual_until, rate) if manual else None,
        tuple(changes),
        tuple(dropped),
        Restart(quota, moved_anchor, moved_at) if moved_at is not None else None,
        Restart(quota, earlier_anchor, earlier_at) if earlier_at is not None else None,
    )


def _subject(kind: str, name: str) -> Subject:
    return Subject(SubjectKind(kind), name)
