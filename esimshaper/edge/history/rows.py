# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: what the tables of all rooms have in common. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import BUILT_IN_CLIENTS
from esimshaper.edge.bpf import layouts

Values = tuple[Any, ...]
Rows = Mapping[Values, Values]
"""Rows of a table: columns of the key -> the other columns, in the order of the table."""
Tables = Mapping[str, Rows]
Fetch = Callable[[str], Iterable[Values]]
"""Gives all rows of a table; each has the columns of the key first."""
Keys = Mapping[str, tuple[str, ...]]
"""The columns of each table's key, which come first."""


def numbers(counters: Counters) -> tuple[int, int, int, int]:
    """The four columns of counters."""
    return counters.down_bytes, counters.up_bytes, counters.down_packets, counters.up_packets


def is_client(key: str) -> bool:
    """Whether a client can have this key; a bad bit on the card may have made another of it."""
    return key in BUILT_IN_CLIENTS or layouts.is_client_key(key)
