# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold of each reading at rest: the rows of an account by service are what it was charged and claimed."""

from collections.abc import Mapping

from esimshaper.core.model.counts import NOTHING, Counters
from esimshaper.core.model.identity import Account
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.services import Volume


def apart(reading: Reading) -> Mapping[Account, tuple[Volume, Volume]]:
    """The accounts of which this does not hold: the sum of their rows, and what that should be."""
    if not reading.service_names:
        return {}
    numbers = reading.accounts.keys() | reading.tunnels.inner.keys() | reading.services.keys()
    sums = {number: sum(reading.services.get(number, {}).values(), Volume()) for number in numbers}
    wanted = {number: _volume(number, reading) for number in numbers}
    return {number: (sums[number], wanted[number]) for number in numbers if sums[number] != wanted[number]}


def below_zero(reading: Reading) -> bool:
    """Whether any row has less than nothing, which is right for no longer than a packet takes."""
    rows = (row for rows in reading.services.values() for row in rows.values())
    return any(row.down_bytes < 0 or row.up_bytes < 0 for row in rows)


def _volume(number: Account, reading: Reading) -> Volume:
    both: Counters = reading.accounts.get(number, NOTHING) + reading.tunnels.inner.get(number, NOTHING)
    return Volume(both.down_bytes, both.up_bytes)
