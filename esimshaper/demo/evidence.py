# SPDX-License-Identifier: GPL-2.0-or-later
"""Three counts of the same bytes: the carrier's bill, the kernel's maps, the daemon's documents. Out: Sample, Outcome.

Nothing here is shared between them: the bill is added up by another process on the far side of the link.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esimshaper.core.model.counts import UNUSED, Counters, Usage, sum_of
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.reading import Reading
from esimshaper.demo.plans import Spent, by_name, spent
from esimshaper.demo.router_process import RouterProcess
from esimshaper.demo.story import Story
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab import Bill, Lab
from esimshaper.views.words import who

Document = Mapping[str, Any]

_QUIET = 0.3  # seconds without a packet
_DAEMON_SECONDS = 5.0  # seconds in which the daemon, which looks once a second, must have read the kernel's counters
_RATE_SECONDS = 1.0  # seconds that a rate is the average of


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `daemon` has bytes only. `documents`, `quotas`: the daemon's last answers, by client; `plans`: by name.

    rates: bit/s down and up, by the kernel's counters, so they go on while the daemon is dead. used: what the kernel
    compares with limits. late: bytes that were billed and then dropped by a limit.
    """

    bill: Bill
    kernel: Usage
    daemon: Usage
    documents: Mapping[ClientKey, Document]
    alive: bool
    rates: Mapping[ClientKey, tuple[int, int]] = field(default_factory=dict)
    used: Mapping[ClientKey, int] = field(default_factory=dict)
    late: Mapping[ClientKey, int] = field(default_factory=dict)
    quotas: Mapping[ClientKey, Document] = field(default_factory=dict)
    plans: Mapping[str, Document] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """One client, or everyone: the carrier's bill beside our counts."""

    label: str
    billed: Counters
    counted: Counters

    @property
    def difference(self) -> int:
        """Bytes by which the two differ, over both directions."""
        apart = self.counted - self.billed
        return abs(apart.down_bytes) + abs(apart.up_bytes)


@dataclass(frozen=True, slots=True)
class Limit:
    """One client's quota in the end. In bytes, but for `rate` (bit/s; 0 for a block).

    billed: by the carrier. late: the part of it that our programs dropped, and resets. got: bytes that programs on the
    client received, a witness of its own. kernel, daemon: their counts of used bytes.
    """

    label: str
    rate: int
    limit: int
    billed: int
    late: int
    got: int
    kernel: int
    daemon: int

    @property
    def passed(self) -> int:
        """Bytes that our programs let through."""
        return self.billed - self.late

    @property
    def beyond(self) -> int:
        """Bytes that went through beyond the limit."""
        return max(0, self.passed - self.limit)

    @property
    def held(self) -> bool:
        """Whether a block let no byte more through, and the counts of used bytes are true."""
        return (self.rate > 0 or not self.beyond) and self.got <= self.passed and self.kernel == self.daemon


@dataclass(frozen=True, slots=True)
class Purpose:
    """What one client's bytes were for, in bytes: as the carrier billed those hosts, and as the kernel counted."""

    label: str
    service: str
    billed: int
    counted: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """All counts, from the baseline to the quiet after the traffic."""

    total: Share
    shares: tuple[Share, ...]
    daemon: Counters
    """The daemon's own total. Bytes only."""
    unattributed: Counters
    limits: tuple[Limit, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    spent: Spent | None = None

    @property
    def paid(self) -> bool:
        """Whether the plans have all bytes of the bill, and cost what their terms say."""
        return self.spent is None or self.spent.true

    @property
    def named(self) -> bool:
        """Whether the bytes of each host that has a name were counted as what it is for."""
        return all(each.billed == each.counted for each in self.purposes)

    @property
    def held(self) -> bool:
        """Whether all limits held."""
        return all(limit.held for limit in self.limits)

    @property
    def true(self) -> bool:
        """Whether bill, kernel and daemon agree in each byte and packet, for everyone and for each client."""
        same = self.total.billed == self.total.counted and only_bytes(self.total.counted) == self.daemon
        return same and all(share.billed == share.counted for share in self.shares) and not self.unattributed


class Evidence:
    """Asks all three. The baseline is taken by `begin`, while nothing moves."""

    def __init__(self, lab: Lab, router: RouterProcess, meter: Meter) -> None:
        self._lab, self._router, self._meter = lab, router, meter
        self._bill = Bill()
        self._kernel: Usage = {}
        self._daemon: Usage = {}
        self._documents: Mapping[ClientKey, Document] = {}
        self._quotas: Mapping[ClientKey, Document] = {}
        self._plans: Mapping[str, Document] = {}
        self._plans_before: Mapping[str, Document] = {}
        self._recent: deque[tuple[float, Usage]] = deque()

    def begin(self) -> None:
        """Takes the baseline: leases and router advertisements while the lab came up do not count."""
        self._bill, self._kernel = self._quiet()
        self._await_daemon(self._kernel)
        self._daemon = self._ask() or {}
        self._plans_before = self._plans

    def sample(self) -> Sample:
        """All three counts now. While the daemon is dead, its last answers stand."""
        alive = self._ask() is not None
        bill, reading = self._lab.carrier.bill(), self._meter.read()
        usage = _usage(reading)
        return Sample(
            bill - self._bill,
            _since(self._kernel, usage),
            _since(self._daemon, _totals(self._documents)),
            self._documents,
            alive,
            self._rates(reading.boottime, usage),
            _used(reading),
            _late(reading),
            self._quotas,
            self._plans,
        )

    def conclude(self, story: Story, step: int) -> Outcome:
        """The Outcome, once the link is quiet and the daemon has read the last byte. step: that of the first plan."""
        bill, kernel = self._quiet()
        self._await_daemon(kernel)
        billed, counted = bill - self._bill, _since(self._kernel, kernel)
        daemon = _since(self._daemon, self._ask() or {})
        ours = dict(counted)
        unattributed = ours.pop(UNATTRIBUTED, Counters())
        theirs = dict(story.by_member(billed))
        shares = [
            Share(label(key, self._documents), theirs.get(key, Counters()), ours.get(key, Counters()))
            for key in [*theirs, *(key for key in ours if key not in theirs)]
        ]
        total = Share("everyone", billed.total, sum_of(counted.values()))
        return Outcome(
            total,
            tuple(shares),
            sum_of(daemon.values()),
            unattributed,
            self._limits(theirs, story.received),
            self._purposes(story.by_service(billed)),
            spent(self._plans_before, self._plans, billed.total.total_bytes, step),
        )

    def _purposes(self, billed: Mapping[tuple[ClientKey, str], int]) -> tuple[Purpose, ...]:
        """Waits until the last name is there."""
        deadline = time.monotonic() + _DAEMON_SECONDS
        while True:
            counted = by_service(self._meter.read())
            found = tuple(
                Purpose(label(key, self._documents), service, size, counted.get((key, service), 0))
                for (key, service), size in billed.items()
            )
            if all(each.billed == each.counted for each in found) or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def _limits(self, billed: Usage, received: Callable[[ClientKey], int]) -> tuple[Limit, ...]:
        reading = self._meter.read()
        used, late = _used(reading), _late(reading)
        return tuple(
            Limit(
                label(key, self._documents),
                quota["rate_bits_per_second"] or 0,
                quota["limit_bytes"],
                billed[key].total_bytes,
                late.get(key, 0),
                received(key),
                used.get(key, 0),
                quota["used_bytes"],
            )
            for key, quota in self._quotas.items()
        )

    def _rates(self, now: float, usage: Usage) -> Mapping[ClientKey, tuple[int, int]]:
        self._recent.append((now, usage))
        while len(self._recent) > 2 and self._recent[1][0] <= now - _RATE_SECONDS:
            self._recent.popleft()
        then, before = self._recent[0]
        bits = 8 / (now - then) if now > then else 0
        moved = _since(before, usage)
        return {key: (round(each.down_bytes * bits), round(each.up_bytes * bits)) for key, each in moved.items()}

    def _quiet(self) -> tuple[Bill, Usage]:
        """Bill and kernel counters of one moment, without a packet (a router solicitation, say) in between."""
        while True:
            bill, kernel = self._lab.carrier.settle(_QUIET), _usage(self._meter.read())
            if self._lab.carrier.bill() == bill:
                return bill, kernel

    def _await_daemon(self, kernel: Usage) -> None:
        """Waits until the daemon's totals are those of the kernel; if they never are, the outcome shows it."""
        wanted = {key: only_bytes(counters) for key, counters in kernel.items()}
        deadline = time.monotonic() + _DAEMON_SECONDS
        while time.monotonic() < deadline:
            totals = self._ask() or {}
            if {key: counters for key, counters in totals.items() if counters} == wanted:
                return
            time.sleep(0.05)

    def _ask(self) -> Usage | None:
        """Asks for clients first, so quotas and plans are at least as new."""
        clients = self._router.ask("/v1/clients")
        quotas = clients and self._router.ask("/v1/quotas")
        plans = quotas and self._router.ask("/v1/plan")
        if clients is None or quotas is None or plans is None:
            return None
        self._plans = by_name(plans)
        self._documents = {ClientKey(client["key"]): client for client in clients["clients"]}
        self._quotas = {ClientKey(quota["key"]): quota for quota in quotas["quotas"]}
        return _totals(self._documents)


def _usage(reading: Reading) -> Usage:
    return {_owner(reading, account): each for account, each in reading.accounts.items()}


def by_service(reading: Reading) -> Mapping[tuple[ClientKey, str], int]:
    """Bytes of both directions, as the kernel counted them."""
    return {
        (_owner(reading, account), reading.service_names[number]): volume.down_bytes + volume.up_bytes
        for account, rows in reading.services.items()
        for number, volume in rows.items()
    }


def _used(reading: Reading) -> Mapping[ClientKey, int]:
    return {_owner(reading, account): reading.budgets.get(account, UNUSED).both for account in reading.accounts}


def _late(reading: Reading) -> Mapping[ClientKey, int]:
    """Bytes of downloads that were dropped, and of resets that went up in the place of refused uploads."""
    used = _used(reading)
    return {
        (owner := _owner(reading, account)): reading.wasted.get(account, 0) + each.total_bytes - used[owner]
        for account, each in reading.accounts.items()
    }


def _owner(reading: Reading, account: Account) -> ClientKey:
    return reading.owners.get(account, UNATTRIBUTED)


def label(key: ClientKey, documents: Mapping[ClientKey, Document]) -> str:
    """How the tables of the command line call a client."""
    return who(documents[key]) if key in documents else str(key)


def only_bytes(counters: Counters) -> Counters:
    """Counters without packets, as the documents have them."""
    return Counters(counters.down_bytes, counters.up_bytes)


def _totals(documents: Mapping[ClientKey, Document]) -> Usage:
    return {key: Counters(each["total"]["down_bytes"], each["total"]["up_bytes"]) for key, each in documents.items()}


def _since(before: Usage, now: Usage) -> Usage:
    return {key: counters - before.get(key, Counters()) for key, counters in now.items()}
