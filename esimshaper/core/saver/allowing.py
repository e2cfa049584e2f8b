# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that people allow by hand for a time: the ones of before -> those of now. Pure."""

from collections.abc import Iterable

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.withholding import MOST_ALLOWED, AllowedName
from esimshaper.core.saver.name_lists import host_name

Allowed = tuple[AllowedName, ...]


def holding(allowed: Iterable[AllowedName], now: float) -> Allowed:
    """Those that are not over yet."""
    return tuple(each for each in allowed if each.until > now)


def allow(allowed: Iterable[AllowedName], written: str, seconds: int | None, now: float) -> Allowed:
    """With one more for so many seconds; None takes it back. Raises Unusable."""
    try:
        name = host_name(written)
    except ValueError as error:
        raise Unusable(str(error), "For example `esimshaper allow-name login.example.com --for 1h`.") from None
    before = holding(allowed, now)
    others = tuple(each for each in before if each.name != name)
    if seconds is None:
        if others == before:
            raise Unusable(f"{name} is not allowed by hand", "`esimshaper allow-name` shows what is.")
        return others
    if len(others) >= MOST_ALLOWED:
        raise Unusable(f"{MOST_ALLOWED} names are allowed already", "`esimshaper allow-name` shows them.")
    return (*others, AllowedName(name, int(now) + seconds))
