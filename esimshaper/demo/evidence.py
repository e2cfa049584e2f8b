# SPDX-License-Identifier: GPL-2.0-or-later
"""Three counts of the same bytes: the carrier's bill, the kernel's maps, the daemon's documents. Out: Sample, Outcome.

Nothing here is shared between them: the bill is added up by another process on the far side of the link.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from esimshaper.core.model import UNATTRIBUTED, ClientKey, Counters, Usage
from esimshaper.demo.box import Box
from esimshaper.demo.story import Story
from esimshaper.edge.meter import Meter
from esimshaper.lab import Bill, Lab
from esimshaper.views.words import who

_QUIET = 0.3  # seconds without a packet
_DAEMON_SECONDS = 5.0  # in which it must have read what the kernel has; it looks once a second


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `daemon` has bytes only. `documents` are the clients as the daemon told them last, by key."""

    bill: Bill
    kernel: Usage
    daemon: Usage
    documents: Mapping[ClientKey, Mapping[str, Any]]
    alive: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One client, or everyone: what the bill says, and what we say."""

    label: str
    billed: Counters
    counted: Counters

    @property
    def difference(self) -> int:
        """Bytes that one side has more, over both directions."""
        apart = self.counted - self.billed
        return abs(apart.down_bytes) + abs(apart.up_bytes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What everything came to, from the baseline to the quiet after the traffic."""

    total: Share
    shares: tuple[Share, ...]
    daemon: Counters
    """The daemon's own total. Bytes only."""
    unattributed: Counters

    @property
    def true(self) -> bool:
        """Whether bill, kernel and daemon agree in each byte and packet, for everyone and for each client."""
        same = self.total.billed == self.total.counted and only_bytes(self.total.counted) == self.daemon
        return same and all(share.billed == share.counted for share in self.shares) and not self.unattributed


class Evidence:
    """Asks all three. The baseline is taken by `begin`, while nothing moves."""

    def __init__(self, lab: Lab, box: Box, meter: Meter) -> None:
        self._lab, self._box, self._meter = lab, box, meter
        self._bill = Bill()
        self._kernel: Usage = {}
        self._daemon: Usage = {}
        self._documents: Mapping[ClientKey, Mapping[str, Any]] = {}

    def begin(self) -> None:
        """What came before does not count: leases and router advertisements while the lab came up."""
        self._bill, self._kernel = self._quiet()
        self._await_daemon(self._kernel)
        self._daemon = self._ask() or {}

    def sample(self) -> Sample:
        """All three now. While the daemon is dead its last word stands."""
        before = self._documents
        alive = self._ask() is not None
        return Sample(
            self._lab.carrier.bill() - self._bill,
            _since(self._kernel, self._read()),
            _since(self._daemon, _totals(self._documents or before)),
            self._documents,
            alive,
        )

    def conclude(self, story: Story) -> Outcome:
        """Once quiet, and once the daemon has seen it."""
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
        total = Share("everyone", billed.total, _sum(counted))
        return Outcome(total, tuple(shares), _sum(daemon), unattributed)

    def _quiet(self) -> tuple[Bill, Usage]:
        """Bill and kernel of one moment: a router solicitation may come at any time."""
        while True:
            bill, kernel = self._lab.carrier.settle(_QUIET), self._read()
            if self._lab.carrier.bill() == bill:
                return bill, kernel

    def _await_daemon(self, kernel: Usage) -> None:
        """Until its totals are those of the kernel; if they never are, the outcome shows it."""
        wanted = {key: only_bytes(counters) for key, counters in kernel.items()}
        deadline = time.monotonic() + _DAEMON_SECONDS
        while time.monotonic() < deadline:
            totals = self._ask() or {}
            if {key: counters for key, counters in totals.items() if counters} == wanted:
                return
            time.sleep(0.05)

    def _read(self) -> Usage:
        reading = self._meter.read()
        return {reading.owners.get(account, UNATTRIBUTED): each for account, each in reading.accounts.items()}

    def _ask(self) -> Usage | None:
        answer = self._box.ask("/v1/clients")
        if answer is None:
            return None
        self._documents = {ClientKey(client["key"]): client for client in answer["clients"]}
        return _totals(self._documents)


def label(key: ClientKey, documents: Mapping[ClientKey, Mapping[str, Any]]) -> str:
    """How the tables of the command line call a client."""
    return who(documents[key]) if key in documents else str(key)


def only_bytes(counters: Counters) -> Counters:
    """As the documents have it, which tell no packets."""
    return Counters(counters.down_bytes, counters.up_bytes)


def _totals(documents: Mapping[ClientKey, Mapping[str, Any]]) -> Usage:
    return {key: Counters(each["total"]["down_bytes"], each["total"]["up_bytes"]) for key, each in documents.items()}


def _since(before: Usage, now: Usage) -> Usage:
    return {key: counters - before.get(key, Counters()) for key, counters in now.items()}


def _sum(usage: Usage) -> Counters:
    return sum(usage.values(), Counters())
