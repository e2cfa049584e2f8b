# SPDX-License-Identifier: GPL-2.0-or-later
"""What a home automation gets is what people get, in fewer words."""

from esimshaper.core.model.requests import ClientsQuery, PlanQuery, QuotasQuery
from esimshaper.core.report.home import home_document
from tests import synthetic_router


def test_numbers_of_clients_quotas_and_plans_are_those_of_people():
    router = synthetic_router.Router()
    clients, quotas, plans = (router.answer(each) for each in (ClientsQuery(), QuotasQuery(), PlanQuery()))
    key = clients["clients"][0]["key"]
    alarms = {"open": [{"key": key, "kinds": ["surge", "upload"]}, {"key": "", "kinds": ["pace"]}]}
    found = home_document(synthetic_router.facts(), clients, quotas, plans, alarms)
    first = found["clients"][0]
    assert (first["name"], first["level"], first["alarms"]) == ("alice-phone", "throttled", ["surge", "upload"])
    assert first["today_bytes"] == clients["clients"][0]["today"]["total_bytes"]
    assert all(each["alarms"] == [] for each in found["clients"][1:])
    assert [each["left_bytes"] for each in found["quotas"]] == [each["left_bytes"] for each in quotas["quotas"]]
    assert {each["name"] for each in found["plans"]} <= {each["name"] for each in plans["plans"]}
    assert found["alarms"] == 2
