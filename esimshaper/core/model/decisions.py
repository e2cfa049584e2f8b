# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of decisions: what holds for a client and a service now, and why. Pure: values only.

hand  low_data  rules  approval  saver      layers; of the first one that says anything about a client and a
   `------`-------`-------`--------`--> Decision -> ServicePolicy (kernel), table of `esimshaper rules`    service
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.service_policies import ServicePolicies
from esimshaper.core.model.time_of_day import Hours


class DecisionKind(StrEnum):
    """What is done with the bytes of a service; the value is the word of the settings and of documents."""

    ALLOW = "allow"
    PACE = "pace"
    BLOCK = "block"


class LayerName(StrEnum):
    """Where a decision comes from, in the order in which they count; the value is the word of documents."""

    HAND = "hand"
    LOW_DATA = "low-data"
    RULES = "rules"
    APPROVAL = "approval"
    SAVER = "saver"


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds for a service of a client. rate: bit/s of IP-layer bytes, for PACE. why: for people, as in a table.

    since, until: Unix seconds; None: nobody knows since when, there is no end. metered_only: at an uplink that is not
    metered, nothing of it holds. share: services of one client that are paced under the same share have its rate
    together; empty: each for itself.
    """

    kind: DecisionKind
    layer: LayerName
    why: str
    rate: int = 0
    metered_only: bool = False
    until: int | None = None
    share: str = ""
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a layer says of a subject: `decision` holds for all services that `what` names.

    what: names of services and categories, `unnamed`, `hidden` and `other` too; None for all services. decision: None
    if the layer says nothing of these, whatever its later entries say.
    """

    subject: Subject
    what: frozenset[str] | None
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of decisions: of its entries, the first that fits a client and a service counts."""

    name: LayerName
    entries: tuple[Entry, ...] = ()


Decisions = Mapping[Account, Mapping[int, Decision]]
"""By account and number of the service. Accounts with the same row share one object; what is not there is free."""


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """One of `rules` in the settings. what, metered_only: as in Entry and Decision; hours: None for always.

    written: what it names, for people.
    """

    subject: Subject
    what: frozenset[str] | None
    kind: DecisionKind
    rate: int = 0
    hours: Hours | None = None
    metered_only: bool = False
    written: str = ""


class LowDataMode(StrEnum):
    """Whether low-data mode is in force; the value is the word of the settings and of the command."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


HELD_BACK = ("updates", "cloud-sync", "ads", "telemetry", "app-stores")
"""The categories that low-data mode holds back, where the settings name none (MISSION.md, row 9)."""

GO_ON = frozenset({"calls", "messaging", "push", "mail", "maps", "shopping"})
"""The categories that low-data mode never holds back. The services of payment are those of shops."""

SD_RATE = 2_500_000
"""bit/s at which players choose 480p without a stall (research/page-saver.md A1)."""


@dataclass(frozen=True, slots=True)
class LowData:
    """What low-data mode is by the settings. percent, ahead: when AUTO is in force; 0, False: never by that.

    percent: of a quota or of what is left to the next step of a plan. ahead: more is used than time has passed.
    hold: what is blocked. video: bit/s that video is paced to; 0 leaves it alone. exempt: clients that it spares.
    """

    mode: LowDataMode = LowDataMode.OFF
    percent: int = 80
    ahead: bool = False
    hold: tuple[str, ...] = HELD_BACK
    video: int = SD_RATE
    exempt: frozenset[ClientKey] = frozenset()


NO_LOW_DATA = LowData()


class ByHand(NamedTuple):
    """What a person decided for a subject and a service or category, from `at` to `until` (None: until taken back)."""

    subject: Subject
    what: str
    kind: DecisionKind
    at: int
    until: int | None = None


class LowDataByHand(NamedTuple):
    """The mode that a person set for a subject `at` a moment."""

    subject: Subject
    mode: LowDataMode
    at: int


class LowSince(NamedTuple):
    """Low-data mode was found to be in force by itself for a subject, `at` a moment; why: for people."""

    subject: Subject
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class RulesState:
    """What is kept of rules by service over restarts. hand: the newest first. automatic: by AUTO, as last looked."""

    hand: tuple[ByHand, ...] = ()
    low_data: tuple[LowDataByHand, ...] = ()
    automatic: tuple[LowSince, ...] = ()


class OwnLayers(NamedTuple):
    """The layers by hand, of low-data mode and of the settings: `made` at a moment, to be made anew at `due`.

    made_from: what they follow from, beside the time. low_data: whom that mode says anything of, the narrowest first;
    None: it spares them. Times in Unix seconds.
    """

    layers: tuple[Layer, ...]
    made: float
    due: float
    made_from: tuple[object, ...]
    low_data: tuple[tuple[Subject, LowSince | None], ...] = ()


@dataclass(frozen=True, slots=True)
class RulesSlice:
    """kept: what is saved. decisions: of now; None until the catalogue is read. inputs: what they follow from.

    policies: what the kernel is to know; the same object while nothing is new. merged: what these follow from.
    own: the layers of this room. looked: when AUTO looked at quotas and plans last, in Unix seconds.
    """

    kept: RulesState = field(default_factory=RulesState)
    decisions: Decisions | None = None
    inputs: tuple[object, ...] = ()
    policies: ServicePolicies | None = None
    merged: tuple[object, ...] = ()
    own: OwnLayers | None = None
    looked: float = 0.0
