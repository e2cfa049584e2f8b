# SPDX-License-Identifier: GPL-2.0-or-later
"""The one list of kinds of notices."""

from zoneinfo import ZoneInfo

from esimshaper.core.model.limits import EVERYONE, Level, Subject, SubjectKind
from esimshaper.core.model.notices import DATA, KINDS, Notice, NoticeKind, Severity, moment_text


def test_the_list_has_every_kind_and_says_what_each_value_is():
    assert set(KINDS) == set(NoticeKind)
    used = [key for facts in KINDS.values() for key in (*facts.keys, *facts.sometimes)]
    assert set(used) == set(DATA)
    for facts in KINDS.values():
        keys = (*facts.keys, *facts.sometimes)
        assert len(set(keys)) == len(keys)


def test_severities_rise():
    assert sorted(Severity, key=lambda each: each.rank) == [Severity.INFO, Severity.WARNING, Severity.ALARM]


def test_what_holds_everyone_or_cuts_is_graver_than_its_kind():
    tv = Subject(SubjectKind.CLIENT, "tv")
    assert Notice(NoticeKind.QUOTA_REACHED, "", tv).severity is Severity.WARNING
    assert Notice(NoticeKind.QUOTA_REACHED, "", EVERYONE).severity is Severity.ALARM
    assert Notice(NoticeKind.CLIENT_STATE, "", tv, level=Level.OPEN).severity is Severity.INFO
    assert Notice(NoticeKind.CLIENT_STATE, "", tv, level=Level.BLOCKED).severity is Severity.WARNING
    assert Notice(NoticeKind.ALARM, "", tv, reasons=("surge",)).severity is Severity.WARNING
    assert Notice(NoticeKind.ALARM, "", tv, reasons=("surge", "upload")).severity is Severity.ALARM
    assert Notice(NoticeKind.ALARM, "", tv, reasons=("surge",), level=Level.BLOCKED).severity is Severity.ALARM


def test_a_moment_says_the_offset_of_its_zone():
    assert moment_text(1_700_000_000.9, ZoneInfo("Asia/Tokyo")) == "2023-11-15T07:13:20+09:00"
