# SPDX-License-Identifier: GPL-2.0-or-later
"""What people look up afterwards, as it is kept: with the tick that made it, and in files of today as well."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import Identity
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.core.model.state import Booking
from esimshaper.edge.history import happening_table
from esimshaper.edge.history.database import History, HistoryError
from tests.edge.history.test_database import ALICE, BASELINE, BOB, START, row

TV_ROOM = Subject(SubjectKind.GROUP, "living/room")
OF_TWO = tuple(Subject(SubjectKind.CLIENT, key) for key in (ALICE, BOB))


def saved(*happenings: Happening) -> Booking:
    return Booking((row(),), BASELINE, happenings=happenings)


def test_all_of_a_happening_comes_back_in_the_order_of_events(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = Happening(START + 60, "blocked", "2 devices are blocked now: 爱丽丝, tv", OF_TWO, "plan")
    second = Happening(START, "started", "esimshaper has started")
    third = Happening(START, "quota-reached", "group living/room has used up 1 B", (TV_ROOM, EVERYONE), "tv")
    with closing(History(path)) as history:
        history.save(saved(first))
        history.save(saved(second, third))
    with closing(History(path)) as again:
        assert again.happenings(0) == (first, second, third), "a clock that was set back changes no order"
        assert again.happenings(START + 1) == (first,)


def test_the_newest_are_kept_whatever_the_clock_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(happening_table, "KEPT", 5)
    with closing(History(tmp_path / "history.db")) as history:
        history.save(saved(Happening(2**40, "gap", "from the future")))
        for number in range(6):
            history.save(saved(Happening(number, "started", str(number))))
        assert [each.text for each in history.happenings(0)] == ["1", "2", "3", "4", "5"]


def test_a_happening_and_the_bytes_of_its_tick_are_saved_together_or_not_at_all(tmp_path: Path) -> None:
    with closing(History(tmp_path / "history.db")) as history:
        with pytest.raises(HistoryError):
            history.save(Booking((row(down=2**70),), BASELINE, happenings=(Happening(1, "started", "x"),)))
        assert history.happenings(0) == ()
        history.save(saved(Happening(1, "started", "x")))
        assert len(history.happenings(0)) == 1


def test_a_lost_bit_in_a_subject_costs_that_subject_only(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(History(path)) as history:
        history.save(saved(Happening(1, "blocked", "x", OF_TWO)))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE happenings SET subjects = replace(subjects, 'client/02:00:00:00:00:10', 'cliEnt/0')")
        raw.commit()
    with closing(History(path)) as again:
        assert [each.subjects for each in again.happenings(0)] == [OF_TWO[1:]]


def test_a_file_of_version_3_is_brought_up_with_everything_in_it(tmp_path: Path) -> None:
    """history_v3.sql is the dump of a file that version 3 of the program wrote."""
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("history_v3.sql").read_text())
    now = BASELINE.limits
    of_then = replace(BASELINE, limits=LimitState(now.tallies, now.grants, now.overrides, now.levels))
    with closing(History(path)) as history:
        assert (history.notes, history.load()) == ("", of_then)
        assert history.identities() == (Identity(ALICE, "alice-phone", "pixel"),)
        assert all(len(history.rows(each, 0, 2**40)) == 1 for each in Resolution)
        assert history.happenings(0) == ()
        history.save(saved(Happening(1, "started", "x")))
    with closing(History(path)) as again:
        assert (again.notes, len(again.happenings(0))) == ("", 1)
