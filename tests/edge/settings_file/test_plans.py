# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of plans: what they mean as values, and each mistake with its place, what is wrong, and what to do."""

import contextlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.plan import FULL, STOP, CycleKind, Ending, Event, Extends
from esimshaper.edge.settings_file import SettingsError
from esimshaper.edge.settings_file.plans import read_plans

GOOD = "{name: trip, meters: [{window: lifetime, steps: [{from: 10GB, rate: stop}]}]}"


def plan_of(folder: Path, text: str):
    file = folder / "plans.yaml"
    file.write_text(f"plans:\n- {text}\n")
    (plan,) = read_plans(file, "Asia/Tokyo")
    return plan


def problems_of(folder: Path, text: str) -> list[tuple[int, str, str]]:
    """The column of each problem, what is wrong, and what to do. The plan stands in line 2."""
    file = folder / "plans.yaml"
    file.write_text(f"plans:\n- {text}\n")
    with pytest.raises(SettingsError) as raised:
        read_plans(file, "UTC")
    return [(each.column, each.message, each.hint) for each in raised.value.problems]


def test_what_is_left_out_is_the_simplest(tmp_path):
    plan = plan_of(tmp_path, GOOD)
    assert (plan.zone_name, plan.currency, plan.price, plan.top_up, plan.free) == ("Asia/Tokyo", "", 0, None, ())
    assert plan.lifetime.length is None
    assert plan.meters[0].allowance == 10 * 1000**3


def test_money_is_exact_and_never_a_float(tmp_path):
    head = "name: p, currency: EUR, meters: [{window: month, steps: "
    plan = plan_of(tmp_path, f'{{{head}[{{from: 0, per: 1MB, adds: "0.1"}}]}}]}}')
    assert plan.meters[0].price(3 * 1000**2) == Decimal("0.3")
    wrong = "{name: p, currency: EUR, price: 9.90, meters: []}"
    assert problems_of(tmp_path, wrong) == [(35, "`9.90` is not an amount of money", 'Put it in quotes: "9.90".')]


def test_a_gb_is_what_the_seller_means(tmp_path):
    steps = "meters: [{window: month, steps: [{from: 12GB, rate: stop}]}]"
    assert plan_of(tmp_path, f"{{name: p, units: binary, {steps}}}").meters[0].allowance == 12 * 1024**3
    assert plan_of(tmp_path, f"{{name: p, units: decimal, {steps}}}").meters[0].allowance == 12 * 1000**3
    steps = "meters: [{window: month, steps: [{from: 12kB, rate: stop}]}]"
    assert plan_of(tmp_path, f"{{name: p, units: binary, {steps}}}").meters[0].allowance == 12 * 1024


def test_all_of_the_schema(tmp_path):
    plan = plan_of(
        tmp_path,
        """{name: linemo, iccid: "8981 1000 1234 5678 901F", zone: Asia/Tokyo, currency: JPY, price: 990,
  lasts: {days: 30, from: first-use, to: midnight, by: {days: 60, from: purchase}, renews: true},
  started: {purchase: 2026-11-01T09:00:00}, units: decimal, round: {to: 1KB, per: session},
  free: [{hours: "01:00-06:00"}, {service: line}],
  meters: [{counts: all, window: month, rollover: 1, at_most: 1500, then: stop, steps: [
    {from: 0, price: 990}, {from: 3GB, rate: 300kbit}, {from: 15GB, rate: 128kbit, hours: "18:00-02:00", next: day}]},
    {window: {last: {days: 3}}, steps: [{from: 10GB, rate: 1mbit, hours: "18:00-02:00", next: day}]},
    {window: {hours: 24, from: each-use}, steps: [{from: 0, price: 2}]}],
  top_up: {lot: 1GB, price: 500, days: 31, to: midnight, auto: false}}""",
    )
    assert plan.iccid == "8981100012345678901"
    assert plan.lifetime.length.ending is Ending.MIDNIGHT
    assert (plan.lifetime.by.days, plan.lifetime.by.event, plan.lifetime.renews) == (60, Event.PURCHASE, True)
    assert [meter.cycle.kind for meter in plan.meters] == [CycleKind.CALENDAR, CycleKind.LAST, CycleKind.EACH_USE]
    assert [step.rate for step in plan.meters[0].steps] == [None, 300_000, 128_000]
    assert plan.meters[0].beyond == STOP
    assert plan.meters[1].steps[0].next_day
    assert (plan.top_up.extends, plan.top_up.auto) == (Extends.OWN, False)
    assert list(plan.started) == [Event.PURCHASE]


def test_full_is_faster_than_any_rate(tmp_path):
    plan = plan_of(
        tmp_path, "{name: p, meters: [{window: day, steps: [{from: 0, rate: full}, {from: 1GB, rate: 1mbit}]}]}"
    )
    assert [step.rate for step in plan.meters[0].steps] == [FULL, 1_000_000]


def meter(steps: str, more: str = "") -> str:
    return f"{{name: p, currency: JPY, meters: [{{window: month, {more}steps: [{steps}]}}]}}"


WRONG = {
    "a step that falls": (meter("{from: 3GB, rate: 1mbit}, {from: 1GB, rate: stop}"), "not above the one before it"),
    "a rate that rises": (meter("{from: 1GB, rate: 1mbit}, {from: 2GB, rate: 2mbit}"), "it is 1.00 Mbit/s already"),
    "a price that falls": (meter("{from: 0, price: 20}, {from: 1GB, price: 10}"), "the price does not rise"),
    "less than its parts": (meter("{from: 0, per: 1MB, adds: 1}, {from: 1GB, price: 10}"), "the price does not rise"),
    "after a stop": (meter("{from: 1GB, rate: stop}, {from: 2GB, price: 5}"), "never reached"),
    "a step of nothing": (meter("{from: 1GB}"), "nothing changes at this step"),
    "no step": ("{name: p, meters: [{window: month}]}", "a meter without steps does nothing"),
    "parts without a price": (meter("{from: 1GB, per: 1MB}"), "`per` needs `adds`"),
    "hours of no rate": (meter('{from: 1GB, price: 1, hours: "01:00-02:00"}'), "`hours` is of a rate"),
    "a price of the last days": (
        "{name: p, currency: JPY, meters: [{window: {last: {days: 3}}, steps: [{from: 0, price: 1}]}]}",
        "the last days have no end at which a price would be due",
    ),
    "a cap of no price": (meter("{from: 1GB, rate: stop}", "at_most: 5, "), "has no price that could reach it"),
    "a cap below the price": (meter("{from: 0, price: 9}", "at_most: 5, "), "is below that of the first step"),
    "then without a cap": (meter("{from: 1GB, rate: stop}", "then: stop, "), "beyond `at_most`"),
    "rollover of nothing": (meter("{from: 0, price: 9}", "rollover: 1, "), "no step says how much data there is"),
    "no first window": (
        "{name: p, meters: [{window: lifetime, first: {data: 1MB}, steps: [{from: 1GB, rate: stop}]}]}",
        "no other window follows the first one",
    ),
    "nothing first": (meter("{from: 1GB, rate: stop}", "first: {}, "), "nothing is other in the first window"),
    "more data first": (meter("{from: 1GB, rate: stop}", "first: {data: 1GB}, "), "not less than what a whole window"),
    "data of no limit": (meter("{from: 0, price: 9}", "first: {data: 1GB}, "), "not less than what a whole window has"),
    "a step in between": (
        meter("{from: 0, price: 9}, {from: 2GB, price: 20}, {from: 3GB, rate: stop}", "first: {data: 1GB}, "),
        "a step is between this and the data of a whole window",
    ),
    "a higher price first": (meter("{from: 0, price: 9}", "first: {price: 10}, "), "not at most the price of a whole"),
    "a price of no price": (
        meter("{from: 1GB, rate: stop}", "first: {price: 1}, "),
        "not at most the price of a whole",
    ),
    "an unknown zone": ("{name: p, zone: Asia/Tokio, meters: []}", "`Asia/Tokio` is not a time zone"),
    "an unknown currency": ("{name: p, currency: YEN, meters: []}", "`YEN` is not a currency"),
    "no currency": ("{name: p, price: 5, meters: []}", "there is a price but no currency"),
    "half a yen": ('{name: p, currency: JPY, price: "9.5", meters: []}', "more decimals than JPY has, which are 0"),
    "an ICCID that is none": ('{name: p, iccid: "1234", meters: []}', "not the number of a SIM"),
    "an ICCID in pairs": ('{name: p, iccid: "98180100214365870910", meters: []}', "not the number of a SIM"),
    "an ICCID as a number": (
        "{name: p, iccid: 8981100012345678901, meters: []}",
        "is not the number of a SIM in quotes",
    ),
    "used before it was bought": (
        "{name: p, started: {purchase: 2026-11-02, first-use: 2026-11-01}, meters: []}",
        "`first-use` is before `purchase`",
    ),
    "two lengths": ("{name: p, lasts: {days: 3, hours: 1, from: purchase}, meters: []}", "are both given"),
    "no length": ("{name: p, lasts: {from: purchase}, meters: []}", "the lifetime has no length"),
    "no beginning": ("{name: p, lasts: {days: 3}, meters: []}", "the lifetime has no beginning"),
    "hours to midnight": (
        "{name: p, lasts: {hours: 3, from: purchase, to: midnight}, meters: []}",
        "hours do not end at midnight",
    ),
    "by of a purchase": (
        "{name: p, lasts: {days: 3, from: purchase, by: {days: 60, from: purchase}}, meters: []}",
        "only a first use can be made by a day",
    ),
    "once for each use": (
        "{name: p, meters: [{window: {days: 1, from: each-use, once: true}, steps: [{from: 1GB, rate: stop}]}]}",
        "is not there once only",
    ),
    "once and then": (
        "{name: p, meters: [{window: {days: 1, from: first-use, once: true}}]}",
        "what holds after this window is not said",
    ),
    "a lot of nothing": (
        "{name: p, currency: JPY, meters: [], top_up: {lot: 1GB, price: 5}}",
        "no meter has data that could be used up",
    ),
    "an endless lot": (
        "{name: p, currency: JPY, meters: [], top_up: {lot: unlimited, price: 5}}",
        "unlimited data has to end some time",
    ),
    "free of two things": (
        '{name: p, meters: [], free: [{service: line, hours: "01:00-02:00"}]}',
        "either of some hours or of a service",
    ),
    "an unknown key": ("{name: p, meters: [], curency: JPY}", "unknown key `curency`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_terms_that_contradict_themselves_are_said_with_place_and_advice(tmp_path, name):
    text, said = WRONG[name]
    (problem,) = problems_of(tmp_path, text)
    column, message, hint = problem
    assert said in message
    assert column > 2
    assert hint


def test_swapped_digits_are_put_right_in_the_advice(tmp_path):
    ((_, _, hint),) = problems_of(tmp_path, WRONG["an ICCID in pairs"][0])
    assert "89811000123456789001" in hint


def test_two_plans_of_one_name_and_a_file_of_something_else(tmp_path):
    file = tmp_path / "plans.yaml"
    file.write_text(f"plans:\n- {GOOD}\n- {GOOD}\n")
    with pytest.raises(SettingsError, match="plans.yaml:3:10: the name `trip` is used twice"):
        read_plans(file)
    file.write_text("wan: {interface: wwan0}\n")
    with pytest.raises(SettingsError, match="`plans` is missing"):
        read_plans(file)


def test_a_file_that_is_not_there_is_answered_with_an_example(tmp_path):
    with pytest.raises(SettingsError, match=r"there is no such file\n    An example is .*plans/travel.yaml"):
        read_plans(tmp_path / "plans.yaml")


WORDS = """name meters steps from rate price per adds window counts last days hours months once to lasts by renews free
service round top_up lot extends adds_days currency zone units rollover at_most then next
first data note"""
VALUES = ("1GB", 0, -1, 1.5, "stop", "full", None, True, "2mbit", "day", "month", "midnight", "purchase", "JPY", "x")


def nested(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=5)


@given(st.recursive(st.sampled_from(VALUES), nested, max_leaves=25))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_there_is_a_plan_or_a_problem(tmp_path_factory, tree):
    file = tmp_path_factory.mktemp("plans") / "plans.yaml"
    plan = {"name": "p", "currency": "EUR", "meters": [tree], "lasts": tree, "top_up": tree}
    file.write_text(json.dumps({"plans": [plan]}))
    with contextlib.suppress(SettingsError):
        read_plans(file)
