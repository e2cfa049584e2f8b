# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what people ask the daemon about names that DNS refuses. Pure: values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamesQuery:
    """How many names are refused, what lists cannot be taken, and what is allowed by hand."""


@dataclass(frozen=True, slots=True)
class AllowNameCommand:
    """A name, and all below it, is answered for so many seconds, whatever lists say; None: that is taken back."""

    name: str
    seconds: int | None


NamesAsked = NamesQuery | AllowNameCommand
