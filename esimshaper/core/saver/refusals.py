# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts of answers of DNS, looked at again and again -> percent of the last hour's that were refusals. Pure."""

from typing import NamedTuple

HOUR = 3600.0
LEAST_ANSWERS = 200
"""One page says nothing of a list."""


class Look(NamedTuple):
    """Answers that this router's resolver gave, and those of them that refused a name, since some process began.

    at: seconds of a clock that only rises.
    """

    at: float
    answers: int
    refused: int


Looks = tuple[Look, ...]


def looked(looks: Looks, new: Look) -> Looks:
    """With one more; those that are over are left out, and all are if the counts have begun anew."""
    if looks and (new.answers < looks[-1].answers or new.refused < looks[-1].refused):
        return (new,)
    within = tuple(each for each in looks if new.at - each.at <= HOUR)
    return (*within, new)


def percent_refused(looks: Looks) -> int | None:
    """None while there were too few answers to say."""
    if not looks or (answers := looks[-1].answers - looks[0].answers) < LEAST_ANSWERS:
        return None
    return 100 * (looks[-1].refused - looks[0].refused) // answers


def refused_within(looks: Looks, now: float) -> int | None:
    """How many answers of the hour before `now` refused a name, as far as two looks of it tell; None if they do not."""
    within = [each for each in looks if now - each.at <= HOUR]
    return within[-1].refused - within[0].refused if len(within) > 1 else None
