# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what people look up afterwards, in `esimshaper events`. Pure: values only."""

from dataclasses import dataclass

from esimshaper.core.model.limits import Subject


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened, as a sentence in `text`. `at`: Unix seconds, by the clock that counts.

    kind: what it was, in a word for programs. subjects: whom it is about, empty where it is about the router. quota:
    the one concerned, if one is.
    """

    at: int
    kind: str
    text: str
    subjects: tuple[Subject, ...] = ()
    quota: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the daemon in its journal, before the tick that gives it a time. `client`: as in metrics, or empty.

    kind and text: as of the Happening that it becomes.
    """

    kind: str
    text: str
    client: str = ""
