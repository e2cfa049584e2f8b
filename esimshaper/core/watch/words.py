# SPDX-License-Identifier: GPL-2.0-or-later
"""Episodes -> notices: what is moved, how much of the day that is, what for, and what one can type. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from esimshaper.core.model.limits import EVERYONE, Override, Subject, SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.units import format_duration, format_moment, format_rate, format_size
from esimshaper.core.model.watch import AlarmKind, Allowance, Answer, Episode
from esimshaper.core.watch.detectors import Floors
from esimshaper.core.watch.traces import Moved

_SERVICES = 3
"""So many services are named, the largest ones."""
_MINUTE, _HOUR = 60, 3600


class Scene(NamedTuple):
    """What a sentence is made of: the allowance, and what each of the client's services moved in the last minutes."""

    moved: Moved
    floors: Floors
    allowance: Allowance
    services: Mapping[str, int]


class What(NamedTuple):
    """What makes it an alarm, behind the name of its client; so many bytes, in so many seconds."""

    text: str
    bytes: int
    seconds: int


def what(kinds: frozenset[AlarmKind], scene: Scene) -> What:
    """Of several kinds that which says most."""
    moved, floors = scene.moved, scene.floors
    hour, ten = format_size(moved.hour), format_size(moved.ten)
    if AlarmKind.NOBODY_HOME in kinds:
        return What(f"moved {hour} in the last hour, in which no device moved anything", moved.hour, _HOUR)
    if AlarmKind.UPLOAD in kinds:
        text = f"sent {format_size(moved.up)} in the last five minutes, and received little"
        return What(text, moved.up, 5 * _MINUTE)
    if AlarmKind.NAMELESS in kinds:
        text = f"sent {format_size(moved.up)} in the last five minutes, most of it to addresses that nobody named"
        return What(text, moved.up, 5 * _MINUTE)
    if AlarmKind.NEWCOMER in kinds:
        return What(f"is new here and moved {hour} at once", moved.hour, _HOUR)
    if AlarmKind.SURGE in kinds and moved.minute >= floors.minute:
        return What(f"moved {format_size(moved.minute)} in the last minute", moved.minute, _MINUTE)
    if AlarmKind.SURGE in kinds and moved.five >= floors.five:
        return What(f"moved {format_size(moved.five)} in the last five minutes", moved.five, 5 * _MINUTE)
    if AlarmKind.TRICKLE in kinds:
        return What(f"moves {format_size(moved.flat)} and more in each five minutes of an hour", moved.hour, _HOUR)
    if AlarmKind.ASLEEP in kinds:
        return What(f"moved {ten} in ten minutes of the night, while all others sleep", moved.ten, 10 * _MINUTE)
    return What(f"moved {hour} in the last hour", moved.hour, _HOUR)


def sentence(kinds: frozenset[AlarmKind], scene: Scene) -> str:
    """What a client does, beside the day: completes a sentence that begins with its name."""
    found, allowance = what(kinds, scene), scene.allowance
    return f"{found.text}: {percent(found.bytes, allowance)} % of {_the_day(allowance)}{_largest(scene.services)}"


def percent(size: int, allowance: Allowance) -> int:
    """Of the day's allowance."""
    return max(1, round(100 * size / max(1, allowance.bytes)))


def largest(services: Mapping[str, int], most: int) -> list[tuple[str, int]]:
    """Services for which something was moved, and how much, the largest first."""
    ordered = sorted(services.items(), key=lambda pair: -pair[1])
    return [(name, size) for name, size in ordered[:most] if size > 0]


def begun(episode: Episode, who: str, cut: Override | None, rules: Rules) -> Notice:
    """The notice of an alarm; `cut`: what the settings ask for, if they do."""
    text = f"{who} {episode.text}. {_to_type(episode, who)}"
    if cut and cut.until is not None:
        end = format_moment(cut.until, episode.seen, rules.zone)
        how = f"held to {format_rate(cut.rate)}" if cut.rate else "blocked"
        fine = f"`esimshaper alarms fine {episode.number}` if it is fine"
        text = f"{who} {episode.text}. It is {how} until {end}; {fine}"
    return _notice(NoticeKind.ALARM, episode, text, episode.seen)


def more(episode: Episode, who: str, now: float, rules: Rules) -> Notice:
    """The notice that it goes on."""
    since = format_moment(episode.since, now, rules.zone)
    text = f"{who} goes on: {format_size(episode.bytes)} since {since} ({_kinds(episode)}). {_to_type(episode, who)}"
    return _notice(NoticeKind.ALARM_MORE, episode, text, int(now))


def ended(episode: Episode, who: str, now: float, rules: Rules) -> Notice:
    """The notice that it is over."""
    since, length = format_moment(episode.since, now, rules.zone), format_duration(episode.seen - episode.since)
    how = {Answer.FINE: ", which was fine", Answer.CUT: ", which was cut"}.get(episode.answer, "")
    text = f"{who} is quiet again: {format_size(episode.bytes)} in {length} since {since} ({_kinds(episode)}){how}"
    return _notice(NoticeKind.ALARM_END, episode, text, int(now))


def _notice(kind: NoticeKind, episode: Episode, text: str, at: int) -> Notice:
    subject = Subject(SubjectKind.CLIENT, episode.client) if episode.client else EVERYONE
    return Notice(kind, text, subject, bytes=episode.bytes, at=at, alarm=episode.number, reasons=episode.kinds)


def _to_type(episode: Episode, who: str) -> str:
    fine = f"it is fine: `esimshaper alarms fine {episode.number}`"
    if AlarmKind.NOBODY_HOME in episode.kinds:
        return f"`esimshaper flows` shows where to; {fine}"
    name = who if " " not in who else episode.client
    return f"Stop it: `esimshaper block {name} --for 1h`; {fine}"


def _kinds(episode: Episode) -> str:
    return ", ".join(episode.kinds)


def _the_day(allowance: Allowance) -> str:
    size = format_size(allowance.bytes)
    return f"the day ({size} by {allowance.of})" if allowance.of else f"a day of {size}, which no quota or plan says"


def _largest(services: Mapping[str, int]) -> str:
    named = [f"{name} {format_size(size)}" for name, size in largest(services, _SERVICES)]
    return f"; most for {', '.join(named)}" if named else ""
