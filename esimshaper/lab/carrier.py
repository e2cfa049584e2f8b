# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's handle on the carrier: starts its process, asks for the bill, sets delay, loss, rate and cap.

Owns one child process (forwarder.py) and the socket to it: one JSON message per order and per answer. The child ends
when the socket closes, so it never outlives the lab. The bill goes on when wan0 is made anew.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from esimshaper.core.model.counts import Counters
from esimshaper.lab.bill import Bill
from esimshaper.lab.namespaces import LabUnavailable

WAN_DEVICE = "wan0"
GATEWAY_DEVICE = "gw0"
_ANSWER_TIMEOUT = 30.0


class WanKind(Enum):
    """The link type of wan0."""

    TUN = "tun"
    """Raw IP (ARPHRD_NONE), as most USB and M.2 modems today."""
    TAP = "tap"
    """Ethernet without offloads, as modems in NCM or RNDIS mode."""
    PPP = "ppp"
    """As TUN, with the link type of PPP (ARPHRD_PPP) as a modem under pppd has it; packets look the same to a hook."""
    VETH = "veth"
    """Ethernet with GSO and GRO, forwarded by the kernel."""

    @property
    def header_bytes(self) -> int:
        """Bytes of the link-layer header."""
        return 0 if self.is_raw else 14

    @property
    def is_raw(self) -> bool:
        """Packets begin with the IP header; there are no MAC addresses."""
        return self in (WanKind.TUN, WanKind.PPP)


class BillIncomplete(Exception):  # noqa: N818 - reads as what happened
    """Packets crossed that the bill could not see, so it proves nothing."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the radio link behaves; all zero (the default) is as fast as it can. TUN and TAP only.

    delay_ms: one way, in both directions. loss_percent: random, repeatable by `seed`. down_bits, up_bits: bit/s of
    frames with their link-layer header; 0 is no limit. queue_bytes: how much may wait for the rate; more is dropped.
    polices: nothing waits; so much passes at once, and the rest is dropped.
    cap_bytes: billed bytes of both directions, since wan0 was made, after which each direction gets 128 kbit/s.
    """

    delay_ms: float = 0.0
    loss_percent: float = 0.0
    seed: int = 1
    down_bits: int = 0
    up_bits: int = 0
    queue_bytes: int = 256_000
    polices: bool = False
    cap_bytes: int = 0


class Carrier:
    """Runs the carrier between two namespaces. All methods may be called from any thread."""

    def __init__(self, router: str, internet: str, *, gro: bool, gso: bool) -> None:
        self._setting = {"router": router, "internet": internet, "gro": gro, "gso": gso, "lab_pid": os.getpid()}
        self._earlier = Bill()
        self._shape = Shape()
        self._kind = WanKind.TUN
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, kind: WanKind) -> None:
        """Start the process; on TUN and TAP wan0 and gw0 exist afterwards, on veth gw0 must before. LabUnavailable."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_ANSWER_TIMEOUT)
        setting = json.dumps({**self._setting, "kind": kind.value})
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "esimshaper.lab.forwarder", str(theirs.fileno()), setting],
                pass_fds=[theirs.fileno()],
                env=python_environment(),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the lab, which then stops this process
            )
        self._control, self._kind = ours, kind
        problem = json.loads(ours.recv(65536) or b'{"problem": "its process ended at once"}').get("problem")
        if problem:
            self.stop()
            raise LabUnavailable(f"No {WAN_DEVICE} of kind {kind.value} can be made: {problem}.", "Try `modprobe tun`.")
        if self._shape != Shape():
            self.set_shape(self._shape)

    def stop(self) -> None:
        """End the process and keep its bill; wan0 and gw0 of TUN and TAP vanish."""
        if self._control is None or self._process is None:
            return
        try:
            if self._process.poll() is None:
                self._earlier += _bill(self._ask({"do": "stop"})["bill"])
        except (OSError, ValueError):
            self._process.kill()
        finally:
            self._control.close()
            self._control = None
            self._process.wait(timeout=_ANSWER_TIMEOUT)

    def bill(self) -> Bill:
        """The bill since the lab began. Raises BillIncomplete."""
        return self._read()[0]

    def settle(self, quiet: float = 0.2, timeout: float = 20.0) -> Bill:
        """Wait until the bill has not changed, and nothing has been on its way, for `quiet` seconds. TimeoutError."""
        deadline = time.monotonic() + timeout
        bill, waiting = self._read()
        since = time.monotonic()
        while waiting or time.monotonic() - since < quiet:
            if time.monotonic() > deadline:
                raise TimeoutError(f"lab: packets still cross after {timeout:g} s")
            time.sleep(min(0.02, quiet / 4))
            latest, waiting = self._read()
            if waiting or latest != bill:
                bill, since = latest, time.monotonic()
        return bill

    def set_shape(self, shape: Shape) -> None:
        """From now on the link behaves like this; packets already queued are not touched. ValueError on veth."""
        if self._kind is WanKind.VETH and shape != Shape():
            raise ValueError("a veth carrier cannot delay, lose or limit; use TUN or TAP")
        self._ask({"do": "shape", "shape": asdict(shape)})
        self._shape = shape

    def _read(self) -> tuple[Bill, int]:
        answer = self._ask({"do": "bill"})
        if answer["missed"]:
            raise BillIncomplete(f"{answer['missed']} packets were dropped before the bill or after it")
        return self._earlier + _bill(answer["bill"]), answer["waiting"]

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._control is None:
                raise BrokenPipeError("the carrier is not running")
            self._control.send(json.dumps(order).encode())
            message = self._control.recv(1 << 22)
        if not message:
            raise BrokenPipeError("the carrier's process has ended")
        answer: dict[str, Any] = json.loads(message)
        return answer


def _bill(raw: dict[str, Any]) -> Bill:
    return Bill(
        total=Counters(**raw["total"]),
        by_remote={remote: Counters(**counters) for remote, counters in raw["by_remote"].items()},
        lost=Counters(**raw["lost"]),
        other_frames=raw["other_frames"],
    )


def python_environment() -> dict[str, str]:
    """The environment in which a child Python finds this very package."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
