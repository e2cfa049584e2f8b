# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what is still to be told: notices that wait, on which channel, in which message. Pure: values only.

entry      a notice in the outbox
delivery   one entry on one channel: at most one for each pair
job        a message of one or several entries on one channel, tried until it is out; its key never changes
lease      a job that the sender has taken, until a deadline

All times are Unix seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.notice_choices import AS_WRITTEN, NoticeChoices
from esimshaper.core.model.notices import Data, Notice, NoticeKind, Severity


class Form(StrEnum):
    """What a message is of; the value is the word of documents. DIGEST: of what had to wait, in short."""

    ONE = "one"
    GROUP = "group"
    DIGEST = "digest"
    TEST = "test"


class Fate(StrEnum):
    """What became of a delivery or a job; the value is the word of metrics and documents.

    WAITING: in no job yet, or not tried. HELD: for the next digest. JOINED: in a job, whose fate says the rest.
    TRYING: the sender has it. UNKNOWN: perhaps delivered, nobody will ever know. OVER: beyond the cap of its channel.
    """

    WAITING = "waiting"
    HELD = "held"
    JOINED = "joined"
    TRYING = "trying"
    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    IMPOSSIBLE = "impossible"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SILENT = "silent"
    OVER = "over"

    @property
    def waits(self) -> bool:
        """Whether a delivery is in no message yet, and may come into one."""
        return self in (Fate.WAITING, Fate.HELD)

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self in (Fate.WAITING, Fate.HELD, Fate.JOINED, Fate.TRYING)


class Entry(NamedTuple):
    """A notice in the outbox. key: the same notice has the same one. client: the label of metrics, or empty.

    expires: after that it is no news, and goes into a digest.
    """

    number: int
    key: str
    at: int
    kind: NoticeKind
    subject: Subject
    client: str
    severity: Severity
    alarm: int
    text: str
    data: Data
    expires: int


class Delivery(NamedTuple):
    """An entry on a channel. ripe: when it may go into a message (WAITING) or a digest (HELD). job: that it is in."""

    notice: int
    channel: str
    fate: Fate
    ripe: int
    job: int = 0


class Job(NamedTuple):
    """A message on its way. born: when it was formed. attempts: how often it was taken. next: when it may be taken.

    doubt: a try of it ended so that nobody knows whether it arrived. error: of the last try.
    """

    number: int
    channel: str
    form: Form
    notices: tuple[int, ...]
    key: str
    born: int
    fate: Fate = Fate.WAITING
    attempts: int = 0
    next: int = 0
    doubt: bool = False
    error: str = ""


class ChannelState(NamedTuple):
    """How a channel does. day: number of the day in which `messages` were formed. failures: in a row, since `since`.

    impossible: it cannot work with this box, SIM or these settings, as `error` says. A test, other settings of it and a
    restart end that.
    """

    day: int = 0
    messages: int = 0
    failures: int = 0
    since: int = 0
    error: str = ""
    impossible: bool = False


FRESH = ChannelState()
DOWN = 5
"""After so many failures in a row a channel is down: only its oldest job is tried, and the journal has a line."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """All that is remembered over a restart. entry_number, job_number: the next ones. counts: of notices, ever, by
    channel and what became of them.

    day, day_bytes: what messages took of the link on that day. week: when the last digest of a week was made. lost:
    uplinks that are missing, since when, and whether people were told. choices: what holds in place of the settings.
    """

    entries: tuple[Entry, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    jobs: tuple[Job, ...] = ()
    channels: Mapping[str, ChannelState] = field(default_factory=dict)
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    entry_number: int = 1
    job_number: int = 1
    day: int = 0
    day_bytes: int = 0
    week: int = 0
    lost: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    choices: NoticeChoices = AS_WRITTEN

    def to_come(self) -> Iterator[Delivery]:
        """The deliveries of which nobody has heard yet, in no message or in one that is on its way."""
        on_its_way = {each.number for each in self.jobs if each.fate.is_open}
        joined = Fate.JOINED
        return (each for each in self.deliveries if each.fate.waits or (each.fate is joined and each.job in on_its_way))

    def state_of(self, channel: str) -> ChannelState:
        return self.channels.get(channel, FRESH)


NOTHING_TO_TELL = Outbox()


class Around(NamedTuple):
    """What decides whether something is worth telling, and can be told. link: whether mail could leave.

    everyone: nobody passes. blocked: clients that do not. plan_out: the plan has no data left.
    """

    link: bool = True
    everyone: bool = False
    blocked: frozenset[ClientKey] = frozenset()
    plan_out: bool = False


CALM = Around()


@dataclass(frozen=True, slots=True)
class NoticesSlice:
    """kept: what is saved. leases: of this process, and when they end (CLOCK_BOOTTIME): a job that is TRYING without
    one was taken from a daemon that is gone. steps: what the last try of a job did. due: when to look again.

    around, settings: what the last look followed from. new: notices that the next tick takes in, and no journal has.
    """

    kept: Outbox = NOTHING_TO_TELL
    leases: Mapping[int, float] = field(default_factory=dict)
    steps: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    due: float = 0.0
    around: Around = CALM
    settings: NoticeSettings | None = None
    new: tuple[Notice, ...] = ()
