# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device sees of itself without a login: Me, and About. Pure."""

from collections.abc import Sequence
from datetime import datetime

from esimshaper.web import held, parts
from esimshaper.web.devices import low_data
from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.screens import alarms, approvals, saver
from esimshaper.web.states import Now, Said, fraction, state
from esimshaper.web.words import Document, Words

_SERVICES, _MOST_HELD = 6, 12
_UNKNOWN: Document = {"level": "unknown", "cause": "", "until": None}


def build(documents: Documents, visit: Visit, words: Words) -> Context:
    """The screen Me."""
    me = documents["/v1/me"]
    if me["client"] is None:
        return {
            "known": False,
            "name": "",
            "state": state(words, _UNKNOWN, Now.of(me)),
            "carrier": "",
            "shape": [],
            "first": None,
        }
    now = Now.of(me)
    said, first = state(words, me["state"], now), _tightest(words, me, now)
    others = [parts.limit(words, each, now) for each in me["quotas"] if not first or each["name"] != first["quota"]]
    services = parts.services(words, me["services"] or (), _SERVICES)
    noticed = [alarms.of_device(words, each, now) for each in me["alarms"]]
    waiting = [approvals.of_device(words, each, now) for each in me["held"]]
    held_back = [held.of_device(words, each, now) for each in me["held_back"]]
    paced = [saver.of_device(words, each) for each in me["saver"]]
    if said.level == "ok" and (waiting or held_back):
        below = words.gettext("Some services do not pass, or are slower. They stand below.")
        said = Said("slow", words.gettext("Partly held back"), below)
    asked, carrier = _asked(words, me["asked"], now), _carrier(words, me, now)
    return {
        "name": me["name"] or "",
        "known": True,
        "state": said,
        "carrier": carrier,
        "first": first,
        "others": others,
        "hours": parts.over_time(words, _hours(me), "hour"),
        "services": services,
        "alarms": noticed,
        "held": waiting,
        "held_back": held_back[:_MOST_HELD],
        "more_held": len(held_back) - _MOST_HELD,
        "saver": paced,
        "asked": asked,
        "waits": bool(asked and asked["open"]),
        "amounts": parts.amounts(words),
        "low_data": low_data(words, visit.agent),
        "live": _live(words, me, first, others),
        "meters": parts.limits_meters(others) | ({"left": first["part"]} if first else {}),
        "shape": [
            *(
                said,
                carrier,
                asked,
                first and (first["quota"], first["caption"]),
                me["hours"][-1:] and me["hours"][-1]["start"],
            ),
            *(noticed, waiting, held_back, [len(each["sentences"]) for each in paced]),
            *([each["name"] for each in others], [each["name"] for each in services]),
        ],
    }


def _hours(me: Document) -> list[parts.Point]:
    return [parts.Point(datetime.fromisoformat(hour["start"]), hour["total_bytes"]) for hour in me["hours"]]


def build_about(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """The screen About: what is recorded about the one who asks."""
    me = documents["/v1/me"]
    return {"recorded": [_recorded(words, each) for each in me.get("recorded", ())]}


def _live(words: Words, me: Document, first: Context | None, others: Sequence[Context]) -> dict[str, str]:
    now = me["now"]["down_bits_per_second"] + me["now"]["up_bits_per_second"]
    live = {"now": words.rate(now), "today": words.size(me["today"]["total_bytes"])}
    live["month"] = words.size(me["month"]["total_bytes"])
    if first:
        live |= {"left": first["left"], "used": first["used"]}
    return live | parts.limits_live(others)


def _tightest(words: Words, me: Document, now: Now) -> Context | None:
    """The limit, or the shared plan, of which the least is left; None where nothing is limited."""
    plan, least = me["plan"], parts.tightest(me["quotas"])
    if plan and plan["left_bytes"] is not None and (least is None or plan["left_bytes"] < least["left_bytes"]):
        return _plan(words, plan, now)
    return parts.limit(words, least, now) if least else None


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


def _carrier(words: Words, me: Document, now: Now) -> str:
    """What the carrier gives at the moment, if it is little: that slows all devices, whatever their limits are."""
    if me["plan"] and me["plan"]["rate"] == "stop":
        return words.gettext("The carrier lets nothing pass now.")
    carrier = me["carrier"]
    if not carrier:
        return ""
    rate = words.rate(carrier["bits_per_second"])
    if carrier["until"]:
        until = words.until(carrier["until"], now.time, now.city)
        return words.gettext(
            "The carrier gives all devices together only %(rate)s until %(until)s.", rate=rate, until=until
        )
    return words.gettext("The carrier gives all devices together only %(rate)s now.", rate=rate)


def _asked(words: Words, asked: Document | None, now: Now) -> Context | None:
    """What this device has asked for, and the answer, as a sentence; `open` while there is none."""
    if not asked:
        return None
    if asked["service"]:
        return _asked_for(words, asked, now)
    size = words.size(asked["bytes"])
    at = words.at(datetime.fromisoformat(asked["at"]), datetime.fromisoformat(now.time))
    answer = asked["answer"]
    if answer is None:
        sentence = words.gettext("You asked for %(size)s at %(time)s. The owner sees it now.", size=size, time=at)
        return {"open": True, "given": False, "service": "", "sentence": sentence}
    if not answer["bytes"]:
        sentence = words.gettext("The owner has read that you asked for %(size)s, and gives nothing now.", size=size)
        return {"open": False, "given": False, "service": "", "sentence": sentence}
    given = words.size(answer["bytes"])
    sentence = words.gettext("The owner gave you %(size)s.", size=given)
    return {"open": False, "given": True, "service": "", "sentence": sentence}


def _asked_for(words: Words, asked: Document, now: Now) -> Context:
    """The same of a service or a category."""
    places = {"service": held.name_of(words, asked["service"], asked)}
    answer, at = asked["answer"], words.at(datetime.fromisoformat(asked["at"]), datetime.fromisoformat(now.time))
    if answer is None:
        sentence = words.gettext("You asked for %(service)s at %(time)s. The owner sees it now.", time=at, **places)
    elif answer["seconds"]:
        length = words.length(answer["seconds"])
        sentence = words.gettext("The owner has let %(service)s pass for %(time)s.", time=length, **places)
    else:
        sentence = words.gettext("The owner has read that you asked for %(service)s, and says no.", **places)
    is_given = bool(answer and answer["seconds"])
    return {"open": answer is None, "given": is_given, "service": asked["service"], "sentence": sentence}


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
    if seconds is None:
        kept = _("It is kept until the owner deletes it.")
    elif seconds:
        kept = _("It is kept for %(time)s.", time=words.length(seconds))
    else:
        kept = _("It is kept while the device is here.")
    return what.get(each["what"], str(each["what"])), kept
