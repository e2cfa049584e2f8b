# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of hosts as DNS knows them: in ASCII, those of other scripts by IDNA (RFC 3490). Pure."""

_DEVIATE = frozenset("\u00df\u03c2\u200c\u200d")
"""Signs that IDNA of 2003, which Python has, and that of 2008, which browsers have, take for different names."""


def in_ascii(name: str) -> str:
    """`name` in small letters, as it is asked for. Raises ValueError where no such name can be."""
    if name.isascii():
        return name.lower()
    if not _DEVIATE.isdisjoint(name):
        raise ValueError("it stands for two names; its form xn-- for one")
    return name.encode("idna").decode().lower()
