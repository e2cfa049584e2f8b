# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of how much: bytes, packets, budgets, and the reasons the kernel part counts by. Pure: values only.

Bytes are IP-layer bytes as the carrier bills them; packets are those on the wire, after segmentation.
Down is towards the clients (Prometheus: receive), up is towards the carrier (transmit).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from esimshaper.core.model.identity import ClientKey


class Reason(IntEnum):
    """Named early exits and failures of the kernel part: the list REASONS of bpf/contract.h, in its order."""

    NOT_IP = 0
    LOOPED_BACK = 1
    NOT_FOR_US = 2
    WAN_IN_TRUNCATED = 3
    WAN_IN_FLOW_MISSING = 4
    WAN_IN_FRAGMENT_ORPHAN = 5
    WAN_IN_ICMP_ERROR_ORPHAN = 6
    WAN_OUT_UNMARKED = 7
    WAN_OUT_TRUNCATED = 8
    WAN_SEGMENTS_UNKNOWN = 9
    FLOW_NOT_STORED = 10
    FRAGMENT_NOT_STORED = 11
    ADDRESS_NOT_STORED = 12
    UPLOAD_BLOCKED = 13
    DOWNLOAD_BLOCKED = 14
    FLOW_RESET = 15
    LAN_CLIENTS_FULL = 16
    LAN_NO_SOURCE = 17
    ANNOUNCEMENT_LOST = 18
    TUNNEL_UNKNOWN = 19
    POLICED = 20
    LAN_MOVED = 21
    LAN_BLOCKED = 22
    UNBILLED = 23
    TRANSLATED_UNKNOWN = 24
    TRANSLATED_NOT_STORED = 25
    ACCOUNT_LOST = 26
    MARK_FOREIGN = 27
    SPARED = 28
    NAMES_REFUSED = 29
    WAN_IN_AGAIN = 30
    HEAD_LOST = 31
    HEAD_LEFT_OUT = 32

    @property
    def label(self) -> str:
        """The label in metrics and tables."""
        # Dashboards hold on to the name that this reason had when it was first published.
        return "paced" if self is Reason.POLICED else self.name.lower()


UNATTRIBUTED_REASONS = (
    Reason.WAN_IN_TRUNCATED,
    Reason.WAN_IN_FLOW_MISSING,
    Reason.WAN_IN_FRAGMENT_ORPHAN,
    Reason.WAN_IN_ICMP_ERROR_ORPHAN,
    Reason.WAN_OUT_UNMARKED,
)
"""Each byte of the account `unattributed` is counted under exactly one of these."""

UNATTRIBUTED_IN_WORDS: Mapping[str, str] = {
    Reason.WAN_IN_TRUNCATED.label: "in packets that came cut short",
    Reason.WAN_IN_FLOW_MISSING.label: "that nobody here asked for (scans from the Internet, mostly)",
    Reason.WAN_IN_FRAGMENT_ORPHAN.label: "in pieces of packets whose first piece is missing",
    Reason.WAN_IN_ICMP_ERROR_ORPHAN.label: "in error messages about what nobody here sent",
    Reason.WAN_OUT_UNMARKED.label: "from a way that is missing under lan.interfaces (containers, another bridge)",
}
"""The same by label, as what stands behind an amount of bytes."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Bytes and packets in both directions: absolute counts, or the differences of two readings."""

    down_bytes: int = 0
    up_bytes: int = 0
    down_packets: int = 0
    up_packets: int = 0

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(
            self.down_bytes + other.down_bytes,
            self.up_bytes + other.up_bytes,
            self.down_packets + other.down_packets,
            self.up_packets + other.up_packets,
        )

    def __sub__(self, other: "Counters") -> "Counters":
        return Counters(
            self.down_bytes - other.down_bytes,
            self.up_bytes - other.up_bytes,
            self.down_packets - other.down_packets,
            self.up_packets - other.up_packets,
        )

    def __bool__(self) -> bool:
        return bool(self.down_packets or self.up_packets or self.down_bytes or self.up_bytes)

    @property
    def total_bytes(self) -> int:
        return self.down_bytes + self.up_bytes


NOTHING = Counters()


def sum_of(counters: Iterable[Counters]) -> Counters:
    """All of them together."""
    return sum(counters, NOTHING)


@dataclass(frozen=True, slots=True)
class Budget:
    """What the kernel compares with limits: absolute counts since the maps were made, one for each Direction.

    A budget has no refused upload, except for a moment: the kernel adds each packet first and takes a refused one off.
    """

    # Tallies are made of differences of budgets, never of billed bytes: so the count at which a limit ends is the same
    # number at every reading.

    both: int = 0
    download: int = 0
    upload: int = 0

    def __add__(self, other: "Budget") -> "Budget":
        return Budget(self.both + other.both, self.download + other.download, self.upload + other.upload)

    def __sub__(self, other: "Budget") -> "Budget":
        return Budget(self.both - other.both, self.download - other.download, self.upload - other.upload)


UNUSED = Budget()


@dataclass(frozen=True, slots=True)
class Event:
    """How often a Reason came up, and the bytes of the packets concerned."""

    packets: int = 0
    bytes: int = 0


Usage = Mapping[ClientKey, Counters]
"""Bytes and packets between two readings, by client; clients that used nothing are left out."""
