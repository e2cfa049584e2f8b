# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage -> what of it each of several uplinks carried. Pure.

In: the usage of each client, and what the WAN charged to each account at each uplink. Out: the same usage by uplink.

                     cellular   hotel                              cellular   hotel
    alice    700        500      200     charged at each      ->      500      200
    bob      300        100        0     200 came to him late ->      100      200
                        600      400     billed at each               600      400

The rows sum up to the usage of the client, the columns to the bill of the uplink, always. What is charged and not
booked yet (shares of tunnels, moves at the LAN) waits in its column. By which uplink a byte came that was charged to
somebody else first is known by the columns only.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from esimshaper.core.model.counts import NOTHING, Counters, Usage, sum_of
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.reading import ByUplink, Reading
from esimshaper.core.model.state import Carried
from esimshaper.core.model.tick import Step, Tick
from esimshaper.core.model.uplink import UplinkCounters
from esimshaper.core.model.uplinks import Uplink

COUNTS = tuple(field.name for field in fields(Counters))
Sizes = Mapping[str, int]
T = TypeVar("T")
Columns = dict[str, dict[ClientKey, int]]


@dataclass(frozen=True, slots=True)
class Shared:
    """`usage` by name of the uplink; each uplink has an entry. booked: what follows."""

    usage: Mapping[str, Usage]
    booked: Carried


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Uploads that were charged and are left out of the usage of this step: by our classes, and behind our program."""

    shaped: int = 0
    behind: int = 0


def share_out(tick: Tick, usage: Usage, unsent: LeftOut) -> Shared:
    """`usage` of the tick by uplink. One uplink alone carried all of it."""
    step, uplinks = tick.step, tick.rules.uplinks
    now = step.reading.by_uplink
    if not now:
        return Shared({uplinks[0].name: usage}, Carried())
    before = step.before.carried if step.before else Carried()
    fresh = {name: _fresh(before.seen.get(name, {}), accounts) for name, accounts in now.items()}
    charged = {name: sum_of(accounts.values()) for name, accounts in fresh.items()}
    missing, gone = _gone(tick, before, charged, unsent)
    cells = {name: _by_client(accounts, step.reading) for name, accounts in fresh.items()}
    room = {
        name: before.waiting.get(name, NOTHING) + charged[name] - Counters(up_bytes=gone.get(name, 0)) for name in now
    }
    given = {
        kind: _fit(_kind(kind, usage), {name: _kind(kind, cells[name]) for name in now}, _kind(kind, room))
        for kind in COUNTS
    }
    found = {name: _usage({kind: given[kind][name] for kind in COUNTS}) for name in now}
    sums = {name: sum_of(each.values()) for name, each in found.items()}
    booked = Carried(
        seen=now,
        totals={name: before.totals.get(name, NOTHING) + sums[name] for name in now},
        waiting={name: room[name] - sums[name] for name in now},
        missing=missing,
        compared=_compared(tick.observed.uplink),
    )
    return Shared(found, booked)


def share_of(step: Step, names: Collection[str]) -> tuple[int, int]:
    """Of the bytes of tunnels in this step: how many these uplinks carried, and all. One alone carried all of 1."""
    now, tunnels = step.reading.by_uplink, step.reading.tunnels_account
    if not now or now.keys() <= set(names):
        return 1, 1
    before: ByUplink = step.before.carried.seen if step.before else {}
    sizes = {
        name: (accounts.get(tunnels, NOTHING) - before.get(name, {}).get(tunnels, NOTHING)).total_bytes
        for name, accounts in now.items()
    }
    return sum(size for name, size in sizes.items() if name in names), max(1, sum(sizes.values()))


def shaped_uplink(tick: Tick) -> Uplink:
    """The uplink where traffic is shaped."""
    uplinks = tick.rules.uplinks
    return next((each for each in uplinks if tick.rules.wan in each.interfaces), uplinks[0])


def _fresh(before: Mapping[Account, Counters], now: Mapping[Account, Counters]) -> Mapping[Account, Counters]:
    changed = {
        account: counters
        for account, counters in now.items()
        if (known := before.get(account)) is not counters and known != counters
    }
    return {account: counters - before.get(account, NOTHING) for account, counters in changed.items()}


def _by_client(accounts: Mapping[Account, Counters], reading: Reading) -> Usage:
    """Packets of tunnels are nobody's yet: they have a column, and no row."""
    found: dict[ClientKey, Counters] = {}
    for account, counters in accounts.items():
        if account != reading.tunnels_account:
            client = reading.owners.get(account, UNATTRIBUTED)
            found[client] = found.get(client, NOTHING) + counters
    return found


def _kind(kind: str, counters: Mapping[T, Counters]) -> dict[T, int]:
    return {key: getattr(each, kind) for key, each in counters.items()}


def _usage(given: Mapping[str, Mapping[ClientKey, int]]) -> Usage:
    clients = dict.fromkeys(client for sizes in given.values() for client, size in sizes.items() if size)
    return {client: Counters(*(given[kind].get(client, 0) for kind in COUNTS)) for client in clients}


def _compared(counters: UplinkCounters | None) -> int | None:
    return counters.began if counters else None


def _gone(tick: Tick, before: Carried, charged: Mapping[str, Counters], unsent: LeftOut) -> tuple[Sizes, Sizes]:
    """What the queues of each uplink hold or have dropped; and how much more that is than before, with our classes."""
    seen = tick.observed.uplink
    goes_on = seen is not None and before.compared == seen.began
    known = before.missing if goes_on else {}
    held = {name: max(0, size) for name, size in seen.held.items()} if seen else {}
    more = {name: held.get(name, 0) - known.get(name, 0) for name in charged}
    # What the taps do not say (of drivers that lost packets; what a comparison that ended leaves) goes by what was
    # known to be missing, or by what each was given.
    rest = unsent.behind - sum(more.values())
    weights = before.missing if not goes_on and any(before.missing.values()) else _kind("up_bytes", charged)
    if not any(weights.values()):
        weights = dict.fromkeys(charged, 1)
    for name, size in in_proportion(rest, weights).items():
        more[name] = more.get(name, 0) + size
    missing = {name: known.get(name, 0) + size for name, size in more.items()} if seen else {}
    shaped = shaped_uplink(tick).name
    return missing, {name: size + (unsent.shaped if name == shaped else 0) for name, size in more.items()}


def _fit(rows: Mapping[ClientKey, int], cells: Mapping[str, Mapping[ClientKey, int]], room: Sizes) -> Columns:
    """`rows` shared out over columns that have `room`, each as its `cells` say, as far as that goes."""
    given: Columns = {name: {} for name in room}
    left, lacking = dict(room), {}
    for client, size in rows.items():
        own = {name: cells[name][client] for name in room if cells[name].get(client, 0) > 0}
        parts = in_proportion(min(size, sum(own.values())), own)
        for name, part in parts.items():
            given[name][client] = part
            left[name] -= part
        lacking[client] = size - sum(parts.values())
    for name in [each for each, size in left.items() if size < 0]:
        _give_back(given[name], name, left, lacking)
    for client, size in lacking.items():
        free = {name: max(0, each) for name, each in left.items()}
        parts = in_proportion(min(size, sum(free.values())), free)
        # A byte that was read for its client and not yet for an uplink: the next reading has it there as well.
        most = max(left, key=lambda name: left[name])
        parts[most] = parts.get(most, 0) + size - sum(parts.values())
        for name, part in parts.items():
            given[name][client] = given[name].get(client, 0) + part
            left[name] -= part
    return given


def _give_back(column: dict[ClientKey, int], name: str, left: dict[str, int], lacking: dict[ClientKey, int]) -> None:
    """Takes from a column what it has not, as far as other columns have it."""
    elsewhere = sum(size for other, size in left.items() if other != name and size > 0) - sum(lacking.values())
    for client, size in sorted(column.items(), key=lambda each: -each[1]):
        back = min(size, -left[name], elsewhere)
        if back <= 0:
            return
        column[client] -= back
        lacking[client] += back
        left[name] += back
        elsewhere -= back
