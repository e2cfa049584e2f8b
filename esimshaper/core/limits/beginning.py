# SPDX-License-Identifier: GPL-2.0-or-later
"""New quotas -> their first tallies, with what was used in their windows before they were there. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from esimshaper.core.model.counts import Budget, Counters, Usage
from esimshaper.core.model.history import HistoryRow
from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import Quota, Subject, SubjectKind, Tally, Window
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Volume


def new_quotas(kept: LimitState, quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """Those that have counted nothing yet, and of which nobody has said what was used before."""
    known = {tally.quota for tally in kept.tallies}
    return tuple(quota for quota in quotas if quota.name not in known and not quota.used)


def first_tallies(quota: Quota, window: Window, usage: Usage, rules: Rules) -> tuple[Tally, ...]:
    """A tally for each subject of `quota` that has used something of it; `usage` is what each client used."""
    used: dict[Subject, int] = {}
    for client, moved in usage.items():
        size = quota.direction.of(Budget(moved.total_bytes, moved.down_bytes, moved.up_bytes))
        for subject in rules.hierarchy(Subject(SubjectKind.CLIENT, client)):
            if size > 0 and _is_for(quota, subject):
                used[subject] = used.get(subject, 0) + size
    return tuple(Tally(quota.name, who, window, size, allowed=quota.limit) for who, size in used.items())


def of_services(rows: Iterable[HistoryRow], quota: Quota, rules: Rules) -> Iterator[HistoryRow]:
    """`rows`, of which a quota by service counts what its services moved only; packets are not counted by service."""
    for row in rows:
        if quota.services is None:
            yield row
            continue
        whole = Volume(row.counters.down_bytes, row.counters.up_bytes)
        moved = quota.services.volume(row.services, whole, rules.categories)
        yield replace(row, counters=Counters(moved.down_bytes, moved.up_bytes))


def _is_for(quota: Quota, subject: Subject) -> bool:
    if quota.subject.kind is not SubjectKind.EACH_CLIENT:
        return subject == quota.subject
    return subject.kind is SubjectKind.CLIENT and ClientKey(subject.id) not in PSEUDO_KEYS
