# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of limits by service in the kernel. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass

from esimshaper.core.model.counts import Event
from esimshaper.core.model.identity import Account


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """What the kernel is to know of one service of one account; written by user space only.

    blocked: nothing passes. paced: held to the tc class `class_id`, or where there is none to `police_rate`, in bytes
    per second, by drops; services of an account with the same class and rate share it. metered_only: both hold at
    metered uplinks only. pools: accounts that count its bytes too.
    """

    blocked: bool = False
    paced: bool = False
    metered_only: bool = False
    class_id: int = 0
    police_rate: int = 0
    pools: tuple[Account, ...] = ()


ServicePolicies = Mapping[Account, Mapping[int, ServicePolicy]]
"""By account and number of the service. Accounts with the same row may share one object; what is not there is free."""

ServicePools = Mapping[Account, Mapping[int, tuple[Account, ...]]]
"""By account and number of the service: the pools that count its bytes, at most POOLS_OF_A_PACKET."""

Refused = Mapping[Account, Mapping[int, Event]]
"""By account and number of the service: what was dropped since the service, or a pool of it, was blocked."""
