# SPDX-License-Identifier: GPL-2.0-or-later
"""Modems -> their part of documents. Pure.

modem     {"interface": str or null, "sim_end": the last 4 digits of the ICCID or IMSI, null while neither is known,
           "registration": "home", "roaming", "none" or "unknown", "operator", "operator_code": str or null,
           "connected": bool, "connects": int, "state": ModemManager's word, "plan": name or null,
           "counted": {"since", "since_unix", "modem_bytes", "router_bytes"} or null}       by the modem itself, and by
                                                                                            us in the same time
"""

from datetime import tzinfo

from esimshaper.core.model.modems import OwnCount
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, moment


def entries(state: State, facts: DaemonFacts) -> list[Document]:
    """One for each modem. No number of a SIM is whole: documents end in journals and on screens."""
    plans = {each.iccid: each.plan for each in state.plans.kept.uplinks.values() if each.iccid}
    return [
        {
            "interface": modem.interface or None,
            "sim_end": modem.sim_end or None,
            "registration": modem.registration.value,
            "operator": modem.operator or None,
            "operator_code": modem.operator_code or None,
            "connected": modem.connected,
            "connects": modem.connects,
            "state": modem.state,
            "plan": plans.get(modem.sim) or None,
            "counted": _counted(facts.own_counts.get(modem.interface), facts.now.tzinfo),
        }
        for modem in facts.modems
    ]


def _counted(own_count: OwnCount | None, zone: tzinfo | None) -> Document | None:
    if own_count is None:
        return None
    return moment("since", own_count.since, zone) | {"modem_bytes": own_count.modem, "router_bytes": own_count.router}
