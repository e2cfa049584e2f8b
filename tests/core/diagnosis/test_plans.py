# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of plans: which SIM is of which, and what is found by nothing."""

import pytest

from esimshaper.core.diagnosis.plans import CHECKS
from esimshaper.core.model.box import BoxFacts, Wanted
from esimshaper.core.model.modems import Modem, ModemsReport
from esimshaper.edge.settings_file.plans import read_plans
from tests.core.plan.test_ticking import ODD, ONE, TEXT


def said(folder, more="", sim=ONE):
    file = folder / "plans.yaml"
    file.write_text(TEXT.replace("- {name: cable, interface: eth0", "- {name: cable, " + more))
    wanted = Wanted("wwan0", ("br0",), uplinks=("cellular",), plans=read_plans(file))
    modems = ModemsReport(modems=(Modem(sim, interface="wwan0"),))
    return [finding.sentence for check in CHECKS for finding in check(BoxFacts(wanted=wanted, modems=modems))]


@pytest.mark.parametrize(
    ("more", "sim", "sentence"),
    [
        ("note: x", ODD, "The SIM ...0034 is of no plan"),
        ("note: x", ONE, "The plan cable names no iccid, uplink or interface"),
        ("uplink: hotel", ONE, "The plan cable is of an uplink hotel, which is not there"),
    ],
)
def test_each_plan_is_found_by_what_it_names_or_said(tmp_path, more, sim, sentence):
    assert any(sentence in each for each in said(tmp_path, more, sim))


def test_nothing_is_said_of_plans_that_are_found(tmp_path):
    assert said(tmp_path, "interface: eth0") == []
