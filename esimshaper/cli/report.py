# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `report`: what was used, by whom, what for, by which way and when; for people and programs."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import sys
from pathlib import Path
from typing import Any

from esimshaper.cli.base import (
    DONE,
    Verbs,
    add_client,
    add_socket,
    add_verb,
    command,
    fetch,
    progress,
    show_document,
    whose,
)
from esimshaper.cli.parser import reject
from esimshaper.cli.past import SINCE, add_ways, ways
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.history import Grouping
from esimshaper.languages.texts import _, spoken

_HOURS_UP_TO, _DAYS_UP_TO = 3 * 86400, 124 * 86400
"""Of a chart over time: so many seconds in hours, or in days; what is longer is in months."""


def add_verb_report(verbs: Verbs) -> None:
    """`report`."""
    report = add_verb(
        verbs,
        "report",
        _report,
        "adds up what was used: by whom, what for, by which way to the Internet, with which plan, when",
        "esimshaper report --since 2026-11-01 --html november.html",
    )
    add_client(report)
    report.add_argument("--by", choices=[each.value for each in Grouping], help="default: the most of each")
    report.add_argument("--since", metavar="WHEN", help=f"{SINCE} (default: the last 30 days)")
    report.add_argument("--until", metavar="WHEN", help="only what was used before then, written as for --since")
    add_ways(report)
    form = report.add_mutually_exclusive_group()
    form.add_argument("--html", type=Path, metavar="FILE", help="write a page that any browser shows and prints")
    form.add_argument("--mail", action="store_true", help="send the last seven days by mail, now")
    form.add_argument("--csv", action="store_true", help="print CSV, with bytes as whole numbers")
    form.add_argument("--json", action="store_true", help="print JSON, with bytes as whole numbers")
    add_socket(report)


def _report(options: argparse.Namespace) -> int:
    language = spoken()
    if options.mail:
        return _mail(options)
    if options.html:
        if options.by:
            reject(options, "--html has all of them; --by goes with a table, --csv and --json")
        return _write_html(options, language)
    if options.csv:
        from esimshaper.views.report_csv import csv_lines

        sys.stdout.writelines(csv_lines(_asked(options, options.by or "client")))
        return DONE
    if options.by or options.json:
        document = _asked(options, options.by or "client")
        return show_document(options, "report", "report_page", document, paged=True, language=language)
    from esimshaper.views.page import show
    from esimshaper.views.report import overview_page

    show(overview_page(_overview(options), language), paged=True)
    return DONE


def _mail(options: argparse.Namespace) -> int:
    if options.by or options.since or options.until or whose(options) or ways(options):
        reject(options, _("--mail is of all of the last seven days; the others go with a table, --html and --csv"))
    command(options, "/v1/notify/report", {})
    print(_("the last seven days go out by mail; `esimshaper notify` says whether it was sent"))
    return DONE


def _asked(options: argparse.Namespace, by: str) -> dict[str, Any]:
    wanted = {"since": options.since, "until": options.until}
    params = {"by": by, **{name: value for name, value in wanted.items() if value}, **ways(options), **whose(options)}
    return fetch(options, "/v1/report", params)


def _overview(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The documents of an overview, the one over time first; those with nothing to tell are left out."""
    with progress("report") as say:
        say("client")
        clients = _asked(options, "client")
        found = {_over_time(clients): _asked(options, _over_time(clients)), "client": clients}
        for by in ("service", "category", "uplink", "plan", "trip"):
            say(by)
            document = _asked(options, by)
            if by in ("service", "category") or len(document["rows"]) > 1 or any(row[by] for row in document["rows"]):
                found[by] = document
    return found


def _over_time(document: dict[str, Any]) -> str:
    seconds = document["until_unix"] - document["since_unix"]
    return "hour" if seconds <= _HOURS_UP_TO else "day" if seconds <= _DAYS_UP_TO else "month"


def _write_html(options: argparse.Namespace, language: str) -> int:
    from esimshaper.views.report_html import html_page

    found = _overview(options)
    if (found["client"]["until_unix"] - found["client"]["since_unix"]) <= _DAYS_UP_TO and "hour" not in found:
        found["hour"] = _asked(options, "hour")
    text = html_page(found, language)
    try:
        options.html.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{options.html}: {error.strerror}") from None
    print(_("{file} is written; a browser shows and prints it", file=options.html))
    return DONE
