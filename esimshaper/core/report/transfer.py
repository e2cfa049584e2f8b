# SPDX-License-Identifier: GPL-2.0-or-later
"""A page of an export -> its document. Pure. The frame is as in documents.py.

export   {"columns": [name], "rows": [[value]], with `start` in Unix seconds, "zone": of days and months,
          "next": where the next page begins, null at the end}
"""

from esimshaper.core.model.transfer import COLUMNS, Page
from esimshaper.core.report.frame import DaemonFacts, Document, new_document


def page_document(facts: DaemonFacts, page: Page, since: int, until: int) -> Document:
    """See the module's docstring; `next` has `since` and `until` in it, so that all pages have the same."""
    place = page.following
    return new_document(facts.now) | {
        "columns": list(COLUMNS),
        "rows": [[row.resolution.value, *row[1:]] for row in page.rows],
        "zone": str(facts.now.tzinfo),
        "next": f"{place.number},{place.start},{since},{until}" if place else None,
    }
