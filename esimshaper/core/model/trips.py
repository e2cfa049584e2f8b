# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of trips: a budget of data over some days, whatever plans they have. Pure: values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trip:
    """[began, ended) in Unix seconds. budget: bytes that are to do for all of it, None where there is none."""

    name: str
    began: int
    ended: int
    budget: int | None = None
