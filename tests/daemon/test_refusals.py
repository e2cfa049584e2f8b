# SPDX-License-Identifier: GPL-2.0-or-later
"""A list that takes too much is told once, and once more when it is over."""

import json
import logging
from pathlib import Path

import pytest

from esimshaper.daemon.refusals import Refusals
from esimshaper.edge.host.messages import Message


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.json"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    known = {Message.LISTS_GREEDY.id: "greedy", Message.LISTS_MODEST.id: "modest"}
    return [known[each.__dict__["MESSAGE_ID"]] for each in caplog.records if "MESSAGE_ID" in each.__dict__]


def test_too_much_is_told_once_and_that_it_is_over(report: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = Refusals(report)
    one.follow()
    assert one.percent is None
    for resolved, refused, percent in ((0, 0, None), (300, 123, 41), (400, 170, 42), (1000, 400, 40), (1001, 401, 40)):
        report.write_text(json.dumps({"seconds": 60, "tally": {"resolved": resolved, "refused": refused}}))
        one.follow()
        one.follow()
        assert one.percent == percent
    assert told(caplog) == ["greedy", "modest"]
    assert one.refused == 401


def test_half_a_report_says_nothing(report: Path) -> None:
    report.write_text('{"seconds": 60, "ta')
    one = Refusals(report)
    one.follow()
    assert one.percent is None


def test_other_settings_begin_anew(report: Path) -> None:
    one = Refusals(report)
    for resolved in (0, 300):
        report.write_text(json.dumps({"seconds": 60, "tally": {"resolved": resolved, "refused": resolved}}))
        one.follow()
    assert (one.percent, one.refused) == (100, 300)
    one.begin_anew()
    assert (one.percent, one.refused) == (None, None)
