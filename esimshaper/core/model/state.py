# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what is kept between ticks, room by room, and what of it is saved. Pure: values only.

State     clock meter rates names plans ceilings limits rules pacing watch saving page notices approval measure
Baseline  clock meter             plans          limits rules        watch        page notices approval measure

Each slice of the State is of one room alone; the Baseline has what a restart needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esimshaper.core.model.approval import ApprovalSlice, ApprovalState
from esimshaper.core.model.ceiling import CeilingSlice, Key, Measured
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.decisions import Decisions, RulesSlice, RulesState
from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.history import Bucket, HistoryRow, Pending
from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limit_state import Act, LimitState
from esimshaper.core.model.limits import ClientState, Frame, Override, Policy, Shaped, Subject
from esimshaper.core.model.measure import MeasureSlice, MeasureState
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.outbox import NOTHING_TO_TELL, NoticesSlice, Outbox
from esimshaper.core.model.page import PageSlice, PageState
from esimshaper.core.model.plan_state import PlansSlice, PlanState
from esimshaper.core.model.probation import Probations
from esimshaper.core.model.reading import Attachment, ByUplink, ClassCounters, Detour, Reading, Tunnels
from esimshaper.core.model.scope import Places
from esimshaper.core.model.service_policies import ServicePolicies, ServicePools
from esimshaper.core.model.service_sets import Pool
from esimshaper.core.model.services import ServiceCounts, ServiceUsage
from esimshaper.core.model.shaping import Paced, PacingSlice
from esimshaper.core.model.uplink import UplinkDrops
from esimshaper.core.model.watch import WatchSlice, WatchState


@dataclass(frozen=True, slots=True)
class ClockSlice:
    """The last moment that counted: `time` in Unix seconds (0: none yet), at `boottime` (CLOCK_BOOTTIME in seconds).

    trusted: the time goes back to a clock that was synchronised. kept: so the hardware clock was right, too.
    settled: since this process has started, a synchronised clock or the hardware clock said what time it is; waits: it
    goes on by boot time only. These two are not saved.
    """

    time: float = 0.0
    boottime: float = 0.0
    trusted: bool = False
    kept: bool = False
    settled: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class QueueDrops:
    """The fate of uploads that were given to the tc classes of one account, since a comparison began.

    sent, queued: as last read. surplus: queued - sent - backlog at the beginning; None until both were read in the
    right order. dropped: bytes credited to limits. unsent: bytes left out of the ledger.
    """

    # The surplus makes two counters comparable that did not start together. Say the kernel had queued 900 and the class
    # had sent 1,000 when the comparison began: the surplus is -100. At 1,500 queued, 1,450 sent and 50 waiting, the
    # queue has dropped 1,500 - 1,450 - 50 - (-100) = 100 bytes.
    sent: ClassCounters
    queued: int = 0
    surplus: int | None = None
    dropped: int = 0
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """What each of several uplinks carried, as far as booked; by name. Empty where there is one.

    seen: as read last. totals: of all clients. waiting: charged there and not booked yet; below zero: booked a reading
    early. missing: uploads that its queue holds or dropped, in the comparison of that number; these are not saved.
    """

    seen: ByUplink = field(default_factory=dict)
    totals: Mapping[str, Counters] = field(default_factory=dict)
    waiting: Mapping[str, Counters] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    compared: int | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """The last reading that was booked, and the totals that it led to: what the meter saves.

    totals (by client) and wan (by interface) are absolute within the epoch, and have the same sum. clean: the kernel
    part was unloaded in order after this reading. drops: of accounts with tc classes. uplink: behind our program at
    other uplinks. tunnels, services: as far as booked. served: totals by service but `unnamed`, which is the rest.
    carried: the same totals by uplink, where there are several.
    """

    epoch: int
    accounts: Mapping[Account, Counters]
    owners: Mapping[Account, ClientKey]
    totals: Mapping[ClientKey, Counters] = field(default_factory=dict)
    wan: Mapping[str, Counters] = field(default_factory=dict)
    boottime: float = 0.0
    clean: bool = False
    budgets: Mapping[Account, Budget] = field(default_factory=dict)
    drops: Mapping[Account, QueueDrops] = field(default_factory=dict)
    tunnels: Tunnels = field(default_factory=Tunnels)
    uplink: UplinkDrops = field(default_factory=UplinkDrops)
    services: ServiceCounts = field(default_factory=dict)
    served: ServiceUsage = field(default_factory=dict)
    carried: Carried = field(default_factory=Carried)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The saved half of all slices, in one transaction with the rows that led to it (R17)."""

    meter: Booked
    clock: ClockSlice = field(default_factory=ClockSlice)
    limits: LimitState = field(default_factory=LimitState)
    plans: PlanState = field(default_factory=PlanState)
    watch: WatchState = field(default_factory=WatchState)
    page: PageState = field(default_factory=PageState)
    notices: Outbox = NOTHING_TO_TELL
    approval: ApprovalState = field(default_factory=ApprovalState)
    rules: RulesState = field(default_factory=RulesState)
    measure: MeasureState = field(default_factory=MeasureState)


@dataclass(frozen=True, slots=True)
class Booking:
    """The content of one save: rows to be added to those in the database, and the baseline that they lead up to.

    notices: to be announced once the save has worked or failed; the saved baseline says that they were. happenings:
    new ones.
    """

    rows: tuple[HistoryRow, ...]
    baseline: Baseline
    identities: tuple[Identity, ...] = ()
    notices: tuple[Notice, ...] = ()
    happenings: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class MeterSlice:
    """booked: the latest reading as booked; Prometheus gets its totals. reading: the latest one as it was read.

    subjects: whose account each of `reading` is, groups and everyone included. detour: as observed last.
    behind: by how much totals of services in `booked` are less than was booked of them; below zero: more. Not saved.
    """

    booked: Booked | None = None
    reading: Reading | None = None
    attachments: tuple[Attachment, ...] = ()
    subjects: Mapping[Account, Subject] = field(default_factory=dict)
    detour: Detour = field(default_factory=Detour)
    behind: ServiceUsage = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RatesSlice:
    """by_client: bytes and packets per second, as of `taken_at` (CLOCK_BOOTTIME). since: what was used after that.

    by_service: bytes per second by client and service; served_since: what was used after that.
    """

    by_client: Mapping[ClientKey, Counters] = field(default_factory=dict)
    taken_at: float = 0.0
    since: Mapping[ClientKey, Counters] = field(default_factory=dict)
    by_service: ServiceUsage = field(default_factory=dict)
    served_since: ServiceUsage = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamesSlice:
    """Who everybody is. made_from: what the identities follow from; while that is equal, so are they."""

    # To make the identities of a crowd costs more than the rest of a tick.
    identities: Mapping[ClientKey, Identity] = field(default_factory=dict)
    made_from: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The work after a tick.

    booking: save it, call `note_saved` or `note_not_saved`, then announce its notices.
    policies: of each account; their classes are still 0. shaped: the accounts that need classes.
    new_groups, new_clients: give them an account in the kernel; their policies follow at the next tick.
    idle_groups: they have an account and no quota, so a new group may have it. reserve: None leaves it as it is.
    plan_rates: what the terms of the plan in force give each uplink now, by its name, in bit/s (0: nothing passes);
    uplinks that no terms hold back are left out. measured: what each direction of them was measured to have.
    places: where each scope is. decisions: what holds for services; None before that is known. pools: those of quotas
    by service, where they are given; wanted_pools: all that there are to be. service_policies: None leaves those of the
    kernel as they are. paced: classes of services.
    """

    booking: Booking | None = None
    policies: Mapping[Account, Policy] = field(default_factory=dict)
    shaped: tuple[Shaped, ...] = ()
    new_groups: tuple[str, ...] = ()
    idle_groups: tuple[str, ...] = ()
    new_clients: tuple[ClientKey, ...] = ()
    reserve: Reserve | None = None
    plan_rates: Mapping[str, int] = field(default_factory=dict)
    measured: Mapping[Key, Measured] = field(default_factory=dict)
    places: Places = field(default_factory=dict)
    decisions: Decisions | None = None
    pools: ServicePools = field(default_factory=dict)
    service_policies: ServicePolicies | None = None
    paced: tuple[Paced, ...] = ()
    wanted_pools: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitsSlice:
    """kept: what is saved of limits. states: how each client, each group and everyone stand. outcome: the last one.

    inputs: what all of this follows from, but for usage; None to work all of it out anew at the next tick.
    recovered: overrides that a start without a history found in the kernel's policies. curfews, resting: as in Tick.
    frames: those to come. offset: what the kernel's moments follow from, in seconds. undone: acts that can be done
    again, the last one undone last; a restart forgets them. probations: of devices that are new.
    """

    kept: LimitState = field(default_factory=LimitState)
    states: Mapping[Subject, ClientState] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)
    inputs: tuple[object, ...] | None = None
    recovered: tuple[Override, ...] = ()
    curfews: Mapping[Subject, int | None] = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    frames: tuple[Frame, ...] = ()
    offset: float | None = None
    undone: tuple[Act, ...] = ()
    probations: Probations | None = None


@dataclass(frozen=True, slots=True)
class SavingSlice:
    """Usage, notices and happenings that are booked and not saved yet.

    pending, notices: not handed out yet; unsaved_bytes: the sum of `pending`. happenings: not saved yet. booking: out,
    until its save has worked or failed. handed_out_at: CLOCK_BOOTTIME of the last one. failed: that one was not saved.
    urgent: hand out a booking at the next tick.
    """

    pending: Mapping[Bucket, Pending] = field(default_factory=dict)
    unsaved_bytes: int = 0
    notices: tuple[Notice, ...] = ()
    booking: Booking | None = None
    handed_out_at: float = 0.0
    failed: bool = False
    urgent: bool = False
    happenings: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """All that the daemon knows between two ticks. Only `advance` and the commands turn one into the next."""

    clock: ClockSlice = field(default_factory=ClockSlice)
    meter: MeterSlice = field(default_factory=MeterSlice)
    rates: RatesSlice = field(default_factory=RatesSlice)
    names: NamesSlice = field(default_factory=NamesSlice)
    limits: LimitsSlice = field(default_factory=LimitsSlice)
    saving: SavingSlice = field(default_factory=SavingSlice)
    plans: PlansSlice = field(default_factory=PlansSlice)
    ceilings: CeilingSlice = field(default_factory=CeilingSlice)
    watch: WatchSlice = field(default_factory=WatchSlice)
    page: PageSlice = field(default_factory=PageSlice)
    notices: NoticesSlice = field(default_factory=NoticesSlice)
    rules: RulesSlice = field(default_factory=RulesSlice)
    pacing: PacingSlice = field(default_factory=PacingSlice)
    approval: ApprovalSlice = field(default_factory=ApprovalSlice)
    measure: MeasureSlice = field(default_factory=MeasureSlice)

    @property
    def baseline(self) -> Baseline | None:
        """The saved half of all slices; None before the first reading."""
        if self.meter.booked is None:
            return None
        kept = (self.limits.kept, self.plans.kept, self.watch.kept, self.page.kept, self.notices.kept)
        return Baseline(self.meter.booked, self.clock, *kept, self.approval.kept, self.rules.kept, self.measure.kept)

    @property
    def totals(self) -> Mapping[ClientKey, Counters]:
        """Totals of each client since the maps were made; none before the first reading."""
        return self.meter.booked.totals if self.meter.booked else {}
