# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of conversations. Pure: values only."""

from dataclasses import dataclass
from enum import IntEnum

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import UNNAMED, How


class Protocol(IntEnum):
    """IP protocol numbers that get a name in tables (IANA)."""

    ICMP = 1
    TCP = 6
    UDP = 17
    GRE = 47
    ESP = 50
    ICMPV6 = 58
    SCTP = 132


@dataclass(frozen=True, slots=True)
class Flow:
    """One conversation of a client. Detail only: the kernel may drop the oldest flows, totals do not depend on them.

    `wan_address` and `wan_port` are ours as the carrier sees them; `client_address` and `client_port` are those behind
    the NAT, empty and 0 where nobody knows them. Ports are 0 for protocols without ports; for ping
    `wan_port` is the echo identifier. Ages are in seconds. `name`: of the far end's host, empty where nobody knows it.
    """

    client: ClientKey
    protocol: int
    remote_address: str
    remote_port: int
    wan_address: str
    wan_port: int
    counters: Counters
    age: float
    idle: float
    client_address: str = ""
    client_port: int = 0
    service: str = UNNAMED
    name: str = ""
    how: How = How.NONE
