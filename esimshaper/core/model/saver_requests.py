# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of requests about the data saver. Pure: values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SaverQuery:
    """What each mechanism saved, and how that is known."""
