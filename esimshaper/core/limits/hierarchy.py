# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients -> hierarchy: the ancestors of each subject, and the override that counts for it. Pure.

    client -> its group -> everyone

An override on a subject holds for all subjects below it; of several the nearest one counts.
"""

from collections.abc import Iterable, Mapping

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, STRANGER, UNKNOWN_GROUP, Override, Subject, SubjectKind
from esimshaper.core.model.rules import Hierarchy, hierarchy_of


def hierarchies(
    clients: Iterable[ClientKey],
    names: Mapping[ClientKey, str],
    groups: Mapping[ClientKey, str],
    others: Iterable[Subject] = (),
) -> Mapping[Subject, Hierarchy]:
    """The Hierarchy of each client, of a stranger, of each group (those in `others` too) and of everyone."""
    named = {Subject(SubjectKind.GROUP, name) for name in {*groups.values(), UNKNOWN_GROUP}}
    named |= {other for other in others if other.kind is SubjectKind.GROUP}
    subjects = (EVERYONE, *named, *(Subject(SubjectKind.CLIENT, client) for client in clients), STRANGER)
    return {subject: hierarchy_of(subject, names, groups) for subject in subjects}


def override_for(hierarchy: Hierarchy, overrides: Mapping[Subject, Override]) -> Override | None:
    """The override that counts: the subject's own, else that of its group, else that of everyone.

    One that slows counts only where none above it blocks.
    """
    found = [overrides[each] for each in hierarchy if each in overrides] if overrides else []
    if found and found[0].rate:
        return next((each for each in found[1:2] if not each.kind.allows), found[0])
    return found[0] if found else None


def by_subject(overrides: Iterable[Override]) -> Mapping[Subject, Override]:
    """The override that is set on each subject itself."""
    return {override.subject: override for override in overrides}
