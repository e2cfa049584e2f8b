# SPDX-License-Identifier: GPL-2.0-or-later
"""Hours of the settings: the moments at which they begin and end, on days of 23 and 25 hours too; what they do."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.commands import grant, override
from esimshaper.core.limits.hours import in_force
from esimshaper.core.model.hours import present, windows
from esimshaper.core.model.limits import EVERYONE, STRANGER, UNKNOWN_GROUP, Curfew, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.time_of_day import Hours, parse_span
from tests.core.limits_router import (
    ALICE,
    BOB,
    DAY,
    FREE,
    MIDNIGHT,
    TV,
    WHOLE,
    A,
    B,
    Router,
    T,
    client,
    group,
    plan,
    quota,
)

BERLIN, TOKYO, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Australia/Lord_Howe")
APIA, ST_JOHNS = ZoneInfo("Pacific/Apia"), ZoneInfo("America/St_Johns")
NIGHT = int(MIDNIGHT) + 23 * 3600
MORNING = NIGHT + 8 * 3600


def hours(*written: str, zone=UTC) -> Hours:
    return Hours(tuple(map(parse_span, written)), zone, ", ".join(written))


def unix(text: str, zone) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "written", "after", "begins", "ends"),
    [
        (TOKYO, ["23:00-07:00"], "2023-11-21T12:00", "2023-11-21T23:00", "2023-11-22T07:00"),
        (TOKYO, ["23:00-07:00"], "2023-11-21T06:59:59", "2023-11-20T23:00", "2023-11-21T07:00"),
        (TOKYO, ["23:00-07:00"], "2023-11-21T07:00", "2023-11-21T23:00", "2023-11-22T07:00"),
        (TOKYO, ["13:00-14:30"], "2023-11-21T14:30", "2023-11-22T13:00", "2023-11-22T14:30"),
        (TOKYO, ["mon-thu,sun 21:00-07:00"], "2023-11-24T12:00", "2023-11-26T21:00", "2023-11-27T07:00"),  # a Friday
        (TOKYO, ["fri-mon 22:00-24:00"], "2023-11-21T12:00", "2023-11-24T22:00", "2023-11-25T00:00"),  # a Tuesday
        (TOKYO, ["mon 22:00-06:00"], "2023-11-21T05:00", "2023-11-20T22:00", "2023-11-21T06:00"),  # since Monday
        # what touches or overlaps is one window
        (TOKYO, ["fri 22:00-24:00", "sat 00:00-08:00"], "2023-11-24T12:00", "2023-11-24T22:00", "2023-11-25T08:00"),
        (TOKYO, ["20:00-23:00", "22:00-06:00"], "2023-11-24T12:00", "2023-11-24T20:00", "2023-11-25T06:00"),
        (TOKYO, ["sat,sun 00:00-24:00"], "2023-11-24T12:00", "2023-11-25T00:00", "2023-11-27T00:00"),
        # 26 March 2023: 02:00 becomes 03:00, a day of 23 hours
        (BERLIN, ["23:00-07:00"], "2023-03-25T12:00", "2023-03-25T23:00", "2023-03-26T07:00"),  # 7 hours
        (BERLIN, ["23:00-02:30"], "2023-03-25T12:00", "2023-03-25T23:00", "2023-03-26T03:00"),
        (BERLIN, ["02:30-07:00"], "2023-03-26T01:00", "2023-03-26T03:00", "2023-03-26T07:00"),
        (BERLIN, ["02:15-02:45"], "2023-03-26T01:00", "2023-03-27T02:15", "2023-03-27T02:45"),  # not on that day
        # 29 October 2023: 03:00 becomes 02:00, a day of 25 hours
        (BERLIN, ["23:00-07:00"], "2023-10-28T12:00", "2023-10-28T23:00", "2023-10-29T07:00"),  # 9 hours
        (BERLIN, ["23:00-02:30"], "2023-10-28T12:00", "2023-10-28T23:00", "2023-10-29T02:30:00+02:00"),
        (BERLIN, ["02:30-07:00"], "2023-10-29T01:00", "2023-10-29T02:30:00+02:00", "2023-10-29T07:00"),
        (BERLIN, ["sun 00:00-24:00"], "2023-10-28T12:00", "2023-10-29T00:00", "2023-10-30T00:00"),  # 25 hours
        # a clock that moves by half an hour, one that goes back over midnight, a day that was left out
        (LORD_HOWE, ["01:00-02:15"], "2023-10-01T00:00", "2023-10-01T01:00", "2023-10-01T02:30"),
        (ST_JOHNS, ["23:30-06:00"], "2006-10-28T12:00", "2006-10-28T23:30:00-02:30", "2006-10-29T06:00"),
        (APIA, ["22:00-06:00"], "2011-12-29T12:00", "2011-12-29T22:00", "2011-12-31T06:00"),  # joined over the gap
    ],
)
def test_hours_begin_and_end_by_the_clock_of_their_zone(zone, written, after, begins, ends):
    window = next(windows(hours(*written, zone=zone), unix(after, zone)))
    found = [datetime.fromtimestamp(each, UTC).isoformat() for each in (window.start, window.end)]
    assert found == [datetime.fromtimestamp(unix(each, zone), UTC).isoformat() for each in (begins, ends)]


@given(
    st.integers(0, 1439), st.integers(1, 1440), st.sets(st.integers(0, 6), min_size=1),
    st.sampled_from([UTC, BERLIN, LORD_HOWE, ST_JOHNS]),
    st.integers(1_104_537_600, 1_704_067_199),  # 2005 to 2023
)  # fmt: skip
def test_a_clock_inside_of_hours_shows_a_time_between_their_ends(begin, end, days, zone, now):
    """Where the clock is moved, the moment of that stands for times that it skips: there nothing is said."""
    span = parse_span("00:00-24:00")._replace(begin=begin, end=end, weekdays=frozenset(days))
    shown = datetime.fromtimestamp(now, zone)
    if any(shown.utcoffset() != (shown + timedelta(days=step)).utcoffset() for step in (-2, -1, 1, 2)):
        return
    minute, today, before = shown.hour * 60 + shown.minute, shown.weekday() in days, (shown.weekday() - 1) % 7 in days
    this_day, next_day = begin <= minute < (1440 if end <= begin else end), end <= begin and minute < end
    wanted = (today and this_day) or (before and next_day)
    assert (present(Hours((span,), zone, ""), now) is not None) == wanted


def test_windows_follow_each_other_for_a_week_and_touch_nowhere():
    ahead = windows(hours("mon-fri 22:00-06:00", "12:00-13:00", zone=BERLIN), unix("2023-10-26", BERLIN))
    found = list(islice(ahead, 12))
    assert all(one.end < other.start for one, other in pairwise(found))
    assert len(found) == 12


def test_hours_of_every_day_have_no_end():
    always = Curfew(EVERYONE, hours("00:00-12:00", "12:00-24:00"))
    assert in_force([always], MIDNIGHT) == {EVERYONE: None}
    assert in_force([always, Curfew(EVERYONE, hours("00:00-01:00"))], MIDNIGHT) == {EVERYONE: None}
    two = [Curfew(EVERYONE, hours("00:00-01:00")), Curfew(EVERYONE, hours("00:00-02:00"))]
    assert in_force(two, MIDNIGHT) == {EVERYONE: int(MIDNIGHT) + 7200}


@pytest.mark.parametrize(
    "written",
    ["", "07:00", "mon", "mon 07:00", "a-b", "07:00-07:00", "24:00-07:00", "mon-fry 1:00-2:00", "mon- 1:00-2:00",
     "mon,,tue 1:00-2:00", "mon-wed-fri 1:00-2:00", "1:00-2:00-3:00", "7:00 - 8:00", "23-7"],
)  # fmt: skip
def test_what_is_no_part_of_the_day_is_refused(written):
    with pytest.raises(ValueError, match="`"):
        parse_span(written)


def quiet(*curfews: Curfew, quotas=()) -> Router:
    it = Router(*quotas, curfews=curfews)
    it.tick(A=100, B=10, T=100)
    return it


def go_to(it: Router, moment: float, **counts: int):
    return it.tick(moment - it.now, **counts)


def test_a_device_is_blocked_in_its_hours_and_says_until_when():
    it = quiet(Curfew(client(TV), hours("23:00-07:00")))
    for moment, level in ((NIGHT - 0.001, "open"), (NIGHT, "blocked"), (MORNING - 0.001, "blocked"), (MORNING, "open")):
        outcome = go_to(it, moment)
        assert it.level(client(TV)) == level
        assert outcome.policies[T].blocked == (level == "blocked")
        assert not outcome.policies[A].blocked
    assert "tv is blocked now: blocked until tomorrow 07:00 (hours)" in it.announced
    assert it.announced[-1] == "tv is no longer blocked"


def test_hours_of_a_group_and_of_everyone_hold_for_all_below():
    it = quiet(Curfew(group("family"), hours("23:00-07:00")), Curfew(EVERYONE, hours("01:00-02:00")))
    outcome = go_to(it, NIGHT)
    assert (it.level(client(TV)), it.level(), outcome.policies[T].with_everyone) == ("blocked", "open", False)
    outcome = go_to(it, NIGHT + 2 * 3600)
    assert (it.level(client(TV)), it.level()) == ("blocked", "blocked")
    assert (outcome.policies[T].with_everyone, outcome.policies[A].with_everyone) == (False, True)
    assert outcome.policies[WHOLE].blocked
    assert outcome.policies[FREE[0]].blocked
    assert it.state.limits.states[client(TV)].until == MORNING
    assert it.state.limits.states[client(ALICE)].until == NIGHT + 3 * 3600


def test_hours_of_unknown_devices_hold_a_stranger_from_its_first_byte():
    it = quiet(Curfew(group(UNKNOWN_GROUP), hours("23:00-07:00")))
    outcome = go_to(it, NIGHT)
    assert [outcome.policies[account].blocked for account in (*FREE, B, A)] == [True, True, True, False]
    assert Subject(SubjectKind.CLIENT, BOB) in it.state.limits.states
    assert STRANGER not in it.state.limits.states


def test_a_word_by_hand_counts_more_than_hours():
    it = quiet(Curfew(client(TV), hours("23:00-07:00")), Curfew(EVERYONE, hours("23:00-07:00")))
    it.state = override(it.state, client(TV), OverrideKind.ALLOW, NIGHT + 3600)
    outcome = go_to(it, NIGHT)
    assert (it.level(client(TV)), it.level()) == ("open", "blocked")
    assert (outcome.policies[T].blocked, outcome.policies[T].exempt) == (False, True)
    outcome = go_to(it, NIGHT + 3600)
    assert it.level(client(TV)) == "blocked"
    assert outcome.policies[T].blocked


def test_hours_are_over_all_quotas_and_nothing_of_them_is_kept():
    it = quiet(Curfew(client(TV), hours("23:00-07:00")), quotas=(quota(limit=50),))
    go_to(it, NIGHT)
    assert it.state.limits.states[client(TV)].by_hours
    it.restart(curfews=())
    it.tick()
    assert it.state.limits.states[client(TV)].quota == "daily"
    assert it.state.limits.kept.overrides == ()


def test_a_clock_that_steps_takes_the_hours_with_it():
    it = quiet(Curfew(client(TV), hours("23:00-07:00")))
    it.now = NIGHT
    it.tick()
    assert it.level(client(TV)) == "blocked"
    it.now = NIGHT - 7200
    it.tick()
    assert it.level(client(TV)) == "open"


def test_a_box_whose_clock_is_not_set_yet_goes_on_from_the_last_known_hour():
    """Hours may be late then, as windows are, and end early never (R14)."""
    it = quiet(Curfew(client(TV), hours("23:00-07:00")))
    go_to(it, NIGHT + 60)
    it.reboot()
    it.trusted, it.now = False, 60.0  # 1970
    it.tick()
    assert it.level(client(TV)) == "blocked"
    it.trusted, it.now = True, float(MORNING)
    it.tick()
    assert it.level(client(TV)) == "open"


def test_a_quota_counts_and_limits_in_its_hours_only():
    it = quiet(quotas=(quota(limit=500, hours=hours("07:00-23:00")), plan(10_000)))
    it.tick(A=700)
    assert (it.level(), it.tally().used) == ("blocked", 700)
    outcome = go_to(it, NIGHT)
    assert it.level() == "open"
    assert outcome.policies[A].block_at.both == 2**64 - 1
    outcome = it.tick(A=900, WHOLE=900)
    assert (it.tally().used, it.tally("plan", EVERYONE).used) == (700, 900)
    outcome = go_to(it, MORNING)  # another day
    assert (it.level(), it.tally().used) == ("open", 0)
    assert outcome.policies[A].block_at.both == 900 + 500
    it.tick(A=1300)
    assert it.tally().used == 400


def test_a_quota_that_rests_at_noon_goes_on_where_it_was():
    it = quiet(quotas=(quota(limit=500, hours=hours("00:00-13:00", "14:00-24:00")),))
    noon = int(MIDNIGHT) + 13 * 3600
    go_to(it, noon - 1, A=400)
    go_to(it, noon)
    go_to(it, noon + 1800, A=10_000)
    outcome = go_to(it, noon + 3600)
    assert it.tally().used == 400
    assert outcome.policies[A].block_at.both == 10_000 + 100
    it.tick(A=10_100)
    assert it.level() == "blocked"
    assert [text for text in it.announced if "used up" in text] == [
        "alice has used up 500 B (daily, until tomorrow 00:00)"
    ]


def test_a_grant_while_a_quota_rests_is_there_when_it_counts_again():
    it = quiet(quotas=(quota(limit=500, hours=hours("13:00-24:00")),))
    it.state = grant(it.state, it.rules, client(ALICE), 250)
    outcome = go_to(it, int(MIDNIGHT) + 13 * 3600)
    assert outcome.policies[A].block_at.both == 100 + 750


def test_days_go_on_while_hours_do_not_change():
    it = quiet(Curfew(client(TV), hours("23:00-07:00")))
    for day in range(1, 4):
        go_to(it, NIGHT + day * DAY)
        assert it.level(client(TV)) == "blocked"
        go_to(it, MORNING + day * DAY)
        assert it.level(client(TV)) == "open"
