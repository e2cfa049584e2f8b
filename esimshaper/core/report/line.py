# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> one line: the words of the daemon in `systemctl status`. Pure.

    wan0: counting 12 clients; plan: 8.10 GB of 10.0 GB used; throttled: guest; blocked: tv
    wan0: not everything is counted: interface wan0 is not there; 3 clients

Troubles, which call for a person, come first.
"""

from collections.abc import Iterable

from esimshaper.core.model.counts import NOTHING
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.limits import EVERYONE, ClientState, Level, SubjectKind
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_names, format_size
from esimshaper.core.report.frame import DaemonFacts, identity
from esimshaper.core.report.quotas import limit_of, usages, used_of
from esimshaper.core.report.subjects import subject_label

NAMED = 4
"""So many clients are named; of the others the line has only the number."""


def troubles(state: State, facts: DaemonFacts, limits: Iterable[str] = ()) -> str:
    """All troubles, each once; empty if there is none. `limits`: sentences on limits that could not be enforced."""
    missing = dict.fromkeys(each.problem for each in state.meter.attachments if each.problem or not each.attached)
    said = [f"not everything is counted: {'; '.join(missing)}"] if missing else []
    said += [f"devices go out by {name}, uncounted" for name in state.meter.detour.interfaces]
    said += [f"limits: {each}" for each in limits]
    if not facts.config_ok:
        said.append("the edited configuration is refused, the one before is in force")
    if facts.storage_problem:
        said.append(f"history is not saved: {facts.storage_problem}")
    if facts.metrics_problem:
        said.append(facts.metrics_problem)
    return "; ".join(said)


def limited_clients(state: State, facts: DaemonFacts) -> str:
    """Names of clients that are throttled or blocked; empty if none is."""
    return "; ".join(
        f"{level.value}: {format_names(names, NAMED)}"
        for level in (Level.THROTTLED, Level.BLOCKED)
        if (names := _those(state, facts, level))
    )


def usage(state: State, facts: DaemonFacts) -> str:
    """The number of clients, and the usage of the plan: of the quotas of everyone, else of all, the one with the
    largest part used. Without quotas, all counted bytes.
    """
    number = sum(key not in BUILT_IN_CLIENTS for key in state.totals)
    clients = "1 client" if number == 1 else f"{number} clients"
    quotas = [each for each in usages(state, facts) if each.quota.services is None]
    if not quotas:
        return f"{clients}; {format_size(sum(state.totals.values(), NOTHING).total_bytes)} since counting began"
    shared = [each for each in quotas if each.tally.subject == EVERYONE]
    fullest = max(shared or quotas, key=lambda each: used_of(each) / max(1, limit_of(each)))
    name, subject = fullest.quota.name, fullest.tally.subject
    whose = "" if subject == EVERYONE else f" of {subject_label(state, subject, facts)}"
    return f"{clients}; {name}{whose}: {format_size(used_of(fullest))} of {format_size(limit_of(fullest))} used"


def _those(state: State, facts: DaemonFacts, level: Level) -> list[str]:
    if state.limits.states.get(EVERYONE, ClientState()).level is level:
        return ["everyone"]
    clients = (subject for subject, standing in state.limits.states.items() if standing.level is level)
    return sorted(
        identity(state, ClientKey(each.id), facts).called for each in clients if each.kind is SubjectKind.CLIENT
    )
