# SPDX-License-Identifier: GPL-2.0-or-later
"""Why the carrier may say another number: each reason with the figures of this router, where they are known. Pure."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.diagnosis.bill import BillFacts, Plan, explain, midnights, without_figures
from esimshaper.core.model.box import Finding, Severity

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2024, 11, 13, 3, 0, tzinfo=UTC).timestamp()  # noon in Tokyo
BEGAN = int(datetime(2024, 11, 1, tzinfo=UTC).timestamp())
PLAN = Plan("plan", 10 * 10**9, 2 * 10**9, BEGAN)
FACTS = BillFacts(NOW, TOKYO, (PLAN,), counted_since=BEGAN)


def said(facts: BillFacts) -> dict[str, Finding]:
    return {finding.check: finding for finding in explain(facts)}


REASONS = {
    "zone": ({}, "zone", Severity.NOTE, "midnight in Asia/Tokyo here (UTC+0900)"),
    "hours of another day": (
        {"between_midnights": 123_000_000},
        "zone",
        Severity.NOTE,
        "Between midnight there and midnight UTC, 123 MB were used",
    ),
    "UTC": ({"zone": UTC}, "zone", Severity.NOTE, "begin at midnight UTC here"),
    "counted from the first byte": ({}, "before", Severity.OK, "plan began at 2024-11-01 09:00, and was counted"),
    "bytes before the start": (
        {"counted_since": BEGAN + 86400},
        "before",
        Severity.WARNING,
        "this router has counted since 2024-11-02 09:00. What was used before is not in it.",
    ),
    "bytes before the start, as the configuration has them": (
        {"counted_since": BEGAN + 86400, "plans": (replace(PLAN, before=12 * 10**8),)},
        "before",
        Severity.NOTE,
        "is in it as the configuration says it: 1.20 GB.",
    ),
    "another way out": ({"detours": ("wlan0",)}, "uplinks", Severity.WARNING, "Devices go out by wlan0 now"),
    "no other way out": ({}, "uplinks", Severity.OK, "No device goes out"),
    "rounding": ({}, "rounding", Severity.NOTE, "By 1 MB a day that is up to 13.0 MB of plan so far."),
    "gibibytes": ({}, "units", Severity.NOTE, "plan would show 1.86 GiB of 9.31 GiB"),
    "other devices": ({}, "others", Severity.NOTE, "The same SIM in another device"),
    "knocks and the router": (
        {"unasked": 514_000, "router": 2_000_000},
        "included",
        Severity.OK,
        "514 KB this month that no device asked for (scans from the Internet, mostly), 2.00 MB",
    ),
    "estimated drops": ({"dropped": 70_000}, "estimates", Severity.NOTE, "70.0 KB of uploads that did not leave"),
    "power cuts": ({"estimated_days": 2}, "estimates", Severity.NOTE, "2 days have a power cut"),
}


@pytest.mark.parametrize(("change", "check", "severity", "words"), REASONS.values(), ids=REASONS)
def test_each_reason_is_said_with_its_figures(change, check, severity, words):
    finding = said(replace(FACTS, **change))[check]
    assert finding.severity is severity
    assert words in finding.sentence
    assert finding.sentence.endswith(".")


def test_without_a_daemon_the_reasons_of_the_carrier_remain():
    assert [finding.check for finding in without_figures(TOKYO, NOW)] == ["zone", "rounding", "units", "others", "late"]


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("Asia/Tokyo", "2024-11-12T15:00", "2024-11-13T00:00"),
        ("America/Havana", "2024-11-12T05:00", "2024-11-13T00:00"),
        ("UTC", "2024-11-13T00:00", "2024-11-13T00:00"),
    ],
)
def test_between_the_midnights_today_is_another_day_for_one_of_the_two(zone, first, last):
    found = midnights(NOW, ZoneInfo(zone))
    assert [f"{datetime.fromtimestamp(each, UTC):%Y-%m-%dT%H:%M}" for each in found] == [first, last]
