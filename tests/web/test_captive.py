# SPDX-License-Identifier: GPL-2.0-or-later
"""What phones are told of the network (RFC 8908): over TLS only, of themselves only, and kept by nobody."""

import json

import pytest

from esimshaper.web import captive
from tests.web import documents as docs
from tests.web.stand_in import HOST, Browser


@pytest.fixture
def phone(app) -> Browser:
    return Browser(app, https=True)


def test_a_phone_is_told_what_is_left_and_until_when(phone):
    answer = phone.get(captive.PATH)
    assert answer.headers["content-type"] == "application/captive+json"
    assert answer.headers["cache-control"] == "no-store"
    assert json.loads(answer.text) == {
        "captive": False,
        "venue-info-url": f"https://{HOST}/",
        "bytes-remaining": 69_000_000,  # of the day's limit, which is tighter than the plan
        "seconds-remaining": 5 * 3600 + 1800,
    }


def test_the_plan_counts_where_it_is_tighter(phone, daemon):
    plan = {"name": "trip", "left_bytes": 5_000_000, "limit_bytes": 10**9, "ends": "2026-12-03T18:30:00+09:00"}
    daemon.me = docs.me(plan=plan)
    told = json.loads(phone.get(captive.PATH).text)
    assert (told["bytes-remaining"], told["seconds-remaining"]) == (5_000_000, 2 * 86400)


def test_without_limits_and_for_nobody_it_says_only_that_nobody_is_captive(phone, daemon):
    daemon.me = docs.nobody()
    assert json.loads(phone.get(captive.PATH).text) == {"captive": False, "venue-info-url": f"https://{HOST}/"}


def test_without_tls_there_is_none(browser):
    assert browser.get(captive.PATH).status == 404
