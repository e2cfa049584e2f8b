# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of imports: totals of months as people read them off a phone: `month,client,used`, as in
`2026-10,02:00:00:00:00:10,3.4GB`. Phones do not say what of it was up, so all of it is down, and estimated.
"""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.transfer import Transferred
from esimshaper.core.model.typed import typed_size
from esimshaper.core.model.units import parse_size
from esimshaper.edge.imports.lines import Context, Lines

SOURCE = "typed"
_NEEDED = ("month", "used")
_COLUMNS = (*_NEEDED, "client", "uplink")
MOST_ROWS = 100_000


def read(lines: Lines, context: Context) -> Iterator[Transferred]:
    """A row for each line."""
    seen: set[tuple[int, str, str]] = set()
    for row in lines.table(_NEEDED, _COLUMNS):
        try:
            month = parse_month(row["month"], context.zone)
        except ValueError as error:
            lines.refuse("month", str(error), "write it as 2026-10")
        try:
            size = parse_size(typed_size(row["used"].strip()))
        except ValueError as error:
            lines.refuse("used", str(error), "write it as 3.4GB")
        written = row.get("client", "").strip()
        client = lines.client("client", written) if written else context.client
        uplink = lines.label("uplink", row.get("uplink", "").strip()) or context.uplink
        start = lines.start("month", month.timestamp(), context)
        if (start, client, uplink) in seen:
            lines.refuse("month", "this month of this client is there twice", "keep one of the two, or add them up")
        if len(seen) >= MOST_ROWS:
            lines.refuse("", f"there are more than {MOST_ROWS:,} lines", "is it the right file?")
        seen.add((start, client, uplink))
        yield total_of(start, size, client, uplink, context.source)


def total_of(start: int, size: int, client: ClientKey, uplink: str, source: str) -> Transferred:
    """The row of a month that begins at `start`."""
    return Transferred(Resolution.MONTH, start, client, uplink, source or SOURCE, "", size, 0, estimated=True)


def parse_month(text: str, zone: tzinfo) -> datetime:
    """The beginning of a month such as 2026-10. Raises ValueError."""
    try:
        there = datetime.strptime(text.strip(), "%Y-%m")  # noqa: DTZ007 - its zone follows
    except ValueError:
        raise ValueError(f"`{text.strip()[:40]}` is not a month such as 2026-10") from None
    return there.replace(tzinfo=zone)
