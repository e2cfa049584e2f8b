# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be done in the kernel, in tc and in nftables, one step at a time, and what came of it. Pure: values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import Policy
from esimshaper.core.model.service_policies import ServicePolicies
from esimshaper.core.model.shaping import Change, Shaping
from esimshaper.core.shaping.leaving import Waiting

Policies = Mapping[Account, Policy]


@dataclass(frozen=True, slots=True)
class AddClients:
    """Give these clients their accounts before they come."""

    clients: tuple[ClientKey, ...]


@dataclass(frozen=True, slots=True)
class AddGroups:
    """Give these groups accounts; where too few are left, the accounts of `spare` groups, which no policy names."""

    names: tuple[str, ...]
    spare: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookAtClasses:
    """Find out what is installed in tc."""


@dataclass(frozen=True, slots=True)
class LookAtWaiting:
    """Find out in which classes packets wait."""


@dataclass(frozen=True, slots=True)
class ChangeClasses:
    """Change tc. A change that fails is left out, and the others are made all the same."""

    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class NoteRestored:
    """Say that somebody else had changed our classes, and that they are as before."""


@dataclass(frozen=True, slots=True)
class ShapeAt:
    """Have the kernel give packets to classes at the interfaces with these numbers only; 0 for none."""

    upload: int
    download: int


@dataclass(frozen=True, slots=True)
class WritePolicies:
    """Write these policies, in their order."""

    policies: Policies


@dataclass(frozen=True, slots=True)
class WriteServices:
    """Write what the kernel is to know of services: all of it, of which only what is new is written."""

    policies: ServicePolicies


@dataclass(frozen=True, slots=True)
class CheckRejects:
    """Look whether somebody else changed the reject table; then the next Reject makes it anew."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Reject what these devices send, each until the moment beside it (CLOCK_BOOTTIME, ns), and nothing else.

    but: where all devices without an account of their own are blocked, those that have one; None where not.
    wan: number of the WAN's interface, 0 for none. but_until: as of `devices`. lans: as of a Wish. at: those that are
    rejected at one uplink only, by its name.
    """

    # At such a moment the kernel lets a device on by itself, also while no daemon is there to mend the table.
    devices: Mapping[ClientKey, int | None]
    but: frozenset[ClientKey] | None
    wan: int
    but_until: int | None = None
    lans: Mapping[str, int] = field(default_factory=dict)
    at: Mapping[str, frozenset[ClientKey]] = field(default_factory=dict)


Step = (
    AddClients
    | AddGroups
    | LookAtClasses
    | LookAtWaiting
    | ChangeClasses
    | NoteRestored
    | ShapeAt
    | WritePolicies
    | WriteServices
    | CheckRejects
    | Reject
)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of some steps. `failed`: sentences on what could not be done.

    groups_added: of AddGroups, a group got an account. found: of LookAtClasses; None while there is no interface.
    waiting: of LookAtWaiting.
    """

    failed: tuple[str, ...] = ()
    groups_added: bool = False
    found: Shaping | None = None
    waiting: Waiting = field(default_factory=dict)
