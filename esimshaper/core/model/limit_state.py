# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what limits remember: tallies, what was set by hand, and how to undo it. Pure: values only.

All times are Unix seconds, all amounts bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Coming, Grant, Level, Override, Subject, Tally


class ActKind(Enum):
    """What a person does by hand; the value is the word of documents and of the database."""

    BLOCK = "block"
    ALLOW = "allow"
    CLEAR = "unblock"
    GRANT = "grant"
    REVOKE = "revoke"
    CORRECT = "correct"
    RESTART = "restart"
    PLAN = "plan"

    @property
    def is_about_usage(self) -> bool:
        """Whether it changes tallies, and no override."""
        return self not in (ActKind.BLOCK, ActKind.ALLOW, ActKind.CLEAR)


@dataclass(frozen=True, slots=True)
class Restart:
    """Windows of a quota whose configured anchor is `anchor` begin at `at` instead: a new SIM, say."""

    quota: str
    anchor: int
    at: int


@dataclass(frozen=True, slots=True)
class Change:
    """What an act added to one tally, in the window that began at `start`. until: the grant's own end, if any."""

    quota: str
    subject: Subject
    start: int
    used: int = 0
    granted: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a person did by hand `at` a moment, and all that it takes to undo it; of PLAN the plans have that.

    quota, bytes, until, over_plan: as the person said; begins: if it was set for later. before: the override that the
    subject had. dropped: what was to come, and was taken back with it. moved: the restart of the quota's windows that
    was made; earlier: the one before it.
    """

    kind: ActKind
    subject: Subject
    at: int
    quota: str = ""
    bytes: int = 0
    until: int | None = None
    over_plan: bool = False
    begins: int | None = None
    before: Override | None = None
    changes: tuple[Change, ...] = ()
    dropped: tuple[Coming, ...] = ()
    moved: Restart | None = None
    earlier: Restart | None = None


@dataclass(frozen=True, slots=True)
class LimitState:
    """All that limits remember from tick to tick, and over restarts.

    grants: only those with an end of their own. coming: in the order of their beginning. levels: of clients that are
    not OPEN, as announced last. reserve: what passed in spite of a block, in the window of each quota that can block
    the router; its subject says nothing. acts: the last ones that can be undone. restarts: by hand, of windows.
    """

    tallies: tuple[Tally, ...] = ()
    grants: tuple[Grant, ...] = ()
    overrides: tuple[Override, ...] = ()
    levels: Mapping[ClientKey, Level] = field(default_factory=dict)
    reserve: tuple[Tally, ...] = ()
    coming: tuple[Coming, ...] = ()
    acts: tuple[Act, ...] = ()
    restarts: tuple[Restart, ...] = ()
