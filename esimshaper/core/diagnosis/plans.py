# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on plans: whether each is found by what it names. Pure; the rules are those of findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.modems import is_same_iccid

_CHECK = "plans"


def _plans(facts: BoxFacts) -> Findings:
    if facts.wanted is None or not facts.wanted.plans:
        return
    plans = facts.wanted.plans
    for plan in plans:
        if not (plan.iccid or plan.uplink or plan.interface):
            sentence = f"The plan {plan.name} names no iccid, uplink or interface: it is used only once you choose it."
            yield Finding.note(_CHECK, sentence, f"sudo esimshaper plan switch {plan.name}")
    names = facts.wanted.uplinks
    for plan in plans:
        if plan.uplink and plan.uplink not in names:
            sentence = (
                f"The plan {plan.name} is of an uplink {plan.uplink}, which is not there: its bytes are of no plan."
            )
            yield Finding.warning(_CHECK, sentence, f"Write one of these as its uplink: {', '.join(names)}.")
    by_place = any(not plan.iccid and (plan.uplink or plan.interface) for plan in plans)
    for modem in facts.modems.modems if facts.modems else ():
        found = [plan.name for plan in plans if plan.iccid and is_same_iccid(plan.iccid, modem.iccid)]
        if modem.sim and not found and not by_place:
            sentence = f"The SIM ...{modem.sim_end} is of no plan: its bytes wait until you say of which."
            hint = "Write its number (mmcli -i any) as `iccid` of a plan, or: sudo esimshaper plan switch NAME"
            yield Finding.warning(_CHECK, sentence, hint)


CHECKS = (_plans,)
