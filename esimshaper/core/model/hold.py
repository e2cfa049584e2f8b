# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what holds for an account beside its quotas, when that changes, and what passes a block.

Pure: values only.
"""

from dataclasses import dataclass
from typing import NamedTuple

SWITCHES = 2
"""Of a policy at most, as in bpf/contract.h: the beginning of a block, and its end."""


class Hold(NamedTuple):
    """What holds for an account by hand or by hours. The fields are as those of Policy."""

    blocked: bool = False
    exempt: bool = False
    over_plan: bool = False
    with_everyone: bool = False
    throttled: bool = False


class Switch(NamedTuple):
    """From `at` on, in nanoseconds of CLOCK_BOOTTIME, another Hold holds."""

    at: int
    hold: Hold


@dataclass(frozen=True, slots=True)
class Reserve:
    """The ends of the router's reserve in the kernel, as absolute counts of the bytes that were taken from it.

    listed_until: for listed addresses, which may use the first half only.
    """

    until: int
    listed_until: int
