# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of requests about approval. Pure: values only."""

from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """What the owner says to a service; the value is the word of the API and the command line."""

    APPROVE = "approve"
    REFUSE = "refuse"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """What waits, what was answered, and what should be looked at again."""


@dataclass(frozen=True, slots=True)
class ReviewCommand:
    """A word to the question or answer of that number or, with 0, to a service.

    subject: for whom (empty: who asks). seconds: so long; 0: always; None: as the settings say.
    """

    word: Word
    number: int = 0
    service: str = ""
    subject: str = ""
    seconds: int | None = None
