# SPDX-License-Identifier: GPL-2.0-or-later
"""What the watch remembers comes back from the history as it was."""

from contextlib import closing

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limit_state import Act, ActKind, LimitState
from esimshaper.core.model.limits import EVERYONE, Override, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.state import Baseline, Booked, Booking
from esimshaper.core.model.watch import AlarmKind, Answer, Episode, Learned, Mute, Peaks, Profile, WatchState
from esimshaper.edge.history.database import History

ALICE, BOB = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:12")
PEAKS = Peaks(5, 4, 3, 2, 1)
EPISODE = Episode(
    7, ALICE, (AlarmKind.SURGE, AlarmKind.UPLOAD), 100, 200, 300, 9, told=True, told_bytes=8, allowance=1000
)
STATE = WatchState(
    learned={
        ALICE: Learned(24, 495_000, PEAKS, Peaks(1), ((20_001, PEAKS), (20_002, Peaks(9, 9))), (1000, 2000)),
        BOB: Learned(1, 495_000),
    },
    episodes=(
        EPISODE,
        Episode(8, ClientKey(""), (AlarmKind.PACE,), 1, 2, text="will have", answer=Answer.FINE, peaks=PEAKS),
    ),
    mutes=(Mute(AlarmKind.SURGE, BOB, 5000), Mute(None, None, 6000)),
    profiles={
        ("daily", EVERYONE): Profile(739_000, tuple(range(24)), tuple(each / 3 for each in range(24)), 1.7, 100, 5, 9),
        ("kids", Subject(SubjectKind.GROUP, "kids")): Profile(739_000, (0,) * 24, (0.0,) * 24),
    },
    newcomers={BOB: (1000, 50)},
    number=9,
    counts={AlarmKind.SURGE: 3, AlarmKind.PACE: 1},
)


def test_all_of_it_comes_back(tmp_path):
    path = tmp_path / "history.db"
    with closing(History(path)) as history:
        history.save(Booking((), Baseline(Booked(7, {}, {}), watch=STATE)))
    with closing(History(path)) as history:
        loaded = history.load()
    assert loaded is not None
    assert loaded.watch == STATE


def test_a_block_of_an_alarm_comes_back_as_one(tmp_path):
    override = Override(Subject(SubjectKind.CLIENT, ALICE), OverrideKind.ALARM, 5000)
    with closing(History(tmp_path / "history.db")) as history:
        history.save(Booking((), Baseline(Booked(7, {}, {}), limits=LimitState(overrides=(override,)))))
    with closing(History(tmp_path / "history.db")) as history:
        loaded = history.load()
    assert loaded is not None
    assert loaded.limits.overrides == (override,)


def test_what_is_gone_is_gone(tmp_path):
    path = tmp_path / "history.db"
    with closing(History(path)) as history:
        history.save(Booking((), Baseline(Booked(7, {}, {}), watch=STATE)))
        history.save(Booking((), Baseline(Booked(7, {}, {}))))
    with closing(History(path)) as history:
        loaded = history.load()
    assert loaded is not None
    assert loaded.watch == WatchState()


def test_a_throttle_of_an_alarm_comes_back_as_one_and_so_does_what_was_there_before_an_act(tmp_path):
    override = Override(Subject(SubjectKind.CLIENT, ALICE), OverrideKind.ALARM, 5000, 256_000)
    act = Act(ActKind.BLOCK, override.subject, 4000, before=override)
    with closing(History(tmp_path / "history.db")) as history:
        history.save(Booking((), Baseline(Booked(7, {}, {}), limits=LimitState(overrides=(override,), acts=(act,)))))
    with closing(History(tmp_path / "history.db")) as history:
        loaded = history.load()
    assert loaded is not None
    assert (loaded.limits.overrides, loaded.limits.acts) == ((override,), (act,))
