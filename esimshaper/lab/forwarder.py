# SPDX-License-Identifier: GPL-2.0-or-later
"""The carrier's own process: moves packets between wan0 and gw0, keeps the bill. In: frames, orders. Out: frames, Bill.

Started by carrier.py as `python3 -m esimshaper.lab.forwarder CONTROL_FD JSON`. On TUN and TAP it owns both devices, so
every packet passes through here (Line); on veth the kernel forwards and this process only watches (VethBill).

A packet is billed at the carrier's gateway, as real carriers do. Downloads are billed before the radio link's queue,
loss and delay, so a download that is lost there has been billed. Uploads are billed after them, so a lost one has not.
"""

import contextlib
import json
import os
import random
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict
from typing import Any, Protocol

from esimshaper.lab import namespaces
from esimshaper.lab.bill import VNET, Tally
from esimshaper.lab.carrier import GATEWAY_DEVICE, WAN_DEVICE, Shape, WanKind
from esimshaper.lab.devices import hold_back_gro, open_tun
from esimshaper.lab.veth_bill import VethBill

_ARPHRD_PPP = 512  # linux/if_arp.h
_MAX_FRAME = 10 + 14 + 65535 + 65535
_BATCH = 64  # frames of one direction before the other one has its turn
_AFTER_CAP = 128_000  # bit/s


class Engine(Protocol):
    """What the loop needs: descriptors to wait for, what to do when one is ready, and when to come back."""

    tally: Tally

    def fds(self) -> list[int]: ...
    def ready(self, fd: int) -> bool: ...
    def pause(self) -> float | None: ...
    def release(self) -> None: ...
    def waiting(self) -> int: ...
    def missed(self) -> int: ...
    def set_shape(self, shape: Shape) -> None: ...


class Lane:
    """One direction: frames come from one descriptor and leave by the other, at once or shaped."""

    def __init__(self, source: int, target: int, tally: Tally, *, upward: bool) -> None:
        self.source, self.target, self.tally, self.upward = source, target, tally, upward
        self.buffer = bytearray(_MAX_FRAME)
        self.view = memoryview(self.buffer)
        self.queue: deque[tuple[float, bytes]] = deque()
        self.set_shape(Shape())

    def set_shape(self, shape: Shape) -> None:
        self.shape = shape
        self.bits = shape.up_bits if self.upward else shape.down_bits
        self.plain = shape == Shape(seed=shape.seed)
        self.dice = random.Random(shape.seed + self.upward)  # noqa: S311 - repeatable on purpose
        self.link_free_at = 0.0

    def pump(self) -> None:
        """Take up to a batch of frames from the source."""
        buffer, view, source, target, tally, upward = (
            [self.buffer], self.view, self.source, self.target, self.tally, self.upward,
        )  # fmt: skip
        for _ in range(_BATCH):
            try:
                length = os.readv(source, buffer)
            except BlockingIOError:
                return
            if not self.plain or self.queue:
                self._shaped(length)
                continue
            try:
                if upward:  # billed only if it got there
                    os.write(target, view[:length])
                    tally.add(self.buffer, length, upward=True)
                else:
                    tally.add(self.buffer, length, upward=False)
                    os.write(target, view[:length])
            except OSError:  # the device is down
                tally.lose(self.buffer, length, upward=upward)

    def _shaped(self, length: int) -> None:
        shape, now = self.shape, time.monotonic()
        if not self.upward:
            self.tally.add(self.buffer, length, upward=False)
        lost = shape.loss_percent > 0 and self.dice.random() * 100 < shape.loss_percent
        capped = 0 < shape.cap_bytes <= self.tally.billed_bytes
        bits = min(self.bits or _AFTER_CAP, _AFTER_CAP) if capped else self.bits
        start = max(now, self.link_free_at)
        if lost or (bits and (start - now) * bits / 8 > shape.queue_bytes):
            self.tally.lose(self.buffer, length, upward=self.upward)
            return
        self.link_free_at = start + ((length - VNET) * 8 / bits if bits else 0.0)
        due = now if shape.polices else self.link_free_at
        self.queue.append((due + shape.delay_ms / 1000, bytes(self.view[:length])))

    def release(self, now: float) -> None:
        """Send on what is due."""
        while self.queue and self.queue[0][0] <= now:
            frame = self.queue.popleft()[1]
            try:
                os.write(self.target, frame)
            except OSError:
                self.tally.lose(frame, len(frame), upward=self.upward)
            else:
                if self.upward:
                    self.tally.add(frame, len(frame), upward=True)


class Line:
    """Both directions of a TUN or TAP carrier. Owns wan0 and gw0: they vanish with this process."""

    def __init__(self, kind: WanKind, router: str, internet: str, *, gro: bool, gso: bool) -> None:
        tap = kind is WanKind.TAP
        ppp = _ARPHRD_PPP if kind is WanKind.PPP else 0
        wan = open_tun(router, WAN_DEVICE, tap=tap, napi=gro, offloads=gso, link_type=ppp)
        gateway = open_tun(internet, GATEWAY_DEVICE, tap=tap, napi=False, offloads=gso)
        if gro:
            hold_back_gro(router, WAN_DEVICE)
        self.tally = Tally(ethernet=kind.header_bytes)
        self.lanes = {
            wan: Lane(wan, gateway, self.tally, upward=True),
            gateway: Lane(gateway, wan, self.tally, upward=False),
        }

    def fds(self) -> list[int]:
        return list(self.lanes)

    def ready(self, fd: int) -> bool:
        """Moves the frames that wait. False once the device is deleted (EBADFD): it would be ready for ever."""
        try:
            self.lanes[fd].pump()
        except OSError:
            return False
        return True

    def pause(self) -> float | None:
        due = [lane.queue[0][0] for lane in self.lanes.values() if lane.queue]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def release(self) -> None:
        now = time.monotonic()
        for lane in self.lanes.values():
            if lane.queue:
                lane.release(now)

    def waiting(self) -> int:
        return sum(len(lane.queue) for lane in self.lanes.values())

    def missed(self) -> int:
        return 0

    def set_shape(self, shape: Shape) -> None:
        for lane in self.lanes.values():
            lane.set_shape(shape)


def serve(control: socket.socket, engine: Engine) -> bool:
    """Works until a request to stop (True) or until the lab is gone (False)."""
    poller = select.epoll()
    poller.register(control, select.EPOLLIN)
    for fd in engine.fds():
        poller.register(fd, select.EPOLLIN)
    while True:
        for fd, _ in poller.poll(engine.pause()):
            if fd != control.fileno():
                if not engine.ready(fd):
                    poller.unregister(fd)
                continue
            message = control.recv(65536)
            if not message:
                return False
            order = json.loads(message)
            if order["do"] == "shape":
                engine.set_shape(Shape(**order["shape"]))
            control.send(json.dumps(_report(engine)).encode())
            if order["do"] == "stop":
                return True
        engine.release()


def _report(engine: Engine) -> dict[str, Any]:
    return {"bill": asdict(engine.tally.bill()), "waiting": engine.waiting(), "missed": engine.missed()}


def main(arguments: list[str]) -> None:
    """Entry point of the process."""
    control = socket.socket(fileno=int(arguments[0]))
    setting = json.loads(arguments[1])
    kind = WanKind(setting["kind"])
    try:
        engine: Engine = (
            VethBill(setting["internet"])
            if kind is WanKind.VETH
            else Line(kind, setting["router"], setting["internet"], gro=setting["gro"], gso=setting["gso"])
        )
    except OSError as problem:
        control.send(json.dumps({"problem": str(problem)}).encode())
        return
    control.send(b"{}")
    if not serve(control, engine):
        # The lab's process was killed and could not tidy up: only this process is left to do it.
        with contextlib.suppress(TimeoutError):
            namespaces.wait_until("the end of the lab", lambda: namespaces.is_dead(setting["lab_pid"]))
        namespaces.sweep()


if __name__ == "__main__":
    main(sys.argv[1:])
