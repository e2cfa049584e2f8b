# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of imports: `nlbw -c csv` and `nlbw -c json` of nlbwmon: totals of one of its periods, by MAC.

The files do not say which period it is, so a person does. All protocols and addresses of a MAC are added up. rx is a
download.
"""

from collections.abc import Iterable, Iterator, Mapping

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import UNATTRIBUTED, ClientKey
from esimshaper.core.model.transfer import Transferred
from esimshaper.edge.imports.lines import Context, Lines

SOURCE = "nlbwmon"
_NEEDED = ("mac", "rx_bytes", "tx_bytes")
_COLUMNS = (*_NEEDED, "family", "proto", "port", "ip", "conns", "rx_pkts", "tx_pkts", "layer7", "host")
_COUNTS = ("rx_bytes", "tx_bytes", "rx_pkts", "tx_pkts")
_NO_MAC = "00:00:00:00:00:00"
MOST_CLIENTS = 65_536


def read_csv(lines: Lines, context: Context) -> Iterator[Transferred]:
    """A row for each MAC."""
    return _rows(lines, lines.table(_NEEDED, _COLUMNS), context)


def read_json(lines: Lines, context: Context) -> Iterator[Transferred]:
    """A row for each MAC."""
    return _rows(lines, _entries(lines), context)


def _entries(lines: Lines) -> Iterator[Mapping[str, object]]:
    document = lines.document()
    if not isinstance(document, dict):
        lines.refuse("", "this is not an object", "export it once more: nlbw -c json -g mac")
    columns = document.get("columns")
    if not isinstance(columns, list) or any(name not in columns for name in _NEEDED):
        needed = ", ".join(_NEEDED)
        lines.refuse("columns", f"they have not all of {needed}", "export it by MAC: nlbw -c json -g mac")
    entries = document.get("data")
    if not isinstance(entries, list):
        lines.refuse("data", "it is not a list", "export it once more: nlbw -c json -g mac")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, list) or len(entry) != len(columns):
            lines.refuse(f"data {number}", f"it has not {len(columns)} values", "export it once more: nlbw -c json")
        yield dict(zip(columns, entry, strict=True))


def _rows(lines: Lines, entries: Iterable[Mapping[str, object]], context: Context) -> Iterator[Transferred]:
    if context.month is None:
        lines.refuse("", "nlbwmon does not write which month this is", "say it: --month 2026-10")
    sums: dict[ClientKey, list[int]] = {}
    for entry in entries:
        mac = str(entry["mac"]).strip().lower()
        client = UNATTRIBUTED if mac == _NO_MAC else lines.client("mac", mac)
        if client not in sums and len(sums) >= MOST_CLIENTS:
            lines.refuse("mac", f"there are more than {MOST_CLIENTS}", "is it the right file?")
        known = sums.setdefault(client, [0, 0, 0, 0])
        for at, name in enumerate(_COUNTS):
            known[at] += lines.count(name, entry.get(name, 0))
    start = lines.start("month", context.month.timestamp(), context)
    source = context.source or SOURCE
    for client, (down, up, downs, ups) in sums.items():
        yield Transferred(Resolution.MONTH, start, client, context.uplink, source, "", down, up, downs, ups, True)  # noqa: FBT003
