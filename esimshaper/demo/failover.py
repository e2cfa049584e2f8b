# SPDX-License-Identifier: GPL-2.0-or-later
"""The last act of the demo: the eSIM gives way to hotel Wi-Fi without a bill, and comes back. Out: FailedOver, a page.

Each uplink is compared with the bill of its own far end. The TV, whose quota is used up, goes on at the hotel.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.units import format_size
from esimshaper.demo.router_process import RouterProcess
from esimshaper.demo.story import CAST, HOTEL, MODEM, PHONE, TV
from esimshaper.lab import Host, Lab, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.second_uplink import SecondUplink
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Line, Page, Table

_FILM, _CLIPS = 2_000_000, 500_000
"""Bytes that the TV and the phone load at the hotel."""
_PATIENCE = 10.0
_REFUSED_SECONDS = 5.0
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Way:
    """One uplink: what its far end billed, and what we counted. Bytes only."""

    name: str
    billed: Counters
    counted: Counters

    @property
    def apart(self) -> int:
        """Bytes by which the two differ, over both directions."""
        more = self.counted - self.billed
        return abs(more.down_bytes) + abs(more.up_bytes)


@dataclass(frozen=True, slots=True)
class FailedOver:
    """Both uplinks over the whole act. watched: bytes that the TV got at the hotel. charged: what its quota counted of
    them. is_refused: back on the eSIM, the TV got nothing.
    """

    ways: tuple[Way, ...]
    watched: int
    charged: int
    is_refused: bool

    @property
    def true(self) -> bool:
        """Whether each uplink carried what was billed there, and the quota looked at the metered one alone."""
        carried = all(not each.apart and each.billed.total_bytes for each in self.ways)
        return carried and self.watched > 0 and not self.charged and self.is_refused


def perform(lab: Lab, router: RouterProcess, say: Callable[[str], None]) -> FailedOver:
    """Plays it. Nothing else moves meanwhile."""
    hotel, tv = SecondUplink(lab), lab.clients[TV]
    wait_until("a meter at the hotel's uplink", lambda: _is_attached(router), _PATIENCE)
    begun = _bills(lab, hotel), _counts(router)
    used = _used(router)
    say(f"the eSIM is out of reach: everyone goes by {HOTEL}, which is `metered: no`")
    hotel.take()
    watched = _load(tv, lab.servers4[TV], _FILM)
    _load(lab.clients[PHONE], lab.servers4[PHONE], _CLIPS)
    say(f"smart-tv, whose quota is used up, watched {format_size(watched)} there")
    _settle(lab, hotel, router, begun)
    charged = _used(router) - used
    say("the eSIM is back")
    hotel.give_back()
    _load(lab.clients[PHONE], lab.servers4[PHONE], _CLIPS)
    refused = _load(tv, lab.servers4[TV], _FILM) == 0
    say("smart-tv is refused there" if refused else "smart-tv IS NOT REFUSED there")
    return FailedOver(_settle(lab, hotel, router, begun), watched, charged, refused)


Sums = Mapping[str, Counters]


def _load(host: Host, server: str, size: int) -> int:
    """Payload bytes that came; none where the device is refused."""
    with contextlib.suppress(OSError):
        return host.call(traffic.tcp_down, server, size, timeout=_REFUSED_SECONDS).down
    return 0


def _settle(lab: Lab, hotel: SecondUplink, router: RouterProcess, begun: tuple[Sums, Sums]) -> tuple[Way, ...]:
    """Both sums since `begun`, once the daemon has read the last byte; if they never agree, the outcome shows it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        bills, counts = _bills(lab, hotel), _counts(router)
        ways = tuple(Way(name, bills[name] - begun[0][name], counts[name] - begun[1][name]) for name in bills)
        if not any(each.apart for each in ways) or time.monotonic() > deadline:
            return ways
        time.sleep(_PAUSE)


def _bills(lab: Lab, hotel: SecondUplink) -> Sums:
    found = {MODEM: lab.carrier.settle().total, HOTEL: hotel.bill()}
    return {name: Counters(each.down_bytes, each.up_bytes) for name, each in found.items()}


def _counts(router: RouterProcess) -> Sums:
    status = router.ask("/v1/status") or {"uplinks": []}
    found = {each["name"]: each["total"] for each in status["uplinks"]}
    return {name: Counters(each["down_bytes"], each["up_bytes"]) for name, each in found.items()}


def _is_attached(router: RouterProcess) -> bool:
    status = router.ask("/v1/status") or {"uplinks": []}
    return any(each["name"] == HOTEL and each["attached"] for each in status["uplinks"])


def _used(router: RouterProcess) -> int:
    quotas = router.ask("/v1/quotas") or {"quotas": []}
    return sum(each["used_bytes"] for each in quotas["quotas"] if each["client"] == CAST[TV].name)


def failover_page(found: FailedOver) -> Page:
    """Both uplinks beside their bills."""
    rows = [
        [
            each.name.ljust(15),
            "yes" if each.name == MODEM else "no",
            *(f"{size:,}" for size in (each.billed.down_bytes, each.billed.up_bytes)),
            *(f"{size:,}" for size in (each.counted.down_bytes, each.counted.up_bytes)),
            f"{each.apart:,} B",
        ]
        for each in found.ways
    ]
    titles = ("UPLINK", "METERED", "BILLED DOWN", "UP", "OURS DOWN", "UP", "DIFFERENCE")
    verdict = (
        Line("Each uplink is equal to its own bill, and no quota counted a byte of the hotel's.", Tone.GOOD)
        if found.true
        else Line("AN UPLINK IS NOT EQUAL TO ITS BILL, or a quota counted another one. Please report it.", Tone.BAD)
    )
    return [Table(tuple(Column(title, right=at > 1) for at, title in enumerate(titles)), rows), verdict]
