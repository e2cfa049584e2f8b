# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of `doctor` about how people are told: what there is of each channel. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Messaging(Enum):
    """Whether ModemManager takes messages of `esimshaper-notify`. UNASKED: nobody could ask polkit about it."""

    READY = "ready"
    NO_BUS = "no bus"
    NO_MANAGER = "no manager"
    NO_MODEM = "no modem"
    NOT_READY = "not ready"
    DENIED = "denied"
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class NotifyFacts:
    """active: the state of the sender's unit, in systemd's word. hosts: by a channel's name, whom it cannot find.

    missing: modules of Python that are not there. secrets: files that are not there, or that the sender may not read;
    None where only root finds out. programs: commands that cannot be run. messaging: None where no channel needs it.
    """

    active: str = ""
    hosts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    secrets: Mapping[str, str] | None = None
    programs: frozenset[str] = frozenset()
    messaging: Messaging | None = None
