# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what is behind our program at an uplink without classes of ours: a queue, a driver. Pure: values.

[wan_egress] charges -> entered -> queue -> [tap] -> sent -> driver -> carrier
                                     `-> dropped               `-> lost
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from esimshaper.core.model.identity import Account

NO_QUEUE = "noqueue"
"""The root qdisc that has no queue, by its name in the kernel. It drops nothing."""


class Means(Enum):
    """The means by which drops behind our program are known.

    TAP: to the byte, by a tap behind the queue. COUNTERS: by the number of packets that the queue dropped. NOTHING:
    there is no queue. Those of a driver are known by their number only.
    """

    TAP = "tap"
    COUNTERS = "counters"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class UplinkQueue:
    """The root qdisc and the driver of one uplink, `name`.

    kind: of the qdisc. waiting: IP-layer bytes in it, rather too many than too few. dropped: packets that it dropped.
    lost: packets that the driver dropped. is_up: packets may leave. below, bridge: numbers of the interface that it
    stands on (as a VLAN does), and of the bridge that it is a port of; 0 for none.
    """

    name: str
    kind: str
    waiting: int = 0
    dropped: int = 0
    lost: int = 0
    is_up: bool = True
    below: int = 0
    bridge: int = 0

    @property
    def can_drop(self) -> bool:
        return self.kind != NO_QUEUE


Queues = Mapping[int, UplinkQueue]
"""By number of the interface."""


def lowest(queues: Queues) -> Queues:
    """Those of `queues` that packets leave by. Others stand on one of these, and their packets pass there as well."""
    bridges = {queue.bridge for queue in queues.values()}
    return {index: queue for index, queue in queues.items() if queue.below not in queues and index not in bridges}


@dataclass(frozen=True, slots=True)
class UplinkCounters:
    """What became of uploads at all uplinks without classes of ours, since a comparison began: bytes, by account.

    began: the number of the comparison. entered: charged by our program. sent: seen by the tap. unknown: seen by it
    without an account. frames: how many packets it saw. waiting: in the queues. lost: packets that drivers dropped.
    held: of several uplinks with taps, what entered each and has not left it, by name.
    """

    # Read in this order: entered, waiting and lost, sent (R8). Without a tap, `sent` is what entered, and `lost` has
    # the packets that queues dropped as well.
    began: int
    means: Means
    entered: Mapping[Account, int] = field(default_factory=dict)
    sent: Mapping[Account, int] = field(default_factory=dict)
    unknown: int = 0
    frames: int = 0
    waiting: int = 0
    lost: int = 0
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UplinkDrops:
    """What the meter knows of drops behind our program.

    Of one comparison:
    seen: as last read; None while nothing is compared. left: bytes of each account that left. unsent: bytes of each
    account that the ledger leaves out; waiting: those of them that may leave yet. given_back: bytes that limits got,
    by account; dropped: the same for everyone. not_placed: bytes without an account, and packets that drivers lost,
    which are not shared out yet.
    Of all: corrected: bytes that were charged and taken off again; estimated: those of them that nobody counted.
    """

    seen: UplinkCounters | None = None
    left: Mapping[Account, int] = field(default_factory=dict)
    unsent: Mapping[Account, int] = field(default_factory=dict)
    waiting: Mapping[Account, int] = field(default_factory=dict)
    given_back: Mapping[Account, int] = field(default_factory=dict)
    dropped: int = 0
    not_placed: tuple[int, int] = (0, 0)
    corrected: int = 0
    estimated: int = 0
