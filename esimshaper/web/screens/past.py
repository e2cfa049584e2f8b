# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's screens of what was used when, and what for: History in four steps, Services. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from esimshaper.languages import moments
from esimshaper.web import parts
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.states import fraction
from esimshaper.web.words import Document, Words

NEEDS = {
    "hour": "/v1/history?by=hour&limit=48",
    "day": "/v1/history?by=day&limit=31",
    "month": "/v1/history?by=month&limit=12",
    "trip": "/v1/report?by=trip&since=365d",
}
PATHS = {"day": "/history", "hour": "/history/hours", "month": "/history/months", "trip": "/history/trips"}
SERVICE_NEEDS = {
    "today": "/v1/services?since=today",
    "week": "/v1/services?since=7d",
    "month": "/v1/services?since=month",
}
SERVICE_PATHS = {"today": "/services", "week": "/services/week", "month": "/services/month"}
_MOST_SERVICES = 24
_MOST_NAMES = 2


def history(by: str) -> Callable[[Documents, Visit, Words], Context]:
    """The screen of one step: hour, day or month."""

    def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
        document = documents[NEEDS[by]]
        points = parts.points_of(document["rows"], by, document["time"])
        return {
            "by": by,
            "file": f"{PATHS[by]}.csv",
            "steps": _steps(words),
            "time": parts.over_time(words, points, by),
            "rows": [(_row_name(words, point.start, by), words.size(point.size)) for point in reversed(points)],
        }

    return build


def build_trips(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen of trips."""
    rows = documents[NEEDS["trip"]]["rows"]
    trips = [_trip(words, each) for each in rows]
    return {"by": "trip", "file": f"{PATHS['trip']}.csv", "steps": _steps(words), "time": None, "rows": trips}


def services(time: str) -> Callable[[Documents, Visit, Words], Context]:
    """The screen Services: what the bytes of today, of 7 days or of this month were for, and by whom."""

    def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
        document = documents[SERVICE_NEEDS[time]]
        entries = [each for each in document["services"] if each["total_bytes"]][:_MOST_SERVICES]
        largest = max((each["total_bytes"] for each in entries), default=0)
        return {
            "counted": document["counted"],
            "time": time,
            "times": _times(words),
            "services": [_service(words, each, largest) for each in entries],
        }

    return build


def _times(words: Words) -> list[tuple[str, str, str]]:
    _ = words.gettext
    names = {"today": _("Today"), "week": _("7 days"), "month": _("This month")}
    return [(time, SERVICE_PATHS[time], name) for time, name in names.items()]


def _service(words: Words, entry: Document, largest: int) -> Context:
    return {
        "name": words.service(entry),
        "size": words.size(entry["total_bytes"]),
        "part": fraction(entry["total_bytes"], largest),
        "by": _mostly(words, entry["clients"]),
    }


def _mostly(words: Words, clients: Sequence[Document]) -> list[tuple[str, str]]:
    used = sorted((each for each in clients if each["total_bytes"]), key=lambda each: -int(each["total_bytes"]))
    return [(words.client(each), words.size(each["total_bytes"])) for each in used[:_MOST_NAMES]]


def _steps(words: Words) -> list[tuple[str, str, str]]:
    _ = words.gettext
    names = {"day": _("Days"), "hour": _("Hours"), "month": _("Months"), "trip": _("Trips")}
    return [(by, PATHS[by], name) for by, name in names.items()]


def _row_name(words: Words, start: datetime, by: str) -> str:
    if by == "hour":
        return words.gettext(
            "%(day)s %(time)s", day=moments.day(start, words.language), time=parts.called(words, start, by)
        )
    return parts.called(words, start, by)


def _trip(words: Words, row: Document) -> tuple[str, str]:
    start, end = (datetime.fromisoformat(row[name]) for name in ("from", "to"))
    last = end - timedelta(microseconds=1)
    places = {
        "name": row["trip"],
        "first": moments.day(start, words.language),
        "last": moments.day(last, words.language),
    }
    return words.gettext("%(name)s, %(first)s to %(last)s", **places), words.size(row["total_bytes"])
