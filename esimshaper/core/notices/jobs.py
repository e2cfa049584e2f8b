# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a job: it is taken with a lease, and ends as sent, refused, expired, or as what nobody knows. Pure.

    WAITING -> TRYING -> SENT | REFUSED | IMPOSSIBLE
       ^          |----> UNKNOWN, where the channel cannot tell a message that comes twice
       `----------'      failed; or unknown, and sent again with the same key

A lease is saved before the sender hears of it. So a job that is found TRYING after a crash may have gone out: by SMS it
is never sent again, by mail it is, with the same Message-ID.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.channels import Channel, NoticeSettings
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.outbox import DOWN, ChannelState, Entry, Fate, Form, Job, Outbox
from esimshaper.core.model.results import Result
from esimshaper.core.notices import times

_FINAL = {Result.SENT: Fate.SENT, Result.REFUSED: Fate.REFUSED, Result.IMPOSSIBLE: Fate.IMPOSSIBLE}


def can_go(job: Job, channel: Channel, kept: Outbox, now: float, *, link: bool, quiet: bool) -> bool:
    """Whether the sender may have a job now, as far as its channel is free. quiet: only alarms are told now."""
    if job.fate is not Fate.WAITING or job.next > now:
        return False
    if job.form is Form.TEST:
        return True
    state = kept.state_of(channel.name)
    if state.impossible or (channel.kind.needs_data and not link):
        return False
    if not _may_wake(job, kept, quiet=quiet):
        return False
    if state.failures < DOWN:
        return True
    mine = (each for each in kept.jobs if each.channel == channel.name and each.fate is Fate.WAITING)
    return job.number == min(each.number for each in mine if _may_wake(each, kept, quiet=quiet))


def is_tried(channel: str, kept: Outbox, *, quiet: bool) -> bool:
    """Whether a job of a channel is on its way, or can be at its time: one that waits for the morning is not."""
    mine = (each for each in kept.jobs if each.channel == channel and each.fate.is_open)
    return any(each.fate is Fate.TRYING or _may_wake(each, kept, quiet=quiet) for each in mine)


def _may_wake(job: Job, kept: Outbox, *, quiet: bool) -> bool:
    """One that failed before people went to bed waits for the morning; an alarm does not."""
    return not quiet or severity_of(job, kept) is Severity.ALARM


def lease(kept: Outbox, settings: NoticeSettings, now: int, *, link: bool) -> tuple[Outbox, tuple[Job, ...]]:
    """`kept` with at most one more job of each channel taken, and these. `link`: whether mail could leave."""
    quiet = times.quiet_until(settings, now) is not None
    busy = {each.channel for each in kept.jobs if each.fate is Fate.TRYING}
    taken: dict[int, Job] = {}
    for channel in settings.channels:
        if channel.name in busy:
            continue
        mine = [each for each in kept.jobs if each.channel == channel.name]
        ready = [each for each in mine if can_go(each, channel, kept, now, link=link, quiet=quiet)]
        if ready:
            first = min(ready, key=lambda each: (each.form is not Form.TEST, each.number))
            taken[first.number] = first._replace(fate=Fate.TRYING, attempts=first.attempts + 1)
    if not taken:
        return kept, ()
    return _with_jobs(kept, taken), tuple(taken.values())


def give_back(kept: Outbox, numbers: Iterable[int]) -> Outbox:
    """`kept` with jobs that nobody got after all."""
    wanted = set(numbers)
    back = {
        each.number: each._replace(fate=Fate.WAITING, attempts=each.attempts - 1)
        for each in kept.jobs
        if each.number in wanted and each.fate is Fate.TRYING
    }
    return _with_jobs(kept, back) if back else kept


def finish(kept: Outbox, settings: NoticeSettings, number: int, result: Result, error: str, now: int) -> Outbox:
    """`kept` with what the sender says of a job. What it says twice, or of a job that is gone, changes nothing."""
    job = next((each for each in kept.jobs if each.number == number), None)
    if job is None or job.fate in (Fate.SENT, Fate.REFUSED, Fate.IMPOSSIBLE):
        return kept
    channel = settings.channel(job.channel)
    # A lease may have ended before the sender's word came; that it was sent counts all the same.
    if job.fate is not Fate.TRYING and result is not Result.SENT:
        return kept
    after = _after(job, channel, result, error, now)
    state = _state_after(kept.state_of(job.channel), result, error, now)
    changed = replace(kept, channels={**kept.channels, job.channel: state})
    return counted(_with_jobs(changed, {number: after}), job.channel, result.value, len(job.notices))


def tried_anew(kept: Outbox, before: NoticeSettings | None, after: NoticeSettings) -> Outbox:
    """`kept`, in which a channel that was not possible is tried again once it is reached in another way.

    before: None after a restart, before which somebody may have mended anything.
    """
    changed = {
        channel.name: state._replace(impossible=False)
        for channel in after.channels
        if (state := kept.state_of(channel.name)).impossible
        and _way(before, channel.name) != (channel.kind, channel.settings)
    }
    return replace(kept, channels={**kept.channels, **changed}) if changed else kept


def _way(settings: NoticeSettings | None, name: str) -> object:
    """How a channel is reached, without what is told by it."""
    channel = settings.channel(name) if settings else None
    return (channel.kind, channel.settings) if channel else None


def forget_leases(
    kept: Outbox, settings: NoticeSettings, leases: Mapping[int, float], boottime: float, now: int
) -> tuple[Outbox, Mapping[int, float]]:
    """`kept` with jobs whose lease is over as what nobody knows, and the leases that go on.

    A lease without an end in `leases` is of a daemon that is gone.
    """
    live = {number: end for number, end in leases.items() if end > boottime}
    lost = [each for each in kept.jobs if each.fate is Fate.TRYING and each.number not in live]
    for each in lost:
        kept = finish(kept, settings, each.number, Result.UNKNOWN, "nobody knows whether it arrived", now)
    trying = {each.number for each in kept.jobs if each.fate is Fate.TRYING}
    return kept, {number: end for number, end in live.items() if number in trying}


def expire(kept: Outbox, settings: NoticeSettings, entries: Mapping[int, Entry], now: int) -> Outbox:
    """`kept` with jobs that are no news any more, or whose channel is gone, as over."""
    over: dict[int, Job] = {}
    for job in kept.jobs:
        if job.fate is not Fate.WAITING:
            continue
        fate = Fate.WITHDRAWN if settings.channel(job.channel) is None else None
        if all(now > entries[each].expires for each in job.notices if each in entries) and job.form is not Form.DIGEST:
            fate = Fate.UNKNOWN if job.doubt else Fate.EXPIRED
        if job.form is Form.DIGEST and now > job.born + _DIGEST_SECONDS:
            fate = Fate.UNKNOWN if job.doubt else Fate.EXPIRED
        if fate:
            over[job.number] = job._replace(fate=fate)
    kept = _with_jobs(kept, over) if over else kept
    for job in over.values():
        kept = counted(kept, job.channel, job.fate.value, len(job.notices))
    return kept


def counted(kept: Outbox, channel: str, what: str, number: int) -> Outbox:
    """`kept` with so many notices more of which that became."""
    key = (channel, what)
    return replace(kept, counts={**kept.counts, key: kept.counts.get(key, 0) + number})


def severity_of(job: Job, kept: Outbox) -> Severity:
    """That of the gravest of its notices."""
    found = [each.severity for each in kept.entries if each.number in job.notices]
    return max(found, key=lambda each: each.rank, default=Severity.INFO)


def key_of(*parts: str) -> str:
    """The key of a job: stable over tries and restarts, as it is kept with it; another for each job of each router."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


_DIGEST_SECONDS = 2 * 86400
"""A digest that could not be sent for so long is no news."""


def _after(job: Job, channel: Channel | None, result: Result, error: str, now: int) -> Job:
    final = _FINAL.get(result)
    if final:
        return job._replace(fate=final, error=error)
    doubt = job.doubt or result is Result.UNKNOWN
    if result is Result.UNKNOWN and (channel is None or not channel.kind.repeats or job.form is Form.TEST):
        return job._replace(fate=Fate.UNKNOWN, error=error, doubt=True)
    if job.form is Form.TEST:  # somebody waits for the answer
        return job._replace(fate=Fate.REFUSED, error=error)
    wait = times.retry_seconds(job.attempts, job.key)
    # The process that nobody knows of may still be at it.
    wait = max(wait, times.lease_seconds(channel)) if channel and result is Result.UNKNOWN else wait
    return job._replace(fate=Fate.WAITING, error=error, doubt=doubt, next=now + wait)


def _state_after(state: ChannelState, result: Result, error: str, now: int) -> ChannelState:
    if result is Result.SENT:
        return state._replace(failures=0, since=0, error="", impossible=False)
    if result is Result.IMPOSSIBLE:
        return state._replace(impossible=True, error=error, since=state.since or now)
    if result is Result.REFUSED:  # of this message, not of the channel
        return state._replace(error=error, since=state.since or now)
    return state._replace(failures=state.failures + 1, since=state.since or now, error=error)


def _with_jobs(kept: Outbox, changed: Mapping[int, Job]) -> Outbox:
    return replace(kept, jobs=tuple(changed.get(each.number, each) for each in kept.jobs))
