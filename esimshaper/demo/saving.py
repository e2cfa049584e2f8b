# SPDX-License-Identifier: GPL-2.0-or-later
"""An act of the demo: the same film at two devices at once, one of them paced, beside the bill. Out: Saved, a page.

The TV's film is paced, and the TV's update is refused, while a call goes on. The configuration gets two lines for it.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.units import format_size
from esimshaper.demo.evidence import by_service
from esimshaper.demo.film_player import Film, watch
from esimshaper.demo.programs import steady_download
from esimshaper.demo.router_process import Places, RouterProcess
from esimshaper.demo.story import CAST, FILMS, LAPTOP, SERVICES, SITES, TABLET, TV, UPDATES, VIDEOS
from esimshaper.lab import Bill, Lab, traffic
from esimshaper.lab.sites import resolve
from esimshaper.lab.world import LAN4
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Line, Page, Table

PACE = f"saver: {{pace: [{{for: {CAST[TV].name}, only: video, rate: 2500kbit}}]}}"
QUOTA = "- {name: updates, for: everyone, service: updates, limit: 1KB, used: 1KB, period: day, then: block}"
"""For everyone: what the owner grants to the TV is for all quotas of the TV, those of services too."""
_SECONDS = 16.0
"""Of the film."""
_ENOUGH = 100_000_000
"""Bytes that the owner grants to the TV, whose quota was used up."""
_UPDATE, _TRIES = 30_000_000, 4
_PATIENCE = 20.0
_LOOK, _AGAIN = 0.25, 1.0
MOST = 0.3
"""The part of the other film's bytes that a paced one may have."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A film: what a viewer met, what the far end billed, and what we counted for the device and this service."""

    name: str
    service: str
    film: Film
    billed: int
    counted: int


@dataclass(frozen=True, slots=True)
class Saved:
    """update: bytes that were billed of it in all tries. call: payload bytes of the call meanwhile."""

    open: Watched
    paced: Watched
    update: int
    call: int

    @property
    def part(self) -> float:
        """What the paced film cost, of the other one."""
        return self.paced.billed / max(1, self.open.billed)

    @property
    def true(self) -> bool:
        """Whether little was billed and shown so to the byte, nothing of the update, and nobody stood still."""
        both = (self.open, self.paced)
        counted = all(each.billed == each.counted for each in both)
        smooth = not self.paced.film.stalled and self.call > 0
        return counted and smooth and 0 < self.part <= MOST and not self.update


def perform(lab: Lab, router: RouterProcess, places: Places, say: Callable[[str], None]) -> Saved:
    """Plays it. Nothing else moves meanwhile."""
    tv = CAST[TV].name
    written = places.config.read_text(encoding="utf-8")
    places.config.write_text(written.replace("quotas:\n", f"quotas:\n  {QUOTA}\n") + f"{PACE}\n", encoding="utf-8")
    router.order("/v1/reload", {})
    say(f"the configuration gets `{PACE}`")
    say(f"and under quotas, as it is used up: {QUOTA}")
    router.order("/v1/grant", {"subject": f"client/{tv}", "bytes": _ENOUGH})
    before = lab.carrier.settle(), _counts(router)
    update = lab.clients[TV].start(_update)
    playing = {who: lab.clients[who].start(_film, host) for who, host in ((LAPTOP, VIDEOS), (TV, FILMS))}
    say(f"{CAST[LAPTOP].name} and {tv} watch the same film, {tv} wants an update, {CAST[TABLET].name} is in a call")
    over = threading.Event()
    call = lab.clients[TABLET].start(_call, lab.servers4[TABLET], over)
    films = {who: each.result() for who, each in playing.items()}
    over.set()
    update.result()
    moved, deadline = call.result(), time.monotonic() + _PATIENCE
    while True:
        used, counts = lab.carrier.settle() - before[0], _counts(router)
        found = []
        for who, host in ((LAPTOP, VIDEOS), (TV, FILMS)):
            row = (ClientKey(lab.clients[who].mac), SERVICES[host])
            counted = counts.get(row, 0) - before[1].get(row, 0)
            found.append(Watched(CAST[who].name, SERVICES[host], films[who], _billed(lab, used, host), counted))
        if all(each.billed == each.counted for each in found) or time.monotonic() > deadline:
            return Saved(found[0], found[1], _billed(lab, used, UPDATES), moved)
        time.sleep(_LOOK)


def _billed(lab: Lab, used: Bill, host: str) -> int:
    """Bytes of both directions."""
    return used.of(lab.servers4[SITES[host]], lab.servers6[SITES[host]]).total_bytes


def _counts(router: RouterProcess) -> Mapping[tuple[ClientKey, str], int]:
    with contextlib.closing(router.meter()) as meter:
        return by_service(meter.read())


def _film(host: str) -> Film:
    server = resolve(host, f"{LAN4}.1")
    time.sleep(_AGAIN)  # people choose a film; by a link without delay one is there before its name is known
    # Players keep a connection, which has found its rate. Here each segment has its own, with a small window: else each
    # would begin by sending too much, which is billed.
    return watch(lambda size: steady_download(server, host, size, float("inf")), _SECONDS)


def _update() -> None:
    """A device that asks for the address now and then, and tries."""
    for _ in range(_TRIES):
        server = resolve(UPDATES, f"{LAN4}.1")
        time.sleep(_AGAIN)
        with contextlib.suppress(OSError):
            traffic.tls_down(server, UPDATES, _UPDATE, timeout=_AGAIN)


def _call(server: str, over: threading.Event) -> int:
    """Payload bytes that passed, in both directions."""
    moved = 0
    while not over.is_set():
        with contextlib.suppress(OSError):
            step = traffic.quic(server, up=20_000, down=30_000)
            moved += step.up + step.down
        over.wait(_LOOK)
    return moved


def saved_page(found: Saved) -> Page:
    """Both films beside the bill, and what became of the update and the call."""
    rows = [
        [
            each.name.ljust(15),
            each.service.ljust(8),
            f"{each.film.picture}p",
            f"{each.film.start:.1f} s",
            f"{each.film.stalled:.1f} s",
            f"{each.billed:,}",
            f"{each.counted:,}",
            f"{each.counted - each.billed:,} B",
        ]
        for each in (found.open, found.paced)
    ]
    titles = ("CLIENT", "SERVICE", "PICTURE", "BEGAN AFTER", "STOOD STILL", "BILLED", "OURS", "DIFFERENCE")
    said = (
        f"The film at {found.paced.name} took {100 * found.part:.0f} % of the bytes of the other one; its update got"
        f" {found.update:,} B; the call went on: {format_size(found.call)}."
    )
    verdict = (
        Line("A quarter of the bytes, nothing stood still, and each byte is on the bill.", Tone.GOOD)
        if found.true
        else Line("THE FILM WAS NOT SAVED AS IT SHOULD BE, or something passed. Please report it.", Tone.BAD)
    )
    return [Table(tuple(Column(title, right=at > 1) for at, title in enumerate(titles)), rows), Line(said), verdict]
