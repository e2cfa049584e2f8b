# SPDX-License-Identifier: GPL-2.0-or-later
"""Once a tick: notices come in, and what waits is grouped, held, withdrawn, expires or becomes a job. Pure.

While nothing is due, the slice stays the same one: a router at rest neither computes nor saves.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.identity import ClientKey, Identity
from esimshaper.core.model.limits import SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind, Severity
from esimshaper.core.model.outbox import Around, Delivery, Entry, Fate, Form, Job, NoticesSlice, Outbox
from esimshaper.core.model.tick import Tick
from esimshaper.core.notices import jobs, taking, times, worth
from esimshaper.core.notices.forming import Forming, Scene

KEPT_ENTRIES, KEPT_JOBS = 200, 200
KEPT_SECONDS = 7 * 86400
LOOK_SECONDS = 60
"""How often to look where nothing but the time can change anything."""


def advance(
    before: NoticesSlice, tick: Tick, settings: NoticeSettings, notices: Sequence[Notice], around: Around
) -> NoticesSlice:
    """The slice that follows; `notices`: those that are not saved yet, of which it may have taken some already."""
    kept, now = before.kept, int(tick.at.time)
    if not settings.channels and not kept.jobs:
        return before if not before.new else replace(before, new=())
    heard = (*notices, *before.new)
    kept = taking.take(kept, heard, settings.channels, _names(heard, tick), now)
    boottime = tick.reading.boottime
    ended = any(end <= boottime for end in before.leases.values())
    if (
        kept is before.kept
        and not ended
        and not before.new
        and now < before.due
        and (around, settings) == (before.around, before.settings)
    ):
        return before
    scene = Scene(settings, tick.rules.zone, now, around, f"{tick.reading.epoch:x}")
    kept = jobs.tried_anew(kept, before.settings, settings)
    kept, leases = jobs.forget_leases(kept, settings, before.leases, boottime, now)
    kept = settled(kept, scene)
    steps = {number: each for number, each in before.steps.items() if number in {job.number for job in kept.jobs}}
    return NoticesSlice(kept, leases, steps, next_look(kept, now), around, settings)


def _names(notices: Sequence[Notice], tick: Tick) -> dict[ClientKey, str]:
    """What people call the clients that these are about: a device that is not listed has a host name at best."""
    keys = {ClientKey(each.subject.id) for each in notices if each.subject.kind is SubjectKind.CLIENT}
    known, listed = tick.identities, tick.rules.names
    return {key: listed.get(key) or known.get(key, Identity(key)).called for key in keys}


def settled(kept: Outbox, scene: Scene) -> Outbox:
    """`kept` with all that follows at this moment."""
    entries = {each.number: each for each in kept.entries}
    kept = jobs.expire(kept, scene.settings, entries, scene.now)
    kept = _without_needless(kept, scene, entries)
    kept = _expired(kept, scene, entries)
    return _pruned(Forming(kept, scene).all(), scene)


def at_once(
    kept: Outbox, notice: Notice, channels: Sequence[str], form: Form, now: int, salt: str
) -> tuple[Outbox, tuple[int, ...]]:
    """`kept` with a message that somebody has asked for, by each of these channels; the numbers of its jobs.

    Nothing that holds others back holds it, and no cap counts it.
    """
    number = kept.entry_number
    key = f"{taking.key_of(notice)}:{number}"
    entry = taking.entry_of(notice, number, key, {}, now)
    made = [
        Job(kept.job_number + at, name, form, (number,), jobs.key_of(salt, key, name), now, next=now)
        for at, name in enumerate(channels)
    ]
    deliveries = [Delivery(number, job.channel, Fate.JOINED, now, job.number) for job in made]
    after = replace(
        kept,
        entries=(*kept.entries, entry),
        deliveries=(*kept.deliveries, *deliveries),
        jobs=(*kept.jobs, *made),
        entry_number=number + 1,
        job_number=kept.job_number + len(made),
    )
    return after, tuple(each.number for each in made)


def test_notice(host: str, now: int) -> Notice:
    """The notice of a test."""
    return Notice(NoticeKind.TEST, f"a test of the notices of {host}", at=now, data={"host": host})


def next_look(kept: Outbox, now: int) -> float:
    """When something is due by itself, at the latest in LOOK_SECONDS; endless where nothing waits."""
    ripe = [each.ripe for each in kept.deliveries if each.fate.waits]
    waits = ripe or any(each.fate in (Fate.WAITING, Fate.TRYING) for each in kept.jobs)
    if not waits and not kept.entries:
        return math.inf
    soon = min((each for each in ripe if each > now), default=math.inf)
    return min(soon, now + (LOOK_SECONDS if waits else KEPT_SECONDS // 7))


def _without_needless(kept: Outbox, scene: Scene, entries: dict[int, Entry]) -> Outbox:
    """Without what was undone, what something graver says, and what is of a channel that is gone."""
    untried = frozenset(each.number for each in kept.jobs if each.fate is Fate.WAITING and each.attempts == 0)
    found = worth.without_undone(kept.deliveries, entries, untried)
    names = {each.name for each in scene.settings.channels}
    silence = worth.Silence(entries, found, scene.around)
    for at, each in enumerate(found):
        if each.channel not in names and each.fate.waits:
            found[at] = each._replace(fate=Fate.WITHDRAWN)
        elif each.fate is Fate.WAITING and silence.covers(entries[each.notice], each.channel):
            found[at] = each._replace(fate=Fate.SILENT)
    if all(before is after for before, after in zip(kept.deliveries, found, strict=True)):
        return kept
    for before, after in zip(kept.deliveries, found, strict=True):
        if before.fate is not after.fate:
            kept = jobs.counted(kept, after.channel, after.fate.value, 1)
    return _with_smaller_jobs(replace(kept, deliveries=tuple(found)), untried)


def _with_smaller_jobs(kept: Outbox, untried: frozenset[int]) -> Outbox:
    """Jobs that nobody has taken, without what was withdrawn from them."""
    gone = {(each.job, each.notice) for each in kept.deliveries if each.fate is Fate.WITHDRAWN and each.job in untried}
    if not gone:
        return kept
    changed = []
    for job in kept.jobs:
        left = tuple(each for each in job.notices if (job.number, each) not in gone)
        if job.number not in untried or left == job.notices:
            changed.append(job)
        elif left:
            changed.append(job._replace(notices=left, form=Form.ONE if len(left) == 1 else job.form))
        else:
            changed.append(job._replace(fate=Fate.WITHDRAWN))
    return replace(kept, jobs=tuple(changed))


def _expired(kept: Outbox, scene: Scene, entries: dict[int, Entry]) -> Outbox:
    """What is no news any more waits for the digest, by a channel that may have one; what is slight is over."""
    over = {each.number for each in kept.jobs if each.fate is Fate.EXPIRED and each.form is not Form.DIGEST}
    found = list(kept.deliveries)
    sms = {each.name for each in scene.settings.channels if not each.kind.folds}
    morning = times.next_morning(scene.settings, scene.zone, scene.now)
    for at, each in enumerate(found):
        entry = entries[each.notice]
        late = each.fate is Fate.WAITING and scene.now > entry.expires
        if not late and not (each.fate is Fate.JOINED and each.job in over):
            continue
        folds = entry.severity is not Severity.INFO and each.channel not in sms
        folds = folds and scene.now < entry.at + KEPT_SECONDS and entry.kind is not NoticeKind.TEST
        found[at] = each._replace(fate=Fate.HELD, ripe=morning) if folds else each._replace(fate=Fate.EXPIRED)
        if not folds:
            kept = jobs.counted(kept, each.channel, Fate.EXPIRED.value, 1)
    return kept if found == list(kept.deliveries) else replace(kept, deliveries=tuple(found))


def _pruned(kept: Outbox, scene: Scene) -> Outbox:
    """Without what is over for long, or more than can be kept: the oldest go first, and what waits goes last."""
    open_ones = {each.notice for each in kept.to_come()}
    recent = [each for each in kept.entries if each.number in open_ones or scene.now - each.at < KEPT_SECONDS]
    if len(recent) > KEPT_ENTRIES:
        ordered = sorted(recent, key=lambda each: (each.number in open_ones, each.number))
        recent = sorted(ordered[-KEPT_ENTRIES:], key=lambda each: each.number)
    if len(recent) == len(kept.entries) and len(kept.jobs) <= KEPT_JOBS:
        return kept
    left = {each.number for each in recent}
    used = [each for each in kept.jobs if each.fate.is_open or any(one in left for one in each.notices)]
    return replace(
        kept,
        entries=tuple(recent),
        deliveries=tuple(each for each in kept.deliveries if each.notice in left),
        jobs=tuple(sorted(sorted(used, key=_by_end)[-KEPT_JOBS:], key=lambda each: each.number)),
    )


def _by_end(job: Job) -> tuple[bool, int]:
    return job.fate.is_open, job.number
