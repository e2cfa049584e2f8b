# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the stream saver: whose films get which rate. Pure: values only."""

from dataclasses import dataclass

from esimshaper.core.model.limits import Subject
from esimshaper.core.model.units import format_rate


@dataclass(frozen=True, slots=True)
class Pace:
    """The rate in bit/s that each client of `subject` has for `services` together: names of services and categories."""

    subject: Subject
    services: frozenset[str]
    rate: int

    @property
    def share(self) -> str:
        """The same for the same services, wherever in the list they stand."""
        return f"saver {self.written}"

    @property
    def written(self) -> str:
        return ", ".join(sorted(self.services))

    def __str__(self) -> str:
        return f"{self.written} at {format_rate(self.rate)}"
