# SPDX-License-Identifier: GPL-2.0-or-later
"""`hours` of quotas, and `blocks`: what the texts mean, and where the mistakes stand."""

import pytest

from esimshaper.core.model.limits import UNKNOWN_GROUP, Curfew, Subject, SubjectKind
from esimshaper.core.model.time_of_day import EVERY_DAY, Hours, Span
from esimshaper.core.settings.changes import changes
from tests.core.settings.parsing import ZONES, messages_of, settings_of
from tests.core.settings.test_quotas import tree

NIGHT = Span(23 * 60, 7 * 60, EVERY_DAY)


def settings(*blocks, **quota):
    return settings_of(tree(quota) | {"blocks": list(blocks)})


def found(*blocks, **quota):
    return messages_of(tree(quota) | {"blocks": list(blocks)})


def test_a_block_is_for_somebody_at_hours_of_a_zone():
    tv = {"for": "client/tv", "hours": "23:00-07:00"}
    room = {"for": "group/living-room", "hours": ["mon-fri 22:00-6:30", "Sat,sun 0:00-24:00"], "timezone": "UTC"}
    one, other = settings(tv, room).blocks
    assert one == Curfew(
        Subject(SubjectKind.CLIENT, "02:00:00:00:00:0a"), Hours((NIGHT,), ZONES["Asia/Tokyo"], "23:00-07:00")
    )
    assert other.hours == Hours(
        (Span(22 * 60, 6 * 60 + 30, frozenset(range(5))), Span(0, 1440, frozenset({5, 6}))),
        ZONES["UTC"],
        "mon-fri 22:00-6:30, Sat,sun 0:00-24:00",
    )


@pytest.mark.parametrize("who", ["everyone", "router", "client/alice", "alice", f"group/{UNKNOWN_GROUP}"])
def test_anybody_may_be_blocked(who):
    assert len(settings({"for": who, "hours": "23:00-07:00"}).blocks) == 1


def test_each_client_is_everyone():
    assert found({"for": "each-client", "hours": "23:00-07:00"}) == [
        (("blocks", 0, "for"), "a block is not for each-client")
    ]


def test_a_quota_has_the_hours_of_its_zone():
    (quota,) = settings(hours="23:00-07:00", timezone="Europe/Berlin").quotas
    assert quota.hours == Hours((NIGHT,), ZONES["Europe/Berlin"], "23:00-07:00")
    assert settings().quotas[0].hours is None


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ("25:00-07:00", "`25:00-07:00`: the clock goes up to 23:59, and 24:00 is the end of a day (at `25:00`)"),
        ("23-7", "`23-7` is no time (at `23`)"),
        ("mon-fry 22:00-23:00", "`mon-fry 22:00-23:00`: there is no day `fry`; the days are mon, tue, wed, thu, fri, "),
        ("22:00", "`22:00` is not a part of the day"),
        ("22:00-22:00", "`22:00-22:00` ends where it begins; the whole day is 00:00-24:00"),
        ("24:00-07:00", "`24:00-07:00`: 24:00 is the end of a day; its beginning is 00:00"),
    ],
)
def test_a_mistake_has_its_place(hours, message):
    for problems, where in ((found({"for": "everyone", "hours": hours}), "blocks"), (found(hours=hours), "quotas")):
        ((path, said),) = problems
        assert path == (where, 0, "hours")
        assert said.startswith(message)


def test_each_mistake_of_a_list_is_told_and_too_many_blocks_are_refused():
    assert [path for path, _ in found({"for": "everyone", "hours": ["1:00-2:00", "x", "y"]})] == [
        ("blocks", 0, "hours", 1),
        ("blocks", 0, "hours", 2),
    ]
    ((path, said),) = found(*[{"for": "everyone", "hours": "1:00-2:00"}] * 65)
    assert (path, said) == (("blocks", 64), "65 blocks are listed, but there is room for 64")


def test_a_reload_says_which_hours_change():
    one = settings({"for": "client/tv", "hours": "23:00-07:00"})
    other = settings({"for": "client/tv", "hours": "22:00-07:00"}, hours="07:00-23:00")
    assert changes(one, other) == (
        "quota daily: hours any time -> 07:00-23:00 (Asia/Tokyo)",
        "block of client/tv at 22:00-07:00 (Asia/Tokyo): new",
        "block of client/tv at 23:00-07:00 (Asia/Tokyo): removed",
    )
    assert "1 block" in one.in_short
