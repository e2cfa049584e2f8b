# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of devices that are new: how much they may move at once, and what follows. Pure: values only."""

from collections.abc import Mapping
from typing import NamedTuple

from esimshaper.core.model.identity import ClientKey


class Probation(NamedTuple):
    """A device that was never seen may move so many `bytes`; past them it is held to `rate`, in bit/s, or (0) blocked.

    young: what each device that is new has left, and until when it is new.
    """

    bytes: int
    rate: int
    young: Mapping[ClientKey, tuple[int, int]]


class Probations(NamedTuple):
    """For policies: bytes of a stranger and the rate past them, as in Probation.

    ends: of each device that is new the count of its budget at which they end, and until when that holds.
    """

    bytes: int
    rate: int
    ends: Mapping[ClientKey, tuple[int, int]]
