# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client moves from hour to hour -> what is normal for it: the peaks of the last days. Pure.

    running hour -> the one before -> its day        of DAYS days the highest counts

An hour counts once another one is over, so that a leak does not make itself normal as it begins.
"""

from esimshaper.core.model.watch import LEARNING_HOURS, NO_PEAKS, Learned, Peaks
from esimshaper.core.watch.constants import DAYS
from esimshaper.core.watch.traces import Moved

_HOURS = 24


def in_hour(learned: Learned, hour: int) -> Learned:
    """`learned` in the running hour of that number; in one that is earlier, after the clock was set back, too."""
    if learned.hour == hour:
        return learned
    hours, day = min(LEARNING_HOURS, learned.hours + 1), hour // _HOURS
    ended = learned.waiting if hour == learned.hour + 1 else learned.waiting.joined(learned.running)
    waiting = learned.running if hour == learned.hour + 1 else NO_PEAKS
    days = _with_peaks(learned.days, day, ended)
    return learned._replace(hours=hours, hour=hour, running=NO_PEAKS, waiting=waiting, days=days)


def with_moved(learned: Learned, moved: Moved) -> Learned:
    """`learned`, in whose running hour a client moved so much."""
    minute, five, hour, upload, flat = learned.running
    if (
        moved.minute <= minute
        and moved.five <= five
        and moved.hour <= hour
        and moved.up <= upload
        and moved.flat <= flat
    ):
        return learned
    # Not by _replace, which takes three times as long, as all who move anything come here in their busiest minutes.
    return Learned(learned.hours, learned.hour, learned.running.joined(peaks_of(moved)), *learned[3:])


def peaks_of(moved: Moved) -> Peaks:
    return Peaks(moved.minute, moved.five, moved.hour, moved.up, moved.flat)


def normal(learned: Learned) -> Peaks:
    """What is normal, as of its running hour."""
    highest, first = NO_PEAKS, learned.hour // _HOURS - DAYS
    for day, peaks in learned.days:
        if day > first:
            highest = highest.joined(peaks)
    return highest


def taught(learned: Learned, peaks: Peaks) -> Learned:
    """`learned`, to which such peaks are normal from now on."""
    return learned._replace(days=_with_peaks(learned.days, learned.hour // _HOURS, peaks))


def set_aside(learned: Learned) -> tuple[Learned, Peaks]:
    """`learned` without the hours that do not count yet, and their peaks: they may be the beginning of an episode."""
    return learned._replace(running=NO_PEAKS, waiting=NO_PEAKS), learned.running.joined(learned.waiting)


def is_learning(learned: Learned) -> bool:
    return learned.hours < LEARNING_HOURS


def _with_peaks(days: tuple[tuple[int, Peaks], ...], day: int, peaks: Peaks) -> tuple[tuple[int, Peaks], ...]:
    """The last DAYS days, with these peaks in one of them."""
    kept = dict(days)
    if peaks != NO_PEAKS:
        kept[day] = kept.get(day, NO_PEAKS).joined(peaks)
    return tuple(sorted((each, of_day) for each, of_day in kept.items() if day - DAYS < each <= day))
