# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the box's interfaces is the uplink now, where `wan.interface` is the beginning of a name and `*`. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from esimshaper.core.settings.values import Settings


def with_uplink(settings: Settings, present: Sequence[str]) -> Settings:
    """`settings` with the first of `present` as uplink; `present` are the interfaces that fit its pattern, best first.

    The same object if the uplink stays as it is, so also for an uplink without a pattern.
    """
    wan = settings.wan
    if not wan.pattern:
        return settings
    found = replace(wan, interface=present[0] if present else wan.interface, others=tuple(sorted(present[1:])))
    return settings if found == wan else replace(settings, wan=found)


def fits(name: str, written: str) -> bool:
    """Whether the interface `name` is meant by `written`: a whole name, or the beginning of names and `*`."""
    return name.startswith(written[:-1]) if written.endswith("*") else name == written
