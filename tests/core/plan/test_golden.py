# SPDX-License-Identifier: GPL-2.0-or-later
"""The plans that are shipped, 41 forms of terms: their words, and what holds at twenty usages of each.

`python3 -m tests.core.plan.test_golden` writes golden.json anew; its difference is then to be read by a person.
"""

import json
from datetime import datetime
from pathlib import Path

import pytest

from esimshaper.core.model.money import write_money
from esimshaper.core.model.plan import FULL, Plan
from esimshaper.core.plan.course import Course
from esimshaper.core.plan.terms import moment_of, terms_of
from esimshaper.edge.settings_file.plans import read_plans
from esimshaper.views.plan_words import words_of

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "etc/plans").glob("*.yaml"))
GOLDEN = Path(__file__).with_name("golden.json")
USAGES = 20
MB = 1000**2


def plans() -> list[Plan]:
    return [plan for file in FILES for plan in read_plans(file, "UTC")]


def usages(plan: Plan) -> list[int]:
    """Twenty amounts: at and just beyond each threshold, and round ones between and beyond."""
    above = {step.above for meter in plan.meters for step in meter.steps}
    exact = {0, *above, *(each + 1 for each in above)}
    largest = max(above, default=0) or 5000 * MB
    between = (largest * number // 7 for number in range(1, 40))
    chosen = [*sorted(exact), *(each for each in between if each not in exact)]
    return sorted(chosen[:USAGES])


def facts(plan: Plan) -> list[str]:
    """What holds after each usage, all of it in one go half an hour after the purchase, abroad."""
    bought = int(datetime(2026, 11, 10, 9, 30, tzinfo=plan.zone).timestamp())
    found = []
    for used in usages(plan):
        course, at = Course(plan, bought), bought + 1800
        passed = course.use(at, used, roaming=True)
        rate = course.rate(at, roaming=True)
        shown = "full" if rate >= FULL else f"{rate} bit/s"
        end = moment_of(course.end, plan.zone) if course.end else "no end"
        parts = f"{passed.full} full, {passed.slow} slow, {passed.refused} refused"
        price = write_money(course.price, plan.currency)
        found.append(f"{used}: {parts}; then {shown}, {course.left} left, price {price}, {end}")
    return found


def picture(plan: Plan) -> dict[str, object]:
    terms = terms_of(plan)
    thresholds = [step["from_bytes"] for meter in terms["meters"] for step in meter["steps"]]
    return {"words": words_of(terms, "en"), "thresholds": thresholds, "usages": facts(plan)}


def test_there_are_41_plans_and_each_has_its_picture():
    assert [plan.name for plan in plans()] == list(json.loads(GOLDEN.read_text()))
    assert len(plans()) == 41


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.name)
def test_words_thresholds_price_rate_and_end_are_as_a_person_has_read_them(plan):
    now, golden = picture(plan), json.loads(GOLDEN.read_text())[plan.name]
    assert now["words"] == golden["words"]
    assert now["thresholds"] == golden["thresholds"]
    assert now["usages"] == golden["usages"]
    assert len(golden["usages"]) == USAGES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_shipped_plan_has_its_day_and_says_to_look_at_the_contract(file):
    assert "Look at your own contract." in " ".join(line.strip("# ") for line in file.read_text().splitlines())
    for plan in read_plans(file):
        assert plan.seen
        assert words_of(terms_of(plan), "en")[-1].endswith("look at your own contract.")


def main() -> None:
    GOLDEN.write_text(json.dumps({plan.name: picture(plan) for plan in plans()}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
