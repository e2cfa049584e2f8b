# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's screens of one device and of one person, who has several devices and one budget. Pure."""

from esimshaper.web import parts
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.screens.home import devices
from esimshaper.web.states import Now, of_daemon, state
from esimshaper.web.words import Document, Words

CLIENT = "/v1/clients?client={key}"
QUOTAS = "/v1/quotas?subject={key}"
HOURS = "/v1/history?client={key}&by=hour&limit=24"
DAYS = "/v1/history?client={key}&by=day&limit=31"
SERVICES = "/v1/services?client={key}"
MEMBERS = "/v1/clients?client=group%2F{name}"
BUDGETS = "/v1/quotas?subject=group%2F{name}"

_MOST_SERVICES = 8
_TIMES = (1800, 7200, 86400)
"""For how long one tap stops a device, or lifts its limits."""


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Device."""
    clients, quotas = documents[CLIENT], documents[QUOTAS]["quotas"]
    now, entry = Now.of(clients), clients["clients"][0]
    said = state(words, of_daemon(entry["state"], quotas), now)
    limits = [parts.limit(words, parts.as_of_me(each), now) for each in sorted(quotas, key=_distance)]
    days = parts.points_of(documents[DAYS]["rows"], "day", now.time)
    hours = parts.points_of(documents[HOURS]["rows"], "hour", now.time)
    rate = entry["now"]["down_bits_per_second"] + entry["now"]["up_bits_per_second"]
    return {
        "name": words.client(entry),
        "key": entry["key"],
        "called": "" if entry["client"] == entry["key"] else entry["client"],
        "addresses": entry["addresses"][:3],
        "state": said,
        "held": bool(entry["state"]["reason"] and not entry["state"]["quota"] and not entry["state"]["by_hours"]),
        "groups": [each["subject"].removeprefix("group/") for each in quotas if each["subject"].startswith("group/")][
            :1
        ],
        "limits": limits,
        "own_limit": any(each["key"] for each in quotas),
        "hours": parts.over_time(words, hours, "hour"),
        "days": parts.over_time(words, days, "day"),
        "services": parts.services(words, documents[SERVICES]["services"], _MOST_SERVICES),
        "amounts": parts.amounts(words),
        "times": _times(words),
        "live": {
            "now": words.rate(rate),
            "today": words.size(entry["today"]["total_bytes"]),
            "month": words.size(entry["month"]["total_bytes"]),
            **parts.limits_live(limits),
        },
        "meters": parts.limits_meters(limits),
        "shape": [said, [each["caption"] for each in limits], hours[-1:] and hours[-1].start.isoformat()],
    }


def build_person(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen Person: the devices of a group, and the budget that they share."""
    clients, quotas = documents[MEMBERS], documents[BUDGETS]["quotas"]
    now, name = Now.of(clients), documents[BUDGETS]["subject"].removeprefix("group/")
    limits = [parts.limit(words, parts.as_of_me(each), now) for each in quotas]
    members = devices(words, clients["clients"])
    return {
        "name": name,
        "key": f"group/{name}",
        "limits": limits,
        "own_limit": any(each["subject"].startswith("group/") for each in quotas),
        "devices": members,
        "amounts": parts.amounts(words),
        "times": _times(words),
        "live": {**parts.limits_live(limits), **{f"used-{at}": each["used"] for at, each in enumerate(members)}},
        "meters": parts.limits_meters(limits),
        "shape": [[each["caption"] for each in limits], [(each["key"], each["word"]) for each in members]],
    }


def _distance(quota: Document) -> int:
    """Its own limits first, then those of its group, then those of all."""
    return 0 if quota["key"] else 1 if quota["subject"].startswith("group/") else 2


def _times(words: Words) -> list[tuple[int, str]]:
    return [(seconds, words.length(seconds)) for seconds in _TIMES]
