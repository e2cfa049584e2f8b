# SPDX-License-Identifier: GPL-2.0-or-later
"""What leaves uplinks without classes of ours: taps behind their queues, the queues, the drivers -> UplinkCounters.

Owns the taps. A comparison begins when they are opened, and anew when the uplinks change, or one was down.
"""

import contextlib
import errno
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from esimshaper.core.model.identity import Account
from esimshaper.core.model.reading import Attachment, Hook, Reading
from esimshaper.core.model.uplink import Means, Queues, UplinkCounters, lowest
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.packet_sockets import PacketSockets
from esimshaper.edge.bpf.sent import Sent, SentMap, Tap
from esimshaper.edge.tc.root_queue import RootQueues

MOST_MISSED = 64_000
"""Bytes that may have left an uplink unseen while it came up."""

log = logging.getLogger(__name__)
T = TypeVar("T")


class UplinkReader:
    """Raises OSError or ValueError when made. It closes the `sockets`."""

    def __init__(self, meter: Meter, sockets: PacketSockets, cleanup: contextlib.ExitStack) -> None:
        self._meter, self._sockets = meter, sockets
        cleanup.callback(sockets.close)
        self._sent = SentMap(meter.generation)
        cleanup.callback(self._sent.close)
        self._roots = RootQueues()
        cleanup.callback(self._roots.close)
        self._taps: list[Tap] = []
        cleanup.callback(self._end)
        self._compared: tuple[object, ...] = ()
        self._uplinks: tuple[int, ...] = ()
        self._base = self._last = UplinkCounters(0, Means.NOTHING)
        self._held_base: Mapping[str, int] = {}

    def read(
        self, reading: Reading, attachments: Iterable[Attachment], ports: Iterable[int] = ()
    ) -> UplinkCounters | None:
        """The counters since the comparison began. `reading` was taken just before (R8). None: nothing is compared.

        `ports`: numbers of interfaces that packets leave by after they were counted above.
        """
        shaped = self._meter.shaped_uplink()
        there = (each for each in attachments if each.hook is Hook.WAN_EGRESS and each.attached)
        uplinks = {each.index for each in there} - {shaped, 0}
        if uplinks:
            uplinks.update(ports)
        missed = [tap.missed_something() for tap in self._taps]  # of all, as each forgets it when it was asked
        try:
            queues = self._read_queues(uplinks)
            if self._compared and self._compared == _identity(queues) and not any(missed):
                return self._look(reading, queues)
            last = self._last_look(reading, queues, missed=any(missed))
            begun = self._begin(queues)
        except OSError:  # an interface went or went down just now, or its number is that of another one
            self._end()
            return None
        return last or begun

    def _read_queues(self, uplinks: Iterable[int]) -> Queues:
        """Those of uplinks that packets can leave by."""
        found = {}
        for index in sorted(uplinks):
            with contextlib.suppress(OSError):
                found[index] = self._roots.read(index)
        return {index: queue for index, queue in found.items() if queue.is_up}

    def _last_look(self, reading: Reading, queues: Queues, *, missed: bool) -> UplinkCounters | None:
        """The last counters of a comparison that ends, if they can be compared: uplinks went, and none came."""
        # What a new uplink has sent already, no tap has seen.
        if not self._compared or not queues.keys() <= set(self._uplinks):
            return None
        now = self._look(reading, self._read_queues(self._uplinks))
        # Where an uplink was down and is up again, a few packets of the kernel may have left before the tap was told.
        return replace(now, waiting=now.waiting + MOST_MISSED) if missed else now

    def _begin(self, queues: Queues) -> UplinkCounters | None:
        """Begins a comparison, of which nothing is known yet."""
        self._end()
        if not queues:
            return None
        means = self._open_taps(queues) if _can_drop(queues) else Means.NOTHING
        # First what left, then what was charged, then what was lost: bytes that move in between may be missed, and not
        # taken for dropped. To open a tap takes a while, so what `queues` say of losses is too old.
        gone, sent, charged, now = self._gone(), self._sent.read(), self._meter.read(), self._read_queues(queues)
        if now.keys() != queues.keys():
            raise OSError(errno.ENETDOWN, "an uplink went down")
        began = self._base.began + 1
        self._base = _absolute(UplinkCounters(began, means), charged, now, sent)
        self._last, self._held_base = UplinkCounters(began, means), _held(charged, gone)
        self._compared, self._uplinks = _identity(queues), tuple(queues)
        return self._last

    def _open_taps(self, queues: Queues) -> Means:
        program = self._meter.program("wan_tap").fd
        try:
            for index, queue in lowest(queues).items():
                self._taps.append(Tap(self._sockets, queue.name, index, program))
        except PermissionError as error:
            self._close_taps()
            text = "what queues of the uplink drop is estimated, since no packet socket looks behind them: %s"
            log.warning(text, error.strerror)
            return Means.COUNTERS
        return Means.TAP

    def _look(self, reading: Reading, queues: Queues) -> UplinkCounters:
        now = self._counters(reading, queues)
        if now.means is Means.TAP and _missing(now) > _missing(self._last):
            # More is missing than before. It may be on its way between two counters; so both are read once more, each
            # when all that was on its way before has arrived.
            self._sockets.wait_for_packets_under_way()
            queues = self._read_queues(queues)
            self._sockets.wait_for_packets_under_way()
            now = self._counters(reading, queues)
        self._last = self._with_all_that_entered(now)
        return self._last

    def _with_all_that_entered(self, now: UplinkCounters) -> UplinkCounters:
        """`now` with bytes that entered between the first two counters of this comparison, where they are known."""
        # Of an account that rested from the last look to this one, no more can have left at the last look than had
        # entered. What seems to have left beyond that entered before the base was read.
        last = self._last
        sizes = {account: size - last.entered.get(account, 0) for account, size in last.sent.items()}
        early = {
            account: size
            for account, size in sizes.items()
            if size > 0 and now.entered.get(account, 0) == last.entered.get(account, 0)
        }
        if not early:
            return now
        base = {account: self._base.entered.get(account, 0) - size for account, size in early.items()}
        entered = {account: now.entered.get(account, 0) + size for account, size in early.items()}
        self._base = replace(self._base, entered={**self._base.entered, **base})
        return replace(now, entered={**now.entered, **entered})

    def _counters(self, reading: Reading, queues: Queues) -> UplinkCounters:
        """Since the comparison began. `queues` were read before: what left them since is among what left."""
        base, now = self._base, _absolute(self._base, reading, queues, self._sent.read())
        return replace(
            now,
            entered=_difference(now.entered, base.entered),
            sent=_difference(now.sent, base.sent),
            unknown=now.unknown - base.unknown,
            frames=now.frames - base.frames,
            lost=now.lost - base.lost,
            held=_difference(_held(reading, self._gone()), self._held_base) if now.means is Means.TAP else {},
        )

    def _gone(self) -> Mapping[str, int]:
        return self._meter.uplinks.gone() if self._meter.uplinks else {}

    def _close_taps(self) -> None:
        for tap in self._taps:
            tap.close()
        self._taps.clear()

    def _end(self) -> None:
        self._close_taps()
        self._compared = self._uplinks = ()


def _identity(queues: Queues) -> tuple[object, ...]:
    """What a comparison belongs to: the uplinks, and whether they need taps."""
    return (tuple(queues), _can_drop(queues)) if queues else ()


def _can_drop(queues: Queues) -> bool:
    return any(queue.can_drop for queue in queues.values())


def _absolute(
    comparison: UplinkCounters, reading: Reading, queues: Queues, sent: Mapping[Account, Sent]
) -> UplinkCounters:
    """The counters of now, since each of them began; in the `comparison` of that number and means."""
    up, frames = {account: each.up_bytes for account, each in reading.accounts.items()}, 0
    up[reading.tunnels_account] = reading.tunnels.outer.up_bytes
    entered = {account: size - sent[account].shaped if account in sent else size for account, size in up.items()}
    # Of an interface that stands on another one, `lost` has what the queue of the other one dropped.
    lost = sum(queue.lost for queue in lowest(queues).values())
    if comparison.means is Means.TAP:
        seen = {account: each.bytes for account, each in sent.items() if account != reading.everyone}
        unknown = sent[reading.everyone].bytes if reading.everyone in sent else 0
        frames = sum(each.frames for each in sent.values())
        waiting = sum(queue.waiting for queue in queues.values())
        return replace(
            comparison, entered=entered, sent=seen, unknown=unknown, frames=frames, waiting=waiting, lost=lost
        )
    # Nothing looks behind the queue: all that entered counts as sent, and packets that a queue dropped as lost.
    packets = sum(each.up_packets for each in reading.accounts.values()) + reading.tunnels.outer.up_packets
    lost += sum(queue.dropped for queue in queues.values())
    return replace(comparison, entered=entered, sent=entered, frames=packets, lost=lost)


def _held(reading: Reading, gone: Mapping[str, int]) -> Mapping[str, int]:
    """Of the uploads that `reading` has at each uplink, those that are not `gone` by now."""
    charged = {name: sum(each.up_bytes for each in accounts.values()) for name, accounts in reading.by_uplink.items()}
    return {name: size - gone.get(name, 0) for name, size in charged.items()}


def _difference(now: Mapping[T, int], before: Mapping[T, int]) -> dict[T, int]:
    found = {account: size - before.get(account, 0) for account, size in now.items()}
    return {account: size for account, size in found.items() if size}


def _missing(counters: UplinkCounters) -> int:
    """Bytes that entered, have not left, and do not wait."""
    entered, sent = counters.entered, counters.sent
    missing = sum(max(0, size - sent.get(account, 0)) for account, size in entered.items())
    return missing - counters.unknown - counters.waiting
