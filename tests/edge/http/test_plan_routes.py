# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests about plans get their types, or a sentence on what is wrong with them."""

from decimal import Decimal

import pytest

from esimshaper.core.model.plan import Event
from esimshaper.core.model.requests import Figure, PlanAddCommand, PlanCorrectCommand, PlanStartCommand
from esimshaper.edge.http.routes import ROUTES, BadParameter


def read(action, **params):
    return ROUTES["POST", f"/v1/plan/{action}"](params)


def test_they_get_their_types():
    said = read("correct", figure="3.20", unit="GB", at="18:00")
    assert said == PlanCorrectCommand("", Figure(Decimal("3.20"), "GB"), "18:00")
    assert said.figure.bytes(binary=False) == 3_200_000_000
    assert said.figure.bytes(binary=True) == 3_435_973_836
    assert said.figure.unit_bytes(binary=False) == 10_000_000
    assert read("start", plan="trip", event="install") == PlanStartCommand("trip", event=Event.INSTALL)
    assert read("add", bytes=5, price="4.50") == PlanAddCommand("", 5, Decimal("4.50"))


@pytest.mark.parametrize(
    ("action", "params", "said"),
    [
        ("correct", {"figure": 3.2, "unit": "GB"}, "figure must be a text"),
        ("correct", {"figure": "nan", "unit": "GB"}, "decimal number"),
        ("correct", {"figure": "-1", "unit": "GB"}, "decimal number"),
        ("correct", {"figure": "3", "unit": "gig"}, "unit must be one of"),
        ("correct", {"figure": "9999999999999999", "unit": "TB"}, "more than"),
        ("add", {"price": "1e9"}, "decimal number"),
        ("start", {"event": "birth"}, "event must be one of"),
        ("switch", {}, "plan is missing"),
        ("reset", {"all": True}, "unknown parameter"),
    ],
)
def test_what_makes_no_sense_is_said(action, params, said):
    with pytest.raises(BadParameter, match=said):
        read(action, **params)
