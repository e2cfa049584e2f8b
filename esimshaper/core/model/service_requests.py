# SPDX-License-Identifier: GPL-2.0-or-later
"""What people ask the daemon about rules by service: as requests.py says. Pure: values only."""

from dataclasses import dataclass

from esimshaper.core.model.decisions import DecisionKind, LowDataMode


@dataclass(frozen=True, slots=True)
class RulesQuery:
    """Who is held by what, and why; `client`: only what holds for it, empty for all."""

    client: str = ""


@dataclass(frozen=True, slots=True)
class LowDataQuery:
    """For whom low-data mode is in force, and what it holds back."""


@dataclass(frozen=True, slots=True)
class ServiceCommand:
    """Blocks or allows a service or a category for a subject, for so many seconds; None: until it is taken back.

    `kind` None takes it back.
    """

    subject: str
    what: str
    kind: DecisionKind | None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class LowDataCommand:
    """Low-data mode for a subject (empty: for everyone); `mode` None: as the settings say again."""

    mode: LowDataMode | None
    subject: str = ""


ServiceQuery = RulesQuery | LowDataQuery

ServiceRequest = ServiceQuery | ServiceCommand | LowDataCommand
