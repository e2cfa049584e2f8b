# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading -> usage: what each client used between the last booked reading and this one. Pure.

In: the Step from one to the other. Out: Usage, budgets' deltas, and what is booked then.

The epoch belongs to the maps, not to a process: over a restart of the daemon the counters go on, and only what is new
is booked; after a reboot they begin at zero, and all that they hold is new (R16).

Usage is billed bytes, for the ledger. Budgets are compared with limits: their deltas make tallies.
"""

from collections.abc import Mapping

from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Counters, Usage
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.state import Booked
from esimshaper.core.model.tick import Step


def usage_between(step: Step) -> Usage:
    """Bytes and packets by client; clients that used nothing are left out.

    An account's bytes belong to its owner in the reading; those of an account without one go to `unattributed`.
    """
    accounts = step.before.accounts if step.before else {}
    usage: dict[ClientKey, Counters] = {}
    for account, counters in step.reading.accounts.items():
        known = accounts.get(account, NOTHING)
        if counters is known or counters == known:  # most of a crowd, each second
            continue
        risen = _risen(known, counters)
        if risen:
            client = step.reading.owners.get(account, UNATTRIBUTED)
            usage[client] = usage.get(client, NOTHING) + risen
    return usage


def book_reading(step: Step, usage: Usage, wan: str) -> Booked:
    """The Booked after `usage`, which crossed the interface `wan`; its queue drops and tunnels are as before."""
    # The totals grow within an epoch and begin at zero with a new one, all at once: Prometheus takes that for a counter
    # reset, while a total that fell only in part would look like traffic.
    before, reading = step.before, step.reading
    totals = dict(before.totals) if before else {}
    links = dict(before.wan) if before else {}
    for client, counters in usage.items():
        totals[client] = totals.get(client, NOTHING) + counters
    links[wan] = sum(usage.values(), start=links.get(wan, NOTHING))
    return Booked(
        epoch=reading.epoch,
        accounts=_high_water(before.accounts if before else {}, reading.accounts),
        owners=reading.owners,
        totals=totals,
        wan=links,
        boottime=reading.boottime,
        budgets={**(before.budgets if before else {}), **reading.budgets},
    )


def budget_deltas(step: Step) -> Mapping[Account, Budget]:
    """Bytes that were added to budgets; accounts without a change are left out.

    Unlike billed bytes a delta may be below zero. The deltas add up to the difference of the first and last reading.
    """
    # Below zero: the earlier reading held an upload that was refused after it had been added.
    budgets = step.before.budgets if step.before else {}
    deltas: dict[Account, Budget] = {}
    for account, budget in step.reading.budgets.items():
        known = budgets.get(account, UNUSED)
        if budget is not known and budget != known:
            deltas[account] = budget - known
    return deltas


def _risen(before: Counters, after: Counters) -> Counters:
    """The increase. The kernel never lowers a counter; see `_high_water` for one that looks lower."""
    return Counters(
        max(0, after.down_bytes - before.down_bytes),
        max(0, after.up_bytes - before.up_bytes),
        max(0, after.down_packets - before.down_packets),
        max(0, after.up_packets - before.up_packets),
    )


def _high_water(before: Mapping[Account, Counters], after: Mapping[Account, Counters]) -> Mapping[Account, Counters]:
    """The highest count seen of each account, also of those that `after` leaves out."""
    # Within an epoch a counter cannot fall, so one that seems to was misread (one CPU's part missing, say) and will be
    # back. From the high-water mark nothing is then counted twice; from zero all of it would be billed again.
    # Where it rose, the count that was read is the highest one itself: at the next reading, most are seen at once to be
    # as they were.
    highest = {}
    for account, counters in after.items():
        known = before.get(account, NOTHING)
        if counters is not known:
            risen = known + _risen(known, counters)
            highest[account] = counters if risen == counters else risen
    return {**before, **highest} if highest else before
