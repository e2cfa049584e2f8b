# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage tunnel counters -> whose of the tunnels' bytes on the WAN are. Pure.

In: what the packets of the router's tunnels came to on the WAN (`outer`, which is billed), and what each account claims
of that by what it sent and got inside (`inner`). Out: Shares, which add up to what was billed, whatever was claimed.

    upload    claimed, then seen on the WAN       download    seen on the WAN, then claimed

So what is there of both is shared out at once, and what is there of one waits for the other until the next reading.
What nobody has claimed by then goes with what is claimed, within reason; what is left is what the tunnel says for
itself (handshakes, keepalives), and the router's. A claim that finds nothing is forgotten: the tunnel dropped that
packet, or sent it by another way.

Bytes wait unbooked for a reading at most, on both sides of the bill, so sums hold at any time and no total ever falls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Counters, Usage
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ROUTER, Account, ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject
from esimshaper.core.model.reading import Reading, Tunnels
from esimshaper.core.model.state import Baseline, comparable
from esimshaper.core.model.units import in_proportion

COUNTS = tuple(field.name for field in fields(Counters))
MOST_EXTRA = 25
"""Percent of what is claimed that may come on top of it: packets lost before they came out, handshakes, other tunnels
that add more. There is no more of that; but other packets of the router may use the tunnel's port."""

Counts = Mapping[Account, int]


@dataclass(frozen=True, slots=True)
class Shares:
    """What each account gets of the tunnels' bytes, and the `booked` counts that follow.

    given: billed. corrections: what that is more than the claims, which budgets have already.
    """

    given: Mapping[Account, Counters] = field(default_factory=dict)
    corrections: Mapping[Account, Budget] = field(default_factory=dict)
    booked: Tunnels = field(default_factory=Tunnels)


def shares(baseline: Baseline | None, last: Reading | None, reading: Reading) -> Shares:
    """Shares out what is not booked yet in `baseline`. `last`: the reading before, if it is known."""
    before, seen_before = comparable(baseline, reading), comparable(last, reading)
    booked = before.tunnels if before else Tunnels()
    if reading.tunnels == booked:
        return Shares(booked=booked)
    seen = seen_before.tunnels if seen_before else booked
    shared = [_shared(name, booked, seen, reading.tunnels) for name in COUNTS]
    following = Tunnels(
        Counters(*(each.outer for each in shared)),
        {account: Counters(*(each.inner.get(account, 0) for each in shared)) for account in reading.tunnels.inner},
    )
    given = {
        account: Counters(*(each.given.get(account, 0) for each in shared))
        for account in {ACCOUNT_ROUTER: 0, **reading.tunnels.inner}
    }
    corrections = {
        account: _correction(counters, following.inner.get(account, NOTHING) - booked.inner.get(account, NOTHING))
        for account, counters in given.items()
    }
    return Shares(
        {account: counters for account, counters in given.items() if counters},
        {account: budget for account, budget in corrections.items() if budget != UNUSED},
        following,
    )


def added(usage: Usage, given: Mapping[Account, Counters], owners: Mapping[Account, ClientKey]) -> Usage:
    """`usage` with what accounts got of tunnels.

    What is nobody's (a mark may have bits of somebody else) is the router's, as bpf/tunnel.h has it.
    """
    following = dict(usage)
    for account, counters in given.items():
        client = owners.get(account, ROUTER)
        following[client] = following.get(client, NOTHING) + counters
    return following


def corrected(
    moved: Mapping[Subject, Budget], corrections: Mapping[Subject, Budget], chains: Mapping[Subject, Sequence[Subject]]
) -> Mapping[Subject, Budget]:
    """`moved` with `corrections`, for their subjects and the groups above them; everyone has the bytes on the WAN."""
    following = dict(moved)
    for subject, more in corrections.items():
        for each in chains.get(subject, (subject,)):
            if each != EVERYONE:
                following[each] = following.get(each, UNUSED) + more
    return following


@dataclass(frozen=True, slots=True)
class _Shared:
    """One kind of count: what is booked of it from now on, and what each account gets of that."""

    outer: int
    inner: Counts
    given: Counts


def _shared(name: str, booked: Tunnels, seen: Tunnels, now: Tunnels) -> _Shared:
    """`seen`: at the last reading; what was not booked then is a reading old, and does not wait any longer."""
    before: int = getattr(booked.outer, name)
    outer = max(0, getattr(now.outer, name) - before)
    old = max(0, getattr(seen.outer, name) - before)
    inner = {account: getattr(counters, name) for account, counters in booked.inner.items()}
    claims, waited = (
        {account: max(0, getattr(counters, name) - inner.get(account, 0)) for account, counters in of.inner.items()}
        for of in (now, seen)
    )
    claimed = sum(claims.values())
    satisfied = claims if outer >= claimed else in_proportion(outer, claims)
    unclaimed = min(old, max(0, outer - claimed))
    extra = min(unclaimed, claimed * MOST_EXTRA // 100)
    given = in_proportion(min(outer, claimed) + extra, claims)
    given[ACCOUNT_ROUTER] = given.get(ACCOUNT_ROUTER, 0) + unclaimed - extra
    consumed = {account: max(satisfied[account], waited.get(account, 0)) for account in claims}
    return _Shared(
        before + sum(given.values()),
        {account: inner.get(account, 0) + size for account, size in consumed.items()},
        given,
    )


def _correction(given: Counters, claimed: Counters) -> Budget:
    more = given - claimed
    return Budget(more.total_bytes, more.down_bytes, more.up_bytes)
