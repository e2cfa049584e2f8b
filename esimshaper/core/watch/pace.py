# SPDX-License-Identifier: GPL-2.0-or-later
"""Tallies, and what is used in which hour of the day -> whether a quota lasts, and when it will be used up. Pure.

    m(h) = (sum over the days before of w * bytes(h) + PRIOR_DAYS * prior(h)) / (sum of w + PRIOR_DAYS)
    w    = 1/2 after each DAY_HALVES days

The rest of a window is the sum of m over its hours; of today's, times how much today is more than a plain day so far.
On a made-up life this halves the error of a straight line at noon. People are told once a rest that is one deviation
less would not last either:

    deviation     days differ as a whole (PACE_MOOD), and bytes come in lumps (PACE_LUMP of a day)
    at 9 h        much of the day is to come, so it is large; at 21 h the forecast itself counts
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from esimshaper.core.model.limits import Quota, Subject, SubjectKind, Tally
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.watch import Profile
from esimshaper.core.watch import constants as at

_HOURS, _DAY = 24, 86400
_FADING = 0.5 ** (1 / at.DAY_HALVES)
_NO_HOURS = (0,) * _HOURS
_PRIOR = tuple(share / sum(at.PRIOR_HOURS) for share in at.PRIOR_HOURS)

Key = tuple[str, Subject]


class Pace(NamedTuple):
    """A quota that will not last: `used_up` is when (Unix seconds); total: what its window would need in all.

    again: people were told of it in this window already, and it comes much sooner.
    """

    quota: Quota
    tally: Tally
    used_up: int
    total: int
    again: bool = False


def next_profiles(
    before: Mapping[Key, Profile], tick: Tick, tallies: Iterable[Tally]
) -> tuple[dict[Key, Profile], tuple[Pace, ...]]:
    """The profiles with what was used since, and the quotas that people are to hear of."""
    quotas, now = {quota.name: quota for quota in tick.rules.quotas}, tick.at.time
    following: dict[Key, Profile] = {}
    found: list[Pace] = []
    for tally in tallies:
        quota = quotas.get(tally.quota)
        if quota is None or len(following) >= at.PROFILES or not _is_watched(quota, tally, tick):
            continue
        key = (tally.quota, tally.subject)
        here = datetime.fromtimestamp(now, quota.zone)
        profile = _counted(before.get(key), tally, here)
        pace = forecast(profile, quota, tally, now)
        if pace and _is_news(profile, pace, now):
            found.append(pace._replace(again=bool(profile.told)))
            profile = profile._replace(told=pace.used_up)
        following[key] = profile
    return following, tuple(found)


def forecast(profile: Profile, quota: Quota, tally: Tally, now: float) -> Pace | None:
    """The Pace of a quota that will be used up before its window ends; None if it lasts, or is used up already."""
    allowed, used = tally.allowed, tally.used
    if tally.reached or used >= allowed or used < at.PACE_USED * allowed or now >= tally.window.end:
        return None
    hours = _by_hour(profile, _day_of(tally))
    lump = at.PACE_LUMP * _day_of(tally)
    passed = _passed(hours, datetime.fromtimestamp(now, quota.zone))
    # Bytes in lumps of one size at a rate that has a gamma distribution: what is seen of today pulls its mean.
    doubt = lump / at.PACE_MOOD
    mood = (_of_today(profile, quota, tally, now) + doubt) / (passed + doubt) if passed else 1.0
    walk = _walk(hours, mood, quota.zone, now, tally)
    spread = (walk.today**2 / (mood * (passed + doubt)) + walk.today + walk.later) * lump
    spread += at.PACE_MOOD * walk.later * (sum(hours) + walk.later / (profile.weight + at.PRIOR_DAYS))
    total = used + walk.today + walk.later
    if not walk.used_up or total - at.PACE_DEVIATIONS * math.sqrt(spread) <= allowed:
        return None
    return Pace(quota, tally, walk.used_up, int(total))


def _of_today(profile: Profile, quota: Quota, tally: Tally, now: float) -> float:
    """What was used today, as far as it is known."""
    midnight = datetime.fromtimestamp(now, quota.zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    return max(float(sum(profile.today)), tally.used if tally.window.start >= midnight else 0)


def _passed(hours: list[float], here: datetime) -> float:
    """What is expected of a day up to now."""
    return sum(hours[: here.hour]) + hours[here.hour] * (here.minute * 60 + here.second) / 3600


def _is_watched(quota: Quota, tally: Tally, tick: Tick) -> bool:
    """Quotas that rest, and those of each client that nobody has named, have no pace."""
    if quota.hours is not None or quota.name in tick.resting:
        return False
    return tally.subject.kind is not SubjectKind.CLIENT or tally.subject.id in tick.rules.names


def _counted(before: Profile | None, tally: Tally, here: datetime) -> Profile:
    """The profile with the bytes since the last look in the hour of `here`."""
    day, start = here.toordinal(), tally.window.start
    if before is None:
        return Profile(day, _NO_HOURS, (0.0,) * _HOURS, 0.0, start, tally.used)
    more = tally.used - before.used if before.window == start else tally.used
    today, kept, weight = before.today, before.before, before.weight
    if day > before.day:
        for number in range(min(day - before.day, at.DAY_HALVES * 10)):
            passed = today if number == 0 else _NO_HOURS
            kept = tuple((old + new) * _FADING for old, new in zip(kept, passed, strict=True))
            weight = (weight + 1) * _FADING
        today = _NO_HOURS
    elif not more and before.window == start:
        return before
    hours = list(today)
    hours[here.hour] = max(0, hours[here.hour] + more)
    told = before.told if before.window == start else 0
    return Profile(max(day, before.day), tuple(hours), kept, weight, start, tally.used, told)


def _day_of(tally: Tally) -> float:
    """The allowance of a day."""
    return tally.allowed * _DAY / max(_DAY, tally.window.end - tally.window.start)


def _by_hour(profile: Profile, allowance: float) -> list[float]:
    """What is expected in each hour of a day."""
    days = profile.weight
    mean = sum(profile.before) / days if days else at.PRIOR_TOTAL * allowance
    return [
        (old + at.PRIOR_DAYS * prior * mean) / (days + at.PRIOR_DAYS)
        for old, prior in zip(profile.before, _PRIOR, strict=True)
    ]


class _Walk(NamedTuple):
    """What will be used from now to the end of the window, today and later, and when the limit will be; 0 if never."""

    today: float
    later: float
    used_up: int


def _walk(hours: list[float], mood: float, zone: tzinfo, now: float, tally: Tally) -> _Walk:
    """The rest of the window: today's hours times `mood`, later ones as they are."""
    used, used_up, moment = float(tally.used), 0, now
    end, daily, date, today = tally.window.end, sum(hours), datetime.fromtimestamp(now, zone).date(), 0.0
    while moment < end:
        local = datetime.fromtimestamp(moment, zone)
        whole_days = int((end - moment) // _DAY) - 1 if used_up or used + daily < tally.allowed else 0
        if whole_days > 0 and local.date() != date:
            used, moment = used + daily, moment + _DAY
            continue
        next_hour = (local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)).timestamp()
        until = min(end, next_hour if next_hour > moment else moment + 3600)
        more = hours[local.hour] * (until - moment) / 3600 * (mood if local.date() == date else 1.0)
        today += more if local.date() == date else 0.0
        if not used_up and used + more >= tally.allowed:
            used_up = int(moment + (until - moment) * (tally.allowed - used) / more) if more else int(moment)
        used, moment = used + more, until
    return _Walk(today, used - tally.used - today, used_up)


def _is_news(profile: Profile, pace: Pace, now: float) -> bool:
    """Once in a window, and again where it comes much sooner."""
    return not profile.told or profile.told - pace.used_up > at.PACE_SOONER * max(0.0, profile.told - now)
