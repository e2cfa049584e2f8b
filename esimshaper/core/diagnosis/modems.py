# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on modems and their SIMs. Pure; the rules are those of findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings, SimStatus
from esimshaper.core.model.modems import Modem, Registration
from esimshaper.core.model.packages import LIBRARIES
from esimshaper.core.model.units import format_size

_CHECK = "modem"
_ALL_IS_COUNTED = "All is counted; only a plan that is chosen by its SIM is not found by itself."

ENOUGH, FAR_APART = 10_000_000, 5
"""Bytes from which on a difference of so many percent is worth a warning; carriers differ by less."""

_WHERE = {
    Registration.HOME: "at home",
    Registration.ROAMING: "roaming",
    Registration.NONE: "in no network",
    Registration.UNKNOWN: "in a network that it does not tell",
}


def _modems(facts: BoxFacts) -> Findings:
    if facts.wanted is None:
        return
    missing = [
        each.package
        for each in LIBRARIES
        if each.module == "jeepney" and (facts.libraries or {}).get(each.distribution) == ""
    ]
    report = facts.modems
    if missing:
        sentence = f"{missing[0]} is not installed, so ModemManager is not asked. {_ALL_IS_COUNTED}"
        yield Finding.note(_CHECK, sentence, f"apt install {missing[0]}; systemctl restart esimshaper-modems")
    elif report is None:
        sentence = f"Nothing tells which SIM is in use. {_ALL_IS_COUNTED}"
        hint = "apt install modemmanager; systemctl restart esimshaper; systemctl status esimshaper-modems"
        yield Finding.note(_CHECK, sentence, hint)
    elif report.problem:
        sentence = f"Nothing tells which SIM is in use: {report.problem}. {_ALL_IS_COUNTED}"
        yield Finding.warning(_CHECK, sentence, "systemctl status ModemManager dbus esimshaper-modems")
    elif not report.manager:
        yield Finding.note(_CHECK, "ModemManager does not run, so no SIM is known.", "systemctl start ModemManager")
    elif not report.modems:
        yield Finding.note(_CHECK, "ModemManager has found no modem.", "mmcli --list-modems; lsusb")
    else:
        sims = facts.daemon_status.sims if facts.daemon_status else {}
        for modem in report.modems:
            sim = sims.get(modem.interface, SimStatus())
            yield _modem(modem, sim.plan)
            if sim.counted:
                yield _own_count(modem, *sim.counted)


def _own_count(modem: Modem, by_modem: int, by_us: int) -> Finding:
    """The modem's own count as a second witness. It is told each half minute, so a little is always apart."""
    more = by_us - by_modem
    apart = f"{abs(more) * 100 / max(by_modem, 1):.1f} % {'more' if more > 0 else 'less'}" if more else "the same"
    sentence = (
        f"In the same time the modem at {modem.interface} has counted {format_size(by_modem)} itself, and this router "
        f"{format_size(by_us)}: {apart}."
    )
    if max(by_modem, by_us) < ENOUGH or abs(more) * 100 <= by_modem * FAR_APART:
        return Finding.ok(_CHECK, sentence)
    hint = "esimshaper doctor --self-test; networks of wan.unbilled are counted by the modem, and not by us"
    return Finding.warning(_CHECK, sentence, hint)


def _modem(modem: Modem, plan: str) -> Finding:
    what = f"The modem at {modem.interface}" if modem.interface else "A modem without a network interface"
    operator = f" at {modem.operator or modem.operator_code}" if modem.operator or modem.operator_code else ""
    told = f"is {_WHERE[modem.registration]}{operator} ({modem.state})"
    if not modem.sim:
        sentence = f"{what} {told}, and does not tell which SIM is in it: its bytes are of no plan until it does."
        return Finding.warning(_CHECK, sentence, "mmcli -m any; a locked SIM needs its PIN: mmcli -i any --pin=1234")
    sim = f"the SIM ...{modem.sim_end}"
    if not modem.iccid:
        sim = f"a SIM whose number (ICCID) cannot be read, known by that of its subscriber (IMSI) ...{modem.sim_end}"
    belongs = f" It belongs to the plan {plan}." if plan else ""
    return Finding.ok(_CHECK, f"{what} has {sim} and {told}.{belongs}")


CHECKS = (_modems,)
