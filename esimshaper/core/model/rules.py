# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of settings, as far as a tick needs them: names, groups, quotas, the zone. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from fractions import Fraction

from esimshaper.core.model.approval import Approval
from esimshaper.core.model.channels import NOBODY_TOLD, NoticeSettings
from esimshaper.core.model.decisions import NO_LOW_DATA, LowData, ServiceRule
from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import EVERYONE, STRANGER, UNKNOWN_GROUP, Curfew, Quota, Subject, SubjectKind
from esimshaper.core.model.measure import NEVER
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.saver import Pace
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.uplinks import ALONE, Uplink
from esimshaper.core.model.watch import NOT_WATCHED, Watch

Hierarchy = tuple[Subject, ...]
"""A subject, then its ancestors from the nearest to the farthest."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of one tick.

    zone: the days and months of history begin at its midnight. names: of all clients that are listed; groups: of those
    that have one. knows_quotas: False if the settings cannot be read; then all limits stay as they are. reserve: bytes
    for the upkeep of a blocked router, in each window. uplinks: in the order of the file, at least one. plans: what
    carriers have sold. watch: what counts as abnormal use. scopes: those of quotas, sorted.
    notices: how people are told. categories: of the services of the catalogue that have one; none until it was read.
    services, low_data: what holds for services.
    approval: what waits for the word of the owner; None: nothing.
    paces: of the data saver; they rest in a share of windows, `measure`, for it to be known what they save.
    """

    wan: str
    zone: tzinfo
    names: Mapping[ClientKey, str] = field(default_factory=dict)
    groups: Mapping[ClientKey, str] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    knows_quotas: bool = True
    reserve: int = 0
    curfews: tuple[Curfew, ...] = ()
    uplinks: tuple[Uplink, ...] = ALONE
    plans: tuple[Plan, ...] = ()
    watch: Watch = NOT_WATCHED
    scopes: tuple[Scope, ...] = ()
    notices: NoticeSettings = NOBODY_TOLD
    paces: tuple[Pace, ...] = ()
    measure: Fraction = NEVER
    categories: Mapping[str, str] = field(default_factory=dict)
    approval: Approval | None = None
    services: tuple[ServiceRule, ...] = ()
    low_data: LowData = NO_LOW_DATA

    def hierarchy(self, subject: Subject) -> Hierarchy:
        """`subject` and its ancestors by these settings."""
        return hierarchy_of(subject, self.names, self.groups)


def hierarchy_of(subject: Subject, names: Mapping[ClientKey, str], groups: Mapping[ClientKey, str]) -> Hierarchy:
    """client -> its group -> everyone. A client that is not listed is in UNKNOWN_GROUP, a pseudo-client in no group."""
    if subject == EVERYONE:
        return (EVERYONE,)
    if subject.kind is SubjectKind.GROUP:
        return (subject, EVERYONE)
    client = ClientKey(subject.id)
    listed = subject != STRANGER and (client in names or client in PSEUDO_KEYS)
    group = groups.get(client, "" if listed else UNKNOWN_GROUP)
    return (subject, Subject(SubjectKind.GROUP, group), EVERYONE) if group else (subject, EVERYONE)
