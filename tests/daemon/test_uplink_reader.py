# SPDX-License-Identifier: GPL-2.0-or-later
"""The moments at which counters behind an uplink are read. The lab's tests have the real ones, and real traffic."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import Account
from esimshaper.core.model.reading import Attachment, Hook, Reading
from esimshaper.core.model.uplink import Means, UplinkQueue
from esimshaper.daemon import uplink_reader
from esimshaper.daemon.uplink_reader import UplinkReader
from esimshaper.edge.bpf.packet_sockets import PacketSockets
from esimshaper.edge.bpf.sent import Sent

ALICE, WAN = Account(2), 7
SIZE = 1000  # bytes of a packet
ATTACHED = (Attachment("wan0", Hook.WAN_EGRESS, attached=True, index=WAN),)


class World:
    """A meter, a queue, a driver and a tap in one. Packets move while the tap is opened."""

    def __init__(self) -> None:
        self.charged = self.left = self.lost = self.moving = 0
        self.queue = UplinkQueue("wan0", "fq_codel")
        self.goes_down = False
        self.has_sockets = True
        self.uplinks: World | None = None
        self.gone_by_now: dict[str, int] = {}

    def gone(self) -> dict[str, int]:
        return dict(self.gone_by_now)

    def shaped_uplink(self) -> int:
        return 0

    def program(self, name: str) -> "World":
        return self

    fd = generation = property(lambda self: self)

    def read(self, index: int = 0) -> object:
        if index:
            return replace(self.queue, lost=self.lost)
        charged = {ALICE: Counters(0, self.charged * SIZE, 0, self.charged)}
        by_uplink = {"cellular": charged} if self.uplinks else {}
        return Reading(1, 0.0, charged, {}, everyone=Account(9), by_uplink=by_uplink)

    def sent(self) -> dict[Account, Sent]:
        return {ALICE: Sent(self.left * SIZE, self.left, 0)}

    def open_tap(self, *_: object) -> "World":
        for name in ("charged", "left", "lost"):
            setattr(self, name, getattr(self, name) + self.moving)
        if not self.has_sockets:
            raise PermissionError(1, "Operation not permitted")
        if self.goes_down:
            self.queue = replace(self.queue, is_up=False)
        return self

    def missed_something(self) -> bool:
        return False

    def close(self) -> None:
        pass


class SentOf:
    def __init__(self, world: World) -> None:
        self.read, self.close = world.sent, world.close


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(uplink_reader, "SentMap", SentOf)
    monkeypatch.setattr(uplink_reader, "RootQueues", lambda: made)
    monkeypatch.setattr(uplink_reader, "Tap", made.open_tap)
    return made


@pytest.fixture
def reader(world: World) -> Iterator[UplinkReader]:
    with contextlib.ExitStack() as cleanup:
        yield UplinkReader(world, PacketSockets(), cleanup)  # type: ignore[arg-type]


def test_what_a_driver_lost_while_a_comparison_began_is_no_loss_of_it(world: World, reader: UplinkReader) -> None:
    """Its bytes were charged before: to credit them would let them pass for nothing (R8)."""
    world.moving = 5
    reader.read(world.read(), ATTACHED)  # type: ignore[arg-type]
    now = reader.read(world.read(), ATTACHED)  # type: ignore[arg-type]
    assert now
    assert (now.lost, dict(now.entered), dict(now.sent)) == (0, {}, {})
    world.charged, world.left, world.lost = 8, 8, 7
    now = reader.read(world.read(), ATTACHED)  # type: ignore[arg-type]
    assert now
    assert (now.lost, now.entered[ALICE], now.sent[ALICE]) == (2, 3 * SIZE, 3 * SIZE)


def test_an_uplink_that_goes_down_while_a_comparison_begins_is_not_compared(world: World, reader: UplinkReader) -> None:
    world.goes_down = True
    assert reader.read(world.read(), ATTACHED) is None  # type: ignore[arg-type]
    assert reader.read(world.read(), ATTACHED) is None  # type: ignore[arg-type]
    world.goes_down, world.queue = False, replace(world.queue, is_up=True)
    assert reader.read(world.read(), ATTACHED)  # type: ignore[arg-type]


def test_without_a_packet_socket_it_says_so_once_and_estimates(
    world: World, reader: UplinkReader, caplog: pytest.LogCaptureFixture
) -> None:
    world.has_sockets = False
    for _ in range(3):
        now = reader.read(world.read(), ATTACHED)  # type: ignore[arg-type]
        assert now
        assert now.means is Means.COUNTERS
    (told,) = caplog.messages
    assert "estimated, since no packet socket looks behind them: Operation not permitted" in told


def test_of_several_uplinks_it_says_what_each_holds_since_the_comparison_began(
    world: World, reader: UplinkReader
) -> None:
    """Of what is in the reading: what entered after it is no part of it."""
    world.uplinks, world.gone_by_now, world.charged = world, {"cellular": 7}, 1
    world.queue = replace(world.queue, waiting=9 * SIZE)
    began = reader.read(world.read(), ATTACHED)  # type: ignore[arg-type]
    assert began
    assert not began.held
    world.charged = 4
    reading = world.read()
    world.charged, world.gone_by_now = 5, {"cellular": 7 + SIZE}
    now = reader.read(reading, ATTACHED)  # type: ignore[arg-type]
    assert now
    assert now.held == {"cellular": 2 * SIZE}
