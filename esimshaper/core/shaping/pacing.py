# SPDX-License-Identifier: GPL-2.0-or-later
"""Paces of services -> a class for each client and share, and when a new rate may begin. Pure. Writes `pacing`.

    decisions: rate of each share --no film is cut--> rates that hold now --slots--> Paced (class, rate): tree, policies

A player chooses its picture by the rate at which the last segments came, and has some of them ahead. So a film has one
rate, from its first byte to its last: one that is cut in the middle stands still.
"""

from collections.abc import Iterator, Mapping

from esimshaper.core.model.decisions import Decision, DecisionKind, Decisions
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT, Account
from esimshaper.core.model.services import NO_VOLUME
from esimshaper.core.model.shaping import QDISC, SILENCE, Leaf, Paced, PacingSlice, Run, Wire
from esimshaper.core.model.tick import Tick

SLOTS = 4
"""So many shares of one client have classes of their own; what is beyond is held to its rate by drops."""
IDS, IDS_END = 0x5A00, QDISC >> 16
"""Where minor numbers of these classes begin, SLOTS each, and where those of others go on."""
MAX_ACCOUNT = (IDS_END - IDS) // SLOTS - 1

_QUEUE_BYTES = 80_000
"""What may wait in a class. A film does not mind a quarter of a second, and what TCP sends too much when it begins, and
the class drops, is billed twice."""

LONGEST = 3 * 3600.0
"""Seconds after which another rate holds in any case: a film ends, but a device may never be silent."""

Shares = Mapping[str, int]
"""Rates in bit/s, by share."""
Runs = Mapping[str, Run]
_NO_RUNS: Runs = {}
_NONE = frozenset[str]()


def advance(before: PacingSlice, tick: Tick, decisions: Decisions | None) -> PacingSlice:
    """What is paced now. A first rate, and one that is lower, waits until the share is silent; others hold at once.

    At a start all hold at once, as an earlier daemon had them.
    """
    if decisions is None:
        return before
    moving, now = _moving(tick, decisions), tick.reading.boottime
    if decisions is before.decisions and not _has_come(before, tick):
        touched = {*moving, *(account for account, runs in before.runs.items() if _waits(runs))}
        held, runs = dict(before.held), dict(before.runs)
    else:
        touched, held, runs = set(decisions), {}, {}
    if decisions is before.decisions and not touched:
        return before
    known: dict[int, tuple[Shares, Mapping[str, Paced]]] = {}
    for account in touched:
        row = decisions[account]
        if id(row) not in known:
            known[id(row)] = _of_row(row)
        shares, by_drops = known[id(row)]
        if not shares:
            continue
        if account not in tick.reading.owners:  # a device that was never seen, from its first byte on
            held[account] = by_drops
            continue
        old = before.runs.get(account, _NO_RUNS)
        following = _runs(old, shares, moving.get(account, _NONE), now, began=before.decisions is not None)
        runs[account] = _with_slots(account, dict(following))
        held[account] = _held(account, runs[account], before.held.get(account))
    return PacingSlice(before.held if held == before.held else held, runs, decisions)


def _of_row(row: Mapping[int, Decision]) -> tuple[Shares, Mapping[str, Paced]]:
    """The shares of a client, and what holds them while it has no class."""
    shares = {each.share: each.rate for each in row.values() if each.kind is DecisionKind.PACE and each.share}
    return shares, {share: Paced(0, rate) for share, rate in shares.items()}


def _waits(runs: Runs) -> bool:
    return any(run.waits_since is not None for run in runs.values())


def _has_come(before: PacingSlice, tick: Tick) -> bool:
    """Whether a device has come that is held by drops so far, or one has gone."""
    here = tick.reading.owners
    return any((account in here) is not (account in before.runs) for account in before.held)


def _moving(tick: Tick, decisions: Decisions) -> Mapping[Account, frozenset[str]]:
    """Of clients, the shares of which something was downloaded since the last reading."""
    seen = tick.step.seen
    found: dict[Account, frozenset[str]] = {}
    for account, row in tick.reading.services.items():
        last = seen.services.get(account, {}) if seen else {}
        decided = decisions.get(account)
        if row is last or not decided:
            continue
        shares = frozenset(
            decided[number].share
            for number, volume in row.items()
            if number in decided and volume.down_bytes > last.get(number, NO_VOLUME).down_bytes
        )
        if shares:
            found[account] = shares
    return found


def _runs(
    before: Runs, wanted: Shares, moving: frozenset[str], now: float, *, began: bool
) -> Iterator[tuple[str, Run]]:
    for share, rate in wanted.items():
        run = before.get(share, Run(0, now if share in moving else now - SILENCE))
        moved_at = now if share in moving else run.moved_at
        since = now if run.waits_since is None else run.waits_since
        at_once = not began or (run.rate and rate >= run.rate)
        if at_once or now - moved_at >= SILENCE or now - since >= LONGEST:
            yield share, run._replace(rate=rate, moved_at=moved_at, waits_since=None)
        else:
            yield share, run._replace(moved_at=moved_at, waits_since=since)


def _with_slots(account: Account, runs: dict[str, Run]) -> Runs:
    """Each share that is paced has a slot and keeps it; a new one has the first that is free, if any."""
    if not FIRST_CLIENT_ACCOUNT <= account <= MAX_ACCOUNT:
        return runs
    free = sorted(set(range(SLOTS)) - {run.slot for run in runs.values()}, reverse=True)
    for share, run in runs.items():
        if run.rate and run.slot < 0 and free:
            runs[share] = run._replace(slot=free.pop())
    return runs


def _held(account: Account, runs: Runs, before: Mapping[str, Paced] | None) -> Mapping[str, Paced]:
    """Of one client; the same object while it is the same."""
    held = {share: Paced(_id(account, run.slot), run.rate) for share, run in runs.items() if run.rate}
    return before if before == held else held


def _id(account: Account, slot: int) -> int:
    return 0 if slot < 0 else QDISC | IDS + SLOTS * account + slot


def account_of(class_id: int) -> Account:
    """Whose class of this kind that is."""
    return Account(((class_id & 0xFFFF) - IDS) // SLOTS)


def queue(wire: Wire) -> Leaf:
    """The leaf of a paced class."""
    return Leaf(_QUEUE_BYTES // wire.frame * wire.frame + wire.frame // 2, wire.frame * 3 // 2)
