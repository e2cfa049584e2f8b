# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the outbox of notices as rows of tables, and back. Pure.

A row that a bad bit on the card has made unreadable is left out: it costs a notice, and no start.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC

from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.notice_choices import NEVER, NoticeChoices, quiet_hours
from esimshaper.core.model.notices import Data, NoticeKind, Severity
from esimshaper.core.model.outbox import ChannelState, Delivery, Entry, Fate, Form, Job, Outbox
from esimshaper.edge.history.rows import Fetch, Keys, Tables, Values

KEYS: Keys = {
    "notices": ("number",),
    "notice_deliveries": ("notice", "channel"),
    "notice_jobs": ("number",),
    "notice_channels": ("channel",),
    "notice_counts": ("channel", "result"),
    "notice_numbers": ("id",),
    "notice_uplinks": ("uplink",),
    "notice_choices": ("channel",),
}


def tables(kept: Outbox) -> Tables:
    """All rows of the tables of KEYS."""
    numbers = (kept.entry_number, kept.job_number, kept.day, kept.day_bytes, kept.week)
    return {
        "notices": {(each.number,): _entry_row(each) for each in kept.entries},
        "notice_deliveries": {
            (each.notice, each.channel): (each.fate.value, each.ripe, each.job) for each in kept.deliveries
        },
        "notice_jobs": {(each.number,): _job_row(each) for each in kept.jobs},
        "notice_channels": {(name,): (*each[:-1], int(each.impossible)) for name, each in kept.channels.items()},
        "notice_counts": {key: (number,) for key, number in kept.counts.items()},
        "notice_numbers": {(1,): numbers},
        "notice_uplinks": {(name,): (since, int(told)) for name, (since, told) in kept.lost.items()},
        "notice_choices": {("",): (kept.choices.quiet,)}
        | {(name,): (least.value,) for name, least in kept.choices.least.items()},
    }


def notices_from(rows: Fetch) -> Outbox:
    """The Outbox in the tables."""
    entries = tuple(_entries(rows))
    known = {each.number for each in entries}
    numbers = next(iter(rows("notice_numbers")), (1, 1, 1, 0, 0, 0))
    _, entry_number, job_number, day, day_bytes, week = numbers
    jobs = tuple(_jobs(rows))
    return Outbox(
        entries,
        tuple(each for each in _deliveries(rows) if each.notice in known),
        jobs,
        {name: _channel(*rest) for name, *rest in rows("notice_channels")},
        {(channel, result): number for channel, result, number in rows("notice_counts")},
        max([entry_number, *(number + 1 for number in known)]),
        max([job_number, *(each.number + 1 for each in jobs)]),
        day,
        day_bytes,
        week,
        {name: (since, bool(told)) for name, since, told in rows("notice_uplinks")},
        _choices(rows),
    )


def _choices(rows: Fetch) -> NoticeChoices:
    """The choices: of no channel, the quiet hours. One that a bad bit has changed is as in the settings."""
    quiet, least = "", {}
    for channel, choice in rows("notice_choices"):
        with suppress(ValueError):
            if channel:
                least[channel] = Severity(choice)
            elif choice in ("", NEVER) or quiet_hours(choice, UTC):
                quiet = choice
    return NoticeChoices(quiet, least)


def _channel(day: int, messages: int, failures: int, since: int, error: str, impossible: int) -> ChannelState:
    return ChannelState(day, messages, failures, since, error, bool(impossible))


def _entry_row(entry: Entry) -> Values:
    data = json.dumps(entry.data, ensure_ascii=False, separators=(",", ":"))
    subject = (entry.subject.kind.value, entry.subject.id)
    told = (entry.client, entry.severity.value, entry.alarm, entry.text, data, entry.expires)
    return entry.key, entry.at, entry.kind.value, *subject, *told


def _entries(rows: Fetch) -> Iterator[Entry]:
    for number, key, at, kind, subject_kind, subject, client, severity, alarm, text, data, expires in rows("notices"):
        with suppress(ValueError):
            about = Subject(SubjectKind(subject_kind), subject)
            read = _data(data)
            kinds = NoticeKind(kind), about, client, Severity(severity)
            yield Entry(number, key, at, *kinds, alarm, text, read, expires)


def _data(written: str) -> Data:
    found = json.loads(written)
    if not isinstance(found, dict):
        raise ValueError(written)  # noqa: TRY004 - as what is no JSON at all
    return found


def _deliveries(rows: Fetch) -> Iterator[Delivery]:
    for notice, channel, fate, ripe, job in rows("notice_deliveries"):
        with suppress(ValueError):
            yield Delivery(notice, channel, Fate(fate), ripe, job)


def _job_row(job: Job) -> Values:
    told = "\n".join(map(str, job.notices))
    tried = (job.fate.value, job.attempts, job.next, int(job.doubt), job.error)
    return job.channel, job.form.value, told, job.key, job.born, *tried


def _jobs(rows: Fetch) -> Iterator[Job]:
    for number, channel, form, told, key, born, fate, attempts, at, doubt, error in rows("notice_jobs"):
        with suppress(ValueError):
            notices = tuple(map(int, told.split()))
            state = Fate(fate), attempts, at, bool(doubt), error
            yield Job(number, channel, Form(form), notices, key, born, *state)
