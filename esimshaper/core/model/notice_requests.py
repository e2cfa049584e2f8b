# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the owner chooses by hand about notices. Pure: values only."""

from dataclasses import dataclass

from esimshaper.core.model.notices import Severity


@dataclass(frozen=True, slots=True)
class QuietCommand:
    """Quiet hours as a person wrote them, NEVER for none; None: those of the settings count again."""

    hours: str | None


@dataclass(frozen=True, slots=True)
class LeastCommand:
    """What is less grave is not told by a channel; None: the settings count again."""

    channel: str
    least: Severity | None


NoticeChoice = QuietCommand | LeastCommand
