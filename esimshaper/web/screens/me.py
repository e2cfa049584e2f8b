# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device sees of itself without a login: Me, and About. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from esimshaper.web import plots
from esimshaper.web.devices import low_data
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.states import Now, fraction, left_of, limit_name, state, used_of
from esimshaper.web.words import Document, Words

ASKED_FOR = (100_000_000, 300_000_000, 1_000_000_000)
"""What one tap asks for, and what one tap grants."""
_SERVICES = 6


def build(documents: Documents, visit: Visit, words: Words) -> Context:
    """The screen Me."""
    me = documents["/v1/me"]
    now, known = Now.of(me), me["client"] is not None
    said = state(words, me["state"], now)
    first = _tightest(words, me, now) if known else None
    others = [_limit(words, quota, now) for quota in me["quotas"] if not first or quota["name"] != first["quota"]]
    hours = _hours(words, me)
    services = _services(words, me["services"])
    asked = _asked(words, me["asked"], now)
    return {
        "name": me["name"] or "",
        "known": known,
        "state": said,
        "first": first,
        "others": others,
        "hours": hours,
        "services": services,
        "asked": asked,
        "amounts": [(size, words.size(size)) for size in ASKED_FOR],
        "low_data": low_data(words, visit.agent),
        "live": _live(words, me, first, others),
        "meters": {"left": first["part"]} if first else {},
        "shape": [
            *(said, visit.said, asked, first and (first["quota"], first["caption"])),
            *([each["name"] for each in others], hours["described"], [each["name"] for each in services]),
        ],
    }


def build_about(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen About: what is recorded about the one who asks."""
    me = documents["/v1/me"]
    return {"recorded": [_recorded(words, each) for each in me["recorded"]], "known": me["client"] is not None}


def _live(words: Words, me: Document, first: Context | None, others: Sequence[Context]) -> dict[str, str]:
    now = me["now"]["down_bits_per_second"] + me["now"]["up_bits_per_second"]
    live = {"now": words.rate(now), "today": words.size(me["today"]["total_bytes"])}
    live["month"] = words.size(me["month"]["total_bytes"])
    if first:
        live |= {"left": first["left"], "used": first["used"]}
    return live | {f"limit-{at}": each["used"] for at, each in enumerate(others)}


def _tightest(words: Words, me: Document, now: Now) -> Context | None:
    """The limit, or the shared plan, of which the least is left; None where nothing is limited."""
    limits = [each for each in me["quotas"] if each["action"] != "notify" and not each.get("resting")]
    plan = me["plan"]
    least = min(limits, key=lambda each: each["left_bytes"], default=None)
    if plan and plan["left_bytes"] is not None and (least is None or plan["left_bytes"] < least["left_bytes"]):
        return _plan(words, plan, now)
    return _limit(words, least, now) if least else None


def _limit(words: Words, quota: Document, now: Now) -> Context:
    left = max(0, quota["left_bytes"])
    return {
        "quota": quota["name"],
        "name": limit_name(words, quota),
        "left": words.size(left),
        "caption": left_of(words, quota, now),
        "used": used_of(words, quota, now),
        "part": fraction(left, quota["limit_bytes"]),
        "low": left * 10 < quota["limit_bytes"],
    }


def _plan(words: Words, plan: Document, now: Now) -> Context:
    limit, left = plan["limit_bytes"] or 0, max(0, plan["left_bytes"])
    until = words.until(plan["ends"], now.time, now.city) if plan["ends"] else ""
    caption = words.gettext("left of the plan %(name)s, which all share", name=plan["name"])
    return {
        "quota": "",
        "name": caption,
        "left": words.size(left),
        "caption": caption,
        "used": words.gettext("The plan runs until %(until)s.", until=until) if until else "",
        "part": fraction(left, limit),
        "low": left * 10 < limit,
    }


def _hours(words: Words, me: Document) -> dict[str, Any]:
    """The last 24 hours: a plot, the same in a sentence, and some hours to stand below it."""
    sizes = [hour["total_bytes"] for hour in me["hours"]]
    starts = [datetime.fromisoformat(hour["start"]) for hour in me["hours"]]
    bars = [plots.Bar(size, f"{start:%H:%M}: {words.size(size)}") for start, size in zip(starts, sizes, strict=True)]
    described = words.gettext("Nothing was used in the last 24 hours.")
    if any(sizes):
        most = sizes.index(max(sizes))
        places = {"size": words.size(sizes[most]), "hour": f"{starts[most]:%H:%M}", "sum": words.size(sum(sizes))}
        described = words.gettext("%(sum)s in 24 hours; most in the hour from %(hour)s: %(size)s.", **places)
    return {
        "plot": plots.columns(bars, described) if any(sizes) else "",
        "described": described,
        "labels": [f"{start:%H:%M}" for start in starts[::6]],
    }


def _services(words: Words, services: Sequence[Document]) -> list[Context]:
    used = [each for each in services if each["total_bytes"]]
    largest = max((each["total_bytes"] for each in used), default=0)
    return [
        {
            "name": words.service(each),
            "size": words.size(each["total_bytes"]),
            "part": fraction(each["total_bytes"], largest),
        }
        for each in used[:_SERVICES]
    ]


def _asked(words: Words, asked: Document | None, now: Now) -> Context | None:
    """What this device has asked for, and the answer, as a sentence; `open` while there is none."""
    if not asked:
        return None
    size = words.size(asked["bytes"])
    at = words.at(datetime.fromisoformat(asked["at"]), datetime.fromisoformat(now.time))
    answer = asked["answer"]
    if answer is None:
        sentence = words.gettext("You asked for %(size)s at %(time)s. The owner sees it now.", size=size, time=at)
        return {"open": True, "given": False, "sentence": sentence}
    if not answer["bytes"]:
        sentence = words.gettext("The owner has read that you asked for %(size)s, and gives nothing now.", size=size)
        return {"open": False, "given": False, "sentence": sentence}
    given = words.size(answer["bytes"])
    return {"open": False, "given": True, "sentence": words.gettext("The owner gave you %(size)s.", size=given)}


def _recorded(words: Words, each: Document) -> tuple[str, str]:
    _ = words.gettext
    what = {
        "names": _("The name that your device gives itself, and the address of its network card"),
        "address": _("Its addresses in this network"),
        "hours": _("How many bytes it used in each hour"),
        "days": _("How many bytes it used on each day"),
        "months": _("How many bytes it used in each month"),
        "services": _("For which services, such as video or messages, these bytes were"),
        "flows": _("With which servers it talks: only while that lasts"),
        "events": _("When it reached a limit, asked for more, or was stopped"),
    }
    seconds = each["seconds"]
    kept = _("until the owner deletes it") if seconds is None else _("for %(time)s", time=words.length(seconds))
    return what.get(each["what"], str(each["what"])), kept
