# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what holds for an account beside its quotas, and when that changes by itself. Pure: values only."""

from typing import NamedTuple

SWITCHES = 2
"""Of a policy at most, as in bpf/contract.h: the beginning of a block, and its end."""


class Hold(NamedTuple):
    """What holds for an account by hand or by hours. The fields are as those of Policy."""

    blocked: bool = False
    exempt: bool = False
    over_plan: bool = False
    with_everyone: bool = False


class Switch(NamedTuple):
    """From `at` on, in nanoseconds of CLOCK_BOOTTIME, another Hold holds."""

    at: int
    hold: Hold
