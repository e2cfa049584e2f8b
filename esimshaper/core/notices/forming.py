# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliveries that are ripe -> jobs: what is about the same in one message, what had to wait in a digest. Pure.

A channel has a cap for each day; a fifth of it, at least one message, is for alarms alone. What is beyond it waits for
the digest of the next morning, but for SMS, of which each costs money.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import NamedTuple

from esimshaper.core.model.channels import Channel, NoticeSettings
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.outbox import DOWN, Around, Delivery, Fate, Form, Job, Outbox
from esimshaper.core.notices import times
from esimshaper.core.notices.jobs import counted, is_tried, key_of

MERGED = 4
"""From so many groups on that are ripe at once, as after a night without a link, one digest has all of them."""
MOST_NOTICES = 50
"""Of a digest; the newest ones."""
_SOON = 3600  # what is ripe within an hour goes into the same digest


class Scene(NamedTuple):
    """What jobs are formed by. salt: makes keys of this router differ from those of another."""

    settings: NoticeSettings
    zone: tzinfo
    now: int
    around: Around
    salt: str


class Forming:
    """Forms the jobs of all channels that are due; `kept` is the result."""

    def __init__(self, kept: Outbox, scene: Scene) -> None:
        self.kept = kept
        self._scene = scene
        self._entries = {each.number: each for each in kept.entries}
        self._quiet = times.quiet_until(scene.settings, scene.now) is not None
        self._day = times.day_of(scene.now, scene.zone)

    def all(self) -> Outbox:
        """`kept` with all jobs that are due."""
        if self.kept.day != self._day and self.kept.day_bytes:
            self.kept = replace(self.kept, day=self._day, day_bytes=0)
        for channel in self._scene.settings.channels:
            self._of_channel(channel)
        return self.kept

    def _of_channel(self, channel: Channel) -> None:
        state = self.kept.state_of(channel.name)
        if state.impossible:
            self._drop(channel, Fate.IMPOSSIBLE)
            return
        if channel.kind.needs_data and not self._scene.around.link:
            return
        # Of a channel that is down the oldest job is tried; once that is no news any more, a new one has to be.
        if state.failures >= DOWN and is_tried(channel.name, self.kept, quiet=self._quiet):
            return
        self._hold(channel)
        ripe = self._ripe(channel, Fate.WAITING)
        groups: dict[object, list[Delivery]] = {}
        for each in ripe:
            groups.setdefault(self._group(each), []).append(each)
        if len(groups) >= MERGED:
            self._form(channel, Form.DIGEST, ripe)
        else:
            for group in groups.values():
                self._form(channel, Form.ONE if len(group) == 1 else Form.GROUP, group)
        held = self._ripe(channel, Fate.HELD)
        if held and not self._quiet:
            self._form(channel, Form.DIGEST, self._ripe(channel, Fate.HELD, within=_SOON))

    def _hold(self, channel: Channel) -> None:
        """What may not be told now waits for the digest."""
        now, settings = self._scene.now, self._scene.settings
        much = channel.kind.needs_data and self.kept.day_bytes >= settings.day_bytes
        if not (self._quiet or much):
            return
        morning = times.next_morning(settings, self._scene.zone, now)
        self._change(
            each._replace(fate=Fate.HELD, ripe=morning)
            for each in self._ripe(channel, Fate.WAITING)
            if self._entries[each.notice].severity is not Severity.ALARM
        )

    def _ripe(self, channel: Channel, fate: Fate, within: int = 0) -> list[Delivery]:
        """Deliveries of that fate whose group has waited long enough; all of a group, once one of it has."""
        now = self._scene.now
        mine = [each for each in self.kept.deliveries if each.channel == channel.name and each.fate is fate]
        if fate is Fate.HELD:
            return [each for each in mine if each.ripe <= now + within]
        due = {self._group(each) for each in mine if each.ripe <= now} - self._told_just_now(channel)
        return [each for each in mine if self._group(each) in due]

    def _told_just_now(self, channel: Channel) -> set[object]:
        recent = (
            job
            for job in self.kept.jobs
            if job.channel == channel.name
            and self._scene.now - job.born < times.GROUP_SECONDS
            and job.form in (Form.ONE, Form.GROUP)
            and job.fate is not Fate.WITHDRAWN
        )
        found: set[object] = {
            self._entries[each].subject for job in recent for each in job.notices if each in self._entries
        }
        # What is graver than all that was said does not wait.
        grave: set[object] = {
            self._entries[each.notice].subject
            for each in self.kept.deliveries
            if each.channel == channel.name
            and each.fate is Fate.WAITING
            and self._entries[each.notice].severity is Severity.ALARM
        }
        return found - grave

    def _group(self, delivery: Delivery) -> object:
        return self._entries[delivery.notice].subject

    def _form(self, channel: Channel, form: Form, deliveries: Sequence[Delivery]) -> None:
        state = self.kept.state_of(channel.name)
        messages = state.messages if state.day == self._day else 0
        grave = any(self._entries[each.notice].severity is Severity.ALARM for each in deliveries)
        counts = form is not Form.DIGEST or not channel.kind.folds
        if counts and messages >= _cap(channel, grave=grave):
            self._beyond(channel, deliveries)
            return
        state = state._replace(day=self._day, messages=messages + counts)
        number, now = self.kept.job_number, self._scene.now
        told = sorted(deliveries, key=lambda each: each.notice)[-MOST_NOTICES:]
        key = self._key(channel, form, told)
        job = Job(number, channel.name, form, tuple(each.notice for each in told), key, now, next=now)
        channels = {**self.kept.channels, channel.name: state}
        self.kept = replace(self.kept, jobs=(*self.kept.jobs, job), job_number=number + 1, channels=channels)
        self._change(each._replace(fate=Fate.JOINED, job=number) for each in deliveries)

    def _beyond(self, channel: Channel, deliveries: Sequence[Delivery]) -> None:
        """The cap is reached."""
        if not channel.kind.folds:
            self._change(each._replace(fate=Fate.OVER) for each in deliveries)
            self.kept = counted(self.kept, channel.name, Fate.OVER.value, len(deliveries))
            return
        morning = times.next_morning(self._scene.settings, self._scene.zone, self._scene.now)
        self._change(each._replace(fate=Fate.HELD, ripe=morning) for each in deliveries)

    def _drop(self, channel: Channel, fate: Fate) -> None:
        mine = [each for each in self.kept.deliveries if each.channel == channel.name]
        waiting = [each for each in mine if each.fate.waits]
        if waiting:
            self._change(each._replace(fate=fate) for each in waiting)
            self.kept = counted(self.kept, channel.name, fate.value, len(waiting))

    def _key(self, channel: Channel, form: Form, deliveries: Iterable[Delivery]) -> str:
        keys = (self._entries[each.notice].key for each in deliveries)
        return key_of(self._scene.salt, channel.name, form.value, str(self.kept.job_number), *keys)

    def _change(self, changed: Iterable[Delivery]) -> None:
        new: Mapping[tuple[int, str], Delivery] = {(each.notice, each.channel): each for each in changed}
        if new:
            found = (new.get((each.notice, each.channel), each) for each in self.kept.deliveries)
            self.kept = replace(self.kept, deliveries=tuple(found))


def _cap(channel: Channel, *, grave: bool) -> int:
    """Messages of a day; a part of them is for alarms alone."""
    return channel.per_day if grave or channel.per_day == 1 else channel.per_day - max(1, channel.per_day // 5)
