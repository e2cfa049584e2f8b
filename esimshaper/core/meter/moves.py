# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage moves -> charged: a download that the WAN charged to one account and the LAN saw go to another. Pure.

In: a Step, whose reading has what each account got and gave. Out: that Step, with the counts that are to be booked.
The sum over all accounts stays what the WAN charged, which is what was billed.

    target = charged + got - given      no account is booked less than before, and all together no more than charged
"""

# A download passes the LAN later than the WAN, as it may wait in a queue. So bytes of an account that gives at the
# moment wait for one reading: by then they may be given away. Bytes that are given later than that stay where they are
# booked, and who got them waits until the giver is charged for more.

from collections.abc import Mapping
from dataclasses import replace

from esimshaper.core.model.counts import NOTHING
from esimshaper.core.model.identity import Account
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.reading import NO_MOVES
from esimshaper.core.model.tick import Step


def settle_moves(step: Step) -> Step:
    """`step` with the accounts of its reading as they are to be booked; accounts without moves as they were charged."""
    reading = step.reading
    if not reading.moves:
        return step
    down_bytes, down_packets = (_booked(name, step) for name in ("down_bytes", "down_packets"))
    settled = {
        account: replace(
            reading.accounts.get(account, NOTHING), down_bytes=down_bytes[account], down_packets=down_packets[account]
        )
        for account in reading.moves
    }
    return replace(step, reading=replace(reading, accounts={**reading.accounts, **settled}))


def _booked(name: str, step: Step) -> Mapping[Account, int]:
    """One kind of count, of the accounts that have moves: the others are booked as they are charged."""
    before, moves = step.before.accounts if step.before else {}, step.reading.moves
    known = {account: int(getattr(before.get(account, NOTHING), name)) for account in moves}
    charged = {account: int(getattr(step.reading.accounts.get(account, NOTHING), name)) for account in moves}
    wanted, waiting = {}, 0
    for account, moved in moves.items():
        target = charged[account] + getattr(moved.got, name) - getattr(moved.given, name)
        wants = max(0, target - known[account])
        waits = min(wants, _new_of_a_giver(name, account, known[account], charged[account], step))
        wanted[account], waiting = wants - waits, waiting + waits
    there = max(0, sum(charged.values()) - sum(known.values()) - waiting)
    given = in_proportion(min(there, sum(wanted.values())), wanted)
    return {account: known[account] + given[account] for account in moves}


def _new_of_a_giver(name: str, account: Account, known: int, charged: int, step: Step) -> int:
    """Of the count of an account that gave something since the last reading: what was charged since then."""
    seen = step.seen
    if seen is None:
        return max(0, charged - known)
    if step.reading.moves[account].given == seen.moves.get(account, NO_MOVES).given:
        return 0
    return max(0, charged - int(getattr(seen.accounts.get(account, NOTHING), name)))
