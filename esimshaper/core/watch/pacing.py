# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that will not last -> episodes of the kind `pace`, and their notices. Pure.

One begins when people are told, and ends with the window, or when the quota is used up: others tell of that.
"""

from dataclasses import replace

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, SubjectKind, Tally
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.units import format_moment, format_size
from esimshaper.core.model.watch import AlarmKind, Episode, WatchState
from esimshaper.core.watch import episodes, facts
from esimshaper.core.watch.pace import Pace, next_profiles

_KINDS = (AlarmKind.PACE,)


def advance(
    kept: WatchState, tick: Tick, tallies: tuple[Tally, ...], allowance: int
) -> tuple[WatchState, tuple[Notice, ...]]:
    """`kept` with the pace of now, and what people should hear of it."""
    if not tick.rules.watch.looks_for(AlarmKind.PACE):
        return kept, ()
    profiles, paces = next_profiles(kept.profiles, tick, tallies)
    ended = _ended(kept.episodes, tick)
    if not paces:
        same = profiles == kept.profiles and ended == kept.episodes
        return (kept, ()) if same else (replace(kept, profiles=profiles, episodes=ended), ())
    number, now = kept.number, int(tick.at.time)
    made = [_episode(number + at, each, tick, allowance) for at, each in enumerate(paces)]
    new = [replace(each, told=not episodes.is_muted(each, kept.mutes, now)) for each in made]
    said = tuple(_notice(episode, each, tick) for episode, each in zip(new, paces, strict=True) if episode.told)
    kept = replace(kept, profiles=profiles, episodes=episodes.newest((*ended, *new)), number=number + len(new))
    return kept, said


def _ended(known: tuple[Episode, ...], tick: Tick) -> tuple[Episode, ...]:
    """Those of windows that are over end: `seen` of them is when the quota would have been used up."""
    now = int(tick.at.time)
    over = [each for each in known if each.is_open and each.kinds == _KINDS and each.seen <= now]
    return tuple(replace(each, until=now) if each in over else each for each in known) if over else known


def _episode(number: int, pace: Pace, tick: Tick, allowance: int) -> Episode:
    subject = pace.tally.subject
    client = ClientKey(subject.id if subject.kind is SubjectKind.CLIENT else "")
    now, used, text = int(tick.at.time), pace.tally.used, _text(pace, tick)
    return Episode(
        number, client, _KINDS, now, pace.used_up, bytes=used, told_bytes=used, allowance=allowance, text=text
    )


def _text(pace: Pace, tick: Tick) -> str:
    quota, tally, now = pace.quota, pace.tally, tick.at.time
    end, used_up = (format_moment(each, now, quota.zone) for each in (tally.window.end, pace.used_up))
    days = max(1.0, (tally.window.end - now) / 86400)
    fits = format_size(int((tally.allowed - tally.used) / days))
    rest = f"{fits} a day would last until {end}" if days > 1 else f"{fits} are left until {end}"
    return (
        f"will have used up {format_size(tally.allowed)} of {quota.name} about {used_up}"
        f"{', sooner than it looked' if pace.again else ''}: {format_size(tally.used)} are used; {rest}"
    )


def _notice(episode: Episode, pace: Pace, tick: Tick) -> Notice:
    subject = pace.tally.subject
    names = tick.rules.names
    who = {
        SubjectKind.CLIENT: names.get(ClientKey(subject.id), subject.id),
        SubjectKind.GROUP: f"group {subject.id}",
    }.get(subject.kind, "everyone")
    text = f"{who} {episode.text}. `esimshaper top` shows who uses it"
    fits = int((pace.tally.allowed - pace.tally.used) / max(1.0, (pace.tally.window.end - tick.at.time) / 86400))
    data = facts.of_pace(episode, pace.tally, pace.used_up, fits, tick.rules)
    found = Notice(NoticeKind.ALARM, text, subject or EVERYONE, pace.quota.name, pace.tally.used)
    return replace(found, at=int(tick.at.time), alarm=episode.number, reasons=episode.kinds, data=data)
