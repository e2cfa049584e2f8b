# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of abnormal use as values, and back. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.watch import (
    NO_PEAKS,
    AlarmKind,
    Answer,
    Episode,
    Learned,
    Mute,
    Peaks,
    Profile,
    WatchState,
)
from esimshaper.edge.history.rows import Fetch, Keys, Rows, Tables, Values, is_client

KEYS: Keys = {
    "watch_clients": ("client",),
    "watch_peaks": ("client", "day"),
    "watch_newcomers": ("client",),
    "watch_episodes": ("number",),
    "watch_counts": ("kind",),
    "watch_mutes": ("number",),
    "watch_profiles": ("quota", "kind", "subject"),
}

_RUNNING, _WAITING = -1, -2
"""In the column `day`: peaks of hours that do not count yet."""
_HOURS = 24


def tables(watch: WatchState) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "watch_clients": {(key,): (each.hours, each.hour, *_two(each.told)) for key, each in watch.learned.items()},
        "watch_peaks": dict(_peaks(watch)),
        "watch_newcomers": {(key,): values for key, values in watch.newcomers.items()},
        "watch_episodes": {(each.number,): _episode_values(each) for each in watch.episodes},
        "watch_counts": {(kind.value,): (number,) for kind, number in watch.counts.items()},
        "watch_mutes": {
            (number,): (each.kind and each.kind.value, each.client, each.until)
            for number, each in enumerate(watch.mutes)
        },
        "watch_profiles": _profiles(watch),
    }


def watch_from(rows: Fetch) -> WatchState:
    """The WatchState in the tables. Raises ValueError."""
    peaks: dict[str, dict[int, Peaks]] = defaultdict(dict)
    for client, day, *values in rows("watch_peaks"):
        peaks[client][day] = Peaks(*values)
    episodes = tuple(_episode(values) for values in rows("watch_episodes"))
    return WatchState(
        learned={
            ClientKey(client): _learned(hours, hour, told, peaks[client])
            for client, hours, hour, *told in rows("watch_clients")
            if is_client(client)
        },
        episodes=episodes,
        mutes=tuple(
            Mute(AlarmKind(kind) if kind else None, ClientKey(client) if client else None, until)
            for _, kind, client, until in rows("watch_mutes")
        ),
        profiles={
            (quota, Subject(SubjectKind(kind), subject)): _profile(values)
            for quota, kind, subject, *values in rows("watch_profiles")
        },
        newcomers={ClientKey(client): (came, size) for client, came, size in rows("watch_newcomers")},
        counts={AlarmKind(kind): number for kind, number in rows("watch_counts")},
        number=max((each.number for each in episodes), default=0) + 1,
    )


def _two(told: tuple[int, ...]) -> Values:
    return (*told, None, None)[:2]


def _peaks(watch: WatchState) -> Iterator[tuple[Values, Values]]:
    for key, each in watch.learned.items():
        for day, peaks in ((_RUNNING, each.running), (_WAITING, each.waiting), *each.days):
            if peaks != NO_PEAKS:
                yield (key, day), tuple(peaks)


def _learned(hours: int, hour: int, told: list[int | None], peaks: dict[int, Peaks]) -> Learned:
    days = tuple(sorted((day, each) for day, each in peaks.items() if day >= 0))
    running, waiting = peaks.get(_RUNNING, NO_PEAKS), peaks.get(_WAITING, NO_PEAKS)
    return Learned(hours, hour, running, waiting, days, tuple(each for each in told if each is not None))


def _episode_values(each: Episode) -> Values:
    times = (each.since, each.seen, each.until)
    sizes = (each.bytes, each.told, each.told_bytes, each.allowance)
    return (each.client, "\n".join(each.kinds), *times, *sizes, each.text, each.answer.value, *each.peaks)


def _episode(values: Values) -> Episode:
    number, client, kinds, since, seen, until, size, told, told_bytes, allowance, text, answer, *peaks = values
    found = tuple(map(AlarmKind, kinds.split("\n")))
    times = (since, seen, until)
    sizes = (size, bool(told), told_bytes, allowance)
    return Episode(number, ClientKey(client), found, *times, *sizes, text, Answer(answer), Peaks(*peaks))


def _profiles(watch: WatchState) -> Rows:
    return {
        (quota, subject.kind.value, subject.id): (
            each.day,
            each.weight,
            each.window,
            each.used,
            each.told,
            " ".join(map(str, each.today)),
            " ".join(map(repr, each.before)),
        )
        for (quota, subject), each in watch.profiles.items()
    }


def _profile(values: Sequence[Any]) -> Profile:
    """Raises ValueError, also where an hour is missing: the card has lost a bit."""
    day, weight, window, used, told, today, before = values
    hours, past = tuple(map(int, today.split())), tuple(map(float, before.split()))
    if len(hours) != _HOURS or len(past) != _HOURS:
        raise ValueError("the hours of a profile are not 24")
    return Profile(day, hours, past, weight, window, used, told)
