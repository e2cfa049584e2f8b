# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: values as rows of tables, and back. Pure; the tables are those of edge/history/schema.py."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.history import HistoryRow
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, Account, ClientKey
from esimshaper.core.model.limits import (
    Grant,
    Level,
    LimitState,
    Override,
    OverrideKind,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.reading import ClassCounters, Tunnels
from esimshaper.core.model.state import Baseline, QueueDrops
from esimshaper.edge.bpf import layouts

Each = TypeVar("Each", Tally, Grant, Override)
Values = tuple[Any, ...]
Rows = Mapping[Values, Values]
"""Rows of a table: columns of the key -> the other columns, in the order of the table."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "reading": ("id",),
    "baseline": ("kind", "name"),
    "clock": ("id",),
    "budgets": ("account",),
    "tallies": ("quota", "kind", "subject"),
    "grants": ("number",),
    "overrides": ("kind", "subject"),
    "levels": ("client",),
    "unsent": ("account",),
}
"""The tables that a Baseline is kept in, and the columns of their keys, which come first."""


def row_values(row: HistoryRow) -> Values:
    """A row of the table `history`."""
    return row.resolution.value, row.start, row.client, *_numbers(row.counters), row.estimated


def tables(baseline: Baseline | None) -> Mapping[str, Rows]:
    """All rows of each table of KEYS."""
    if baseline is None:
        return {name: {} for name in KEYS}
    standing = baseline.limits
    return {
        "reading": {(1,): (str(baseline.epoch), baseline.boottime, baseline.clean)},
        "baseline": _counters(baseline),
        "clock": {(1,): (baseline.time, baseline.clock_sure)},
        "budgets": {(account,): (b.both, b.download, b.upload) for account, b in baseline.budgets.items()},
        "tallies": {(tally.quota, *_subject_values(tally.subject)): _tally_values(tally) for tally in standing.tallies},
        "grants": {
            (number,): (grant.quota, *_subject_values(grant.subject), grant.bytes, grant.until)
            for number, grant in enumerate(standing.grants)
        },
        "overrides": {_subject_values(each.subject): (each.kind.value, each.until) for each in standing.overrides},
        "levels": {(client,): (level.value,) for client, level in standing.levels.items()},
        "unsent": {(account,): _unsent_values(each) for account, each in baseline.unsent.items()},
    }


def baseline_from(rows: Callable[[str], Iterable[Values]]) -> Baseline | None:
    """The Baseline in the tables, None if there is none; `rows` gives those of one table. Raises ValueError."""
    reading = next(iter(rows("reading")), None)
    if reading is None:
        return None
    _, epoch, boottime, clean = reading
    _, time, clock_sure = next(iter(rows("clock")), (1, 0.0, False))
    kinds: dict[str, dict[str, Counters]] = {"account": {}, "client": {}, "wan": {}, "inner": {}, "outer": {}}
    owners: dict[Account, ClientKey] = {}
    for kind, name, owner, *counters in rows("baseline"):
        if kind not in kinds:
            raise ValueError(f"unknown kind of counter: {kind}")
        kinds[kind][name] = Counters(*counters)
        if kind == "account" and owner is not None:
            owners[Account(int(name))] = ClientKey(owner)
    return Baseline(
        epoch=int(epoch),
        accounts={Account(int(number)): counters for number, counters in kinds["account"].items()},
        owners=owners,
        totals={ClientKey(client): counters for client, counters in kinds["client"].items()},
        wan=kinds["wan"],
        boottime=boottime,
        clean=bool(clean),
        budgets={Account(account): Budget(*counts) for account, *counts in rows("budgets")},
        time=time,
        clock_sure=bool(clock_sure),
        limits=_standing(rows),
        unsent={
            Account(account): QueueDrops(ClassCounters(link, size, packets, backlog), *others)
            for account, link, size, packets, backlog, *others in rows("unsent")
        },
        tunnels=Tunnels(
            kinds["outer"].get("", Counters()),
            {Account(int(number)): counters for number, counters in kinds["inner"].items()},
        ),
    )


def _counters(baseline: Baseline) -> Rows:
    """Kind and name -> owner and counters. An account with an owner always has a row."""
    accounts = baseline.accounts.keys() | baseline.owners.keys()
    return {
        **{
            ("account", str(a)): (baseline.owners.get(a), *_numbers(baseline.accounts.get(a, Counters())))
            for a in accounts
        },
        **{("client", client): (None, *_numbers(counters)) for client, counters in baseline.totals.items()},
        **{("wan", interface): (None, *_numbers(counters)) for interface, counters in baseline.wan.items()},
        **{("inner", str(a)): (None, *_numbers(counters)) for a, counters in baseline.tunnels.inner.items()},
        **({("outer", ""): (None, *_numbers(baseline.tunnels.outer))} if baseline.tunnels.outer else {}),
    }


def _standing(rows: Callable[[str], Iterable[Values]]) -> LimitState:
    return LimitState(
        tallies=_possible(
            Tally(
                quota, _subject(kind, name), Window(start, end), used, granted, allowed, warned, bool(reached), *other
            )
            for quota, kind, name, start, end, used, granted, allowed, warned, reached, *other in rows("tallies")
        ),
        grants=_possible(
            Grant(quota, _subject(kind, name), size, until) for _, quota, kind, name, size, until in rows("grants")
        ),
        overrides=_possible(
            Override(_subject(kind, name), OverrideKind(manual), until)
            for kind, name, manual, until in rows("overrides")
        ),
        levels={ClientKey(client): Level(level) for client, level in rows("levels") if _is_client(client)},
    )


def _possible(found: Iterable[Each]) -> tuple[Each, ...]:
    """Leaves out rows of a key that no client can have: the card has lost a bit, and no account belongs to it."""
    return tuple(each for each in found if each.subject.kind is not SubjectKind.CLIENT or _is_client(each.subject.id))


def _is_client(key: str) -> bool:
    return key in BUILT_IN_CLIENTS or layouts.is_client_key(key)


def _unsent_values(each: QueueDrops) -> Values:
    sent = each.sent
    return sent.link, sent.bytes, sent.packets, sent.backlog, each.queued, each.surplus, each.dropped, each.unsent


def _tally_values(tally: Tally) -> Values:
    window = (tally.window.start, tally.window.end)
    other = (tally.other_start, tally.other_used)
    return *window, tally.used, tally.granted, tally.allowed, tally.warned, tally.reached, *other


def _subject_values(subject: Subject) -> tuple[str, str]:
    return subject.kind.value, subject.id


def _subject(kind: str, name: str) -> Subject:
    return Subject(SubjectKind(kind), name)


def _numbers(counters: Counters) -> tuple[int, int, int, int]:
    return counters.down_bytes, counters.up_bytes, counters.down_packets, counters.up_packets
