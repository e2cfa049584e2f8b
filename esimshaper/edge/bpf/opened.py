# SPDX-License-Identifier: GPL-2.0-or-later
"""The pins of one generation, opened: programs and maps by name. The caller's stack closes them."""

import contextlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from esimshaper.edge.bpf import layouts, libbpf


def opened_programs(opened: contextlib.ExitStack, programs: Path | None) -> dict[str, int]:
    """Those of a folder, by name; `opened` closes them."""
    found = {}
    for pin in programs.iterdir() if programs else ():
        found[pin.name] = libbpf.open_pin(pin)
        opened.callback(os.close, found[pin.name])
    return found


def opened_maps(opened: contextlib.ExitStack, generation: Path, programs: Collection[str]) -> dict[str, libbpf.Map]:
    """By name; `opened` closes them.

    Without programs, a map that an earlier version had not, or otherwise, is left out if a reading needs it not.
    """
    maps, may_miss = {}, set() if "name_flows" in programs else set(layouts.OF_SERVICES)
    for maps_of in (layouts.OF_UPLINKS, layouts.OF_SCOPES):
        if not (generation / maps_of[0]).exists():
            may_miss.update(maps_of)
    if not programs:
        may_miss.update(layouts.NEWER)
    for name, (key, value) in layouts.LAYOUTS.items():
        try:
            maps[name] = libbpf.Map(generation / name, key.size, value.size)
        except (OSError, ValueError):
            if name not in may_miss:
                raise
        else:
            opened.callback(maps[name].close)
    return maps


def numbers_of_scopes(maps: Mapping[str, libbpf.Map]) -> dict[str, int]:
    """By the key of each scope that has a tree of accounts."""
    if "scope_names" not in maps:
        return {}
    names = ((key, maps["scope_names"].lookup(key) or bytes(4)) for key in list(maps["scope_names"].keys()))
    return {key.rstrip(b"\0").decode(): int(layouts.NUMBER.unpack(number)[0]) for key, number in names}
