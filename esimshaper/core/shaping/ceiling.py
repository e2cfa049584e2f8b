# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes of each uplink, second by second -> the rate that its carrier holds it to, where the terms do not say so.
Pure. Writes the slice `ceilings`.

    a minute of beats --> steady, and more was asked for --> a ceiling: the link is held below it
                                                               |  now and then a look: twice the rate for 12 s
                          faster than the ceiling <------------'  --> it is over
                          another plan, eSIM, window, lot, interface --> forgotten, to be measured anew

Nothing is sent to find out. That more was asked for is known in two ways: uploads wait in front of the uplink, or what
one client gets more the others get less, and the sum stays (a server, a stream or a video that is slow by itself takes
nothing away from others).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from esimshaper.core.model.ceiling import Beat, Ceiling, CeilingSlice, Key
from esimshaper.core.model.counts import Usage
from esimshaper.core.model.limits import EVERYONE, ClientState, Level, Subject, SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.model.reading import Hook
from esimshaper.core.model.shaping import Side, held
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.units import format_rate
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.shaping.tree import SLOW

BEAT_SECONDS = 3.0
"""At 64 kbit/s 16 full packets: one more or less is 6 %."""
BEATS = 20
LEAST = 24_000
"""bit/s: below, a beat has too few packets to be compared."""
_LEFT_OUT = 2
"""Beats of a minute that may be anything: TCP pauses when a policer takes much, and a late reading moves bytes on."""
_EVEN = 0.1
"""Of the mean, by how much the others may be more or less."""
_OF_OUR_OWN = 0.8
"""Of what we hold the link to: a ceiling above that may be our own."""
_EXCHANGED = 20
"""So many times as much as the sum the parts have to vary (in bytes squared). Of two that know nothing of each other, 4
is met by one minute in 400, and 10 by none of 100,000; below a ceiling it is thousands."""
_LEAST_EXCHANGED = 0.05
"""Of the mean: what the parts have to vary at least, as a standard deviation."""
_FAST = (1 + 2 * _EVEN) * SLOW
"""bit/s of a beat that is of no slow minute."""
MOST_PARTS = 32
_OVER = 1.3
"""A link that carries so many times its ceiling has none."""
_LONGEST_GAP = 5.0
"""Seconds between two readings of one beat."""
_WAITS = 3_000
"""Bytes in front of an uplink from which on it cannot send more: two full packets."""
_ASKED_FOR = 0.8
"""Of what the link is held to: only with so much a look can find anything."""
LOOK_SECONDS, FIRST_PAUSE, LONGEST_PAUSE = 12.0, 120.0, 1800.0
_SILENT = 3600.0
"""Seconds in which people do not hear of the same ceiling again."""


def advance(
    before: CeilingSlice,
    tick: Tick,
    by_uplink: Mapping[str, Usage],
    plans: PlanState,
    by_terms: Mapping[str, int],
    states: Mapping[Subject, ClientState],
) -> CeilingSlice:
    """The ceilings of now. `plans`, `by_terms`: how plans are now, and what they give; `states`: how clients stood."""
    seen = tick.step.seen
    seconds = tick.reading.boottime - seen.boottime if seen else 0.0
    uplinks = [uplink for uplink in tick.rules.uplinks if uplink.measure]
    if seconds <= 0 or not (uplinks or before.ceilings):
        return replace(before, new=()) if before.new else before
    ceilings: dict[Key, Ceiling] = {}
    new: list[Notice] = []
    belongs_to = {uplink.name: _belongs_to(uplink, plans, tick) for uplink in uplinks}
    throttled = {subject for subject, state in states.items() if state.level is Level.THROTTLED}
    held_back = {subject.id for subject in throttled if subject.kind is SubjectKind.CLIENT}
    for uplink in uplinks:
        usage = by_uplink.get(uplink.name, {})
        is_free = EVERYONE not in throttled and held_back.isdisjoint(usage)
        same = before.belongs_to.get(uplink.name) == belongs_to[uplink.name]
        for side in Side:
            known = before.ceilings.get((uplink.name, side)) if same else None
            beat = _beat(usage, side, seconds, waits=_waits(tick, uplink, side))
            if known is None and not beat.size:
                continue
            own = _own(uplink, by_terms.get(uplink.name), side)
            turn = _Turn(known or Ceiling(), own, side, tick.reading.boottime)
            after = turn.after(beat, is_free=is_free)
            if after.rate and turn.is_news(after):
                after = replace(after, told_at=turn.now)
                new.append(_notice(uplink.name, side, after.rate, int(tick.at.time)))
            ceilings[uplink.name, side] = after
    return CeilingSlice(ceilings, belongs_to, tuple(new))


@dataclass(frozen=True, slots=True)
class _Turn:
    """One direction of one uplink in a tick. own: what it is held to in any case, in bit/s; None: to nothing."""

    known: Ceiling
    own: int | None
    side: Side
    now: float

    def after(self, beat: Beat, *, is_free: bool) -> Ceiling:
        """The ceiling with what moved since the last tick. is_free: no limit of ours held any of that back."""
        known = self.known
        if not is_free or beat.seconds > _LONGEST_GAP:
            return replace(known, beats=(), open=Beat())
        longer = _joined(known.open, beat)
        if longer.seconds < BEAT_SECONDS:
            return replace(known, open=longer)
        return self._look(replace(known, open=Beat(), beats=(*known.beats, _kept(longer))[-BEATS:]))

    def is_news(self, after: Ceiling) -> bool:
        return not self.known.rate and (after.told_at is None or self.now - after.told_at > _SILENT)

    def _look(self, ceiling: Ceiling) -> Ceiling:
        last = ceiling.beats[-2:]
        if ceiling.rate and len(last) == 2 and min(beat.rate for beat in last) > _OVER * ceiling.rate:
            return replace(ceiling, rate=0, beats=(), looks_until=0.0)
        if ceiling.looks_until:
            return ceiling if self.now < ceiling.looks_until else self._looked(ceiling)
        limit = held(self.own, ceiling.rate, self.side) if ceiling.rate else self.own
        if found := ceiling_of(ceiling.beats, limit):
            pause = min(2 * ceiling.pause, LONGEST_PAUSE) if ceiling.pause else FIRST_PAUSE
            return replace(ceiling, rate=found, beats=(), pause=pause, look_at=self.now + pause)
        if ceiling.rate and limit and self.now >= ceiling.look_at and last[-1].rate > _ASKED_FOR * limit:
            return replace(ceiling, looks_until=self.now + LOOK_SECONDS, beats=())
        return ceiling

    def _looked(self, ceiling: Ceiling) -> Ceiling:
        """After a look that found no other rate: the next one comes later."""
        # The carrier's queue is full by now, so the last beats say what it gives.
        rate = max(ceiling.rate, round(min((beat.rate for beat in ceiling.beats[-2:]), default=0)))
        pause = min(2 * ceiling.pause, LONGEST_PAUSE)
        return replace(ceiling, rate=rate, beats=(), looks_until=0.0, pause=pause, look_at=self.now + pause)


def ceiling_of(beats: Sequence[Beat], own: int | None) -> int:
    """The rate in bit/s that these beats were held to by somebody else; 0 if they were not, or nobody can know.

    own: what we held them to ourselves.
    """
    if len(beats) < BEATS:
        return 0
    middle = sorted(beat.rate for beat in beats)[len(beats) // 2]
    beats = sorted(beats, key=lambda beat: abs(beat.rate - middle))[:-_LEFT_OUT]
    rates = [beat.rate for beat in beats]
    mean = sum(rates) / len(rates)
    if not LEAST <= mean < SLOW or (own is not None and mean > own * _OF_OUR_OWN):
        return 0
    if max(rates) - mean > mean * _EVEN or mean - min(rates) > mean * _EVEN:
        return 0
    more_was_asked_for = all(beat.waits for beat in beats) or _exchanged(beats, mean)
    return round(mean) if more_was_asked_for else 0


def _exchanged(beats: Sequence[Beat], mean: float) -> bool:
    """Whether clients took from each other what they got."""
    # Clients that do not know of each other vary by themselves, and their sum by as much as all of them together:
    # var(a + b) = var(a) + var(b). Below a ceiling it is next to nothing.
    clients = {client for beat in beats for client in beat.parts}
    parts = sum(_variance([8 * beat.parts.get(client, 0) / beat.seconds for beat in beats]) for client in clients)
    return parts > (_LEAST_EXCHANGED * mean) ** 2 and parts > _EXCHANGED * _variance([beat.rate for beat in beats])


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)


def _beat(usage: Usage, side: Side, seconds: float, *, waits: bool) -> Beat:
    is_up = side is Side.UPLOAD
    total = sum(each.up_bytes if is_up else each.down_bytes for each in usage.values())
    if 8 * total > _FAST * BEAT_SECONDS:  # so is the whole beat, and nobody asks for its parts
        return Beat(seconds, total, {}, waits)
    parts = {client: each.up_bytes if is_up else each.down_bytes for client, each in usage.items()}
    return Beat(seconds, total, {client: size for client, size in parts.items() if size}, waits)


def _kept(beat: Beat) -> Beat:
    """A beat that is over, with as much of its parts as may matter: a crowd would fill the memory."""
    if beat.rate > _FAST:
        return beat._replace(parts={})
    if len(beat.parts) <= MOST_PARTS:
        return beat
    largest = sorted(beat.parts, key=lambda client: beat.parts[client])[-MOST_PARTS:]
    return beat._replace(parts={client: beat.parts[client] for client in largest})


def _joined(one: Beat, other: Beat) -> Beat:
    clients = one.parts.keys() | other.parts.keys()
    parts = {client: one.parts.get(client, 0) + other.parts.get(client, 0) for client in clients}
    return Beat(one.seconds + other.seconds, one.size + other.size, parts, one.waits and other.waits)


def _waits(tick: Tick, uplink: Uplink, side: Side) -> bool:
    """Whether uploads wait in front of the uplink; of several nobody knows at which."""
    if side is Side.DOWNLOAD or tick.rules.uplinks != (uplink,):
        return False
    behind = tick.observed.uplink.waiting if tick.observed.uplink else 0
    return behind + sum(each.backlog for each in (tick.observed.sent or {}).values()) >= _WAITS


def _own(uplink: Uplink, by_terms: int | None, side: Side) -> int | None:
    """What this direction of the link is held to by the settings, and by the terms of its plan."""
    written = uplink.upload if side is Side.UPLOAD else uplink.download
    return held(written, by_terms, side) if by_terms else written


def _belongs_to(uplink: Uplink, plans: PlanState, tick: Tick) -> tuple[object, ...]:
    """What else may give this uplink another rate: once it changes, a ceiling says nothing any more."""
    there = (each for each in tick.observed.attachments if each.attached and each.hook is Hook.WAN_EGRESS)
    numbers = tuple(each.index for each in there if each.interface in uplink.interfaces)
    of = plans.uplinks.get(uplink.name)
    tally = plans.tallies.get(of.plan) if of else None
    if of is None or tally is None:
        return uplink.download, uplink.upload, numbers, of.iccid if of else ""
    course = tally.course
    windows = tuple(count.window.start if count.window else None for count in course.counts)
    lots = tuple((lot.at, lot.size) for lot in course.lots)
    return uplink.download, uplink.upload, numbers, of.iccid, of.plan, course.life, windows, lots, tally.rate


def _notice(uplink: str, side: Side, rate: int, at: int) -> Notice:
    way = "up" if side is Side.UPLOAD else "down"
    text = (
        f"the carrier gives {uplink} {format_rate(rate)} {way}, as measured for a minute, though nothing written says "
        f"so: the link is held to {format_rate(held(None, rate, side))}, so that packets wait here"
    )
    data = {"uplink": uplink, "direction": side.value, "rate": rate, "held": held(None, rate, side)}
    return Notice(NoticeKind.LINK_SLOW, text, EVERYONE, at=at, data=data)
