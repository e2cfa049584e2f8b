# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences about abnormal use, about what waits for the owner, and about the router itself. Pure."""

from collections.abc import Callable, Mapping

from esimshaper.languages.texts import _, ngettext
from esimshaper.notify.texts.telling import Order, Said, Telling


def _alarm(told: Telling) -> Said:
    if "pace" in told.data["reasons"]:
        return _pace(told)
    alone = [_("No device moved anything then.")] if "nobody-home" in told.data["reasons"] else []
    return Said(_moved(told), (*_done(told), *alone, *_where(told), *_of_day(told), _on_page()), _to_answer(told))


def _moved(told: Telling) -> str:
    """What was moved, and how much of the day that is."""
    if told.has("percent"):
        return _("{what}, {percent} of a day.", what=_what(told), percent=f"{told.number('percent')} %")
    return _("{sentence}.", sentence=_what(told))


def _what(told: Telling) -> str:
    """What was moved, in what time."""
    reasons, timed = told.data["reasons"], told.has("over")
    places = {"who": told.who(), "size": told.size("bytes"), "time": told.length("over")}
    if "nobody-home" in reasons:
        return _("{who}, alone: {size} in {time}", **places)
    if "upload" in reasons and timed:
        return _("{who}: {size} sent in {time}", **places)
    if "nameless" in reasons and timed:
        return _("{who}: {size} sent in {time}, to unknown addresses", **places)
    if "newcomer" in reasons:
        return _("{who}, new here: {size} at once", **places)
    if "trickle" in reasons and timed and "surge" not in reasons:
        return _("{who}: {size} in {time}, without a pause", **places)
    if "asleep" in reasons and timed and "surge" not in reasons:
        return _("{who}: {size} in {time} of the night", **places)
    if timed:
        return _("{who}: {size} in {time}", **places)
    return _("{who}: {size}, which is unusual", **places)


def _done(told: Telling) -> list[str]:
    """What was done about it already."""
    level, until = told.data.get("level"), told.has("until")
    if level == "blocked" and until:
        return [_("It is stopped until {moment}.", moment=told.when("until"))]
    if level == "blocked":
        return [_("It is stopped.")]
    if level == "throttled" and until:
        return [_("It is slowed down to {rate} until {moment}.", rate=told.rate(), moment=told.when("until"))]
    if level == "throttled":
        return [_("It is slowed down to {rate}.", rate=told.rate())]
    return []


def _where(told: Telling) -> list[str]:
    services = told.sizes("services", rest=False)
    return [_("Most for {services}.", services=services)] if services else []


def _of_day(told: Telling) -> list[str]:
    """What a day has, and by what."""
    if not told.number("allowance"):
        return []
    if told.data.get("allowance_of"):
        return [_("A day has {size}, by {quota}.", size=told.size("allowance"), quota=told.value("allowance_of"))]
    return [_("A day is taken to have {size}.", size=told.size("allowance"))]


def _pace(told: Telling) -> Said:
    """A limit that will not last."""
    places = {"quota": told.value("quota"), "moment": told.when("used_up")}
    brief = _("Limit {quota} will be used up: {moment}.", **places)
    if told.data.get("subject") != "everyone":
        brief = _("{who}: limit {quota} will be used up: {moment}.", who=told.who(), **places)
    more = [_("{used} of {size} are used.", used=told.size("used"), size=told.size("allowed"))]
    if told.has("fits") and told.is_within_a_day("until"):
        more.append(_("{size} are left until {moment}.", size=told.size("fits"), moment=told.when("until")))
    else:
        more += [_("{size} a day would last.", size=told.size("fits"))] if told.has("fits") else []
        more += [_("It starts anew: {moment}.", moment=told.when("until"))] if told.has("until") else []
    return Said(brief, more, (Order(_("To see who uses how much"), "esimshaper quotas"), _fine(told)))


def _more(told: Telling) -> Said:
    places = {"who": told.who(), "size": told.size("bytes"), "moment": told.when("since")}
    return Said(_("{who} goes on: {size} since {moment}.", **places), (_on_page(),), _to_answer(told))


def _ended(told: Telling) -> Said:
    places = {"who": told.who(), "size": told.size("bytes"), "moment": told.when("since")}
    brief = _("{who} is quiet again: {size} since {moment}.", **places)
    answers = {"fine": _("You said that it was fine."), "cut": _("It was stopped or slowed down.")}
    answer = answers.get(str(told.data.get("answer") or ""))
    return Said(brief, [answer] if answer else [])


def _on_page() -> str:
    return _("Answer on the router's page.")


def _to_answer(told: Telling) -> list[Order]:
    """What can be typed: nobody can stop the router or everyone, and what is stopped already needs no more."""
    subject = told.typed()
    own = subject in ("everyone", "each-client", "router", "unattributed", "others")
    if own:
        return [Order(_("To see where it goes"), "esimshaper flows"), _fine(told)]
    if told.data.get("level") == "blocked":
        return [_fine(told)]
    stop = Order(_("To stop it for an hour"), f"esimshaper block {subject} --for 1h")
    slow = Order(_("To slow it for an hour"), f"esimshaper alarms slow {told.number('alarm')}")
    return [stop, _fine(told)] if told.data.get("level") else [slow, stop, _fine(told)]


def _fine(told: Telling) -> Order:
    return Order(_("If it is fine"), f"esimshaper alarms fine {told.number('alarm')}")


def _asked(told: Telling) -> Said:
    if told.data.get("service"):
        return _asked_for(told, told.text("service"))
    brief = _("{who} asks for {size} more.", who=told.who(), size=told.size("bytes"))
    text = [_('"{text}"', text=told.text("text"))] if told.data.get("text") else []
    give = Order(_("To give it"), f"esimshaper grant {told.typed()} {told.size('bytes').replace(' ', '')}")
    return Said(brief, (*text, _on_page()), (give,))


def _approval(told: Telling) -> Said:
    """A service that waits for the owner's word."""
    places = {"who": told.who(), "service": told.value("service"), "size": told.size("bytes")}
    number = told.number("approval")
    more = _("It is slowed down to {rate} until you say whether it may go on.", rate=told.rate())
    orders = (
        Order(_("To let it pass"), f"esimshaper review approve {number}"),
        Order(_("To block it"), f"esimshaper review refuse {number}"),
    )
    return Said(_("{who} has begun to use {service}: {size} today.", **places), (more,), orders)


def _approvals_due(told: Telling) -> Said:
    """The list of a week."""
    brief = ngettext("{n} service to look at again.", "{n} services to look at again.", told.number("number"))
    what = _("Most moved {services}.", services=told.sizes("services"))
    return Said(brief, (what,), (Order(_("To see them"), "esimshaper review"),))


def _asked_for(told: Telling, service: str) -> Said:
    """A service that is held back or paced."""
    let = Order(_("To let it pass for an hour"), f"esimshaper allow {service} --client {told.typed()} --for 1h")
    return Said(_("{who} asks for {service}, which is held.", who=told.who(), service=service), (_on_page(),), (let,))


def _trouble(told: Telling) -> Said:
    """What is wrong with the router itself; the daemon's own words, which are English, stand behind."""
    order, what = Order(_("To see what may be wrong"), "esimshaper doctor"), _wrong(told)
    if not what:
        return Said(_("The router has a problem: {text}", text=told.text("text")), (), (order,))
    return Said(_("The router has a problem: {text}", text=f"{what}."), (told.text("text"),), (order,))


def _trouble_over(told: Telling) -> Said:
    if what := _wrong(told):
        return Said(_("The router is well again, no longer: {what}.", what=what), (told.text("text"),))
    return Said(_("The router is well again: {text}", text=told.text("text")))


def _wrong(told: Telling) -> str:
    """A message of the daemon in a few words; empty for one that is not known here."""
    return {
        "not-counting": _("traffic is not counted"),
        "limits-failing": _("some limits cannot be put in force"),
        "history-failing": _("the history cannot be saved"),
        "history-anew": _("the history was damaged, and a new one begun"),
        "clients-full": _("there is no room for more devices, so further ones count as one"),
        "client-imitated": _("what one device asks for goes to another"),
        "guard-failing": _("uncounted traffic cannot be refused"),
        "config-refused": _("the edited settings have a mistake, so the ones before hold"),
        "list-refused": _("a block list has a mistake, so the lists before hold"),
        "lists-greedy": _("DNS refuses so much that a block list may take away what people need"),
    }.get(str(told.data.get("message")), "")


def _test(told: Telling) -> Said:
    return Said(_("A test from {host}: messages arrive here.", host=told.value("host")))


KINDS: Mapping[str, Callable[[Telling], Said]] = {
    "alarm": _alarm,
    "alarm-more": _more,
    "alarm-end": _ended,
    "approval": _approval,
    "approvals-due": _approvals_due,
    "asked": _asked,
    "trouble": _trouble,
    "trouble-over": _trouble_over,
    "test": _test,
}
