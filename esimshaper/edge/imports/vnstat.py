# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of imports: `vnstat --json` of vnStat 2: five minutes, hours, days and months of each interface.

vnStat knows no clients: its bytes are those of nobody in particular, unless the person names one. rx is a download.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.transfer import Transferred
from esimshaper.edge.imports.lines import Context, Lines

SOURCE = "vnstat"
_PARTS: Mapping[str, Resolution] = {
    "fiveminute": Resolution.FIVE_MINUTES,
    "hour": Resolution.HOUR,
    "day": Resolution.DAY,
    "month": Resolution.MONTH,
}


def read(lines: Lines, context: Context) -> Iterator[Transferred]:
    """The rows of all interfaces."""
    document = lines.document()
    if not isinstance(document, dict) or str(document.get("jsonversion")) != "2":
        lines.refuse("", "this is not JSON of vnStat 2", "vnStat 2 writes it: vnstat --json")
    seen: set[tuple[str, Resolution, int]] = set()
    for interface in _list(lines, document, "interfaces"):
        name = lines.label("name", interface.get("name"))
        traffic = interface.get("traffic")
        if not isinstance(traffic, dict):
            lines.refuse(name, "there is no `traffic`", "export it once more: vnstat --json")
        for key, resolution in _PARTS.items():
            for entry in _list(lines, traffic, key):
                row = _row(lines, name, resolution, entry, context)
                place = name, resolution, row.start
                if place in seen:
                    lines.refuse(f"{name}.{key}", "the same time is there twice", "keep one of the two")
                seen.add(place)
                yield row


def _row(lines: Lines, name: str, resolution: Resolution, entry: Mapping[str, Any], context: Context) -> Transferred:
    return Transferred(
        resolution,
        lines.start(f"{name}.{resolution.value}", _moment(lines, entry, context), context),
        context.client,
        context.uplink or name,
        context.source or SOURCE,
        "",
        lines.count("rx", entry.get("rx")),
        lines.count("tx", entry.get("tx")),
    )


def _moment(lines: Lines, entry: Mapping[str, Any], context: Context) -> float:
    """Its `timestamp`, which newer versions write; else its date in the zone of the box."""
    stamp = entry.get("timestamp")
    if type(stamp) is int:
        return stamp
    date, time = entry.get("date", {}), entry.get("time", {})
    try:
        day = datetime(int(date["year"]), int(date["month"]), int(date.get("day", 1)), tzinfo=context.zone)
        return day.replace(hour=int(time.get("hour", 0)), minute=int(time.get("minute", 0))).timestamp()
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        lines.refuse("date", "it is no date", "export it once more: vnstat --json")


def _list(lines: Lines, document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        lines.refuse(key, "it is not a list of objects", "export it once more: vnstat --json")
    return found
