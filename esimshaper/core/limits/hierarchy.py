# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage clients -> chains: who stands under whom, and whose word by hand counts for whom. Pure.

    client -> its group -> everyone

What is set for a subject holds for all below it; what is set nearer counts more.
"""

from collections.abc import Iterable, Mapping

from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import EVERYONE, STRANGER, UNKNOWN_GROUP, Override, Subject, SubjectKind

Chain = tuple[Subject, ...]
"""A subject, then those above it."""


def chains(
    clients: Iterable[ClientKey],
    names: Mapping[ClientKey, str],
    groups: Mapping[ClientKey, str],
    others: Iterable[Subject] = (),
) -> Mapping[Subject, Chain]:
    """The Chain of each client, of a stranger, of each group and of everyone.

    `names` are those of the listed clients, `groups` the groups of those who have one. A client that is not listed is
    in UNKNOWN_GROUP. The router and what nobody asked for are in no group. `others` may be groups, too.
    """
    found: dict[Subject, Chain] = {EVERYONE: (EVERYONE,)}
    named = {Subject(SubjectKind.GROUP, name) for name in {*groups.values(), UNKNOWN_GROUP}}
    for group in named.union(other for other in others if other.kind is SubjectKind.GROUP):
        found[group] = (group, EVERYONE)
    for client in clients:
        subject = Subject(SubjectKind.CLIENT, client)
        listed = client in names or client in PSEUDO_KEYS
        group_name = groups.get(client, "" if listed else UNKNOWN_GROUP)
        found[subject] = (subject, *_group(group_name), EVERYONE)
    found[STRANGER] = (STRANGER, *_group(UNKNOWN_GROUP), EVERYONE)
    return found


def by_hand(chains: Mapping[Subject, Chain], overrides: Iterable[Override]) -> Mapping[Subject, Override]:
    """The Override that counts for each subject: its own, else that of its group, else that of everyone."""
    set_for = {override.subject: override for override in overrides}
    nearest = {s: next((set_for[each] for each in chain if each in set_for), None) for s, chain in chains.items()}
    return {subject: override for subject, override in nearest.items() if override}


def _group(name: str) -> Chain:
    return (Subject(SubjectKind.GROUP, name),) if name else ()
