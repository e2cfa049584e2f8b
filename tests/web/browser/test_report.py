# SPDX-License-Identifier: GPL-2.0-or-later
"""`report --html` in Chromium, in four languages, in the light and in the dark: axe-core has nothing to say, and
nothing is asked for from anywhere."""

from datetime import timedelta

from esimshaper.languages import texts
from esimshaper.languages.choice import NAMES
from esimshaper.views.report_html import html_page
from tests.views.test_report import BEGIN, client, days, document, used
from tests.web.browser.test_screens import audit_of

GB = 10**9
BOUGHT = {"cost": "1490", "currency": "JPY", "cost_since": BEGIN.isoformat(), "is_of_trip": True}
TRIP = {"trip": "japan", "from": "", "to": "", "budget_bytes": 5 * GB, "left_bytes": 2 * GB, "spent": {"JPY": "1490"}}


def report() -> str:
    """One file with all kinds of tables and pictures."""
    hours = [
        {"start": (BEGIN + timedelta(hours=at)).isoformat(), "start_unix": at, "estimated": at == 3, **used(at * 10**6)}
        for at in range(1, 200, 3)
    ]
    trips = [{**TRIP, "plans": [{"plan": "iij-10gb", **used(3 * GB), **BOUGHT}], **used(3 * GB)}]
    services = [
        {"service": name, "category": None, "titles": {}, **used(size)} for name, size in (("youtube", GB), ("line", 9))
    ]
    parts = {
        "day": days(GB, 0, GB // 2, 10**7),
        "hour": document("hour", hours),
        "client": document("client", [client("alice-phone", 3 * GB), client("02:00:00:00:00:11", 10**6)]),
        "service": document("service", services),
        "plan": document("plan", [{"plan": None, **used(GB)}]),
        "trip": document("trip", trips),
    }
    return html_page(parts)


def test_a_report_is_for_everybody_too():
    served = {}
    try:
        for language in NAMES:
            texts.speak(language)
            served[f"/{language}/report"] = report()
    finally:
        texts.speak("en")
    assert audit_of(served, policy="", script=False) == []
