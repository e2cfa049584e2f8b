# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client moved, and the allowance of a day -> what of it is abnormal. Pure.

surge     much of the day at once, in a minute, five, or an hour
upload    much was sent, and little came: a backup, or data that leaves
nameless  half as much, most of it to addresses that nobody named
trickle   the same amount in each five minutes of an hour: nobody browses so
asleep    at night, while nobody else does anything

Each is asked twice: beside the floors alone, which is noted down; and beside RATCHET times what is normal for the
client, of which people are told.
"""

from typing import NamedTuple

from esimshaper.core.model.services import NO_VOLUME, Volume
from esimshaper.core.model.watch import NO_PEAKS, AlarmKind, Peaks
from esimshaper.core.watch import constants as at
from esimshaper.core.watch.traces import Moved


class Floors(NamedTuple):
    """Bytes from which on something is abnormal for anybody, by the allowance and the level of the settings."""

    minute: int
    five: int
    hour: int
    upload: int
    nameless: int
    flat: int
    flat_most: int
    asleep: int
    newcomer: int
    alone: int
    least: tuple[int, int, int, int]  # in a minute, five, ten, an hour: before that none of them is true


def floors_of(allowance: int, factor: float) -> Floors:
    """The floors for an allowance in bytes of a day."""

    def floor(share: float, least: int) -> int:
        return int(factor * max(share * allowance, least))

    minute, five = floor(at.SURGE_MINUTE, at.SURGE_MINUTE_FLOOR), floor(at.SURGE_FIVE, at.SURGE_FIVE_FLOOR)
    hour, upload = floor(at.SURGE_HOUR, at.SURGE_HOUR_FLOOR), floor(at.UPLOAD_FIVE, at.UPLOAD_FLOOR)
    nameless = floor(at.NAMELESS_FIVE, at.NAMELESS_FLOOR)
    flat, night = floor(at.TRICKLE_FIVE, at.TRICKLE_FLOOR), floor(at.ASLEEP_TEN, at.ASLEEP_FLOOR)
    return Floors(
        minute,
        five,
        hour,
        upload,
        nameless,
        flat,
        max(int(allowance * at.TRICKLE_MOST), 2 * flat),
        night,
        floor(at.NEWCOMER, at.NEWCOMER_FLOOR),
        floor(at.ALONE_HOUR, at.ALONE_FLOOR),
        (minute, min(five, nameless), night, min(hour, 12 * flat)),
    )


class Case(NamedTuple):
    """What detectors are asked about: floors, what is normal for the client (NO_PEAKS: not asked), whether it is new to
    us, and whether it is night and all others sleep. nameless: of the last minutes, what nobody could name."""

    moved: Moved
    floors: Floors
    normal: Peaks = NO_PEAKS
    learning: bool = False
    asleep: bool = False
    nameless: Volume = NO_VOLUME


def surge(case: Case) -> bool:
    """Much of the day at once."""
    moved, floors, normal = case.moved, case.floors, case.normal
    factor = at.LEARNING_FACTOR if case.learning else 1.0
    return (
        moved.minute >= max(floors.minute * factor, at.RATCHET * normal.minute)
        or moved.five >= max(floors.five * factor, at.RATCHET * normal.five)
        # The short window ends it when the fire is out, and not an hour later (SRE Workbook).
        or (moved.hour >= max(floors.hour * factor, at.RATCHET * normal.hour) and moved.five >= floors.hour // 12)
    )


def upload(case: Case) -> bool:
    """Much was sent, and little but its acknowledgements came."""
    up, down = case.moved.up, case.moved.down
    enough = up >= max(case.floors.upload, at.RATCHET * case.normal.upload)
    return enough and up > at.UPLOAD_RATIO * (down - at.ACKNOWLEDGED * up)


def nameless(case: Case) -> bool:
    """Much was sent, most of it to addresses that nobody named, and little came from there."""
    down, up = case.nameless.down_bytes, case.nameless.up_bytes
    enough = up >= max(case.floors.nameless, at.RATCHET * case.normal.upload) and 2 * up >= case.moved.up
    return enough and up > at.UPLOAD_RATIO * (down - at.ACKNOWLEDGED * up)


def trickle(case: Case) -> bool:
    """About the same amount in each five minutes of an hour."""
    flat, mean = case.moved.flat, case.moved.hour / 12
    enough = flat >= max(case.floors.flat, at.RATCHET * case.normal.flat)
    return enough and mean <= at.TRICKLE_FLAT * flat and mean <= case.floors.flat_most


def asleep(case: Case) -> bool:
    """At night, while nobody else does anything."""
    return case.asleep and case.moved.ten >= case.floors.asleep


DETECTORS = {
    AlarmKind.SURGE: surge,
    AlarmKind.UPLOAD: upload,
    AlarmKind.NAMELESS: nameless,
    AlarmKind.TRICKLE: trickle,
    AlarmKind.ASLEEP: asleep,
}
"""Those that look at one client."""


def is_small(moved: Moved, floors: Floors) -> bool:
    """Nothing of this is abnormal, of nobody."""
    minute, five, ten, hour = floors.least
    return moved.minute < minute and moved.five < five and moved.ten < ten and moved.hour < hour


def found(case: Case) -> frozenset[AlarmKind]:
    """All that is abnormal of a client."""
    return frozenset(kind for kind, detector in DETECTORS.items() if detector(case))


NOTHING_FOUND: frozenset[AlarmKind] = frozenset()
