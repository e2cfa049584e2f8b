# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of a report -> CSV for a spreadsheet. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping

from esimshaper.views.words import Document

_FIRST: Mapping[str, tuple[str, ...]] = {
    "client": ("client", "key", "mac", "hostname", "group"),
    "group": ("group",),
    "service": ("service", "category"),
    "category": ("category",),
    "uplink": ("uplink",),
    "plan": ("plan",),
    "trip": ("trip", "from", "to", "budget_bytes", "left_bytes", "spent"),
    **dict.fromkeys(("hour", "day", "month"), ("start", "start_unix", "estimated")),
}
_SIZES = ("down_bytes", "up_bytes", "total_bytes")


def csv_lines(document: Document) -> Iterator[str]:
    """The header, then a line for each row."""
    columns = (*_FIRST[document["by"]], *_SIZES)
    yield _line(columns)
    for row in document["rows"]:
        yield _line(["" if row[name] is None else _cell(row[name]) for name in columns])


def _cell(value: object) -> str:
    """A device names itself, and a spreadsheet would calculate what begins like a formula."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):  # amounts by currency
        return " ".join(f"{amount} {currency}" for currency, amount in value.items())
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: list[str] | tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
