# SPDX-License-Identifier: GPL-2.0-or-later
"""What an owner takes along from the page: tables as CSV, and the report that is shown and printed elsewhere. Pure."""

from collections.abc import Callable

from esimshaper.languages.texts import speaking
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.words import Words

TABLES = {
    "day": "/v1/report?by=day",
    "hour": "/v1/report?by=hour",
    "month": "/v1/report?by=month&since=365d",
    "trip": "/v1/report?by=trip&since=365d",
}
REPORT = {by: f"/v1/report?by={by}" for by in ("day", "client", "service", "uplink", "trip", "hour")}


def table(by: str) -> Callable[[Documents, Visit, Words], Context]:
    """The CSV of a history; hours and days are those of the last 30 days."""

    def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
        from esimshaper.views.report_csv import csv_lines  # noqa: PLC0415  2 MiB, which few need

        return {"text": "".join(csv_lines(documents[TABLES[by]]))}

    return build


def build_report(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The HTML of `esimshaper report`, of the last 30 days."""
    from esimshaper.views.report_html import html_page  # noqa: PLC0415  the same

    found = {by: documents[need] for by, need in REPORT.items()}
    told = {
        by: each for by, each in found.items() if by not in ("uplink", "trip") or any(row[by] for row in each["rows"])
    }
    with speaking(visit.language):
        return {"text": html_page(told, visit.language)}
