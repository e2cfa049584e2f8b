# SPDX-License-Identifier: GPL-2.0-or-later
"""`service` of a quota -> its ServiceSet, and whether the kernel has room for all pools of these. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from esimshaper.core.model.limits import EACH_CLIENT, UNKNOWN_GROUP, Quota, Subject, SubjectKind
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.model.service_sets import MAX_POOLS, POOLS_OF_A_PACKET, ServiceSet
from esimshaper.core.model.services import BUILT_IN
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.values import Client, Settings


def services_from(quota: Block) -> ServiceSet | None:
    """The services and categories that a quota without `follow` names; None for all that its subject moves."""
    if not quota.has("service"):
        return None
    for key in ("uplink", "plan"):
        if quota.has(key):
            message = "what a service moves by one uplink is not counted apart, so this limit could not be exact"
            quota.refuse(key, message, "Keep `service` or this line; two quotas can hold beside each other.")
    names = {quota.get("service")} if isinstance(quota.get("service"), str) else set(filter(None, quota.get("service")))
    return ServiceSet(tuple(sorted(names)))


def check_pools(tree: Block, quotas: Sequence[Quota], max_clients: int, *, names: bool) -> None:
    """Adds a problem where services are not counted, and at the quota that needs one pool too many."""
    pools = {(quota.services, quota.subject): quota.name for quota in reversed(quotas) if quota.services}
    late, taken, each_client = "", 0, max_clients + 1  # and the devices that found no account, which are one client
    for (_, subject), name in reversed(pools.items()):
        taken += each_client if subject == EACH_CLIENT else 1
        late = late or (name if taken > MAX_POOLS else "")
    for block in tree.blocks("quotas"):
        if block.has("service") and not names:
            message = "services are not counted, as services.names is off"
            block.refuse("service", message, "Write `services: {names: on}`, or remove this quota.")
        elif late and block.name() == late:
            message = (
                f"quotas by service need {taken} pools ({each_client} for each set of services that is for "
                f"each-client), but there is room for {MAX_POOLS}"
            )
            hint = "Have quotas for each-client name the same services, or write them for a group."
            block.refuse("service", message, hint)


def wrong_services(
    tree: Mapping[str, Any], settings: Settings | None, services: Mapping[str, str | None]
) -> list[Problem]:
    """Quotas and paces with a name that is no service and no category, and a quota by which too many name a service.

    `services`: those of the catalogue, with their category.
    """
    problems: list[Problem] = []
    top, known = Block(tree, problems), {*services, *filter(None, services.values()), *BUILT_IN}
    places = [(quota, "service") for quota in top.blocks("quotas")]
    places += [(pace, "only") for pace in top.block("saver").blocks("pace")]
    for block, key in places:
        written = block.get(key, ())
        for position, name in enumerate([written] if isinstance(written, str) else written):
            if name and name not in known:
                where = (key,) if isinstance(written, str) else (key, position)
                block.refuse(where, f"no service and no category is called `{name}`", _hint(name, known))
    if settings:
        _check_number_of_each(top, settings, services)
    return problems


def _hint(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name.lower(), sorted(known), n=1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return f"{meant}`esimshaper services` shows which are used; own ones are in services.d beside this file."


def _check_number_of_each(tree: Block, settings: Settings, services: Mapping[str, str | None]) -> None:
    """Adds a problem at the first quota by which one packet would be counted in more pools than the kernel looks at."""
    quotas, categories = settings.quotas, {name: each for name, each in services.items() if each}
    subjects = [Subject(SubjectKind.CLIENT, each.key) for each in settings.clients]
    subjects += [Subject(SubjectKind.GROUP, UNKNOWN_GROUP)]
    for service in (*services, *sorted(BUILT_IN)):
        found = [each for each in quotas if each.services and each.services.has(service, categories)]
        if len(found) <= POOLS_OF_A_PACKET:
            continue
        for subject in subjects:
            own = _pools_of(subject, found, settings.clients)
            if len(own) > POOLS_OF_A_PACKET:
                late = list(own.values())[POOLS_OF_A_PACKET]
                block = next(each for each in tree.blocks("quotas") if each.name() == late)
                message = (
                    f"for one client, {len(own)} different sets of services in quotas have {service} in them, but "
                    f"there is room for {POOLS_OF_A_PACKET}"
                )
                block.refuse(
                    "service", message, "Quotas for the same clients can name the same services, or a category."
                )
                return


def _pools_of(subject: Subject, quotas: Iterable[Quota], clients: Iterable[Client]) -> dict[tuple[object, ...], str]:
    """The pools that count for a client (or for one that is not listed), with the first quota of each."""
    names = {client.key: client.name for client in clients}
    groups = {client.key: client.group for client in clients if client.group}
    holders = {*hierarchy_of(subject, names, groups), EACH_CLIENT}
    pools: dict[tuple[object, ...], str] = {}
    for quota in quotas:
        if quota.subject in holders:
            whose = EACH_CLIENT if quota.subject.kind is SubjectKind.CLIENT else quota.subject
            pools.setdefault((whose, quota.services), quota.name)
    return pools
