# SPDX-License-Identifier: GPL-2.0-or-later
"""Map `moved` -> Moves: downloads that the LAN saw go to another account than the WAN charged. Owns nothing."""

from collections.abc import Mapping
from dataclasses import replace

from esimshaper.core.model.counts import NOTHING, Counters
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.reading import NO_MOVES, Moves
from esimshaper.edge.bpf import layouts, libbpf


def read_moves(maps: Mapping[str, libbpf.Map]) -> dict[Account, Moves]:
    """Those of accounts that have any; none where an earlier version had no such map."""
    found = maps["moved"].used(layouts.MOVED) if "moved" in maps else ()
    return {
        Account(number): Moves(
            Counters(got, 0, got_packets),
            Counters(given, 0, given_packets),
            strayed,
            _strayed_to(number, maps) if strayed else ACCOUNT_UNATTRIBUTED,
        )
        for number, (got, got_packets, given, given_packets, strayed, _) in found
        if got or given
    }


def _strayed_to(number: int, maps: Mapping[str, libbpf.Map]) -> Account:
    found = maps["strayed_to"].lookup(layouts.NUMBER.pack(number)) if "strayed_to" in maps else None
    return Account(layouts.NUMBER.unpack(found)[0]) if found else ACCOUNT_UNATTRIBUTED


def as_charged(
    accounts: Mapping[Account, Counters], before: Mapping[Account, Moves], maps: Mapping[str, libbpf.Map]
) -> tuple[dict[Account, Counters], dict[Account, Moves]]:
    """`accounts` as the WAN charged them, and the moves of now. `before` was read before `accounts`."""
    # The kernel takes bytes off the giver, adds them to what it gave, then to what the receiver got, and then to the
    # receiver. So a move that comes in between makes the sum smaller here, for one reading, and never larger.
    after = read_moves(maps)
    found = maps["surplus"].used(layouts.LONG) if "surplus" in maps else ()
    surplus = {Account(number): size for number, (size,) in found}
    charged = dict(accounts)
    for account in {**after, **surplus}:
        counted, given = accounts.get(account, NOTHING), before.get(account, NO_MOVES).given
        got = after.get(account, NO_MOVES).got.down_bytes + surplus.get(account, 0)
        charged[account] = replace(counted, down_bytes=max(0, counted.down_bytes + given.down_bytes - got))
    return charged, after
