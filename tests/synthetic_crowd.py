# SPDX-License-Identifier: GPL-2.0-or-later
"""Many more devices, as on a campsite, with names of all kinds: for synthetic_router.py."""

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.flows import Flow
from esimshaper.core.model.identity import ClientKey, Identity

NAMES = (
    "リビングのテレビ",
    "爱丽丝的手机",
    "Kindle (Eva)",
    "",
    "Pixel-9-Pro-XL-of-a-person-with-a-very-long-name",
    "evas-böok",
    "galaxy-s24",
)


def keys(number: int) -> list[ClientKey]:
    return [ClientKey(f"02:00:00:00:01:{n:02x}") for n in range(number)]


def totals(number: int) -> dict[ClientKey, Counters]:
    return {key: Counters(n * n * 40_000, n * 90_000, n, n) for n, key in enumerate(keys(number))}


def identities(number: int) -> dict[ClientKey, Identity]:
    """The first two have a name of the configuration."""
    return {
        key: Identity(key, "客人手机" if n == 0 else "", _hostname(n), (f"192.168.9.{n}",))
        for n, key in enumerate(keys(number))
    }


def used_today(number: int) -> dict[ClientKey, int]:
    return {key: (n * n * 40_000 + n * 90_000) // 4 for n, key in enumerate(keys(number))}


def rates(number: int) -> dict[ClientKey, Counters]:
    return {key: Counters(n * 9_000, n * 700) for n, key in enumerate(keys(number)) if n % 3 == 1}


def flows(number: int, seconds: float) -> list[Flow]:
    return [
        Flow(
            key,
            6,
            f"203.0.113.{n}",
            443,
            "100.64.0.2",
            20_000 + n,
            Counters(int(n * 100_000 + n * 9_000 * seconds), n * 7_000),
            600.0 + seconds,
            0.4 + n,
            f"192.168.9.{n}",
            50_000,
        )
        for n, key in enumerate(keys(number))
    ]


def _hostname(n: int) -> str:
    name = NAMES[n % len(NAMES)]
    return f"{name}-{n}" if name and n >= len(NAMES) else name
