# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of rules by service: who is held by what and why, what low-data mode holds back, what a device sees."""

from dataclasses import replace

import pytest

from esimshaper.core import service_commands
from esimshaper.core.model.counts import Event
from esimshaper.core.model.decisions import DecisionKind, LowData, LowDataMode
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.services import Service, Volume
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.report.held import held_of
from esimshaper.core.report.metrics import metrics
from esimshaper.core.report.rules import Before, began, low_data_document, rules_document
from esimshaper.views.page import Line, Table
from esimshaper.views.rules import low_data_page, rules_page
from tests import synthetic_router
from tests.core.limits_router import ALICE, EACH, TV, A, Router, client
from tests.core.rules.test_ruling import CATEGORIES, router, rule

CATALOGUE = {name: Service(name, category, {"en": name.title()}) for name, category in CATEGORIES.items()}
DAY = 86400


def facts_of(made: Router) -> DaemonFacts:
    return replace(synthetic_router.facts(), catalogue=CATALOGUE, low_data=made.rules.low_data)


def text_of(page: list) -> str:
    found = []
    for each in page:
        if isinstance(each, Line):
            found.append(each.text)
        elif isinstance(each, Table):
            found += [" ".join(getattr(cell, "text", cell) for cell in row) for row in each.rows]
    return "\n".join(found)


@pytest.fixture
def made() -> Router:
    made = router(low_data=LowData(LowDataMode.OFF), services=(rule(EACH, "games", written="games"),))
    made.tick()
    return made


def test_who_is_held_by_what_and_why(made: Router) -> None:
    made.state = service_commands.decide(made.state, made.rules, client(TV), "youtube", DecisionKind.BLOCK)
    made.tick()
    document = rules_document(made.state, facts_of(made), None, "")
    layers = [(each["layer"], each["decision"], each["categories"], len(each["clients"])) for each in document["held"]]
    assert layers[0] == ("hand", "block", ["video"], 1)
    assert layers[1][:3] == ("rules", "block", ["games"])
    assert layers[1][3] > 1, "clients of one row are one entry"
    text = text_of(rules_page(document))
    assert "by hand" in text
    assert "rule 1: games" in text
    only = rules_document(made.state, facts_of(made), [ALICE], "alice")
    assert [each["layer"] for each in only["held"]] == ["rules"]


def test_what_is_held_back_is_estimated_by_what_was_used_before_and_tries_are_counted(made: Router) -> None:
    made.state = service_commands.switch_low_data(made.state, EVERYONE, LowDataMode.ON)
    made.reading = replace(made.reading, refused={A: {5: Event(12, 9_000)}})
    made.tick()
    at = began(made.state)
    assert at is not None
    facts = replace(facts_of(made), now=synthetic_router.NOW.fromtimestamp(at + 3600, synthetic_router.NOW.tzinfo))
    used = {ALICE: {"apt": Volume(240_000_000), "zoom": Volume(10**9)}}
    document = low_data_document(made.state, facts, Before(at, 10 * DAY, used))
    (held,) = document["held_back"]
    assert (held["service"], held["refused_packets"], held["estimate_bytes"]) == ("apt", 12, 1_000_000)
    assert document["security"], "updates that wait are said"
    text = text_of(low_data_page(document))
    assert "about 1.00 MB" in text
    assert "esimshaper allow updates --client everyone --for 1h" in text


def test_what_was_never_used_and_never_tried_is_no_saving(made: Router) -> None:
    made.state = service_commands.switch_low_data(made.state, EVERYONE, LowDataMode.ON)
    made.tick()
    document = low_data_document(made.state, facts_of(made), Before(0, DAY, {}))
    assert (document["held_back"], document["security"]) == ([], False)


def test_a_device_sees_its_own_and_nothing_at_an_unmetered_uplink(made: Router) -> None:
    made.state = service_commands.switch_low_data(made.state, client(ALICE), LowDataMode.ON)
    made.tick()
    facts = facts_of(made)
    assert [(each["what"], each["category"], each["decision"]) for each in held_of(made.state, facts, ALICE)] == [
        ("games", True, "block"),
        ("updates", True, "block"),
        ("video", True, "pace"),
    ]
    assert [each["what"] for each in held_of(made.state, facts, TV)] == ["games"]
    hotel = replace(facts, uplinks=(Uplink("hotel", "wlan1", metered=False),))
    assert [each["what"] for each in held_of(made.state, hotel, ALICE)] == ["games"]


def test_metrics_say_whom_low_data_mode_holds(made: Router) -> None:
    made.state = service_commands.switch_low_data(made.state, EVERYONE, LowDataMode.ON)
    made.tick()
    samples = {each.name: each.samples for each in metrics(made.state, facts_of(made))}
    assert samples["esimshaper_low_data"] == {("everyone",): 1}
    decided = samples["esimshaper_service_decisions"]
    assert decided["low-data", "block"] == decided["low-data", "pace"] == decided["rules", "block"] > 1


def test_where_services_are_not_counted_that_is_said() -> None:
    made = Router()
    made.tick()
    document = rules_document(made.state, facts_of(made), None, "")
    assert not document["counted"]
    assert "not counted" in text_of(rules_page(document))
