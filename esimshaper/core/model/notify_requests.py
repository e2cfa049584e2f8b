# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the sender of notices asks the daemon for, by notify.sock. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from esimshaper.core.model.results import Result


@dataclass(frozen=True, slots=True)
class ChannelsQuery:
    """How each channel is reached, and how messages of carriers are read."""


@dataclass(frozen=True, slots=True)
class HomeQuery:
    """How clients, quotas, plans and alarms stand, for a home automation."""


@dataclass(frozen=True, slots=True)
class JobsCommand:
    """Jobs are taken, each with a lease."""


@dataclass(frozen=True, slots=True)
class ResultCommand:
    """What became of a job. bytes: that it took of the link."""

    number: int
    result: Result
    error: str = ""
    steps: tuple[str, ...] = ()
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ProposalCommand:
    """What a carrier's message says of the plan. gives: one of left and used (bytes) and percent (used).

    source: `sms` or `ussd`; sender: a number or a name, which anybody can forge. text: the beginning of the message.
    """

    source: str
    sender: str
    at: str
    gives: Mapping[str, Decimal] = field(default_factory=dict)
    text: str = ""


NotifyRequest = ChannelsQuery | HomeQuery | JobsCommand | ResultCommand | ProposalCommand
"""By notify.sock."""
