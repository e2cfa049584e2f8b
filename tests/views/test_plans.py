# SPDX-License-Identifier: GPL-2.0-or-later
"""The screen of `esimshaper plan`, from a router that has lived: all of it within 48 columns, and as JSON."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from esimshaper.core import plan_commands
from esimshaper.core.model.plan import First
from esimshaper.core.model.requests import PlanAddCommand
from esimshaper.core.report.metrics import metrics
from esimshaper.core.report.plans import plans_document
from esimshaper.views.page import plain_lines, renderable
from esimshaper.views.plans import glance, plan_page
from tests import synthetic_router
from tests.core.plan.test_ticking import MB, ODD, ONE, TEXT, TWO, Router

DAY = 86400


@pytest.fixture
def router(tmp_path):
    found = Router(tmp_path)
    found.sim(ONE)
    found.tick()
    return found


def document(router, clients=3):
    now = datetime.fromtimestamp(router.now, ZoneInfo("Asia/Tokyo"))
    facts = synthetic_router.facts(now=now, plans=router.rules.plans)
    found = plans_document(router.state, facts, clients)
    json.dumps(found)
    return found


def lines(found):
    return list(plain_lines(plan_page(found)))


def test_it_says_what_was_bought_left_and_spent_and_what_comes_next(router):
    router.sim(TWO)
    for _ in range(4):
        router.tick(20 * MB, DAY)
    found = document(router)
    text = "\n".join(lines(found))
    assert "two at wan" in text
    assert "990 JPY so far" in text
    assert "1,100 JPY more (2,090 JPY in all)" in text
    (two, one) = found["plans"]
    assert (two["used_bytes"], two["cost"], one["begun"]) == (80 * MB, "990", False)
    assert (two["forecast"]["bytes"] > 80 * MB, two["forecast"]["cost"]) == (True, "2090")
    assert two["today"]["each_bytes"] == two["today"]["safe_bytes"] // 3
    assert two["next"][0]["in_bytes"] == 220 * MB
    assert "Spent in all: 1,980 JPY" in text


def test_a_first_window_costs_what_it_says(router):
    (plan,) = (plan for plan in router.rules.plans if plan.name == "two")
    first = replace(plan.meters[0], first=First(100 * MB, Decimal(383)))
    router.rules = replace(router.rules, plans=(replace(plan, meters=(first, plan.meters[1])),))
    router.sim(TWO)
    router.tick(20 * MB)
    assert document(router)["plans"][0]["cost"] == "383"
    router.tick(0, 32 * DAY)
    assert document(router)["plans"][0]["cost"] == "1373"


def test_lots_are_shown_with_what_is_left_and_when_they_lapse(router):
    router.tick(10 * MB)
    until = int(router.now) + 2 * DAY
    router.state = plan_commands.add(
        router.state, router.rules, PlanAddCommand("one", 500 * MB, Decimal("4.50")), until
    )
    router.tick(MB)
    (lot,) = document(router)["plans"][0]["lots"]
    assert (lot["left_bytes"], lot["size_bytes"], lot["ends_unix"]) == (499 * MB, 500 * MB, until)
    assert any("499 MB" in line and "500 MB" in line for line in lines(document(router)))


def test_slow_and_unknown_are_said(router):
    router.tick(100 * MB)
    assert "held to 300 kbit/s by the carrier" in "\n".join(lines(document(router)))
    assert glance(document(router)["plans"][:1], document(router)["time"])[0].text.startswith("Plan one: 0 B left")
    router.sim(ODD)
    router.tick(2 * MB)
    text = "\n".join(lines(document(router)))
    assert "The eSIM ...0034 at wan is of no plan: `esimshaper plan switch NAME` says which it is" in text
    assert "2.00 MB at wan wait until it is known of which plan they are" in text


def test_without_a_plan_it_says_how_to_have_one(router):
    router.rules = replace(router.rules, plans=())
    assert "write `plans:`" in lines(document(router))[0]


def test_prometheus_has_the_same_figures(router):
    router.tick(20 * MB)
    now = datetime.fromtimestamp(router.now, ZoneInfo("Asia/Tokyo"))
    found = metrics(router.state, synthetic_router.facts(now=now, plans=router.rules.plans, quotas=()))
    (plan,) = (each for each in document(router)["plans"] if each["name"] == "one")
    assert {each.name: each.samples[("one",)] for each in found if each.name.startswith("esimshaper_plan_")} == {
        "esimshaper_plan_used_bytes": 20 * MB,
        "esimshaper_plan_left_bytes": 80 * MB,
        "esimshaper_plan_cost": 990,
        "esimshaper_plan_end_timestamp_seconds": plan["ends_unix"],
    }


@pytest.mark.parametrize("width", [48, 80])
def test_nothing_is_wider_than_the_terminal(router, width):
    router.sim(TWO)
    router.tick(290 * MB, DAY)
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as shown:
        console.print(renderable(plan_page(document(router)), width), crop=False)
    assert max(len(line) for line in shown.get().splitlines()) <= width
    for wanted in ("two at wan", "so far", "1,100 JPY"):
        assert wanted in " ".join(shown.get().split())


def test_while_a_plan_is_slow_the_screen_says_what_is_done_about_it(router):
    found = document(router) | {"slow": [{"sentence": "plan trip is slow: the link is held to 109 kbit/s down"}]}
    assert "Plan trip is slow: the link is held to 109 kbit/s down." in lines(found)


def test_today_is_the_day_that_was_counted_also_where_a_clock_goes_back_over_midnight(tmp_path):
    """In St. John's, at 0:01 of 7 November 2010 it was 23:01 of the 6th again."""
    router = Router(tmp_path, TEXT.replace("Asia/Tokyo", "America/St_Johns"))
    router.now = datetime(2010, 11, 6, 23, 0, tzinfo=ZoneInfo("America/St_Johns")).timestamp()
    router.sim(TWO)
    router.tick(20 * MB)
    router.tick(3 * MB, 5400)  # half an hour after midnight, by the clock 23:31
    two = next(plan for plan in document(router)["plans"] if plan["name"] == "two")
    assert two["today"]["used_bytes"] == 3 * MB
