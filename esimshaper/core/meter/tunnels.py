# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnel counters -> the share of each account in the tunnels' bytes on the WAN. Pure.

In: bytes of the tunnels' packets on the WAN (`outer`, which are billed), and the claims of each account, by the packets
that it sent and got inside (`inner`). Out: Shares, which add up to the billed bytes, whatever was claimed (R9).

    upload    claimed, then seen on the WAN       download    seen on the WAN, then claimed

Alice claims 300 and Bob 100; the WAN saw 420 in this reading. At once, 400 are shared out as claimed. 20 bytes wait for
a claim until the next reading. Without one, they are split in proportion to the claims of that reading, up to 25 % of
these. The rest is the router's: packets of the tunnel itself (handshakes, keepalives).

Bytes wait unbooked for one reading at most, on both sides of the bill. So sums hold at any time, and no total falls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Counters, Usage
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ROUTER, Account, ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.reading import Tunnels
from esimshaper.core.model.rules import Hierarchy
from esimshaper.core.model.tick import Step

COUNTS = tuple(field.name for field in fields(Counters))
MOST_EXTRA = 25
"""Percent of the claims that may be added to them: packets lost before they came out, tunnels that add more headers."""
# Bytes beyond that have another cause, such as other packets of the router by the tunnel's port.

Counts = Mapping[Account, int]


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of each account in the tunnels' bytes, and the `booked` counts that follow.

    given: bytes that were billed. corrections: given - claimed, as the kernel has added the claims to budgets.
    """

    given: Mapping[Account, Counters] = field(default_factory=dict)
    corrections: Mapping[Account, Budget] = field(default_factory=dict)
    booked: Tunnels = field(default_factory=Tunnels)


def share_out(step: Step) -> Shares:
    """Shares out all bytes of tunnels that are not booked yet."""
    booked = step.before.tunnels if step.before else Tunnels()
    now = step.reading.tunnels
    if now == booked:
        return Shares(booked=booked)
    seen = step.seen.tunnels if step.seen else booked
    shared = [_share_count(name, booked, seen, now) for name in COUNTS]
    following = Tunnels(
        Counters(*(each.outer for each in shared)),
        {account: Counters(*(each.inner.get(account, 0) for each in shared)) for account in now.inner},
    )
    given = {
        account: Counters(*(each.given.get(account, 0) for each in shared))
        for account in {ACCOUNT_ROUTER: 0, **now.inner}
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


def corrections_of(shares: Shares, metered: tuple[int, int]) -> Mapping[Account, Budget]:
    """The corrections, if quotas look at so many of so many bytes of the tunnels on the WAN."""
    part, whole = metered
    if part == whole:
        return shares.corrections
    found = dict(shares.corrections)
    for account, given in shares.given.items():
        free = Counters(*(getattr(given, name) * (whole - part) // whole for name in COUNTS))
        found[account] = found.get(account, UNUSED) - Budget(free.total_bytes, free.down_bytes, free.up_bytes)
    return found


def add_shares(usage: Usage, given: Mapping[Account, Counters], owners: Mapping[Account, ClientKey]) -> Usage:
    """`usage` with the shares that accounts were given."""
    following = dict(usage)
    for account, counters in given.items():
        # A mark that somebody else wrote bits into may name an account without an owner: bpf/tunnel.h gives that to the
        # router, too.
        client = owners.get(account, ROUTER)
        following[client] = following.get(client, NOTHING) + counters
    return following


def correct(
    deltas: Mapping[Subject, Budget], corrections: Mapping[Subject, Budget], hierarchies: Mapping[Subject, Hierarchy]
) -> Mapping[Subject, Budget]:
    """`deltas` with `corrections`, for their subjects and the groups above; everyone's budget has the WAN's bytes."""
    following = dict(deltas)
    for subject, more in corrections.items():
        for each in hierarchies.get(subject, (subject,)):
            if each != EVERYONE:
                following[each] = following.get(each, UNUSED) + more
    return following


@dataclass(frozen=True, slots=True)
class _Shared:
    """One kind of count: what is booked of it from now on, and what each account gets."""

    outer: int
    inner: Counts
    given: Counts


def _share_count(name: str, booked: Tunnels, seen: Tunnels, now: Tunnels) -> _Shared:
    """`seen`: as of the last reading. What was not booked then has waited for a reading, and waits no longer."""
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
    # A claim that found nothing for a reading is forgotten: the tunnel dropped that packet, or sent it by another way.
    consumed = {account: max(satisfied[account], waited.get(account, 0)) for account in claims}
    return _Shared(
        before + sum(given.values()),
        {account: inner.get(account, 0) + size for account, size in consumed.items()},
        given,
    )


def _correction(given: Counters, claimed: Counters) -> Budget:
    more = given - claimed
    return Budget(more.total_bytes, more.down_bytes, more.up_bytes)
