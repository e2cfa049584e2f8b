# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences about what was bought of a carrier, about its SIMs, and about the ways to the Internet. Pure."""

from collections.abc import Callable, Mapping

from esimshaper.languages.texts import _
from esimshaper.notify.texts.telling import Order, Said, Telling


def _begun(told: Telling) -> Said:
    return Said(_("Plan {plan} has begun.", plan=told.value("plan")), (*_has(told), *_until(told)), _to_see())


def _renewed(told: Telling) -> Said:
    brief = _("Plan {plan} has its data again.", plan=told.value("plan"))
    return Said(brief, (*_has(told), *_until(told)), _to_see())


def _low(told: Telling) -> Said:
    brief = _("Plan {plan}: {size} left.", plan=told.value("plan"), size=told.size("left"))
    then = _("Then it gets slow: {rate}.", rate=told.rate()) if told.number("rate") else _("Then nothing passes.")
    return Said(brief, (then, *_until(told)), _to_buy())


def _out(told: Telling) -> Said:
    plan = told.value("plan")
    if told.number("rate"):
        brief = _("Plan {plan}: the fast data is used up, {rate} now.", plan=plan, rate=told.rate())
    else:
        brief = _("Plan {plan}: no data left, nothing passes.", plan=plan)
    return Said(brief, _until(told), _to_buy())


def _price(told: Telling) -> Said:
    plan = told.value("plan")
    if told.has("left"):
        brief = _("Plan {plan}: {size} left at this price.", plan=plan, size=told.size("left"))
        return Said(brief, (*_dearer(told), *_until(told)), _to_see())
    places = {"plan": plan, "price": told.money("price"), "more": told.money("more")}
    return Said(_("Plan {plan} costs {price} now, {more} more.", **places), _until(told), _to_see())


def _dearer(told: Telling) -> list[str]:
    """What the next byte costs."""
    if told.has("each_price"):
        return [_("Then each {size} costs {price}.", size=told.size("each_bytes"), price=told.money("each_price"))]
    if not told.has("more"):
        return []
    return [_("The next byte after that costs {price} more.", price=told.money("more"))]


def _pays(told: Telling) -> Said:
    places = {"plan": told.value("plan"), "size": told.size("each_bytes"), "price": told.money("each_price")}
    return Said(_("Plan {plan}: used up, each {size} costs {price}.", **places), _until(told), _to_see())


def _topped_up(told: Telling) -> Said:
    size = told.size("size") if told.has("size") else _("unlimited data")
    places = {"plan": told.value("plan"), "size": size, "price": told.money("price")}
    return Said(_("Plan {plan} bought {size} by itself: {price}.", **places), (), _to_see())


def _expires(told: Telling) -> Said:
    brief = _("Plan {plan} ends: {moment}.", plan=told.value("plan"), moment=told.when("end"))
    left = [_("{size} are not used yet.", size=told.size("left"))] if told.has("left") else []
    return Said(brief, left, _to_see())


def _expired(told: Telling) -> Said:
    return Said(
        _("Plan {plan} is over since {moment}.", plan=told.value("plan"), moment=told.when("end")), (), _to_see()
    )


def _switched(told: Telling) -> Said:
    brief = _("{uplink} uses plan {plan} now.", uplink=told.value("uplink"), plan=told.value("plan"))
    return Said(brief, (_("It was {plan} before.", plan=told.value("plan_before")),), _to_see())


def _by_hand(told: Telling) -> Said:
    return Said(_("By hand: {text}", text=told.text("text")), (), _to_see())


def _unsure(told: Telling) -> Said:
    brief = _("{uplink}: {size} are of an unknown plan.", uplink=told.value("uplink"), size=told.size("bytes"))
    why = _("The eSIM was changed while esimshaper did not run.")
    figure = Order(_("To take the figure of the carrier"), "esimshaper plan correct 1.5GB")
    return Said(brief, (why,), (figure,))


def _unknown_sim(told: Telling) -> Said:
    brief = _("{uplink}: eSIM ...{sim} has no plan.", uplink=told.value("uplink"), sim=told.data.get("sim") or "?")
    return Said(
        brief, (_("What it moves waits."),), (Order(_("To say which plan it is"), "esimshaper plan switch NAME"),)
    )


def _slow(told: Telling) -> Said:
    places = {"uplink": told.value("uplink"), "rate": told.rate()}
    if told.data.get("direction") == "upload":
        brief = _("{uplink}: the carrier gives only {rate} up.", **places)
    else:
        brief = _("{uplink}: the carrier gives only {rate} down.", **places)
    return Said(brief, (_("All devices get equal shares of it until it is faster."),))


def _lost(told: Telling) -> Said:
    brief = _("{uplink}: gone since {moment}.", uplink=told.value("uplink"), moment=told.when("since"))
    return Said(brief, (), (Order(_("To see what may be wrong"), "esimshaper doctor"),))


def _back(told: Telling) -> Said:
    brief = _("{uplink}: back again.", uplink=told.value("uplink"))
    return Said(brief, (_("It was gone since {moment}.", moment=told.when("since")),))


def _has(told: Telling) -> list[str]:
    return [_("It has {size}.", size=told.size("left"))] if told.has("left") else []


def _until(told: Telling) -> list[str]:
    return [_("That holds until {moment}.", moment=told.when("until"))] if told.has("until") else []


def _to_see() -> tuple[Order, ...]:
    return (Order(_("To see what is left and what it costs"), "esimshaper plan"),)


def _to_buy() -> tuple[Order, ...]:
    return (*_to_see(), Order(_("To note what was bought on top"), "esimshaper plan add 1GB"))


KINDS: Mapping[str, Callable[[Telling], Said]] = {
    "plan-begun": _begun,
    "plan-renewed": _renewed,
    "plan-low": _low,
    "plan-out": _out,
    "plan-price": _price,
    "plan-pays": _pays,
    "plan-topped-up": _topped_up,
    "plan-expires": _expires,
    "plan-expired": _expired,
    "plan-switched": _switched,
    "plan-by-hand": _by_hand,
    "plan-unsure": _unsure,
    "sim-unknown": _unknown_sim,
    "link-slow": _slow,
    "uplink-lost": _lost,
    "uplink-back": _back,
}
