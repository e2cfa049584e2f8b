# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences about the owner's limits: used, left, given, and what they do to whom. Pure."""

from collections.abc import Callable, Mapping

from esimshaper.core.model.units import format_size
from esimshaper.languages.texts import _
from esimshaper.notify.texts.telling import Order, Said, Telling


def _warning(told: Telling) -> Said:
    left = max(0, told.number("allowed") - told.number("used"))
    places = {"who": told.who(), "used": told.size("used"), "size": told.size("allowed"), "moment": told.when("until")}
    brief = _("{who}: {used} of {size} used, until {moment}.", **places)
    if told.data.get("clients"):
        return Said(_("{who}: much of {size} each is used, until {moment}.", **places), told.named(), _to_give(told))
    rest = _("{size} are left.", size=format_size(left))
    return Said(brief, (rest, _limit(told)), _to_give(told))


def _reached(told: Telling) -> Said:
    places = {"who": told.who(), "size": told.size("allowed"), "moment": told.when("until")}
    brief = _("{who}: all {size} used, until {moment}.", **places)
    return Said(brief, (*told.named(), _limit(told)), _to_give(told))


def _renewed(told: Telling) -> Said:
    places = {"who": told.who(), "size": told.size("allowed"), "moment": told.when("until")}
    return Said(_("{who}: {size} again, until {moment}.", **places), (*told.named(), _limit(told)))


def _state(told: Telling) -> Said:
    who, rate = told.who(), told.rate()
    until = told.when("until") if told.has("until") else ""
    level = told.data["level"]
    if level == "open":
        brief = _("{who}: full speed again.", who=who)
    elif level == "throttled" and until:
        brief = _("{who}: slowed down to {rate} until {moment}.", who=who, rate=rate, moment=until)
    elif level == "throttled":
        brief = _("{who}: slowed down to {rate}.", who=who, rate=rate)
    elif until:
        brief = _("{who}: stopped until {moment}.", who=who, moment=until)
    else:
        brief = _("{who}: stopped.", who=who)
    closed = level != "open"
    return Said(brief, (*_reason(told), *told.named()), _to_free(told) if closed else ())


def _reason(told: Telling) -> list[str]:
    by = told.data.get("by")
    if by == "quota" and told.data.get("quota"):
        if told.data["level"] == "open":
            return [_limit(told)]
        return [_("The limit {quota} is used up.", quota=told.value("quota"))]
    reasons = {
        "hand": _("Somebody has set it by hand."),
        "hours": _("The settings say so for these hours."),
        "alarm": _("An alarm has done it."),
    }
    return [reasons[by]] if by in reasons else []


def _granted(told: Telling) -> Said:
    places = {"who": told.who(), "size": told.size("granted"), "moment": told.when("until")}
    return Said(_("{who}: {size} more, until {moment}.", **places), (_limit(told),))


def _revoked(told: Telling) -> Said:
    brief = _("{who}: {size} that were given are taken back.", who=told.who(), size=told.size("granted"))
    return Said(brief, (_limit(told),))


def _corrected(told: Telling) -> Said:
    places = {"who": told.who(), "used": told.size("used"), "before": told.size("before")}
    return Said(_("{who}: {used} count as used now, not {before}.", **places), (_limit(told),))


def _restarted(told: Telling) -> Said:
    places = {"who": told.who(), "size": told.size("allowed"), "moment": told.when("until")}
    before = _("{size} were used before.", size=told.size("before"))
    return Said(_("{who}: {size} anew, until {moment}.", **places), (before, _limit(told)))


def _counted_back(told: Telling) -> Said:
    places = {"who": told.who(), "used": told.size("used"), "moment": told.when("since")}
    brief = _("{who}: {used} used since {moment} count too.", **places)
    return Said(brief, (_("The limit {quota} is new.", quota=told.value("quota")),))


def _limit(told: Telling) -> str:
    if told.data.get("of_services"):
        names = told.listed([told.name(str(each)) for each in told.data["of_services"]])
        return _("Limit: {quota} ({services}).", quota=told.value("quota"), services=names)
    return _("Limit: {quota}.", quota=told.value("quota"))


def _to_give(told: Telling) -> tuple[Order, ...]:
    if told.is_of_several():
        return ()
    return (Order(_("To give more"), f"esimshaper grant {told.typed()} 100MB"),)


def _to_free(told: Telling) -> tuple[Order, ...]:
    if told.is_of_several():
        return ()
    return (Order(_("To lift all limits for two hours"), f"esimshaper allow {told.typed()} --for 2h"),)


KINDS: Mapping[str, Callable[[Telling], Said]] = {
    "quota-warning": _warning,
    "quota-reached": _reached,
    "quota-renewed": _renewed,
    "client-state": _state,
    "granted": _granted,
    "revoked": _revoked,
    "corrected": _corrected,
    "restarted": _restarted,
    "counted-back": _counted_back,
}
