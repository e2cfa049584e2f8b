# SPDX-License-Identifier: GPL-2.0-or-later
"""One tick of the watch: usage, tallies and plans -> what is abnormal, and what people hear of it. Pure.

each tick      usage is added up
each step      (5 s) traces move on; detectors look; episodes begin, grow and end
each minute    hours that are flat; the router alone at home; the pace of quotas
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from esimshaper.core.model.counts import Usage
from esimshaper.core.model.identity import PSEUDO_KEYS, ROUTER, UNATTRIBUTED, ClientKey, Identity
from esimshaper.core.model.limits import EVERYONE, Override, OverrideKind, SubjectKind, Tally
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.model.services import NO_VOLUME, UNNAMED, ServiceUsage, Volume, services_sum
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.watch import (
    UNLEARNED,
    AlarmKind,
    Answer,
    Learned,
    WatchLevel,
    WatchSlice,
    WatchState,
)
from esimshaper.core.watch import constants as at
from esimshaper.core.watch import detectors, episodes, facts, learning, newcomers, pacing, words
from esimshaper.core.watch.allowance import next_allowance
from esimshaper.core.watch.cutting import cut
from esimshaper.core.watch.detectors import Case
from esimshaper.core.watch.episodes import Sight
from esimshaper.core.watch.traces import Moved, moved_by, step_forward, summed

_HOUR = 3600
_SERVED_STEPS = 5 * at.STEPS
"""For so long it is remembered what bytes were for."""
_KEEP_LEARNED = 2048
"""Devices that make up a new address each day must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the watch hears of other rooms: tallies and overrides of limits, plans, and what bytes were for."""

    tallies: tuple[Tally, ...] = ()
    overrides: tuple[Override, ...] = ()
    plans: PlanState = field(default_factory=PlanState)
    services: ServiceUsage = field(default_factory=dict)


def advance(before: WatchSlice, tick: Tick, usage: Usage, around: Around) -> WatchSlice:
    """The slice of now. `usage`: what the metered uplinks billed since the tick before."""
    if tick.rules.watch.level is WatchLevel.OFF:
        return WatchSlice(before.kept)
    step = int(tick.reading.boottime // at.STEP_SECONDS)
    anew = _begins_anew(before, tick, step)
    if (kept := newcomers.met(before, tick, usage, late=anew)) is not before.kept:
        before = replace(before, kept=kept)
    if anew:
        # Nobody knows in which time these bytes were moved: they are counted, and alarm nobody.
        return replace(before, traces={}, since=(), served={}, step=step, new=(), cuts=())
    since = (*before.since, usage) if usage else before.since
    served = _served(before.served, usage, around.services)
    if step == before.step:
        return replace(before, since=since, served=served, new=(), cuts=())
    return _Look(replace(before, since=since, served=served), tick, around, step).all()


def _begins_anew(before: WatchSlice, tick: Tick, step: int) -> bool:
    # After a longer pause the bytes would look as if they had come evenly, as those of a trickle do.
    pause = 0 if before.step is None else step - before.step
    return before.step is None or tick.step.seen is None or not 0 <= pause <= at.STEPS


def _served(before: ServiceUsage, usage: Usage, more: ServiceUsage) -> ServiceUsage:
    """What bytes were for, of clients that moved enough in this tick to become an alarm."""
    busy = [key for key in more if key in usage and usage[key].total_bytes >= at.BUSY_TICK]
    if not busy:
        return before
    return {**before, **{key: services_sum(before.get(key, {}), more[key]) for key in busy}}


class _Look:
    """What is seen at the end of a step."""

    def __init__(self, before: WatchSlice, tick: Tick, around: Around, step: int) -> None:
        self._before, self._tick, self._around, self._step = before, tick, around, step
        self._watch, self._now = tick.rules.watch, int(tick.at.time)
        previous = before.step or step
        self._minute = step // at.STEPS != previous // at.STEPS
        used = summed(before.since)
        self._moved_since = {key: down + up for key, (down, up) in used.items()}
        self._traces = step_forward(before.traces, used, previous, step)
        self._is_night = self._in_night()
        self._seen: dict[ClientKey, facts.Seen] = {}
        # Of a client that moves nothing all sums fall, so that nothing of it becomes abnormal.
        asked = self._traces if self._minute or self._is_night else [key for key in used if key in self._traces]
        self._sums = {key: moved_by(self._traces[key], with_flat=self._minute) for key in asked}
        self._allowance = next_allowance(before.allowance, tick, around.tallies, around.plans)
        self._floors = detectors.floors_of(self._allowance.bytes, at.FACTORS[self._watch.level])

    def all(self) -> WatchSlice:
        """The slice that follows."""
        kept = self._before.kept
        if kept.mutes:
            kept = replace(kept, mutes=tuple(episodes.live_mutes(kept.mutes, self._now)))
        kept, new_ones = self._newcomers(kept)
        kept, sights = self._sights(kept, new_ones)
        moment = self._moment()
        followed = episodes.follow(kept, sights, self._moved_since, moment)
        late = newcomers.to_cut(followed.kept, followed.begun, moment.freed)
        kept, cuts = cut(followed.kept, (*followed.begun, *late), self._watch, self._now)
        new = list(self._notices(followed, {episode.number: override for episode, override in cuts}))
        if self._minute:
            kept, said = pacing.advance(kept, self._tick, self._around.tallies, self._allowance.bytes)
            new += said
            kept = self._bounded(kept)
        kept = _counted(kept, new)
        served = self._before.served if self._step // _SERVED_STEPS == (self._before.step or 0) // _SERVED_STEPS else {}
        return WatchSlice(
            kept,
            self._traces,
            (),
            self._step,
            self._allowance,
            tuple(new),
            served,
            cuts=tuple(override for _, override in cuts),
        )

    def _notices(self, followed: episodes.Followed, cuts: Mapping[int, Override]) -> Iterator[Notice]:
        """What people hear of episodes: the sentences, and the values that these are made of."""
        rules, now = self._tick.rules, self._now
        for each in followed.begun:
            cut_by = cuts.get(each.number)
            data = facts.of_alarm(each, self._seen.get(each.client), cut_by, rules)
            notice = words.begun(each, self._who(each.client), cut_by, rules)
            yield replace(notice, data=data, level=facts.level_of(cut_by))
        for each in followed.more:
            yield replace(words.more(each, self._who(each.client), now, rules), data=facts.of_course(each, rules))
        for each in followed.ended:
            yield replace(words.ended(each, self._who(each.client), now, rules), data=facts.of_course(each, rules))

    # --- who is seen how

    def _sights(self, kept: WatchState, new_ones: Collection[ClientKey]) -> tuple[WatchState, dict[ClientKey, Sight]]:
        hour, learned = self._now // _HOUR, dict(kept.learned)
        frozen = {each.client for each in kept.episodes if each.is_open}
        sleeping, floors = self._sleeping(), self._floors
        sights: dict[ClientKey, Sight] = {}
        for client, moved in self._sums.items():
            before = learned.get(client, UNLEARNED)
            known = before if before.hour == hour else learning.in_hour(before, hour)
            is_new, logged = client in new_ones, detectors.NOTHING_FOUND
            if is_new or not detectors.is_small(moved, floors):  # most clients move little
                logged = self._logged(client, moved, asleep=client in sleeping, is_new=is_new)
            if logged:
                sights[client] = self._sight(client, moved, logged, known)
            elif client not in frozen and (self._minute or moved.minute > known.running.minute):
                known = learning.with_moved(known, moved)
            if known is not before:
                learned[client] = known
        if self._minute:
            sights.update(self._alone())
        return replace(kept, learned=learned), sights

    def _logged(self, client: ClientKey, moved: Moved, *, asleep: bool, is_new: bool) -> frozenset[AlarmKind]:
        """What is abnormal of a client, beside the floors alone."""
        if client in self._watch.exempt:
            return detectors.NOTHING_FOUND
        found = detectors.found(Case(moved, self._floors, asleep=asleep, nameless=self._nameless(client)))
        return self._wanted(found | {AlarmKind.NEWCOMER} if is_new else found)

    def _sight(self, client: ClientKey, moved: Moved, logged: frozenset[AlarmKind], known: Learned) -> Sight:
        normal = learning.normal(known)
        asleep = AlarmKind.ASLEEP in logged
        learned, nameless = learning.is_learning(known), self._nameless(client)
        case = Case(moved, self._floors, normal, learning=learned, asleep=asleep, nameless=nameless)
        telling = detectors.found(case) | (logged & {AlarmKind.NEWCOMER})
        if asleep and moved.five < at.RATCHET * self._usual_night(client):
            telling -= {AlarmKind.ASLEEP}
        return self._made(client, moved, logged, self._wanted(telling))

    def _nameless(self, client: ClientKey) -> Volume:
        """What it moved in the last minutes that nobody could name; nothing where no conversation has a name."""
        served = self._before.served
        found = served.get(client, {}).get(UNNAMED, NO_VOLUME)
        if found.up_bytes < self._floors.nameless or AlarmKind.NAMELESS in self._watch.off:
            return NO_VOLUME
        named = any(name != UNNAMED and volume for each in served.values() for name, volume in each.items())
        return found if named else NO_VOLUME

    def _usual_night(self, client: ClientKey) -> int:
        """The most in five minutes of the nights of the last week that were noted down and not cut."""
        since = self._now - at.UNSURE_SECONDS
        nights = (
            each
            for each in self._before.kept.episodes
            if each.client == client and AlarmKind.ASLEEP in each.kinds and each.since > since
        )
        return max(
            (each.peaks.five for each in nights if not each.is_open and each.answer is not Answer.CUT), default=0
        )

    def _made(
        self, client: ClientKey, moved: Moved, logged: frozenset[AlarmKind], telling: frozenset[AlarmKind]
    ) -> Sight:
        services = {name: each.total_bytes for name, each in self._before.served.get(client, {}).items()}
        scene = words.Scene(moved, self._floors, self._allowance, services)
        self._seen[client] = facts.Seen(telling or logged, scene)
        begun = self._begun(moved, logged)
        text = words.sentence(telling or logged, scene)
        return Sight(logged, telling, self._moved_since.get(client, 0), begun, learning.peaks_of(moved), text)

    def _begun(self, moved: Moved, kinds: frozenset[AlarmKind]) -> int:
        """The bytes that an episode begins with: those of the time that made it one."""
        if moved.minute >= self._floors.minute:
            return moved.minute
        if moved.five >= self._floors.five or kinds <= {AlarmKind.UPLOAD, AlarmKind.NAMELESS}:
            return moved.five
        return moved.ten if kinds == {AlarmKind.ASLEEP} else moved.hour

    def _in_night(self) -> bool:
        begin, end = self._watch.night
        local = datetime.fromtimestamp(self._now, self._tick.rules.zone).hour
        return begin <= local < end if begin <= end else local >= begin or local < end

    def _sleeping(self) -> Collection[ClientKey]:
        """Clients of whom it would be abnormal to move much now: at night, nobody else being awake."""
        if not self._is_night:
            return ()
        awake = [key for key, moved in self._sums.items() if moved.ten >= at.AWAKE_TEN and key not in PSEUDO_KEYS]
        return [key for key in self._sums if key not in PSEUDO_KEYS and all(each == key for each in awake)]

    def _alone(self) -> Iterator[tuple[ClientKey, Sight]]:
        """The router itself, where no client moves anything and the link is used all the same."""
        kinds = self._wanted(frozenset({AlarmKind.NOBODY_HOME}))
        clients = sum(moved.hour for key, moved in self._sums.items() if key not in PSEUDO_KEYS)
        own = {key: moved for key in (ROUTER, UNATTRIBUTED) if (moved := self._sums.get(key))}
        if not kinds or clients > at.SILENCE or sum(each.hour for each in own.values()) < self._floors.alone:
            return
        most = max(own, key=lambda key: own[key].hour)
        if most not in self._watch.exempt:
            yield most, self._made(most, own[most], kinds, kinds)

    def _wanted(self, kinds: frozenset[AlarmKind]) -> frozenset[AlarmKind]:
        return kinds if not self._watch.off else kinds - self._watch.off

    # --- new devices

    def _newcomers(self, kept: WatchState) -> tuple[WatchState, Collection[ClientKey]]:
        """Devices in their first half hour, and those of them that have moved too much."""
        if not kept.newcomers:
            return kept, ()
        length = self._watch.newcomer_seconds
        recent = ((key, each) for key, each in kept.newcomers.items() if self._now - each[0] < length)
        young = {key: each for key, each in recent if key not in self._named}
        most = newcomers.allowed(self._watch, self._allowance)
        return replace(kept, newcomers=young), [
            key for key, (_, moved) in young.items() if newcomers.is_over(moved, most, self._watch)
        ]

    @property
    def _named(self) -> Mapping[ClientKey, str]:
        return self._tick.rules.names

    # --- the rest

    def _moment(self) -> episodes.Now:
        overrides = self._around.overrides
        of_clients = {ClientKey(each.subject.id): each for each in overrides if each.subject.kind is SubjectKind.CLIENT}
        cut = frozenset(key for key, each in of_clients.items() if not each.kind.allows)
        freed: set[ClientKey | None] = {key for key, each in of_clients.items() if each.kind.allows}
        if any(each.subject == EVERYONE and each.kind is OverrideKind.ALLOW_OVER_PLAN for each in overrides):
            freed.add(None)
        # A new device is held by its probation already, see newcomers.py.
        reacting = frozenset(self._watch.reactions) - {AlarmKind.NEWCOMER}
        return episodes.Now(self._now, self._allowance.bytes, frozenset(freed), cut, reacting)

    def _who(self, key: ClientKey) -> str:
        return self._named.get(key) or self._tick.identities.get(key, Identity(key)).called

    def _bounded(self, kept: WatchState) -> WatchState:
        """Without what was learned of devices that were not here for all the days that count."""
        oldest = self._now // _HOUR - at.DAYS * 24
        learned = {key: each for key, each in kept.learned.items() if each.hour > oldest or key in self._named}
        if len(learned) > _KEEP_LEARNED:
            newest = sorted(learned, key=lambda key: (key in self._named, learned[key].hour))[-_KEEP_LEARNED:]
            learned = {key: learned[key] for key in newest}
        return kept if len(learned) == len(kept.learned) else replace(kept, learned=learned)


def _counted(kept: WatchState, new: Iterable[Notice]) -> WatchState:
    """`kept` with the alarms of these notices."""
    kinds = [AlarmKind(each.reasons[0]) for each in new if each.kind is NoticeKind.ALARM]
    if not kinds:
        return kept
    return replace(kept, counts={kind: kept.counts.get(kind, 0) + kinds.count(kind) for kind in {*kept.counts, *kinds}})
