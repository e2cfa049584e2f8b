# SPDX-License-Identifier: GPL-2.0-or-later
"""Episodes -> the values of their notices, of which sentences are made in any language. Pure; words.py says them."""

from typing import NamedTuple

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level, Override, Subject, SubjectKind, Tally
from esimshaper.core.model.notices import Data, Value, moment_text
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.watch import AlarmKind, Episode
from esimshaper.core.watch.words import Scene, largest, percent, what

_SERVICES = 5


class Seen(NamedTuple):
    """What an alarm begins with: its kinds, and what the client moved."""

    kinds: frozenset[AlarmKind]
    scene: Scene


def of_episode(episode: Episode, rules: Rules) -> Data:
    """What notices of every kind of it have."""
    subject = Subject(SubjectKind.CLIENT, episode.client) if episode.client else EVERYONE
    return {
        "subject": _label(subject, rules),
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
        _, size, over = what(seen.kinds, seen.scene)
        allowance = seen.scene.allowance
        found |= {"bytes": size, "over": over, "percent": percent(size, allowance)}
        found |= {"allowance": allowance.bytes, "allowance_of": allowance.of}
        found["services"] = [list(each) for each in largest(seen.scene.services, _SERVICES)]
    if cut and (level := level_of(cut)):
        found["level"] = level.value
        found["rate"] = cut.rate or None
        found["until"] = moment_text(cut.until, rules.zone) if cut.until is not None else None
    return found


def of_pace(episode: Episode, tally: Tally, used_up: int, fits: int, rules: Rules) -> Data:
    """A quota that will not last."""
    return {
        **of_episode(episode, rules),
        "subject": _label(tally.subject, rules),
        "quota": tally.quota,
        "used": tally.used,
        "allowed": tally.allowed,
        "used_up": moment_text(used_up, rules.zone),
        "fits": fits,
        "until": moment_text(tally.window.end, rules.zone),
    }


def level_of(cut: Override | None) -> Level | None:
    """What an alarm makes of its client; None where it only tells."""
    return (Level.THROTTLED if cut.rate else Level.BLOCKED) if cut else None


def _label(subject: Subject, rules: Rules) -> str:
    return subject.written(rules.names.get(ClientKey(subject.id), subject.id))
