# SPDX-License-Identifier: GPL-2.0-or-later
"""A small router for tests of limits: accounts, quotas and readings by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

from esimshaper.core.commands import resume
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey, Lease
from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Period,
    PeriodUnit,
    Policy,
    Quota,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.reading import ClassCounters, Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Outcome, State
from esimshaper.core.model.uplink import UplinkCounters
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import note_saved
from esimshaper.core.shaping import tree

MIDNIGHT = 1_799_971_200.0
"""2027-01-15 00:00 UTC, a Friday."""
DAY = 86400

ALICE, BOB, TV = (ClientKey(f"02:00:00:00:00:{number}") for number in (10, 11, 12))
A, B, T = Account(2), Account(3), Account(4)
FREE = (Account(5), Account(6))
WHOLE, FAMILY, UNKNOWN, SPARED = Account(100), Account(101), Account(102), Account(103)
ACCOUNTS = {"A": A, "B": B, "T": T, "WHOLE": WHOLE, "FAMILY": FAMILY, "UNKNOWN": UNKNOWN, "SPARED": SPARED}
OWNERS = {Account(0): UNATTRIBUTED, Account(1): ROUTER, A: ALICE, B: BOB, T: TV}

BLOCK, NOTIFY = Action(ActionKind.BLOCK), Action(ActionKind.NOTIFY)
SLOW = Action(ActionKind.THROTTLE, 256_000)
EACH = Subject(SubjectKind.EACH_CLIENT)


def client(key: ClientKey) -> Subject:
    return Subject(SubjectKind.CLIENT, key)


def group(name: str) -> Subject:
    return Subject(SubjectKind.GROUP, name)


def quota(name: str = "daily", subject: Subject = EACH, limit: int = 500, action: Action = BLOCK, **more) -> Quota:
    return Quota(name, subject, limit, more.pop("period", Period(PeriodUnit.DAY)), UTC, action, **more)


def plan(limit: int = 1000, **more) -> Quota:
    return quota("plan", EVERYONE, limit, period=Period(PeriodUnit.MONTH), **more)


def both(count: int) -> Budget:
    """`count` bytes, one in ten of them sent."""
    return Budget(count, count - count // 10, count // 10)


class Router:
    """The daemon without its edges: a fold over readings with a disk that works. Time runs with boot time."""

    def __init__(self, *quotas: Quota, **rules) -> None:
        self.rules = Rules("wwan0", UTC, {ALICE: "alice", TV: "tv"}, {TV: "family"}, quotas)
        self.rules = replace(self.rules, **rules)
        self.state = State()
        self.reading = Reading(7, 1000.0, {}, OWNERS, {}, {"family": FAMILY, "unknown": UNKNOWN}, WHOLE, FREE)
        self.reading = replace(self.reading, reserve_account=SPARED)
        self.now, self.trusted = MIDNIGHT + 43200, True
        self.announced: list[str] = []
        self.sent: dict[Account, ClassCounters] | None = None
        self.members: Mapping[Account, frozenset[Account]] = {}
        self.uplink: UplinkCounters | None = None
        self.leases: tuple[Lease, ...] = ()

    def use(self, **counts: int) -> "Router":
        """What is counted, in absolute numbers, by name of the account in ACCOUNTS."""
        budgets = {ACCOUNTS[name]: both(count) for name, count in counts.items()}
        accounts = {number: Counters(b.download, b.upload, 1, 1) for number, b in budgets.items() if number < WHOLE}
        self.reading = replace(
            self.reading,
            accounts={**self.reading.accounts, **accounts},
            budgets={**self.reading.budgets, **budgets},
        )
        return self

    def tick(self, seconds: float = 1, **counts: int) -> Outcome:
        self.use(**counts)
        self.now += seconds
        self.reading = replace(self.reading, boottime=self.reading.boottime + seconds)
        seen = Observation(self.reading, (), self.leases, (), self.trusted, self.sent, self.members, self.uplink)
        self.state, outcome = advance(self.state, self.rules, self.now, seen)
        self.members = tree.members(self.with_classes(outcome))
        if outcome.booking:
            self.state = note_saved(self.state, outcome.booking)
            self.announced += [notice.text for notice in outcome.booking.notices]
            self.disk = outcome.booking.baseline
        return outcome

    def with_classes(self, outcome: Outcome) -> Mapping[Account, Policy]:
        """The policies that are written after a tick."""
        clients = self.reading.clients
        demand = tree.demand_of(WHOLE, outcome.shaped, clients, outcome.policies, tree.Link())
        return tree.with_classes(outcome.policies, tree.class_ids(demand))

    def restart(self, **rules) -> None:
        """The process is killed; what was not saved is only in the kernel. It may come back with other settings."""
        self.state = resume(self.disk)
        self.rules = replace(self.rules, **rules)

    def reboot(self) -> None:
        """Maps are gone as well."""
        self.restart()
        self.reading = replace(self.reading, epoch=self.reading.epoch + 1, boottime=5.0, accounts={}, budgets={})

    def tally(self, name: str = "daily", subject: Subject | None = None) -> Tally:
        subject = subject or client(ALICE)
        (found,) = (t for t in self.state.baseline.limits.tallies if (t.quota, t.subject) == (name, subject))
        return found

    def level(self, subject: Subject | None = None) -> str:
        return self.state.limits.states[subject or client(ALICE)].level.value
