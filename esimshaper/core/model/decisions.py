# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of decisions: what holds for a client and a service now, and why. Pure: values only.

hand  low_data  rules  approval  saver      layers; of the first one that says anything about a client and a
   `------`-------`-------`--------`--> Decision -> ServicePolicy (kernel), table of `esimshaper rules`    service
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.service_policies import ServicePolicies


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
    """What holds for a service of a client. rate: bit/s of IP-layer bytes, for PACE; until: Unix seconds, None: no end.

    metered_only: at an uplink that is not metered, nothing of it holds. why: for people, a part of a sentence. share:
    services of one client that are paced under the same share have its rate together; empty: each for itself.
    """

    kind: DecisionKind
    layer: LayerName
    why: str
    rate: int = 0
    metered_only: bool = False
    until: int | None = None
    share: str = ""


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
class RulesSlice:
    """decisions: of now; None until the catalogue is read. inputs: what they follow from.

    policies: what the kernel is to know; the same object while nothing is new. merged: what these follow from.
    """

    decisions: Decisions | None = None
    inputs: tuple[object, ...] = field(default=())
    policies: ServicePolicies | None = None
    merged: tuple[object, ...] = field(default=())
