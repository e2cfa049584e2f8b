# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon answers about services that wait, how that looks, and which requests it takes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from esimshaper.core import approval_commands
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.flows import Flow
from esimshaper.core.model.identity import Identity
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.review_requests import ReviewCommand, ReviewQuery, Word
from esimshaper.core.model.services import Service, Volume
from esimshaper.core.model.state import ClockSlice, NamesSlice, State
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.report.review import review_document
from esimshaper.edge.http.routes import BadParameter
from esimshaper.edge.http.table import ROUTES
from esimshaper.views.page import plain_lines
from esimshaper.views.review import review_page
from tests.core.approval.test_waiting import DAY, MB, PHONE, RULES, TV, Life


def document(life: Life) -> dict[str, object]:
    names = NamesSlice({TV: Identity(TV, "tv"), PHONE: Identity(PHONE, "", "Pixel")})
    state = State(ClockSlice(life.at), names=names, approval=life.slice)
    now = datetime.fromtimestamp(life.at, UTC)
    facts = DaemonFacts(now, "1", "wwan0", now, catalogue={"netflix": Service("netflix", "video", {"en": "Netflix"})})
    flows = [
        Flow(TV, 6, "192.0.2.1", 443, "", 0, Counters(size, 0, 1, 0), 1, 1, service="netflix", name=name)
        for name, size in (("b.test", 5), ("a.test", 9))
    ]
    return review_document(state, facts, life.rules, approval_commands.due(state, life.rules), flows)


@pytest.fixture
def life() -> Life:
    begun = Life()
    begun.use("dropbox", 40 * MB)
    begun.later(DAY + 3600)
    begun.move({TV: {"netflix": Volume(150 * MB, 20 * MB)}})
    begun.use("dropbox", 200 * MB)
    return begun


def test_what_waits_is_shown_with_its_evidence(life):
    found = document(life)
    [use] = found["waiting"]  # type: ignore[misc]
    assert (use["number"], use["called"], use["category"], use["ends"]) == (1, "tv", "video", ["a.test", "b.test"])
    assert use["today"] == use["ever"] == {"down_bytes": 150 * MB, "up_bytes": 20 * MB, "total_bytes": 170 * MB}
    assert use["hours"] == [9]
    lines = list(plain_lines(review_page(found)))
    assert lines[0] == "These wait for your word, held to 128 kbit/s:"
    assert "tv" in lines[2]
    assert "Netflix" in lines[2]
    assert "tv, dropbox, 240 MB: much, and never asked about" in lines


def test_answers_are_shown_with_what_moved_since(life):
    life.do(approval_commands.answer, 1, EVERYONE, None, approved=True)
    life.do(approval_commands.answer_service, "dropbox", EVERYONE, approval_commands.ALWAYS, approved=False)
    life.later(25 * DAY).use("netflix", MB)
    found = document(life)
    assert found["waiting"] == []
    [first, second] = found["answers"]  # type: ignore[misc]
    assert (first["approved"], first["until"]) == (True, "2026-07-02T09:00:00+00:00")
    assert (second["approved"], second["until"], second["subject"]) == (False, None, "everyone")
    [again] = found["again"]  # type: ignore[misc]
    assert again["why"] == "ends"
    text = "\n".join(plain_lines(review_page(found)))
    assert "No service waits for your word." in text
    assert "1: everyone, Netflix, 171 MB: approved until" in text


def test_without_the_block_it_says_what_to_write(life):
    life.rules = replace(RULES, approval=None)
    life.later(1)
    text = "\n".join(plain_lines(review_page(document(life))))
    assert "approval: {above: 100MB, for: each-client, expires: 30d}" in text


@pytest.mark.parametrize(
    ("path", "body", "request_"),
    [
        ("approve", {"number": 3}, ReviewCommand(Word.APPROVE, 3)),
        ("approve", {"number": 3, "seconds": 60}, ReviewCommand(Word.APPROVE, 3, seconds=60)),
        ("refuse", {"service": "x", "subject": "tv", "always": True}, ReviewCommand(Word.REFUSE, 0, "x", "tv", 0)),
        ("forget", {"number": 3}, ReviewCommand(Word.FORGET, 3)),
    ],
)
def test_requests_are_read(path, body, request_):
    assert ROUTES["POST", f"/v1/review/{path}"](body) == request_
    assert ROUTES["GET", "/v1/review"]({}) == ReviewQuery()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("approve", {}),
        ("approve", {"number": 3, "service": "x"}),
        ("approve", {"number": 3, "always": True, "seconds": 5}),
        ("approve", {"number": 3, "always": "yes"}),
        ("forget", {"number": 3, "subject": "tv"}),
    ],
)
def test_what_makes_no_sense_is_refused(path, body):
    with pytest.raises(BadParameter):
        ROUTES["POST", f"/v1/review/{path}"](body)
