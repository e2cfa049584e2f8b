# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan of /v1/plan -> how much is left of it, until when and for how much, in sentences. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from esimshaper.core.model.money import format_money
from esimshaper.languages import moments
from esimshaper.web.screen import Context
from esimshaper.web.states import Now, fraction
from esimshaper.web.words import Document, Words

_WEEK = 7  # days


def plan_card(words: Words, plan: Document, now: Now) -> Context:
    """What stands of a plan at the top of a screen."""
    left = plan["left_bytes"]
    whole = (left or 0) + plan["used_bytes"]
    return {
        "name": plan["name"],
        "left": words.gettext("Unlimited") if left is None else words.size(max(0, left)),
        "caption": "" if left is None else words.gettext("left of the plan %(name)s", name=plan["name"]),
        "part": None if left is None else fraction(left, whole),
        "low": left is not None and left * 10 < whole,
        "sentences": list(_sentences(words, plan, now)),
    }


def _sentences(words: Words, plan: Document, now: Now) -> Iterator[str]:
    yield words.gettext("%(size)s are used.", size=words.size(plan["used_bytes"]))
    yield ends(words, plan, now)
    if plan["rate"] == "stop":
        yield words.gettext("The carrier lets nothing pass now.")
    elif plan["rate"] != "full":
        yield words.gettext("The carrier has slowed it down to %(rate)s.", rate=words.rate(plan["rate"]))
    if plan["today"] and plan["today"]["safe_bytes"]:
        yield words.gettext(
            "Today %(size)s more can be used, and as much is left for each day to come.",
            size=words.size(plan["today"]["safe_bytes"]),
        )
    if plan["currency"]:
        yield words.gettext("It has cost %(money)s so far.", money=format_money(plan["cost"], plan["currency"]))


def ends(words: Words, plan: Document, now: Now) -> str:
    """`It ends on Thursday.`: the day that is its last one, where it ends at midnight."""
    _ = words.gettext
    if not plan["begun"]:
        return _("It begins with the first byte.")
    if not plan["ends"]:
        return _("It has no end.")
    there, here = datetime.fromisoformat(plan["ends"]), datetime.fromisoformat(now.time)
    last = there - timedelta(microseconds=1)
    if plan["is_over"] or there < here:
        return _("It ended on %(day)s.", day=moments.day(last, words.language))
    days = (last.date() - here.date()).days
    named = (_("It ends tonight."), _("It ends tomorrow."))
    if days < len(named):
        return named[days]
    if days < _WEEK:
        day = moments.long_weekday(last, words.language)
        return _("It renews itself after %(day)s.", day=day) if plan["renews"] else _("It ends on %(day)s.", day=day)
    places = {"day": moments.day(last, words.language), "n": days}
    if plan["renews"]:
        return _("It renews itself after %(day)s, in %(n)s days.", **places)
    return _("It ends on %(day)s, in %(n)s days.", **places)
