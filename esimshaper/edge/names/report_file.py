# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the report of the process that names conversations. Reads only."""

import json
from pathlib import Path

from esimshaper.core.model.names_report import NamesReport
from esimshaper.edge.host import clock

NUMBERS = ("answers", "encrypted-dns", "resolved", "refused")
"""Of the tally, what is no conversation that has ended."""


def report(file: Path) -> NamesReport | None:
    """The last report; None where there is none. Raises OSError, or ValueError for one that cannot be read."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        age = clock.now() - file.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        tally = {str(name): int(number) for name, number in document["tally"].items()}
        seconds = float(document["seconds"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: {error!r}") from None
    conversations = {name: number for name, number in tally.items() if name not in NUMBERS}
    answers, encrypted, resolved, refused = (tally.get(name, 0) for name in NUMBERS)
    return NamesReport(seconds, max(0.0, age), answers, encrypted, conversations, resolved, refused)
