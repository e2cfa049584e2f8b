# SPDX-License-Identifier: GPL-2.0-or-later
"""Episodes -> the values of their notices, of which sentences are made in any language. Pure; words.py says them."""

from typing import NamedTuple

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level, Override, Subject, SubjectKind, Tally
from esimshaper.core.model.notices import Data, Value, moment_text
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.watch import AlarmKind, Episode
from esimshaper.core.watch.words import Scene

_SERVICES = 5
_MINUTE, _HOUR = 60, 3600


class Seen(NamedTuple):
    """What an alarm begins with: its kinds, and what the client moved."""

    kinds: frozenset[AlarmKind]
    scene: Scene


def of_episode(episode: Episode, rules: Rules) -> Data:
    """What notices of every kind of it have."""
    subject = Subject(SubjectKind.CLIENT, episode.client) if episode.client else EVERYONE
    label = rules.names.get(episode.client, episode.client)
    return {
        "subject": subject.written(label),
        "alarm": episode.number,
        "reasons": [each.value for each in episode.kinds],
    }


def of_course(episode: Episode, rules: Rules) -> Data:
    """What it has moved since it began."""
    since = moment_text(episode.since, rules.zone)
    answer: Data = {"answer": episode.answer.value} if not episode.is_open else {}
    return {**of_episode(episode, rules), "bytes": episode.bytes, "since": since, **answer}


def of_alarm(episode: Episode, seen: Seen | None, cut: Override | None, rules: Rules) -> Data:
    """What was moved, how much of the day that is, and what follows from it."""
    found: dict[str, Value] = dict(of_episode(episode, rules))
    if seen:
        size, over = _moved(seen.kinds, seen.scene)
        allowance = seen.scene.allowance
        named = sorted(seen.scene.services.items(), key=lambda each: -each[1])
        found |= {"bytes": size, "over": over, "percent": max(1, round(100 * size / max(1, allowance.bytes)))}
        found |= {"allowance": allowance.bytes, "allowance_of": allowance.of}
        found["services"] = [[name, size] for name, size in named[:_SERVICES] if size > 0]
    if cut:
        found["level"] = (Level.THROTTLED if cut.rate else Level.BLOCKED).value
        found["rate"] = cut.rate or None
        found["until"] = moment_text(cut.until, rules.zone) if cut.until is not None else None
    return found


def of_pace(episode: Episode, tally: Tally, used_up: int, fits: int, rules: Rules) -> Data:
    """A quota that will not last."""
    subject = tally.subject
    label = rules.names.get(ClientKey(subject.id), subject.id)
    return {
        **of_episode(episode, rules),
        "subject": subject.written(label),
        "quota": tally.quota,
        "used": tally.used,
        "allowed": tally.allowed,
        "used_up": moment_text(used_up, rules.zone),
        "fits": fits,
        "until": moment_text(tally.window.end, rules.zone),
    }


def _moved(kinds: frozenset[AlarmKind], scene: Scene) -> tuple[int, int]:
    """The bytes that make it an alarm, and in how many seconds they were moved; in the order of words.sentence."""
    moved, floors = scene.moved, scene.floors
    if AlarmKind.NOBODY_HOME in kinds:
        return moved.hour, _HOUR
    if AlarmKind.UPLOAD in kinds:
        return moved.up, 5 * _MINUTE
    if AlarmKind.NEWCOMER in kinds:
        return moved.hour, _HOUR
    if AlarmKind.SURGE in kinds and moved.minute >= floors.minute:
        return moved.minute, _MINUTE
    if AlarmKind.SURGE in kinds and moved.five >= floors.five:
        return moved.five, 5 * _MINUTE
    if AlarmKind.ASLEEP in kinds and AlarmKind.TRICKLE not in kinds:
        return moved.ten, 10 * _MINUTE
    return moved.hour, _HOUR
