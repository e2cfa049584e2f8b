# SPDX-License-Identifier: GPL-2.0-or-later
"""One tick of approval: usage by service -> what each client did with each, and what waits from now on. Pure.

a service is new      until it has moved a tenth of the threshold on an earlier day, or on the first day of its client
a new one waits       from the byte on that passes the threshold of the day, until it is answered
it is new again       once an answer ends, or when it was not used for as long as an answer lasts
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from esimshaper.core.approval import answers, audit, notices
from esimshaper.core.model.approval import (
    DAY,
    NOTHING_HELD,
    Approval,
    ApprovalSlice,
    ApprovalState,
    Use,
    never_waits,
)
from esimshaper.core.model.approval_answers import answer_for, hierarchy
from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.services import ServiceUsage, Volume
from esimshaper.core.model.tick import Tick

USED_SHARE = 10
"""So small a part of the threshold on one day does not count as a use of before: a page that shows a video of another
service, or an app that looks for news."""
MAX_USES = 4096
"""Devices that make up a new address each day must not fill the memory."""


def advance(before: ApprovalSlice, tick: Tick, served: ServiceUsage, day_bytes: int) -> ApprovalSlice:
    """The slice of now. `served`: what metered uplinks billed by client and service; `day_bytes`: what a day has."""
    settings = tick.rules.approval
    if settings is None:
        off = replace(before.kept, since=0) if before.kept.since else before.kept
        return before if off is before.kept and before.layer is NOTHING_HELD else ApprovalSlice(off)
    kept = before.kept if before.kept.since else _begun(before.kept, tick, settings.threshold(day_bytes))
    now = int(tick.at.time)
    kept = answers.expired(kept, tick.rules, now) if kept.answers else kept
    threshold = settings.threshold(day_bytes)
    looked = _Look(kept, tick, settings, threshold)
    # Without the catalogue nobody knows what must never wait: a daemon that starts has not read it yet.
    kept = looked.at(served) if served and tick.rules.categories else kept
    kept, due = audit.weekly(kept, tick.rules, settings, now)
    new = (*looked.new, *due)
    if kept is before.kept and (threshold, settings.rate) == (before.threshold, before.rate):
        return before if not before.new else replace(before, new=())
    layer = answers.layer_of(before.layer, kept, settings.rate)
    return ApprovalSlice(kept, layer, new, threshold, settings.rate)


def _begun(kept: ApprovalState, tick: Tick, threshold: int) -> ApprovalState:
    """What is known when approval is switched on: what was used since the kernel's maps were made."""
    now, booked = int(tick.at.time), tick.step.booked
    served = booked.served if booked else {}
    uses = {
        (client, service): Use(now, now, all_down=size.down_bytes, all_up=size.up_bytes, known=True)
        for client, volumes in served.items()
        for service, size in volumes.items()
        if size.total_bytes * USED_SHARE >= threshold and not never_waits(service, tick.rules.categories)
    }
    return replace(kept, since=now, audited=now, uses={**uses, **kept.uses}, came={})


class _Look:
    """What comes of the usage of one tick."""

    def __init__(self, kept: ApprovalState, tick: Tick, settings: Approval, threshold: int) -> None:
        self._kept, self._rules, self._settings, self._threshold = kept, tick.rules, settings, threshold
        self._now = int(tick.at.time)
        local = datetime.fromtimestamp(self._now, tick.rules.zone)
        self._day, self._hour = local.toordinal(), 1 << local.hour
        self._identities = tick.identities
        self._number = kept.number
        self.new: list[Notice] = []

    def at(self, served: ServiceUsage) -> ApprovalState:
        """What is remembered then."""
        kept = self._kept
        came, uses = dict(kept.came), dict(kept.uses)
        for client, volumes in served.items():
            if client in PSEUDO_KEYS or not self._is_meant(client):
                continue
            arrived = came.setdefault(client, self._now)
            is_new_here = self._now - arrived < DAY and not self._settings.first_day
            for service, volume in volumes.items():
                if not never_waits(service, self._rules.categories):
                    key = client, service
                    uses[key] = self._used(key, uses.get(key), volume, learns=is_new_here)
        if len(uses) > MAX_USES:
            uses = _newest(uses)
        if len(came) > MAX_USES:
            came = dict(sorted(came.items(), key=lambda each: each[1])[-MAX_USES:])
        return replace(kept, came=came, uses=uses, number=self._number)

    def _is_meant(self, client: ClientKey) -> bool:
        subject = self._settings.subject
        return subject.kind is SubjectKind.EACH_CLIENT or subject in hierarchy(self._rules, client)

    def _used(self, key: tuple[ClientKey, str], before: Use | None, volume: Volume, *, learns: bool) -> Use:
        use = before or Use(self._now, self._now)
        if not use.waits and self._now - use.seen >= self._settings.lasts:
            use = use._replace(known=False, down=0, up=0)
        if use.day != self._day:
            known = use.known or use.today * USED_SHARE >= self._threshold
            use = use._replace(day=self._day, down=0, up=0, hours=0, days=use.days + 1, known=known)
        # A name that comes late takes bytes off another service, so an amount may be below zero.
        down, up = volume.down_bytes, volume.up_bytes
        use = use._replace(
            seen=self._now,
            down=max(0, use.down + down),
            up=max(0, use.up + up),
            all_down=max(0, use.all_down + down),
            all_up=max(0, use.all_up + up),
            hours=use.hours | self._hour,
        )
        if learns and use.today * USED_SHARE >= self._threshold:
            use = use._replace(known=True)
        if use.today <= self._threshold:
            return use
        use = use._replace(heavy=self._now)
        return use if use.known or use.waits else self._asked(key, use)

    def _asked(self, key: tuple[ClientKey, str], use: Use) -> Use:
        """The use, which waits unless an answer says what holds."""
        client, service = key
        if answer_for(self._kept.answers, hierarchy(self._rules, client), service):
            return use
        use = use._replace(waits=self._now, number=self._number)
        self._number += 1
        who = notices.Whose(Subject(SubjectKind.CLIENT, client), self._called(client))
        self.new.append(notices.waits(who, service, use, self._settings.rate, self._rules))
        return use

    def _called(self, client: ClientKey) -> str:
        known = self._identities.get(client)
        return self._rules.names.get(client) or (known.called if known else client)


def _newest(uses: Mapping[tuple[ClientKey, str], Use]) -> dict[tuple[ClientKey, str], Use]:
    """What waits, and of all else what was used last."""
    ordered = sorted(uses.items(), key=lambda each: (bool(each[1].waits), each[1].seen))
    return dict(ordered[-MAX_USES:])
