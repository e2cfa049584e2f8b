# SPDX-License-Identifier: GPL-2.0-or-later
"""The outbox comes back from the database as it was, is saved with what it tells of, and older files get its tables."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.core.model.notice_choices import NoticeChoices
from esimshaper.core.model.notices import NoticeKind, Severity
from esimshaper.core.model.outbox import ChannelState, Delivery, Entry, Fate, Form, Job, Outbox
from esimshaper.edge.history.database import History, HistoryError
from esimshaper.edge.history.versions import SCHEMAS, VERSION
from tests.edge.history.test_faults import booking

TV = Subject(SubjectKind.CLIENT, "02:00:00:00:00:11")
DATA = {"reasons": ["surge"], "services": [["Zürich-TV", 3], ["dns", 1]], "quota": None, "over": 60}
OUTBOX = Outbox(
    (
        Entry(4, "alarm:1", 90, NoticeKind.ALARM, TV, "tv", Severity.ALARM, 7, "tv moved it", DATA, 100),
        Entry(6, "plan", 95, NoticeKind.PLAN_OUT, EVERYONE, "", Severity.ALARM, 0, "用完了", {}, 200),
    ),
    (
        Delivery(4, "email", Fate.JOINED, 99, 3),
        Delivery(4, "sms", Fate.SILENT, 99),
        Delivery(6, "email", Fate.HELD, 99),
    ),
    (Job(3, "email", Form.GROUP, (4, 6), "ab" * 16, 99, Fate.TRYING, 2, 120, doubt=True, error="no answer"),),
    {"email": ChannelState(738000, 3, 2, 80, "no answer", impossible=True)},
    {("email", "sent"): 12, ("sms", "over"): 1},
    7,
    4,
    738000,
    5000,
    50,
    {"hotel": (70, True)},
    NoticeChoices("22:00-07:00", {"email": Severity.ALARM}),
)


def with_outbox(outbox: Outbox):
    one = booking(1)
    return replace(one, baseline=replace(one.baseline, notices=outbox))


def test_everything_comes_back(tmp_path):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(with_outbox(OUTBOX))
    with closing(History(tmp_path / "history.db")) as history:
        assert history.load().notices == OUTBOX
        less = replace(OUTBOX, entries=OUTBOX.entries[:1], deliveries=OUTBOX.deliveries[:2], lost={})
        history.save(with_outbox(less))
    with closing(History(tmp_path / "history.db")) as history:
        assert history.load().notices == less


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        ("UPDATE notices SET kind = 'alarn' WHERE number = 4", ([6], [6])),
        ("UPDATE notices SET data = '{' WHERE number = 6", ([4], [4, 4])),
        ("UPDATE notices SET data = '[]' WHERE number = 6", ([4], [4, 4])),
        ("UPDATE notice_deliveries SET fate = 'semt' WHERE notice = 6", ([4, 6], [4, 4])),
    ],
)
def test_a_lost_bit_costs_one_notice_and_no_start(tmp_path, damage, left):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(with_outbox(OUTBOX))
    with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as raw:
        raw.execute(damage)
    with closing(History(tmp_path / "history.db")) as history:
        found = history.load().notices
    assert ([each.number for each in found.entries], [each.notice for each in found.deliveries]) == left
    assert (found.entry_number, found.job_number) == (7, 4)


def test_a_number_is_never_given_twice_although_the_next_one_was_lost(tmp_path):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(with_outbox(OUTBOX))
    with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as raw:
        raw.execute("DELETE FROM notice_numbers")
    with closing(History(tmp_path / "history.db")) as history:
        found = history.load().notices
    assert (found.entry_number, found.job_number) == (7, 4)


def test_a_save_that_fails_has_neither_the_bytes_nor_the_notice(tmp_path):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(booking(1))
        with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as raw:
            raw.execute("DROP TABLE notice_jobs")
        two = booking(2)
        with pytest.raises(HistoryError):
            history.save(replace(two, baseline=replace(two.baseline, notices=OUTBOX)))
    with closing(sqlite3.connect(tmp_path / "history.db")) as raw:
        (boottime,) = raw.execute("SELECT boottime FROM reading").fetchone()
        (notices,) = raw.execute("SELECT count(*) FROM notices").fetchone()
    assert (boottime, notices) == (1.0, 0)


def test_a_file_of_version_13_keeps_all_it_has_and_gets_an_outbox(tmp_path):
    path = tmp_path / "history.db"
    with closing(History(path)) as history:
        history.save(booking(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        later = " OR ".join(f"name LIKE '{begin}%'" for begin in ("notice", "approval", "measure"))
        of_later = f"SELECT name FROM sqlite_master WHERE ({later}) AND type = 'table'"  # noqa: S608 - ours
        for (name,) in raw.execute(of_later).fetchall():
            raw.execute(f"DROP TABLE {name}")
        for name in ("service_by_hand", "low_data", "low_data_alone"):
            raw.execute(f"DROP TABLE {name}")
        raw.execute("ALTER TABLE page_asks DROP COLUMN service")
        raw.execute("ALTER TABLE overrides DROP COLUMN rate")
        raw.execute("ALTER TABLE acts DROP COLUMN before_rate")
        raw.execute("PRAGMA user_version = 13")
    with closing(History(path)) as history:
        assert (history.notes, history.load()) == ("", booking(1).baseline)
        history.save(with_outbox(OUTBOX))
    with closing(History(path)) as history:
        assert history.load().notices == OUTBOX
    assert max(SCHEMAS) == VERSION >= 14
