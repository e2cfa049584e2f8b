# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink, the SIM in its modem, and the plans of the settings -> whose the bytes are. Pure.

chosen by hand                        that plan, while the SIM stays
a SIM that a plan names               that plan; of several the first that is not over
no SIM can be there                   the plan of this uplink or interface
a SIM that is not read yet            nobody knows: the bytes wait
a SIM that no plan names              nobody knows, and a person has to say: never another plan by itself
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from esimshaper.core.model.modems import Modem, is_same_iccid
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.plan_state import UplinkPlan
from esimshaper.core.model.uplinks import fits


class Way(NamedTuple):
    """An uplink by its name, the interfaces that it is now, and whether it is the only one."""

    name: str
    interfaces: tuple[str, ...]
    is_only: bool = True


class Choice(NamedTuple):
    """plan: empty for none. waits: it is not known yet. sim: the one that is seen. unknown: no plan names that one."""

    plan: str = ""
    waits: bool = False
    sim: str = ""
    unknown: bool = False


def modem_of(way: Way, modems: Iterable[Modem]) -> Modem | None:
    """The modem of an uplink."""
    return next((modem for modem in modems if modem.interface and modem.interface in way.interfaces), None)


def choose(way: Way, plans: Sequence[Plan], modem: Modem | None, before: UplinkPlan, over: Collection[str]) -> Choice:
    """Whose the bytes of an uplink are. `over`: names of plans that have ended."""
    sim = modem.sim if modem else ""
    same = not before.iccid or not sim or is_same_sim(sim, before.iccid)
    if before.by_hand and same and any(plan.name == before.plan for plan in plans):
        return Choice(before.plan, waits=bool(before.iccid) and not sim, sim=sim)
    mine = [plan for plan in plans if _may_be_of(plan, way)]
    loose = [plan for plan in mine if not plan.iccid and (plan.uplink or plan.interface)]
    if not sim:
        waits = modem is not None or bool(before.iccid) or _asks_for_sim(mine, way)
        return Choice(waits=bool(mine) and waits) if waits else Choice(_first(loose, over))
    of_sim = [plan for plan in mine if plan.iccid and is_same_sim(plan.iccid, sim)]
    if of_sim:
        return Choice(_first(of_sim, over), sim=sim)
    if loose and (not before.iccid or is_same_sim(sim, before.iccid)):
        return Choice(_first(loose, over), sim=sim)
    return Choice(waits=bool(mine), sim=sim, unknown=bool(mine))


def is_same_sim(one: str, other: str) -> bool:
    """Whether both names are of one SIM."""
    return one == other or is_same_iccid(one, other)


def _may_be_of(plan: Plan, way: Way) -> bool:
    here = not plan.interface or any(fits(name, plan.interface) for name in way.interfaces)
    return here and plan.uplink in ("", way.name) and bool(plan.uplink or plan.interface or plan.iccid)


def _asks_for_sim(plans: Iterable[Plan], way: Way) -> bool:
    """Whether plans of this uplink are told by their SIM; a plan that names a SIM alone is that of another modem."""
    return any(plan.iccid and (way.is_only or plan.uplink or plan.interface) for plan in plans)


def _first(plans: Sequence[Plan], over: Collection[str]) -> str:
    names = [plan.name for plan in plans]
    return next((name for name in names if name not in over), names[-1] if names else "")
