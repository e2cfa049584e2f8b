# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of approval: what waits to be approved, what moved with it, what was answered. Pure: values only.

A use is what a client did with a service. An answer of the owner holds for a client, a group or everyone. All times are
Unix seconds, all amounts bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from esimshaper.core.model.decisions import Layer, LayerName
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EACH_CLIENT, Subject
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.services import OTHER, UNNAMED

DAY = 86400
MONTH = 30 * DAY
PACE = 128_000
"""Bit/s of what waits, if nobody says: messages and pages pass, and a day of it is 1.4 GB at most."""

NEVER_CATEGORIES = frozenset({"emergency", "payment", "maps", "messaging", "calls", "push"})
"""Categories that never wait: who needs them, needs them now. Messages of phones come by `push`."""
NEVER_SERVICES = frozenset({UNNAMED, OTHER, "system", "device-checks", "encrypted-dns", "paypay"})
"""Services that never wait: those that stand for nothing in particular, those without which no other works, payment."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What the settings say: a service that a client of `subject` has not used waits beyond `above` bytes in a day, or
    beyond `percent` of the day (0: by bytes), held to `rate` (bit/s). An answer holds for `lasts` seconds.

    first_day: it waits in the first day of a client as well.
    """

    above: int = 0
    percent: int = 0
    subject: Subject = EACH_CLIENT
    lasts: int = MONTH
    rate: int = PACE
    first_day: bool = False

    def threshold(self, day_bytes: int) -> int:
        """The bytes of a day beyond which a service waits; `day_bytes`: what a day may have in all."""
        return max(1, day_bytes * self.percent // 100) if self.percent else self.above


def never_waits(service: str, categories: Mapping[str, str]) -> bool:
    """Whether a service passes whatever it moves; `categories`: by service."""
    return service in NEVER_SERVICES or categories.get(service) in NEVER_CATEGORIES


class Use(NamedTuple):
    """What one client did with one service, since `first` and last at `seen`.

    down, up, hours: of the day numbered `day` (hours: a bit for each hour of its clock). all_down, all_up, days: ever.
    heavy: when a day of it was beyond the threshold last, 0 for never. known: it was used before. waits: since when it
    waits, 0 if it does not; number: what `esimshaper review` calls it, 0 for a use that never waited. asked: when the
    client asked for it on the page, 0 for not since the last answer.
    """

    first: int
    seen: int
    day: int = 0
    down: int = 0
    up: int = 0
    hours: int = 0
    all_down: int = 0
    all_up: int = 0
    days: int = 0
    heavy: int = 0
    known: bool = False
    waits: int = 0
    number: int = 0
    asked: int = 0

    @property
    def today(self) -> int:
        return self.down + self.up


class Answer(NamedTuple):
    """What the owner said at `at` to a service of `subject`, until then; None for always. Refused it is blocked."""

    number: int
    subject: Subject
    service: str
    approved: bool
    at: int
    until: int | None


Uses = Mapping[tuple[ClientKey, str], Use]


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """All that is remembered over a restart. since: when approval was switched on, 0 while it is off.

    came: when each client was seen first. number: of the next question. audited: when the list of a week was made last.
    """

    since: int = 0
    came: Mapping[ClientKey, int] = field(default_factory=dict)
    uses: Uses = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    number: int = 1
    audited: int = 0


NOTHING_HELD = Layer(LayerName.APPROVAL)


@dataclass(frozen=True, slots=True)
class ApprovalSlice:
    """kept: what is saved. layer: what is held by it now, the same object while nothing changes. new: notices of this
    tick. threshold: bytes of a day beyond which a service waits, and is held to `rate`."""

    kept: ApprovalState = field(default_factory=ApprovalState)
    layer: Layer = NOTHING_HELD
    new: tuple[Notice, ...] = ()
    threshold: int = 0
    rate: int = 0
