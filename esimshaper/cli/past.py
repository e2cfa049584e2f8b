# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs that look back: `history` of usage, and `events`."""

import argparse

from esimshaper.cli.base import Verbs, add_client, add_json, add_socket, add_verb, fetch, from_one, show_document, whose
from esimshaper.cli.parser import reject
from esimshaper.core.model.history import Span

DEFAULT_ROWS = {"5min": 24, "hour": 24, "day": 31, "week": 12, "month": 12}
CALENDAR_DAYS = 371
"""53 weeks."""
LAST_EVENTS = 20
"""Enough for a look, and no more than a terminal of the usual height."""
SINCE = 'today, yesterday, monday, 18:00, "yesterday 12:00", 2h or 2026-11-20, in the time zone of the configuration'


ZONE = "days, hours and moments of this time zone, such as Asia/Tokyo (default: that of the configuration)"


def add_verbs(verbs: Verbs) -> None:
    """`history` and `events`."""
    history = add_verb(
        verbs,
        "history",
        _history,
        "shows the usage period by period, with a bar for each",
        "esimshaper history alice-phone --by hour",
    )
    shape = history.add_mutually_exclusive_group()
    shape.add_argument("--by", choices=[span.value for span in Span], default="day", help="default: %(default)s")
    shape.add_argument("--calendar", action="store_true", help="the last year, a square for each day")
    add_client(history)
    parts = history.add_mutually_exclusive_group()
    parts.add_argument("--each", action="store_true", help="also what each client used, most first")
    parts.add_argument("--by-service", action="store_true", help="also what the bytes were for, most first")
    history.add_argument(
        "--last", "-n", type=from_one, metavar="N", help="how many periods (default: 31 days, 12 weeks or months, 24)"
    )
    history.add_argument("--since", metavar="WHEN", help=SINCE)
    history.add_argument("--until", metavar="WHEN", help="only what began before then, written as for --since")
    add_ways(history)
    events = add_verb(
        verbs,
        "events",
        _events,
        "says what happened: limits, warnings, grants, blocks, starts and stops, changes of the uplink",
        "esimshaper events tv --since yesterday",
    )
    text = "only what concerns this device, its group or everyone: everyone, group/NAME, or the device's name or MAC"
    events.add_argument("subject", metavar="SUBJECT", nargs="?", help=text)
    events.add_argument("--since", metavar="WHEN", help=SINCE)
    events.add_argument(
        "--last", "-n", type=from_one, metavar="N", help=f"how many events (default: {LAST_EVENTS}, with --since all)"
    )
    for parser in (history, events):
        add_json(parser)
        add_socket(parser)


def add_ways(parser: argparse.ArgumentParser) -> None:
    """The options --uplink, --plan and --zone."""
    parser.add_argument("--uplink", metavar="NAME", help="only what passed this way to the Internet, by its name")
    parser.add_argument("--plan", metavar="NAME", help="only what was used while an uplink had this plan")
    parser.add_argument("--zone", metavar="ZONE", help=ZONE)


def ways(options: argparse.Namespace) -> dict[str, str]:
    """These options as parameters."""
    return {name: value for name in ("uplink", "plan", "zone") if (value := getattr(options, name))}


def _history(options: argparse.Namespace) -> int:
    if options.calendar:
        if options.each or options.by_service or options.since or options.until or options.last:
            others = "neither --each, --by-service, --since, --until nor --last goes with it"
            reject(options, f"--calendar is of a year: {others}")
        params = {"by": "day", "limit": str(CALENDAR_DAYS), **ways(options), **whose(options)}
        return show_document(options, "calendar", "calendar_page", fetch(options, "/v1/history", params))
    last = options.last or (None if options.since else DEFAULT_ROWS[options.by])
    wanted = {
        "since": options.since,
        "until": options.until,
        "limit": str(last or ""),
        "each": "yes" if options.each else "",
        "by_service": "yes" if options.by_service else "",
    }
    chosen = {name: value for name, value in wanted.items() if value}
    params = {"by": options.by, **chosen, **ways(options), **whose(options)}
    return show_document(options, "history", "history_page", fetch(options, "/v1/history", params), paged=True)


def _events(options: argparse.Namespace) -> int:
    last = options.last or (None if options.since else LAST_EVENTS)
    wanted = {"subject": options.subject, "since": options.since, "limit": str(last) if last else ""}
    params = {name: value for name, value in wanted.items() if value}
    return show_document(options, "events", "events_page", fetch(options, "/v1/events", params), paged=True)
