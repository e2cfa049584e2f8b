# SPDX-License-Identifier: GPL-2.0-or-later
"""Modems in documents and on the page of status."""

import json
from dataclasses import replace

from esimshaper.core.model.modems import Modem, OwnCount, Registration
from esimshaper.core.model.plan_state import PlanState, UplinkPlan
from esimshaper.core.model.state import PlansSlice
from esimshaper.core.report.documents import status_document
from esimshaper.views.page import Line
from esimshaper.views.pages import status_page
from tests.synthetic_router import facts, state

MODEM = Modem(
    iccid="8981100012345678905",
    imsi="440100123456789",
    interface="wwan0",
    registration=Registration.ROAMING,
    operator_code="44020",
    operator="SoftBank",
    connected=True,
    connects=3,
    state="connected",
)


def page_of(*modems: Modem) -> list[str]:
    status = status_document(state(), facts(modems=modems), {}, {})
    return [line.text for line in status_page(status) if isinstance(line, Line) and "SIM" in line.text]


def test_status_has_the_end_of_the_number_of_a_sim_and_never_all_of_it():
    text = json.dumps(status_document(state(), facts(modems=(MODEM, Modem())), {}, {}))
    assert '"sim_end": "8905"' in text
    assert MODEM.iccid not in text
    assert MODEM.imsi not in text


def test_the_plan_of_a_sim_and_the_modems_own_count_stand_beside_it():
    plans = PlansSlice(PlanState(uplinks={"wan": UplinkPlan("trip", MODEM.iccid)}))
    known = facts(modems=(MODEM, Modem(interface="wwan1")), own_counts={"wwan0": OwnCount(0, 5, 6)})
    first, second = status_document(replace(state(), plans=plans), known, {}, {})["modems"]
    assert first["plan"] == "trip"
    assert {key: first["counted"][key] for key in ("since_unix", "modem_bytes", "router_bytes")} == {
        "since_unix": 0,
        "modem_bytes": 5,
        "router_bytes": 6,
    }
    assert (second["plan"], second["counted"]) == (None, None)


def test_the_page_says_which_sim_is_in_use_and_where():
    assert page_of(MODEM) == ["  SIM ...8905 at wwan0, roaming at SoftBank"]
    assert page_of(Modem()) == ["  a SIM that the modem does not tell yet"]
    assert page_of() == []
