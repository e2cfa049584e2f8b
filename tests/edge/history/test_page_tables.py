# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered of the page comes back from the database as it was."""

import sqlite3
from contextlib import closing
from dataclasses import replace

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page import Ask, Done, Guesses, PageState, Password, Session
from esimshaper.edge.history.database import History
from tests.edge.history.test_faults import booking

ALICE, TV = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
PAGE = PageState(
    Password(b"\0salt", b"\xffhash", 2**14),
    (Session(3, "ab", ALICE, 10, 20), Session(4, "cd", "203.0.113.9", 11, 21)),
    (Guesses("203.0.113.9", 7, 99),),
    (5, 6, 6),
    (Ask(1, ALICE, 10, 300, "für heute", 12, 100), Ask(2, TV, 11, 500, "")),
    {ALICE: "Küche"},
    (Done("request-1", 10, "grant 300 B to alice"), Done("aequest-2", 11, "undo")),
)


def with_page(page: PageState):
    one = booking(1)
    return replace(one, baseline=replace(one.baseline, page=page))


def test_everything_comes_back(tmp_path):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(with_page(PAGE))
    with closing(History(tmp_path / "history.db")) as history:
        assert history.load().page == PAGE
        history.save(with_page(replace(PAGE, password=None, sessions=(), asks=PAGE.asks[:1], names={})))
    with closing(History(tmp_path / "history.db")) as history:
        page = history.load().page
        assert (page.password, page.sessions, page.asks, dict(page.names)) == (None, (), PAGE.asks[:1], {})


def test_a_lost_bit_makes_no_client(tmp_path):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(with_page(PAGE))
    with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as raw:
        raw.execute("UPDATE page_asks SET client = '02:00:00:00:00:1g' WHERE number = 1")
        raw.execute("UPDATE page_names SET client = '02:00:00:00:00:1g'")
    with closing(History(tmp_path / "history.db")) as history:
        assert (history.load().page.asks, dict(history.load().page.names)) == (PAGE.asks[1:], {})
