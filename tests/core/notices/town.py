# SPDX-License-Identifier: GPL-2.0-or-later
"""An outbox that time passes over, for the tests of notices."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level, Subject, SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind, Severity
from esimshaper.core.model.outbox import Around, Entry, Fate, Job, Outbox
from esimshaper.core.model.results import Result
from esimshaper.core.notices import jobs, taking
from esimshaper.core.notices.forming import Scene
from esimshaper.core.notices.stage import settled

NOON = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp())
MAIL = Channel("email", ChannelKind.EMAIL, least=Severity.INFO)
SMS = Channel("sms", ChannelKind.SMS, least=Severity.INFO, per_day=5)
CALM = Around()
PUSH = Channel("apprise-1", ChannelKind.APPRISE, least=Severity.INFO)


def client(name: str) -> Subject:
    return Subject(SubjectKind.CLIENT, name)


def state(name: str, level: Level = Level.BLOCKED) -> Notice:
    """A device stands so from now on."""
    before = Level.OPEN if level is not Level.OPEN else Level.BLOCKED
    data = {"subject": f"client/{name}", "level": level.value, "level_before": before.value}
    return Notice(NoticeKind.CLIENT_STATE, f"{name} {level.value}", client(name), level=level, data=data)


def alarm(name: str, number: int = 1, *reasons: str, kind: NoticeKind = NoticeKind.ALARM, **data: Any) -> Notice:
    said = reasons or ("surge",)
    whole = {"subject": f"client/{name}", "alarm": number, "reasons": said, **data}
    level = Level(data["level"]) if "level" in data else None
    text = f"{name} {kind.value} {number}"
    return Notice(kind, text, client(name), alarm=number, reasons=said, level=level, data=whole)


def plain(kind: NoticeKind, subject: Subject = EVERYONE, **data: Any) -> Notice:
    return Notice(kind, f"{kind.value} {data}", subject, data=data)


@dataclass
class Town:
    """`kept` at `now`. sent: the keys and notices of each message that went out, by channel."""

    channels: tuple[Channel, ...] = (MAIL,)
    now: int = NOON
    settings: NoticeSettings = field(default_factory=NoticeSettings)
    around: Around = CALM
    kept: Outbox = field(default_factory=Outbox)

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, channels=self.channels)

    def hear(self, *notices: Notice) -> None:
        dated = [replace(each, at=self.now) for each in notices]
        names = {ClientKey(each): each for each in ("tv", "phone")}
        self.kept = taking.take(self.kept, dated, self.channels, names, self.now)
        self.settle()

    def settle(self) -> None:
        scene = Scene(self.settings, UTC, self.now, self.around, "salt")
        self.kept = settled(self.kept, scene)

    def wait(self, seconds: int, step: int = 10) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step)
            self.settle()

    def lease(self) -> tuple[Job, ...]:
        link = self.around.link
        self.kept, taken = jobs.lease(self.kept, self.settings, self.now, link=link)
        return taken

    def finish(self, job: Job, result: Result = Result.SENT, error: str = "") -> None:
        self.kept = jobs.finish(self.kept, self.settings, job.number, result, error, self.now)

    def told(self) -> list[tuple[str, str, list[str]]]:
        """All that can be sent now is: channel, form and texts of each message."""
        found = []
        while taken := self.lease():
            for job in taken:
                found.append((job.channel, job.form.value, [each.text for each in self.entries(job)]))
                self.finish(job)
        return found

    def entries(self, job: Job) -> list[Entry]:
        return [each for each in self.kept.entries if each.number in job.notices]

    def fates(self, channel: str = "email") -> list[str]:
        """What became of each delivery of a channel."""
        jobs_ = {each.number: each.fate for each in self.kept.jobs}
        return [
            (jobs_.get(each.job, Fate.JOINED) if each.fate is Fate.JOINED else each.fate).value
            for each in self.kept.deliveries
            if each.channel == channel
        ]
