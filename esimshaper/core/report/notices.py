# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents of notices: jobs and channels for the sender, how channels do for people. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from esimshaper.core.model.channels import Channel, NoticeSettings, ReadRule
from esimshaper.core.model.notices import moment_text
from esimshaper.core.model.outbox import Entry, Fate, Form, Job, NoticesSlice, Outbox
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_moment
from esimshaper.core.report.frame import DaemonFacts, Document, new_document


def channels_document(facts: DaemonFacts, settings: NoticeSettings) -> Document:
    """How each channel is reached. revision: another one once anything of it is another."""
    written = repr([(each, sorted(each.settings.items())) for each in settings.channels]) + repr(settings.read)
    revision = hashlib.sha256(written.encode()).hexdigest()[:16]
    return new_document(facts.now) | {
        "channels": [_channel(each) for each in settings.channels],
        "read": [_rule(each) for each in settings.read],
        "revision": revision,
    }


def jobs_document(state: State, facts: DaemonFacts, jobs: Iterable[tuple[Job, int]], again: int) -> Document:
    """Jobs with the seconds that each may take. again: when the sender may ask next, in seconds.

    `client` of a notice is as people call that device; what a command takes is the subject of its data.
    """
    entries = {each.number: each for each in state.notices.kept.entries}

    def notices(job: Job) -> list[Document]:
        return [_notice(entries[each]) for each in job.notices if each in entries]

    return new_document(facts.now) | {
        "jobs": [_job(job, deadline, notices(job), facts.notices) for job, deadline in jobs],
        "again": again,
    }


def notify_document(facts: DaemonFacts, slice_: NoticesSlice) -> Document:
    """How each channel does, and the quiet hours; the messages of tests, with what each did, the newest last.

    `min` of a channel and `quiet` are as they hold; by `..._chosen` they were chosen by hand, and are not of the file.
    """
    kept = slice_.kept
    held = kept.choices.over(facts.notices, facts.now.tzinfo or UTC)
    tests = [each for each in kept.jobs if each.form is Form.TEST]
    return new_document(facts.now) | {
        "channels": [
            channel_standing(kept, each, facts) | {"min_chosen": each.name in kept.choices.least}
            for each in held.channels
        ],
        "quiet": held.quiet.written if held.quiet else None,
        "quiet_chosen": bool(kept.choices.quiet),
        "tests": [_test(each, slice_) for each in tests[-16:]],
        "day_bytes": {"used": kept.day_bytes, "limit": facts.notices.day_bytes},
    }


def channel_standing(kept: Outbox, channel: Channel, facts: DaemonFacts) -> Document:
    """How one channel does. waiting: notices that are still to come; since: when the oldest of them was."""
    state = kept.state_of(channel.name)
    entries = {each.number: each.at for each in kept.entries}
    mine = (each.notice for each in kept.to_come() if each.channel == channel.name)
    waiting = [entries[each] for each in mine if each in entries]
    zone = facts.now.tzinfo or UTC
    perhaps = [each for each in kept.jobs if each.channel == channel.name and each.fate is Fate.UNKNOWN]
    return {
        "name": channel.name,
        "kind": channel.kind.value,
        "min": channel.least.value,
        "waiting": len(waiting),
        "since": moment_text(min(waiting), zone) if waiting else None,
        "failures": state.failures,
        "error": state.error or None,
        "impossible": state.impossible,
        "perhaps_delivered": len(perhaps),
        "counts": {result: number for (name, result), number in sorted(kept.counts.items()) if name == channel.name},
    }


def channel_line(kept: Outbox, channel: Channel, facts: DaemonFacts) -> str:
    """What people should know of a channel that has trouble: empty where it has none."""
    standing, state = channel_standing(kept, channel, facts), kept.state_of(channel.name)
    if state.impossible:
        return f"{channel.name}: not possible: {state.error}"
    if not state.error:
        return ""
    number = standing["waiting"]
    since = format_moment(state.since, facts.now.timestamp(), facts.now.tzinfo or UTC) if state.since else ""
    return f"{channel.name}: {number} waiting{f' since {since}' if since else ''} ({state.error})"


def notice_problems(kept: Outbox, facts: DaemonFacts) -> list[str]:
    """The lines of all channels that have trouble."""
    return [line for each in facts.notices.channels if (line := channel_line(kept, each, facts))]


def _channel(channel: Channel) -> Mapping[str, Any]:
    own = {"name": channel.name, "kind": channel.kind.value, "language": channel.language, "min": channel.least.value}
    return {**channel.settings, **own, "per_day": channel.per_day}


def _rule(rule: ReadRule) -> Mapping[str, Any]:
    where: Mapping[str, Any] = {"ussd": rule.ussd, "every": rule.every} if rule.ussd else {"from": list(rule.senders)}
    return {**where, "match": rule.match, **({"unit": rule.unit} if rule.unit else {})}


def _job(job: Job, deadline: int, notices: list[Document], settings: NoticeSettings) -> Mapping[str, Any]:
    channel = settings.channel(job.channel)
    return {
        "id": job.number,
        "channel": job.channel,
        "attempt": job.attempts,
        "deadline": deadline,
        "key": job.key,
        "language": channel.language if channel else "en",
        "form": job.form.value,
        "notices": notices,
    }


def _notice(entry: Entry) -> Document:
    return {
        "id": entry.number,
        "at": moment_text(entry.at, UTC).replace("+00:00", "Z"),
        "kind": entry.kind.value,
        "client": entry.client or None,
        "severity": entry.severity.value,
        "text": entry.text,
        "data": entry.data,
    }


def _test(job: Job, slice_: NoticesSlice) -> Mapping[str, Any]:
    return {
        "id": job.number,
        "channel": job.channel,
        "fate": job.fate.value,
        "error": job.error or None,
        "steps": list(slice_.steps.get(job.number, ())),
    }
