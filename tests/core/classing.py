# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts for tests of classes, and the ids that policies name them by."""

from esimshaper.core.limits import Shaped
from esimshaper.core.model import Account
from esimshaper.core.shaping import Demand, classes

ALICE, BOB, TV = Account(2), Account(3), Account(4)
EVERYONE, FAMILY, GUESTS = Account(20), Account(21), Account(22)


def ids(account: Account, everyone: Account = EVERYONE) -> tuple[int, ...]:
    """Of every class that an account may have. A client is in a group here."""
    above = () if account >= everyone else (Account(everyone + 1), everyone)
    shaped = tuple(Shaped(each, 1) for each in (account, *above))
    demand = Demand(everyone, shaped, (account,) if above else (), {account: above})
    return classes(demand)[account]
