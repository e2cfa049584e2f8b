# SPDX-License-Identifier: GPL-2.0-or-later
"""One tick of measuring: what was watched while a pace held, and while it rested -> samples; who is at rest. Pure.

    film --30 s of silence--> turn of the client ends --one of eight turns, by lot--> the next film is not paced

A turn is a window of the switchback: what one client watches until it is silent, a minute of it at least. Who rests is
known before the next film begins, so that a film has one rate from its first byte to its last.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from esimshaper.core.model.decisions import Decision, DecisionKind, Decisions, Entry
from esimshaper.core.model.identity import PSEUDO_KEYS, Account, ClientKey
from esimshaper.core.model.limits import EACH_CLIENT, EVERYONE, Subject, SubjectKind
from esimshaper.core.model.measure import NO_SAMPLE, SAMPLE_DAYS, Key, MeasureSlice, MeasureState, Turn, Whose
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.saver import Pace
from esimshaper.core.model.services import ServiceUsage, Volume, name_of_number
from esimshaper.core.model.shaping import SILENCE, PacesHeld
from esimshaper.core.model.tick import Tick
from esimshaper.core.saver.estimate import rates

MOVES = 20_000
"""Bytes of a tick that are a part of a film: a page with a thumbnail moves less."""
LEAST_TURN = 60.0
"""Seconds that a turn has at least: who looks for a film touches many."""
MAX_SAMPLES = 8192


Seen = Mapping[Whose, tuple[Volume, bool]]
"""What moved, and whether the pace was at rest."""


class Around:
    """What held since the tick before. `held`: shares of accounts that have their rate."""

    __slots__ = ("decisions", "held", "served")

    def __init__(self, served: ServiceUsage, decisions: Decisions | None, held: PacesHeld) -> None:
        self.served, self.decisions, self.held = served, decisions, held


def advance(before: MeasureSlice, tick: Tick, around: Around) -> MeasureSlice:
    """The slice of now. `around.served`: what metered uplinks billed by client and service."""
    rules = tick.rules
    if not rules.measure or not rules.paces:
        return MeasureSlice(replace(before.kept, since=0, turns={})) if before.kept.since else before
    kept = before.kept if before.kept.since else replace(before.kept, since=int(tick.at.time))
    kept, moved = _of_day(kept, tick), dict(before.moved)
    if seen := _seen(before, tick, around) if around.served and around.decisions is not None else {}:
        kept = _with(kept, seen, moved, tick.reading.boottime)
    kept = _with_turns_over(kept, moved, tick.reading.boottime)
    if kept is before.kept:
        return before if moved == before.moved else replace(before, moved=moved)
    free = frozenset(whose for whose, turn in kept.turns.items() if rests(kept.since, whose, turn.number, rules))
    return MeasureSlice(kept, moved, before.free if free == before.free else free)


def _with(kept: MeasureState, seen: Seen, moved: dict[Whose, float], now: float) -> MeasureState:
    """With what was seen since the tick before; `moved` gets when that was."""
    samples, turns = dict(kept.samples), dict(kept.turns)
    for whose, (volume, is_free) in seen.items():
        seconds = _watched(moved, whose, volume, now)
        key, turn = Key(kept.day, *whose), turns.get(whose, Turn())
        samples[key] = samples.get(key, NO_SAMPLE).plus(volume.total_bytes, seconds, is_free=is_free)
        turns[whose] = turn._replace(seconds=turn.seconds + seconds)
    if len(samples) > MAX_SAMPLES:
        samples = dict(sorted(samples.items())[-MAX_SAMPLES:])
    return replace(kept, samples=samples, turns=turns)


def _with_turns_over(kept: MeasureState, moved: dict[Whose, float], now: float) -> MeasureState:
    """Who has been silent for long enough begins a new turn; they go from `moved`."""
    over = [whose for whose, at in moved.items() if now - at >= SILENCE]
    for whose in over:
        del moved[whose]
    long = [whose for whose in over if kept.turns[whose].seconds >= LEAST_TURN]
    if not long:
        return kept
    return replace(kept, turns={**kept.turns, **{whose: Turn(kept.turns[whose].number + 1) for whose in long}})


def rests(seed: int, whose: Whose, number: int, rules: Rules) -> bool:
    """Whether the pace rests in that turn of a client: of each eight, say, one by lot."""
    share = rules.measure
    if whose.what not in {pace.written for pace in rules.paces}:
        return False
    block, place = divmod(number, share.denominator)
    return place in _lot(f"{seed} {whose.client} {whose.what} {block}", share.numerator, share.denominator)


@lru_cache(maxsize=1024)
def _lot(seed: str, rests: int, turns: int) -> frozenset[int]:
    return frozenset(random.Random(seed).sample(range(turns), rests))  # noqa: S311 - a lot, which nobody attacks


def entries(free: Iterable[Whose], paces: Iterable[Pace]) -> tuple[Entry, ...]:
    """What goes before the paces, so that they say nothing of who is at rest."""
    services = {pace.written: pace.services for pace in paces}
    return tuple(
        Entry(Subject(SubjectKind.CLIENT, whose.client), services[whose.what], None)
        for whose in sorted(free)
        if whose.what in services
    )


def _watched(moved: dict[Whose, float], whose: Whose, volume: Volume, now: float) -> float:
    """Seconds that this download adds; `moved` gets when it was."""
    if volume.down_bytes < MOVES:
        return 0.0
    last = moved.get(whose, now - 1.0)
    moved[whose] = now
    return max(0.0, min(now - last, SILENCE))


def _of_day(kept: MeasureState, tick: Tick) -> MeasureState:
    """When a day is over: what its paces saved is added up, and the oldest samples go."""
    today = datetime.fromtimestamp(int(tick.at.time), tick.rules.zone).toordinal()
    if kept.day == today or (kept.day > today and not tick.at.trusted):
        return kept
    saved = dict(kept.saved)
    for what in {key.what for key in kept.samples if key.day == kept.day}:
        mine = {key: each for key, each in kept.samples.items() if key.what == what}
        if found := rates(mine.values()):
            held, free = found
            seconds = sum(each.held_seconds for key, each in mine.items() if key.day == kept.day)
            saved[what] = saved.get(what, 0) + max(0, round(seconds * (free - held)))
    samples = {key: each for key, each in kept.samples.items() if today - SAMPLE_DAYS < key.day <= today}
    return replace(kept, day=today, saved=saved, samples=samples)


def _seen(before: MeasureSlice, tick: Tick, around: Around) -> Seen:
    """What moved under a pace, or while it was at rest and nothing else held it; and which of both."""
    found: dict[Whose, tuple[Volume, bool]] = {}
    accounts = {client: account for account, client in tick.reading.owners.items()}
    numbers = _numbers(tick)
    for client, volumes in around.served.items():
        if client in PSEUDO_KEYS or client not in accounts:
            continue
        for service, volume in volumes.items():
            pace = pace_of(tick.rules, client, service)
            if pace is None:
                continue
            whose = Whose(client, pace.written)
            is_at_rest = _is_at_rest(accounts[client], numbers.get(service, ()), pace, around)
            if is_at_rest is None or is_at_rest is not (whose in before.free):
                continue
            so_far, _ = found.get(whose, (Volume(), False))
            found[whose] = so_far + volume, is_at_rest
    return found


def _numbers(tick: Tick) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number in tick.reading.service_names:
        found.setdefault(name_of_number(number, tick.reading.service_names), []).append(number)
    return found


def _is_at_rest(account: Account, numbers: Iterable[int], pace: Pace, around: Around) -> bool | None:
    """True if nothing held the service, False if this pace did; None for anything else, of which nothing is learned."""
    row: Mapping[int, Decision] = (around.decisions or {}).get(account, {})
    decided = [row[number] for number in numbers if number in row]
    if not decided:
        return True
    mine = all(each.kind is DecisionKind.PACE and each.share == pace.share for each in decided)
    return False if mine and pace.share in around.held.get(account, {}) else None


def pace_of(rules: Rules, client: ClientKey, service: str) -> Pace | None:
    """The pace that is for a service of a client: the first that fits."""
    words = {service, rules.categories.get(service, service)}
    whose = {*rules.hierarchy(Subject(SubjectKind.CLIENT, client)), EVERYONE, EACH_CLIENT}
    return next((pace for pace in rules.paces if pace.subject in whose and pace.services & words), None)
