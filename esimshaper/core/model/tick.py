# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of one tick: the answers that all rooms need, found out once. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind, Window
from esimshaper.core.model.probation import Probation
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.scope import Places, Scope
from esimshaper.core.model.services import ServiceUsage
from esimshaper.core.model.state import Booked


class Moment(NamedTuple):
    """The time that counts, in Unix seconds.

    trusted: it goes back to a clock that was synchronised. was_trusted: so did the moment before, if there was one.
    """

    # A window that was opened while the clock was not trusted says nothing: it moves to the right time, with its bytes.
    time: float
    trusted: bool
    was_trusted: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """From the reading that was booked last to the one of now.

    booked: the last one, if any was. before, seen: the last booked, and the last reading, if the counters of `reading`
    go on from them; None after the maps were made anew (another epoch), when all counters begin at zero.
    """

    booked: Booked | None
    before: Booked | None
    seen: Reading | None
    reading: Reading

    @classmethod
    def between(cls, booked: Booked | None, seen: Reading | None, reading: Reading) -> "Step":
        """`seen` is the last reading of this process; a start has none."""
        before = booked if booked is not None and booked.epoch == reading.epoch else None
        return cls(booked, before, seen if seen is not None and seen.epoch == reading.epoch else None, reading)

    @property
    def has_new_maps(self) -> bool:
        """No counter of the reading goes on from a booked one."""
        return self.before is None

    @property
    def unread_seconds(self) -> float | None:
        """For how long the counters were not read before this reading; None if nobody knows."""
        if self.booked is None or not (self.booked.clean or self.before):
            return None
        gap = self.reading.boottime - self.booked.boottime
        # Below zero the machine was started again, and all that the new maps hold was used since then.
        return gap if gap >= 0 else self.reading.boottime

    @property
    def losers(self) -> frozenset[ClientKey]:
        """Clients that may have used bytes that nobody read: the maps vanished with them (power cut), not in order."""
        if self.booked is None or self.booked.clean or self.before:
            return frozenset()
        return frozenset(self.booked.owners.values())


@dataclass(frozen=True, slots=True)
class Tick:
    """subjects: whose account each is, groups and everyone included. windows: those of now, by name of the quota.

    curfews: whom the hours of the settings block now, and until when (None: for ever). resting: quotas that are not in
    their hours. identities: of the tick before, for what people hear. behind: as in MeterSlice, of the tick before.
    followed: what counts as used of quotas that follow a plan, by name. places: where each scope is. probation: of
    devices that are new, if the settings hold them.
    """

    rules: Rules
    at: Moment
    observed: Observation
    step: Step
    subjects: Mapping[Account, Subject]
    windows: Mapping[str, Window]
    curfews: Mapping[Subject, int | None] = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    identities: Mapping[ClientKey, Identity] = field(default_factory=dict)
    behind: ServiceUsage = field(default_factory=dict)
    followed: Mapping[str, int] = field(default_factory=dict)
    places: Places = field(default_factory=dict)
    probation: Probation | None = None

    @property
    def trees(self) -> tuple[tuple[Scope, int], ...]:
        """The scopes that the kernel counts, and how much higher the numbers of their accounts are."""
        known = self.reading.scopes
        return tuple((scope, known[scope.key]) for scope in self.rules.scopes if scope.key in known) if known else ()

    @property
    def reading(self) -> Reading:
        return self.step.reading


def subjects_of(reading: Reading) -> Mapping[Account, Subject]:
    """The subject of each account; also of pseudo-clients, as they may have a quota like any other."""
    return {
        **{account: Subject(SubjectKind.CLIENT, client) for account, client in reading.owners.items()},
        **{account: Subject(SubjectKind.GROUP, name) for name, account in reading.groups.items()},
        **({reading.everyone: EVERYONE} if reading.everyone else {}),
    }
