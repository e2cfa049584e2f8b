# SPDX-License-Identifier: GPL-2.0-or-later
"""Modems -> their part of documents. Pure.

modem     {"interface": str or null, "sim_end": the last 4 digits of the ICCID or IMSI, null while neither is known,
           "registration": "home", "roaming", "none" or "unknown", "operator", "operator_code": str or null,
           "connected": bool, "connects": int, "state": ModemManager's word}
"""

from collections.abc import Iterable

from esimshaper.core.model.modems import Modem
from esimshaper.core.report.frame import Document


def entries(modems: Iterable[Modem]) -> list[Document]:
    """One for each modem. No number of a SIM is whole: documents end in journals and on screens."""
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
        }
        for modem in modems
    ]
