# SPDX-License-Identifier: GPL-2.0-or-later
"""A notice -> an entry of the outbox, and a delivery for each channel that is to tell it. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.channels import Channel
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import SubjectKind
from esimshaper.core.model.notices import KINDS, Notice, NoticeKind
from esimshaper.core.model.outbox import Delivery, Entry, Fate, Outbox
from esimshaper.core.notices.times import WAIT


def take(
    kept: Outbox, notices: Iterable[Notice], channels: Iterable[Channel], names: Mapping[ClientKey, str], now: int
) -> Outbox:
    """`kept` with the notices that are not in it yet. `names`: the labels of metrics, by client."""
    listed = tuple(channels)
    known = {each.key for each in kept.entries}
    entries, deliveries = list(kept.entries), list(kept.deliveries)
    number = kept.entry_number
    for notice in notices:
        key = key_of(notice)
        if key in known or notice.kind is NoticeKind.TEST:
            continue
        known.add(key)
        entry = entry_of(notice, number, key, names, now)
        entries.append(entry)
        deliveries += (
            Delivery(number, each.name, Fate.WAITING, now + WAIT[entry.severity])
            for each in listed
            if entry.severity.rank >= each.least.rank or (notice.kind is NoticeKind.WEEK and each.kind.folds)
        )
        number += 1
    if number == kept.entry_number:
        return kept
    return replace(kept, entries=tuple(entries), deliveries=tuple(deliveries), entry_number=number)


def entry_of(notice: Notice, number: int, key: str, names: Mapping[ClientKey, str], now: int) -> Entry:
    """The notice as it stands in the outbox."""
    own = ClientKey(notice.subject.id) if notice.subject.kind is SubjectKind.CLIENT else None
    label = "" if own is None else names.get(own, own)
    at = notice.at or now
    expires = now + KINDS[notice.kind].expires
    return Entry(
        number,
        key,
        at,
        notice.kind,
        notice.subject,
        label,
        notice.severity,
        notice.alarm,
        notice.text,
        notice.data,
        expires,
    )


def key_of(notice: Notice) -> str:
    """The same for the same notice, also after a restart that makes it again."""
    told = hashlib.sha256(notice.text.encode()).hexdigest()[:8]
    subject = f"{notice.subject.kind.value}/{notice.subject.id}"
    return f"{notice.kind.value}:{subject}:{notice.quota}:{notice.alarm}:{notice.at}:{told}"
