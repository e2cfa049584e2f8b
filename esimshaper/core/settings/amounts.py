# SPDX-License-Identifier: GPL-2.0-or-later
"""Amounts of data and rates in the configuration -> bytes and bit/s within their bounds. Pure."""

from esimshaper.core.model.units import MAX_BYTES, parse_rate, parse_size
from esimshaper.core.settings.block import Block

_RATES = range(8_000, 10 * 1000**3 + 1)


def rate_from(block: Block, key: str) -> int | None:
    """The rate at `key`, in bit/s."""
    return block.parse(key, parse_rate_within, "Write it as 256kbit or 40mbit; the units are bits per second.")


def parse_rate_within(text: str) -> int:
    """The rate that `text` says, in bit/s. Raises ValueError, also for a rate that no link has."""
    rate = parse_rate(text)
    if rate not in _RATES:
        raise ValueError(f"`{text}` is not between 8kbit and 10gbit")
    return rate


def size_from(block: Block, key: str, least: int) -> int | None:
    """The amount of data at `key`, in bytes: from `least` to MAX_BYTES."""
    size = block.parse(key, parse_size, "Write whole bytes, for example 500MB or 1.5GB.")
    if size is not None and not least <= size <= MAX_BYTES:
        message = f"`{block.get(key)}` is not between {least}B and {MAX_BYTES // 1000**4}TB"
        block.refuse(key, message, "Check the number and its unit.")
        return None
    return size
