# SPDX-License-Identifier: GPL-2.0-or-later
"""Episodes: one alarm for each, bounded by what is normal; what teaches and what does not; restarts, clocks, pauses."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.lives import MB, STEP
from bench.watched import START, Watched
from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.watch import LEARNING_HOURS, AlarmKind, Answer, Learned, Mute, WatchSlice
from esimshaper.core.watch import episodes, learning
from esimshaper.core.watch.constants import EPISODES
from tests.core.watch.test_detectors import NOON, QUIET, home, run, started

HOUR = 3600 // STEP
AFTER = NOON + 6 + 2 * HOUR
SURGE = {"tv": (2 * MB, 0)}


def told(watched, begin, seconds, used):
    """The kinds of all notices."""
    step = {name: (down * STEP, up * STEP) for name, (down, up) in used.items()}
    return [notice.kind for number in range(seconds // STEP) for notice in watched.step(begin + number, step).new]


def test_an_episode_is_told_once_and_its_end():
    watched = started(home(), NOON)
    assert told(watched, NOON, 45, SURGE) == [NoticeKind.ALARM]
    assert told(watched, NOON + 9, 14 * 60, QUIET) == []
    assert told(watched, NOON + 9 + 14 * 12, 10 * 60, QUIET) == [NoticeKind.ALARM_END]
    (episode,) = watched.slice.kept.episodes
    assert (episode.kinds, episode.bytes, episode.told) == ((AlarmKind.SURGE,), 90 * MB, True)
    assert not episode.is_open


def test_it_is_told_again_only_when_it_has_doubled():
    watched = started(home(), NOON)
    assert told(watched, NOON, 120, SURGE) == [NoticeKind.ALARM, NoticeKind.ALARM_MORE, NoticeKind.ALARM_MORE]


def test_the_next_alarm_needs_twice_as_much():
    watched = started(home(), NOON)
    assert told(watched, NOON, 30, SURGE)[0] is NoticeKind.ALARM
    told(watched, NOON + 6, 2 * 3600, QUIET)
    assert told(watched, AFTER, 45, SURGE) == []
    assert watched.slice.kept.episodes[-1].told is False, "it is noted down all the same"
    told(watched, AFTER + 9, 2 * 3600, QUIET)
    assert NoticeKind.ALARM in told(watched, AFTER + 9 + 2 * HOUR, 150, SURGE)


def test_what_was_cut_teaches_nothing():
    watched = started(home(), NOON)
    told(watched, NOON, 30, SURGE)
    kept = watched.slice.kept
    watched.slice = replace(watched.slice, kept=episodes.answered(kept, kept.episodes[-1], Answer.CUT))
    told(watched, NOON + 6, 2 * 3600, QUIET)
    assert told(watched, AFTER, 30, SURGE) == [NoticeKind.ALARM]
    assert learning.normal(watched.slice.kept.learned[watched.keys["tv"]]).minute == 0


def test_what_is_fine_is_normal_at_once_and_told_no_more():
    watched = started(home(), NOON)
    told(watched, NOON, 30, SURGE)
    kept = watched.slice.kept
    watched.slice = replace(watched.slice, kept=episodes.answered(kept, kept.episodes[-1], Answer.FINE))
    assert learning.normal(watched.slice.kept.learned[watched.keys["tv"]]).minute == 60 * MB
    assert told(watched, NOON + 6, 60, SURGE) == []


def test_a_mute_holds_for_its_kind_client_and_time():
    watched = started(home(), NOON)
    mute = Mute(AlarmKind.SURGE, watched.keys["tv"], START + NOON * STEP + 3600)
    watched.slice = replace(watched.slice, kept=replace(watched.slice.kept, mutes=(mute,)))
    assert told(watched, NOON, 60, SURGE) == []
    assert told(watched, NOON + 12, 45, {"phone": (2 * MB, 0)}) == [NoticeKind.ALARM]
    told(watched, NOON + 21, 2 * 3600, QUIET)
    assert watched.slice.kept.mutes == ()


def test_people_hear_of_few_unsure_ones_a_week():
    watched = started(home(), NOON)
    for number, rate in enumerate((1, 3, 7, 14)):
        told(watched, NOON + number * HOUR, 60, {"tv": (rate * MB, 0)})
        told(watched, NOON + number * HOUR + 12, 3540, QUIET)
    surges = [each for each in watched.slice.kept.episodes if AlarmKind.SURGE in each.kinds]
    assert [each.told for each in surges] == [True, True, False, False]


def test_a_restart_between_any_two_steps_repeats_no_notice():
    """Traces are not saved; what is saved knows what was told."""
    for cut in range(1, 24):
        watched = started(home(), NOON)
        kinds = []
        for number in range(24):
            if number == cut:
                watched.slice = WatchSlice(watched.slice.kept)
            kinds += told(watched, NOON + number, STEP, SURGE)
        assert kinds.count(NoticeKind.ALARM) == 1


def test_a_late_tick_and_a_pause_are_no_surge():
    """Half a minute of bytes comes at once, and later those of ten minutes, which nobody can place."""
    watched = started(home(), NOON)
    assert watched.step(NOON + 5, {"tv": (45 * MB, 0)}).new == ()
    assert max(watched.slice.traces[watched.keys["tv"]].steps) <= 45 * MB // 6 + 1
    assert watched.step(NOON + 125, {"tv": (900 * MB, 0)}).new == ()
    assert watched.slice.traces == {}


def test_the_first_reading_of_a_process_alarms_nobody():
    watched = home()
    assert watched.step(NOON, {"tv": (900 * MB, 0)}).new == ()
    assert watched.step(NOON + 1, QUIET).new == ()


def test_episodes_are_bounded():
    watched = started(home(), NOON)
    (episode,) = [run(watched, NOON, 30, {"tv": (2 * MB, 0)}), watched.slice.kept.episodes[0]][1:]
    assert len(episodes.newest([episode] * (2 * EPISODES))) == EPISODES


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 150 * MB), min_size=12, max_size=200))
def test_the_ratchet_bounds_what_is_told_whatever_comes(sizes):
    """By the minute on a link of 150 MB: 50 and 100 MB; by five 100, 200, 400; by the hour 150 MB to 4.8 GB."""
    watched = Watched(1000 * MB, ["tv"])
    watched.know(Learned(hours=LEARNING_HOURS))
    watched.step(NOON - 1, QUIET)
    alarms = 0
    for number, size in enumerate(sizes):
        used = {"tv": (size, 0)} if number % 20 < 14 else QUIET
        alarms += sum(notice.kind is NoticeKind.ALARM for notice in watched.step(NOON + number * 12, used).new)
    assert alarms <= 2 + 3 + 6


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(0, 30_000)), min_size=1, max_size=80))
def test_nothing_is_noticed_below_the_floors(moved):
    watched = started(home(), NOON)
    for number, (down, up) in enumerate(moved):
        assert watched.step(NOON + number, {"phone": (down, up)}).new == ()
    assert watched.slice.kept.episodes == ()


def test_who_is_up_at_night_is_told_once_and_then_at_twice_as_much():
    night, rate = 2 * 3600 // STEP, {"tv": (25_000, 700)}
    watched = started(home(), night)
    assert NoticeKind.ALARM in told(watched, night, 900, rate)
    told(watched, night + 180, 1800, QUIET)
    assert NoticeKind.ALARM not in told(watched, night + 540, 900, rate)
    assert watched.slice.kept.episodes[-1].kinds == (AlarmKind.ASLEEP,), "it is noted down"
    told(watched, night + 720, 1800, QUIET)
    assert NoticeKind.ALARM in told(watched, night + 1080, 900, {"tv": (60_000, 1_500)})
