# SPDX-License-Identifier: GPL-2.0-or-later
"""Each kind of abnormal use by itself, through the whole room: what is told, when, and in which words."""

import pytest

from bench.lives import MB, STEP, STEPS_A_DAY
from bench.watched import Watched
from esimshaper.core.model.limits import Level
from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.services import UNNAMED, Volume
from esimshaper.core.model.watch import LEARNING_HOURS, AlarmKind, Answer, Learned, Reaction, WatchLevel

DAY = 1000 * MB
NOON, NIGHT = 12 * 3600 // STEP, 3 * 3600 // STEP
QUIET: dict[str, tuple[int, int]] = {}


def home(*clients: str, known: bool = True, level: WatchLevel = WatchLevel.NORMAL) -> Watched:
    """A home with a GB a day, whose devices are known for a day, if not said otherwise."""
    watched = Watched(DAY, list(clients or ("tv", "phone")), level)
    if known:
        watched.know(Learned(hours=LEARNING_HOURS))
    return watched


def run(watched, begin, seconds, used):
    """Moves `used` (down, up in bytes per second) for so long; returns the alarms as (seconds, client, kinds)."""
    alarms = []
    for number in range(seconds // STEP):
        step = {name: (down * STEP, up * STEP) for name, (down, up) in used.items()}
        alarms += [
            ((number + 1) * STEP, notice.subject.id, list(map(str, notice.reasons)))
            for notice in watched.step(begin + number, step).new
            if notice.kind is NoticeKind.ALARM
        ]
    return alarms


def started(watched, at):
    """The watch as it is after a quiet step."""
    watched.step(at - 1, QUIET)
    return watched


def test_five_percent_of_the_day_in_a_minute_is_a_surge():
    watched = started(home(), NOON)
    assert run(watched, NOON, 120, {"tv": (MB, 0)}) == [(50, "tv", ["surge"])]
    (episode,) = watched.slice.kept.episodes
    assert episode.text.startswith("moved 50.0 MB in the last minute: 5 % of the day (1.00 GB by daily)")


def test_a_client_that_is_new_to_us_may_do_twice_as_much_on_its_first_day():
    watched = started(home(known=False), NOON)
    assert run(watched, NOON, 60, {"tv": (MB, 0)}) == []
    assert run(watched, NOON + 12, 60, {"tv": (2 * MB, 0)}) != []


def test_ten_percent_in_five_minutes_and_fifteen_in_an_hour_are_surges():
    assert run(started(home(), NOON), NOON, 600, {"tv": (400_000, 0)}) == [(250, "tv", ["surge"])]
    slow = run(started(home(), NOON), NOON, 3600, {"tv": (100_000, 0), "phone": (300, 30)})
    assert [(client, kinds) for _, client, kinds in slow] == [("tv", ["surge"])]
    assert 1500 <= slow[0][0] <= 1510


def test_video_at_a_modest_rate_is_no_alarm():
    assert run(started(home(), NOON), NOON, 1200, {"tv": (80_000, 2400)}) == []


def test_an_upload_is_told_at_a_fortieth_of_the_day():
    alarms = run(started(home(), NOON), NOON, 300, {"phone": (3_000, 100_000)})
    assert alarms == [(250, "phone", ["upload"])]


def test_a_video_call_is_no_upload():
    assert run(started(home(), NOON), NOON, 600, {"phone": (90_000, 100_000)}) == []


def test_the_same_amount_all_hour_long_is_a_trickle():
    alarms = run(started(home(), NOON), NOON, 3 * 3600, {"tv": (3_000, 100)})
    assert [(client, kinds) for _, client, kinds in alarms] == [("tv", ["trickle"])]
    assert 3300 <= alarms[0][0] <= 3660


def test_browsing_of_the_same_size_is_no_trickle():
    watched = started(home(), NOON)
    for minute in range(180):
        used = {"tv": (180_000, 6_000)} if minute % 13 < 6 else QUIET
        assert watched.step(NOON + minute * 12, used).new == ()
        for second in range(1, 12):
            assert watched.step(NOON + minute * 12 + second, QUIET).new == ()


def test_slow_downloads_at_night_are_told_only_while_all_others_sleep():
    rate = (25_000, 700)
    assert run(started(home(), NIGHT), NIGHT, 900, {"tv": rate})[0][1:] == ("tv", ["asleep"])
    assert run(started(home(), NIGHT), NIGHT, 900, {"tv": rate, "phone": rate}) == []
    assert run(started(home(), NOON), NOON, 900, {"tv": rate}) == []


def test_the_router_alone_at_home_is_told():
    watched = started(home("router"), NOON)
    alarms = run(watched, NOON, 900, {"router": (15_000, 300)})
    assert [(client, kinds) for _, client, kinds in alarms] == [("router", ["nobody-home"])]


def test_the_router_beside_devices_that_do_something_is_no_alarm():
    watched = started(home("router", "tv"), NOON)
    assert run(watched, NOON, 900, {"router": (15_000, 300), "tv": (300, 30)}) == []


@pytest.mark.parametrize(
    ("level", "rate", "seconds"), [(WatchLevel.CALM, 2, 50), (WatchLevel.NORMAL, 1, 50), (WatchLevel.STRICT, 1, 30)]
)
def test_the_level_moves_all_thresholds(level, rate, seconds):
    alarms = run(started(home(level=level), NOON), NOON, 60, {"tv": (rate * MB, 0)})
    assert alarms == [(seconds, "tv", ["surge"])]


def test_switched_off_nothing_is_noticed():
    watched = started(home(level=WatchLevel.OFF), NOON)
    assert run(watched, NOON, 120, {"tv": (5 * MB, MB)}) == []
    assert watched.slice.traces == {}


def test_a_new_device_is_told_once_it_has_moved_its_share():
    watched = started(home("tv"), NOON)
    alarms = run(watched, NOON, 600, {"02:00:00:00:00:99": (200_000, 6_000)})
    assert alarms[0][1:] == ("02:00:00:00:00:99", ["newcomer"])
    assert 240 <= alarms[0][0] <= 250
    assert run(watched, NOON + STEPS_A_DAY // 24, 60, {"02:00:00:00:00:99": (200_000, 6_000)}) == []


def test_devices_that_history_knows_are_not_new():
    watched = started(home("tv"), NOON)
    watched.remember("02:00:00:00:00:99")
    assert not any(
        "newcomer" in kinds for *_, kinds in run(watched, NOON, 400, {"02:00:00:00:00:99": (150_000, 4_000)})
    )


def test_a_kind_that_is_off_is_not_noticed():
    watched = started(home(), NOON)
    watched.set(off=frozenset({AlarmKind.SURGE}))
    assert run(watched, NOON, 120, {"tv": (MB, 30_000)}) == []


def test_an_exempt_client_is_not_noticed():
    watched = started(home(), NOON)
    watched.set(exempt=frozenset({watched.keys["tv"]}))
    assert run(watched, NOON, 120, {"tv": (MB, 30_000), "phone": (MB, 30_000)}) == [(50, "phone", ["surge"])]


def test_what_was_told_of_is_cut_once_it_becomes_of_a_kind_that_the_settings_block():
    watched = started(home(), NIGHT)
    watched.set(reactions={AlarmKind.UPLOAD: Reaction(3600)})
    told, cuts = [], []
    for number in range(600 // STEP):
        now = watched.step(NIGHT + number, {"phone": (3_000 * STEP, 90_000 * STEP)})
        told += [notice for notice in now.new if notice.kind is NoticeKind.ALARM]
        cuts += now.cuts
    assert [list(map(str, each.reasons)) for each in told] == [["asleep"], ["upload", "asleep"]]
    assert [each.level for each in told] == [None, Level.BLOCKED]
    assert [(each.subject.id, each.rate) for each in cuts] == [("phone", 0)]
    (episode,) = watched.slice.kept.episodes
    assert episode.answer is Answer.CUT


def test_the_router_whom_nothing_cuts_is_told_of_once():
    watched = started(home("router", "tv"), NIGHT)
    watched.set(reactions={AlarmKind.UPLOAD: Reaction(3600)})
    alarms = run(watched, NIGHT, 600, {"router": (3_000, 100_000)})
    assert [(client, kinds) for _, client, kinds in alarms] == [("router", ["nobody-home"])]


def served(watched, begin, seconds, rate, named=1000):
    """Alarms of a phone that sends so many bytes a second to addresses without a name, beside what `tv` does."""
    found = []
    for number in range(seconds // STEP):
        up = rate * STEP
        services = {"phone": {UNNAMED: Volume(up // 30, up)}, "tv": {"youtube": Volume(named, 0)} if named else {}}
        used = {"phone": (up // 30, up), "tv": (25_000 * STEP, 700 * STEP)}
        now = watched.step(begin + number, used, services)
        found += [(each.subject.id, list(map(str, each.reasons)), each.text) for each in now.new]
    return found


def test_an_upload_to_addresses_without_a_name_is_told_at_an_eightieth_of_the_day_where_that_is_asked_for():
    watched = started(home(), NOON)
    assert served(watched, NOON, 250, 60_000) == []
    watched = started(home(), NOON)
    watched.set(off=frozenset(), reactions={AlarmKind.NAMELESS: Reaction(3600)})
    (told,) = served(watched, NOON, 250, 60_000)
    assert told[:2] == ("phone", ["nameless"])
    assert "sent 12.6 MB in the last five minutes, most of it to addresses that nobody named: 1 % of" in told[2]
    assert "It is blocked until" in told[2]


def test_where_no_conversation_has_a_name_nothing_is_nameless():
    watched = started(home(), NOON)
    watched.set(off=frozenset())
    assert served(watched, NOON, 250, 60_000, named=0) == []


def test_what_was_sent_before_to_names_makes_no_small_rest_nameless():
    watched = started(home(), NOON)
    watched.set(off=frozenset())
    assert served(watched, NOON, 120, 60_000) == []
    for number in range(24):
        services = {"phone": {"icloud": Volume(0, 80_000 * STEP)}, "tv": {"youtube": Volume(100_000, 0)}}
        now = watched.step(NOON + 24 + number, {"phone": (10_000 * STEP, 80_000 * STEP)}, services)
        assert now.new == ()
