# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what is kept between ticks, and what of it is saved. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.history import Bucket, HistoryRow, Pending
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limits import ClientState, LimitState, Notice, Override, Policy, Shaped, Subject
from esimshaper.core.model.reading import Attachment, ClassCounters, Reading, Tunnels


@dataclass(frozen=True, slots=True)
class QueueDrops:
    """What became of the uploads that were given to the tc classes of an account, since a comparison began.

    `sent` and `queued` are those of the last reading. surplus: queued - sent - backlog of the beginning; None until the
    first counters that were read after `sent`. dropped: bytes credited to limits; unsent: bytes left out of the ledger,
    which is what was dropped and, in a client's own queue, what waits.
    """

    sent: ClassCounters
    queued: int = 0
    surplus: int | None = None
    dropped: int = 0
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """The last reading that has been booked, and the totals it led to; saved in one transaction with what was booked.

    `totals` (by client) and `wan` (by WAN interface) are absolute within the epoch. `clean`: written by an orderly
    unload of the kernel part, so a new epoch after it has lost nothing.
    `time`: when it was read by stage clock, in Unix seconds, 0 if unknown; `clock_sure`: a clock was trusted once.
    `limits`: what is remembered of limits after this reading. `unsent`: of accounts with tc classes.
    `tunnels`: what of them is booked, which is a reading behind at most.
    """

    epoch: int
    accounts: Mapping[Account, Counters]
    owners: Mapping[Account, ClientKey]
    totals: Mapping[ClientKey, Counters] = field(default_factory=dict)
    wan: Mapping[str, Counters] = field(default_factory=dict)
    boottime: float = 0.0
    clean: bool = False
    budgets: Mapping[Account, Budget] = field(default_factory=dict)
    time: float = 0.0
    clock_sure: bool = False
    limits: LimitState = field(default_factory=LimitState)
    unsent: Mapping[Account, QueueDrops] = field(default_factory=dict)
    tunnels: Tunnels = field(default_factory=Tunnels)


Earlier = TypeVar("Earlier", Baseline, Reading)


def comparable(before: Earlier | None, reading: Reading) -> Earlier | None:
    """`before`, if the counters of `reading` go on from its own; None if there is none, or the maps were made anew."""
    return before if before is not None and before.epoch == reading.epoch else None


@dataclass(frozen=True, slots=True)
class Booking:
    """What is to be saved at once: rows to be added to those in the database, and the baseline they lead up to.

    `notices` are to be announced once it is known whether saving worked: what is saved says that they were.
    """

    rows: tuple[HistoryRow, ...]
    baseline: Baseline
    identities: tuple[Identity, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done after a tick.

    booking: save it, call `saved` or `not_saved`, then announce its notices.
    policies: what the kernel is to know of each account; classes are still 0. shaped: which accounts need them.
    new_groups, new_clients: give them an account in the kernel; their policies follow at the next tick.
    idle_groups: they have an account and no quota, so a new group may have it.
    """

    booking: Booking | None = None
    policies: Mapping[Account, Policy] = field(default_factory=dict)
    shaped: tuple[Shaped, ...] = ()
    new_groups: tuple[str, ...] = ()
    idle_groups: tuple[str, ...] = ()
    new_clients: tuple[ClientKey, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """All that the daemon knows between two ticks. `advance` turns one into the next; nothing else does.

    baseline: the latest reading as booked; its totals are what Prometheus gets, and their sum is that of its `wan`.
    rates: what moved per second lately, in whole bytes; over a second or more, since a tick that an event woke early
    would give the rates of milliseconds. Taken at `rated_at` (CLOCK_BOOTTIME); `unrated` has moved since.
    named_from: what `identities` were made from (clients, configured names, leases, neighbours); while it is the same,
    so are they. To make them anew for a crowd costs more than the rest of a tick.
    pending: booked, not yet saved; unsaved_bytes is their sum.
    saving: what was handed out to be saved, until that is known to have worked or failed.
    saved_at: CLOCK_BOOTTIME in seconds when the last Booking was handed out; save_failed: saving it did not work.
    verdicts: how each client, each group and everyone stand. held_from: what that and `outcome` followed from, but for
    usage; while it is the same and nothing moves, so are they. A crowd costs more than the rest of a tick.
    notices: not yet handed out to be saved and announced; urgent: nor is something that cannot wait for the next save:
    what somebody set, or that classes were made anew. Their old statistics must not be gone on from after a crash.
    inherited: what the kernel had been told to be set by hand when a start found no history.
    """

    baseline: Baseline | None = None
    rates: Mapping[ClientKey, Counters] = field(default_factory=dict)
    rated_at: float = 0.0
    unrated: Mapping[ClientKey, Counters] = field(default_factory=dict)
    identities: Mapping[ClientKey, Identity] = field(default_factory=dict)
    named_from: tuple[object, ...] = ()
    pending: Mapping[Bucket, Pending] = field(default_factory=dict)
    reading: Reading | None = None
    attachments: tuple[Attachment, ...] = ()
    unsaved_bytes: int = 0
    saved_at: float = 0.0
    saving: Booking | None = None
    save_failed: bool = False
    verdicts: Mapping[Subject, ClientState] = field(default_factory=dict)
    held_from: tuple[object, ...] = ()
    outcome: Outcome = field(default_factory=Outcome)
    notices: tuple[Notice, ...] = ()
    urgent: bool = False
    inherited: tuple[Override, ...] = ()

    @property
    def totals(self) -> Mapping[ClientKey, Counters]:
        """Those of the baseline; none before the first reading."""
        return self.baseline.totals if self.baseline else {}
