# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage reading -> usage: what each client moved between the last booked reading and this one. Pure.

In: the Baseline (None if there never was one) and a Reading. Out: Usage, and the Baseline that follows.

The epoch belongs to the maps, not to a process: over a restart of the daemon the counters go on, and only what is new
is booked; after a reboot they begin at zero, and all they hold is new.

Usage is what was billed, for the ledger. Budgets are what is held against limits: differences of them make tallies.
"""

from collections.abc import Mapping

from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Counters, Usage
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.state import Baseline, comparable


def usage_between(baseline: Baseline | None, reading: Reading) -> Usage:
    """What moved since `baseline`, by client; clients that moved nothing are left out.

    An account's bytes belong to its owner in `reading`; those of one without an owner go to `unattributed`.
    """
    before = comparable(baseline, reading)
    accounts = before.accounts if before else {}
    usage: dict[ClientKey, Counters] = {}
    for account, counters in reading.accounts.items():
        known = accounts.get(account, NOTHING)
        if counters is known or counters == known:  # most of a crowd, each second
            continue
        moved = _risen(known, counters)
        if moved:
            client = reading.owners.get(account, UNATTRIBUTED)
            usage[client] = usage.get(client, NOTHING) + moved
    return usage


def baseline_after(baseline: Baseline | None, reading: Reading, usage: Usage, wan: str) -> Baseline:
    """The Baseline once `usage`, the result of `usage_between`, is booked; its bytes crossed the interface `wan`.

    The totals grow within an epoch and begin at zero with a new one, all at once: Prometheus takes that for a counter
    reset, while a total that fell only in part would look like traffic.
    """
    before = comparable(baseline, reading)
    totals = dict(before.totals) if before else {}
    links = dict(before.wan) if before else {}
    for client, moved in usage.items():
        totals[client] = totals.get(client, NOTHING) + moved
    links[wan] = sum(usage.values(), start=links.get(wan, NOTHING))
    return Baseline(
        epoch=reading.epoch,
        accounts=_high_water(before.accounts if before else {}, reading.accounts),
        owners=reading.owners,
        totals=totals,
        wan=links,
        boottime=reading.boottime,
        budgets={**(before.budgets if before else {}), **reading.budgets},
    )


def budgets_between(baseline: Baseline | None, reading: Reading) -> Mapping[Account, Budget]:
    """What was used of budgets since `baseline`; accounts that used nothing are left out.

    Other than billed bytes this may be below zero: the earlier reading then held an upload that was refused afterwards.
    Adding up such differences comes to the difference of first and last reading, whatever was read in between.
    """
    before = comparable(baseline, reading)
    budgets = before.budgets if before else {}
    moved: dict[Account, Budget] = {}
    for account, budget in reading.budgets.items():
        known = budgets.get(account, UNUSED)
        if budget is not known and budget != known:
            moved[account] = budget - known
    return moved


def unread_seconds(baseline: Baseline | None, reading: Reading) -> float | None:
    """For how long the counters were not read before `reading`; None if nobody knows."""
    if baseline is None or not (baseline.clean or comparable(baseline, reading)):
        return None
    gap = reading.boottime - baseline.boottime
    # Below zero the machine was started again, and all that the new maps hold moved since then.
    return gap if gap >= 0 else reading.boottime


def losers(baseline: Baseline | None, reading: Reading) -> frozenset[ClientKey]:
    """Clients that may have moved bytes nobody read: those of maps that vanished (power cut), not unloaded in order."""
    if baseline is None or baseline.clean or comparable(baseline, reading):
        return frozenset()
    return frozenset(baseline.owners.values())


def _risen(before: Counters, after: Counters) -> Counters:
    """What was added. The kernel never lowers a counter; see `_high_water` for one that looks lower."""
    return Counters(
        max(0, after.down_bytes - before.down_bytes),
        max(0, after.up_bytes - before.up_bytes),
        max(0, after.down_packets - before.down_packets),
        max(0, after.up_packets - before.up_packets),
    )


def _high_water(before: Mapping[Account, Counters], after: Mapping[Account, Counters]) -> Mapping[Account, Counters]:
    """The highest count seen of each account, also of those that `after` leaves out.

    Within an epoch a counter cannot fall, so one that seems to was misread (one CPU's part missing, say) and will be
    back. From the high-water mark nothing is then counted twice; counting it from zero would bill it all again.
    """
    marks = dict(before)
    for account, counters in after.items():
        known = marks.get(account, NOTHING)
        if counters != known:
            marks[account] = known + _risen(known, counters)
    return marks
