# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of limits, in the order in which a wish becomes a drop. Pure: values only.

    quota + tally -> client state, notices
                  -> policy (kernel), classes (tc)

All times are Unix seconds, all amounts bytes, all rates bit/s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum, StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from esimshaper.core.model.counts import Budget
from esimshaper.core.model.hold import Hold, Switch
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.service_sets import ServiceSet
from esimshaper.core.model.time_of_day import Hours

NO_THRESHOLD = (1 << 64) - 1

Apart = Scope | ServiceSet
"""What quotas name that has accounts of its own in the kernel: a tree for uplinks, pools for services."""

Network = IPv4Network | IPv6Network
"""A range of addresses, or a single one."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Absolute values of the three counters of a Budget at which something happens; NO_THRESHOLD for never."""

    both: int = NO_THRESHOLD
    download: int = NO_THRESHOLD
    upload: int = NO_THRESHOLD


NO_THRESHOLDS = Thresholds()


class Direction(StrEnum):
    """The bytes that a quota counts. The value is the word of the configuration, and a field of Budget and others."""

    BOTH = "both"
    DOWNLOAD = "download"
    UPLOAD = "upload"

    def of(self, counts: Budget | Thresholds) -> int:
        """The one of them that is meant."""
        count: int = getattr(counts, self.value)
        return count


class SubjectKind(StrEnum):
    """Who a quota may be for; the value is the word of the configuration before the slash."""

    EVERYONE = "everyone"
    EACH_CLIENT = "each-client"
    CLIENT = "client"
    GROUP = "group"


class Subject(NamedTuple):
    """Who a limit is on. `id` is a ClientKey for a client, a name for a group, empty for everyone.

    EACH_CLIENT appears in quotas only, and becomes one CLIENT for each.
    """

    # A ClientKey and not a name: a client that is renamed keeps what it has used. A tuple of strings, since nothing is
    # hashed more often than a subject.
    kind: SubjectKind
    id: str = ""

    def written(self, label: str = "") -> str:
        """The subject as in `for` of the configuration; `label` is the name of a client."""
        if self.kind is SubjectKind.CLIENT:
            return f"{self.kind.value}/{label}"
        return f"{self.kind.value}/{self.id}" if self.kind is SubjectKind.GROUP else self.kind.value


EVERYONE = Subject(SubjectKind.EVERYONE)
EACH_CLIENT = Subject(SubjectKind.EACH_CLIENT)
STRANGER = Subject(SubjectKind.CLIENT)
"""A device that was never seen: the policies of accounts that no client has yet are made for it."""
UNKNOWN_GROUP = "unknown"
"""The group of every device that is not listed under `clients`; devices that change their MAC share its quotas."""


class ActionKind(StrEnum):
    """The action at a limit; the value is the word of the configuration."""

    NOTIFY = "notify"
    THROTTLE = "throttle"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Action:
    """`rate` in bit/s, for THROTTLE only."""

    kind: ActionKind
    rate: int = 0


class PeriodUnit(Enum):
    """The unit of a period; the value is the word of the configuration (in the plural where there is an anchor)."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """How long windows are. Without `anchor`: one unit of the calendar in the quota's zone; weeks begin on Monday.

    With `anchor` (Unix seconds) windows of `count` units follow each other from there, and before. Days have 24 h then;
    months begin at the anchor's local day and time, or on the last day of a shorter month.
    """

    unit: PeriodUnit
    count: int = 1
    anchor: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One period: [start, end) in Unix seconds."""

    start: int
    end: int


class StepKind(StrEnum):
    """The steps of a plan that end a quota; the value is the word of the configuration."""

    ANY = "any"
    PRICE = "price"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Follow:
    """A quota's limit and window are those of a plan (empty: of the one in use): so many bytes before its next step."""

    plan: str = ""
    before: int = 0
    step: StepKind = StepKind.ANY


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit of the configuration. Bytes: `limit`, `warn_at` (rising), `used` (the first window begins with it).

    It counts and limits in its `hours` only; None for always. follow: `limit` and `period` say nothing then; in a tick
    `limit` is that of now. scope: None for all uplinks that are metered. services: None for all that its subject moves.
    """

    name: str
    subject: Subject
    limit: int
    period: Period
    zone: tzinfo
    action: Action
    direction: Direction = Direction.BOTH
    warn_at: tuple[int, ...] = ()
    used: int = 0
    hours: Hours | None = None
    follow: Follow | None = None
    scope: Scope | None = None
    services: ServiceSet | None = None

    @property
    def apart(self) -> Apart | None:
        """What has accounts of its own for this quota; None for the usual tree."""
        return self.scope or self.services


@dataclass(frozen=True, slots=True)
class Curfew:
    """A block of the configuration: nothing of `subject` passes in these hours."""

    subject: Subject
    hours: Hours


class Level(StrEnum):
    """How a client stands; the value is the word of metrics and tables. In rising order."""

    OPEN = "open"
    THROTTLED = "throttled"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Tally:
    """The usage of one quota by one subject in its window, in bytes.

    granted: added to the limit of this window by hand. allowed: limit and grants as of the last look. warned: the
    highest warning that was announced. reached: the limit was announced, and still is reached. other_start,
    other_used: the neighbouring window, kept in case the clock steps back into it, and its usage less its grants.
    """

    # warned and reached are saved with used, or a restart would announce them again; warned is in bytes, so that it
    # means the same after the settings were changed.
    # used may fall: a reading may hold an upload that is refused and taken off, or that our own queue drops. Where that
    # was read at the end of a window, the next one begins below zero.
    quota: str
    subject: Subject
    window: Window
    used: int = 0
    granted: int = 0
    allowed: int = 0
    warned: int = 0
    reached: bool = False
    other_start: int = 0
    other_used: int = 0


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """A quota, and what one subject has used of it."""

    quota: Quota
    tally: Tally

    @property
    def warning(self) -> int:
        """The highest warning that is crossed, in bytes as in `warned`; 0 if none is. A grant raises all warnings."""
        own = self.tally.used - self.tally.granted
        return max((warning for warning in self.quota.warn_at if warning <= own), default=0)


@dataclass(frozen=True, slots=True)
class Grant:
    """`bytes` of a tally's `granted` that end at `until`, or with the tally's window if that ends sooner."""

    quota: str
    subject: Subject
    bytes: int
    until: int


class OverrideKind(Enum):
    """What a person may decide by hand, or (ALARM) what the settings say; it counts more than all quotas."""

    BLOCK = "block"
    ALLOW = "allow"
    ALLOW_OVER_PLAN = "allow over plan"
    ALARM = "alarm"

    @property
    def allows(self) -> bool:
        """Whether it lifts limits: those of the subject, of its group and, over the plan only, of everyone."""
        return self in (OverrideKind.ALLOW, OverrideKind.ALLOW_OVER_PLAN)


@dataclass(frozen=True, slots=True)
class Override:
    """A person's decision on a subject, above its quotas. `until`: Unix seconds; None: until somebody clears it.

    rate: of an alarm that holds a client to it, in bit/s, beside its quotas and hours; 0: it blocks.
    """

    subject: Subject
    kind: OverrideKind
    until: int | None = None
    rate: int = 0


class Frame(NamedTuple):
    """What is set from `at` on (CLOCK_BOOTTIME, nanoseconds): overrides, and whom the hours of the settings block."""

    at: int
    overrides: Mapping[Subject, Override]
    curfews: frozenset[Subject]


@dataclass(frozen=True, slots=True)
class Coming:
    """A person's decision that begins at `at`: an override of `kind` or, with None, a grant of so many `bytes`.

    `at`, `until`: Unix seconds. `until` None: as of an override, or of a grant without an end of its own.
    """

    subject: Subject
    at: int
    kind: OverrideKind | None
    bytes: int = 0
    until: int | None = None


class ServicesState(NamedTuple):
    """How some services of a subject are held, why in words, by which quota, and until when."""

    services: ServiceSet
    level: Level
    reason: str
    quota: str
    rate: int
    until: int


@dataclass(frozen=True, slots=True)
class ClientState:
    """How a subject stands, why in words, by which quota (empty: by hand, by hours, or by none), and until when.

    services: of those that stand worse than all else of it.
    """

    level: Level = Level.OPEN
    reason: str = ""
    quota: str = ""
    rate: int = 0
    until: int | None = None
    by_hours: bool = False
    uplinks: frozenset[str] = frozenset()  # it stands so at these only; empty: at all that are metered
    services: tuple[ServicesState, ...] = ()


CLASS_OPEN, CLASS_SELF, CLASS_IN_PARENT, CLASS_IN_GRANDPARENT, CLASS_URGENT = range(5)
"""Places in `Policy.classes`, as in enum class_place of bpf/contract.h: the class while no account of the hierarchy is
throttled; while the outermost throttled account is this one; its parent (a group, or everyone); its grandparent; and in
place of the first for urgent packets on a slow link."""
NO_CLASSES = (0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of one account in the kernel; written by user space only.

    classes: tc class ids, by CLASS_OPEN and so on; 0 for none of its own: then one that others share, or none at all.
    police_rate: bytes per second beyond a throttle limit where the account has no class, as in tunnels; 0: any rate.
    with_everyone: blocked, but only because everyone is. unlisted: it has no share of its own of what passes in spite
    of a block. exempt: held by no limit but those of everyone; with over_plan, not by these either. switches: what
    changes by itself, in its order. throttled: as past its throttle limit, whatever was used.
    """

    parent: Account = ACCOUNT_UNATTRIBUTED  # none
    block_at: Thresholds = NO_THRESHOLDS
    throttle_at: Thresholds = NO_THRESHOLDS
    warn_at: Thresholds = NO_THRESHOLDS
    blocked: bool = False
    exempt: bool = False
    classes: tuple[int, ...] = NO_CLASSES
    police_rate: int = 0
    with_everyone: bool = False
    unlisted: bool = False
    over_plan: bool = False
    switches: tuple[Switch, ...] = ()
    throttled: bool = False

    @property
    def hold(self) -> Hold:
        """What holds before the first of `switches`."""
        return Hold(self.blocked, self.exempt, self.over_plan, self.with_everyone, self.throttled)


@dataclass(frozen=True, slots=True)
class Shaped:
    """An account with a throttle limit, and the rate past it in each direction, in bit/s of IP-layer bytes."""

    account: Account
    rate: int
