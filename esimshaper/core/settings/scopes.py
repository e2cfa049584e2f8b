# SPDX-License-Identifier: GPL-2.0-or-later
"""`uplink` and `plan` of a quota -> its Scope, and how many of these there may be. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from esimshaper.core.model.identity import composed
from esimshaper.core.model.limits import Quota
from esimshaper.core.model.scope import MAX_SCOPES, Scope
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import Wan


def scope_from(quota: Block) -> Scope | None:
    """The scope that a quota without `follow` names; None for all uplinks that are metered."""
    if quota.has("uplink") and quota.has("plan"):
        message = "a quota is of some uplinks, or of a plan, wherever that is"
        quota.refuse("plan", message, "Keep one of the two lines.")
    if quota.has("plan"):
        return Scope(plan=quota.get("plan"))
    return Scope(tuple(sorted(_names(quota)))) if quota.has("uplink") else None


def with_scopes(tree: Block, quotas: Sequence[Quota], wan: Wan | None) -> tuple[Quota, ...]:
    """`quotas`, once all uplinks are known: adds a problem for a name that is none, and for one scope too many.

    A quota of the only uplink is one of all uplinks, where that one is always metered.
    """
    if wan is None:
        return tuple(quotas)
    known = {each.name for each in wan.uplinks}
    alone = Scope(tuple(known)) if len(known) == 1 and not wan.listed else None
    for quota in tree.blocks("quotas"):
        _check_names(quota, known)
    found = tuple(replace(quota, scope=None) if quota.scope == alone else quota for quota in quotas)
    _check_number(tree, found)
    return found


def _names(quota: Block) -> set[str]:
    written = quota.get("uplink")
    return {composed(each) for each in ([written] if isinstance(written, str) else written) if each}


def _check_names(quota: Block, known: Iterable[str]) -> None:
    written = quota.get("uplink", ())
    for position, name in enumerate([written] if isinstance(written, str) else written):
        if name and composed(name) not in known:
            where = ("uplink",) if isinstance(written, str) else ("uplink", position)
            quota.refuse(where, f"no uplink is called `{name}`", f"These are there: {', '.join(sorted(known))}.")


def _check_number(tree: Block, quotas: Iterable[Quota]) -> None:
    """Adds a problem at the first quota whose scope is one too many."""
    scopes: dict[Scope, str] = {}
    for quota in quotas:
        if quota.scope:
            scopes.setdefault(quota.scope, quota.name)
    late = list(scopes.values())[MAX_SCOPES : MAX_SCOPES + 1]
    for block in tree.blocks("quotas"):
        if late and block.name() == late[0]:
            message = f"quotas name {len(scopes)} sets of uplinks and plans, but there is room for {MAX_SCOPES}"
            hint = "Have quotas name the same uplinks, or leave `uplink` out for all that are metered."
            block.refuse("uplink" if block.has("uplink") else "plan", message, hint)
