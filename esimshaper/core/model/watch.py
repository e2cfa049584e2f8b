# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of abnormal use: what is looked for, what was noticed, what is normal for whom. Pure: values only.

An episode is what happened; it is an alarm once people are told of it. All times are Unix seconds, all amounts bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from esimshaper.core.model.counts import Usage
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Override, Subject
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.services import ServiceUsage

if TYPE_CHECKING:
    from array import array


LEARNING_HOURS = 24
"""Hours of its own until a client is known: a third of all false alarms came on the first day."""


class AlarmKind(StrEnum):
    """The kinds of abnormal use; the value is the word of settings, metrics and documents."""

    SURGE = "surge"
    UPLOAD = "upload"
    NAMELESS = "nameless"
    TRICKLE = "trickle"
    ASLEEP = "asleep"
    NEWCOMER = "newcomer"
    PACE = "pace"
    NOBODY_HOME = "nobody-home"


SLOW_RATE = 256_000
"""Bit/s to which a person slows the client of an alarm: messages pass, videos do not."""


class WatchLevel(StrEnum):
    """How soon something counts as abnormal; the value is the word of the settings."""

    OFF = "off"
    CALM = "calm"
    NORMAL = "normal"
    STRICT = "strict"


ASKED_FOR = frozenset((AlarmKind.NAMELESS,))
"""Kinds that are looked for only where the settings say so: how often ordinary use looks so was not measured."""


class Reaction(NamedTuple):
    """What follows from an alarm for so many `seconds`: its client is held to `rate`, in bit/s, or (0) blocked."""

    seconds: int
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What the settings say. off: kinds that nobody looks for, and ASKED_FOR unless the settings name them. exempt:
    clients that nothing is noticed of.

    newcomer: the bytes that a device which was never seen may move in its first `newcomer_seconds`; None for a share
    of the day. reactions: to alarms of these kinds. night: the hour of the clock from which, and until which, people
    sleep.
    """

    level: WatchLevel = WatchLevel.OFF
    off: frozenset[AlarmKind] = ASKED_FOR
    exempt: frozenset[ClientKey] = frozenset()
    newcomer: int | None = None
    newcomer_seconds: int = 1800
    reactions: Mapping[AlarmKind, Reaction] = field(default_factory=dict)
    night: tuple[int, int] = (1, 6)

    def looks_for(self, kind: AlarmKind) -> bool:
        return self.level is not WatchLevel.OFF and kind not in self.off


NOT_WATCHED = Watch()


class Peaks(NamedTuple):
    """The most that a client moved in a minute, in five, in an hour; sent in five; and at least in each five of an
    hour."""

    minute: int = 0
    five: int = 0
    hour: int = 0
    upload: int = 0
    flat: int = 0

    def joined(self, other: "Peaks") -> "Peaks":
        """The higher one of each."""
        minute, five, hour, upload, flat = other
        return Peaks(
            self.minute if self.minute > minute else minute,
            self.five if self.five > five else five,
            self.hour if self.hour > hour else hour,
            self.upload if self.upload > upload else upload,
            self.flat if self.flat > flat else flat,
        )


NO_PEAKS = Peaks()


class Learned(NamedTuple):
    """What is normal for a client. hours: of its own, in which it moved anything, up to LEARNING_HOURS.

    hour: number of the running one since 1970; running, waiting: peaks of that and of the one before, which count once
    an hour more has passed. days: peaks by the number of the day. told: when people were told last of what is unsure.
    """

    hours: int = 0
    hour: int = 0
    running: Peaks = NO_PEAKS
    waiting: Peaks = NO_PEAKS
    days: tuple[tuple[int, Peaks], ...] = ()
    told: tuple[int, ...] = ()


UNLEARNED = Learned()


class Answer(StrEnum):
    """What became of an episode by a person or a rule; the value is the word of documents."""

    NONE = ""
    FINE = "fine"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Episode:
    """Abnormal use of `client` (empty: of everyone together) from `since` on; `seen`: when it was so last.

    until: 0 while it lasts. told: people were told of it; told_bytes: of so many bytes. share: of the day, `allowance`,
    in bytes. text: what it is, in words. peaks: what it will teach when it ends, unless it was cut.
    """

    number: int
    client: ClientKey
    kinds: tuple[AlarmKind, ...]
    since: int
    seen: int
    until: int = 0
    bytes: int = 0
    told: bool = False
    told_bytes: int = 0
    allowance: int = 0
    text: str = ""
    answer: Answer = Answer.NONE
    peaks: Peaks = NO_PEAKS

    @property
    def is_open(self) -> bool:
        return not self.until


@dataclass(frozen=True, slots=True)
class Mute:
    """Nobody is told of episodes of `kind` (None: of any) of `client` (None: of anybody) until then."""

    kind: AlarmKind | None
    client: ClientKey | None
    until: int


class Profile(NamedTuple):
    """Bytes by hour of the day of one quota and subject: today's, and those of the days before with less weight each.

    day: the number of the present one in the calendar. used: the tally as seen last, of the window that began at
    `window`. told: when it would be used up by what people were told in that window; 0 if they were not.
    """

    day: int
    today: tuple[int, ...]
    before: tuple[float, ...]
    weight: float = 0.0
    window: int = 0
    used: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True)
class WatchState:
    """All that is remembered over a restart. episodes: the newest ones, in their order; number: of the next one.

    newcomers: when devices that are new came, and what they moved since. counts: alarms ever told, by their first kind.
    """

    learned: Mapping[ClientKey, Learned] = field(default_factory=dict)
    episodes: tuple[Episode, ...] = ()
    mutes: tuple[Mute, ...] = ()
    profiles: Mapping[tuple[str, Subject], Profile] = field(default_factory=dict)
    newcomers: Mapping[ClientKey, tuple[int, int]] = field(default_factory=dict)
    number: int = 1
    counts: Mapping[AlarmKind, int] = field(default_factory=dict)


class Allowance(NamedTuple):
    """The bytes of a day, and of what: the name of a quota or a plan, empty for a guess. key: what it follows from."""

    bytes: int
    of: str = ""
    key: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchSlice:
    """kept: what is saved. traces: what each client moved in the last hour, see core/watch/traces.py. since: what was
    moved after the step numbered `step`. allowance: of a day. new: notices of this tick. served: what bytes of the last
    minutes were for. cuts: what alarms of this tick set."""

    kept: WatchState = field(default_factory=WatchState)
    traces: Mapping[ClientKey, "Trace"] = field(default_factory=dict)
    since: tuple[Usage, ...] = ()
    step: int | None = None
    allowance: Allowance | None = None
    new: tuple[Notice, ...] = ()
    served: ServiceUsage = field(default_factory=dict)
    cuts: tuple[Override, ...] = ()


class Trace(NamedTuple):
    """What a client moved: in each of the last 12 steps of 5 s, and in each of the last 60 minutes; what it sent in
    each of the last five of these; in the running minute, down and up; and in all of these minutes together.

    minute: the sum of `steps`. five, ten: of so many of `minutes`, the last ones. up: of `ups`.
    """

    # Numbers of eight bytes, since a tuple of sixty objects would be four times as large. Nobody changes one in place.
    steps: "array[int]"
    minutes: "array[int]"
    ups: "array[int]"
    running_down: int = 0
    running_up: int = 0
    hour: int = 0
    # Each sum is carried on: to add up the numbers anew took half of a step's time.
    minute: int = 0
    five: int = 0
    ten: int = 0
    up: int = 0
