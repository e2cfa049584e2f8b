# SPDX-License-Identifier: GPL-2.0-or-later
"""The room of the meter: one reading -> usage of each client, and what of it counts against limits. Pure.

counters, moves at LAN -> usage_between -+-> + shares of tunnels --> - queue drops --> usage, totals (billed)
counters of tunnels ---> share_out ------+
counters of budgets ---> budget_deltas --+-> + corrections of tunnels -> - queue drops --> deltas (limits)
counters of services, usage --> attribute --> usage of each client by service

Queue drops are those of our own classes (queue_drops), and those behind our program (uplink_drops).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from esimshaper.core.meter import carried, moves, queue_drops, services, tunnels, uplink_drops
from esimshaper.core.meter.usage import book_reading, budget_deltas, usage_between
from esimshaper.core.model.counts import UNUSED, Budget, Usage
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import Apart, Subject, SubjectKind
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.rules import Hierarchy, Rules
from esimshaper.core.model.services import ServiceUsage
from esimshaper.core.model.state import Booked, MeterSlice
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.uplink import UplinkDrops


@dataclass(frozen=True, slots=True)
class Metered:
    """usage: as billed; services, by_uplink: the same by service, by uplink. deltas: what is held against limits;
    in_scopes: against those of quotas that name uplinks or plans. budgets: what was added to each account's.

    is_broken: a comparison of queues has ended. guessed: clients whose usage was corrected by an estimate. dropped:
    bytes that were taken off again for all.
    """

    state: MeterSlice
    booked: Booked
    usage: Usage
    deltas: Mapping[Subject, Budget]
    is_broken: bool
    services: ServiceUsage = field(default_factory=dict)
    guessed: frozenset[ClientKey] = frozenset()
    dropped: int = 0
    by_uplink: Mapping[str, Usage] = field(default_factory=dict)
    in_scopes: Mapping[Apart, Mapping[Subject, Budget]] = field(default_factory=dict)
    budgets: Mapping[Account, Budget] = field(default_factory=dict)


def advance(tick: Tick) -> Metered:
    """The reading of `tick`, booked."""
    step, reading = tick.step, tick.reading
    shares = tunnels.share_out(step)
    before = step.booked.drops if step.booked else {}
    drops = queue_drops.compare(step, tick.observed.sent)
    broken = queue_drops.is_broken(before, drops)
    settled = moves.settle_moves(step)
    usage = tunnels.add_shares(usage_between(settled), shares.given, reading.owners)
    queues = _queue_members(tick, drops, shares)
    offered = _uploads(usage)
    usage, drops = queue_drops.deduct_drops(usage, step.booked, drops, queues)
    queued = _uploads(usage)
    known = step.booked.uplink if step.booked else UplinkDrops()
    compared = uplink_drops.compare(known, tick.observed.uplink)
    usage, uplink = _deduct_uplink(tick, usage, known, compared.drops, shares)
    unsent = carried.LeftOut(offered - queued, queued - _uploads(usage))
    shared = carried.share_out(tick, usage, unsent)
    attributed = services.attribute(step, usage, _waiting(drops, uplink))
    published = _published(tick, attributed.usage)
    booked = replace(
        book_reading(settled, usage, tick.rules.wan),
        drops=drops,
        tunnels=shares.booked,
        uplink=uplink,
        services=attributed.booked,
        served=published.totals,
        carried=shared.booked,
    )
    shaped = queue_drops.new_drops(before, drops)
    metered = frozenset(each.name for each in tick.rules.uplinks if each.metered)
    budgets = budget_deltas(step)
    deltas = _limit_deltas(tick, _of_tree(budgets, 0, tick), shares, metered, shaped)
    deltas = uplink_drops.credit(deltas, known, uplink, tick.subjects, tick.rules.hierarchy)
    in_scopes: dict[Apart, Mapping[Subject, Budget]] = {}
    for scope, offset in tick.trees:
        of_scope = _limit_deltas(tick, _of_tree(budgets, offset, tick), shares, tick.places[scope], shaped)
        # Nobody knows at which uplink an account lost something: only a scope of all such uplinks is credited with it.
        if {name for name, size in shared.booked.missing.items() if size} <= tick.places[scope]:
            of_scope = uplink_drops.credit(of_scope, known, uplink, tick.subjects, tick.rules.hierarchy)
        in_scopes[scope] = of_scope
    guessed = frozenset(reading.owners.get(account, UNATTRIBUTED) for account in compared.guessed)
    seen = tick.observed
    state = MeterSlice(booked, reading, seen.attachments, tick.subjects, seen.detour, published.behind)
    dropped = uplink.corrected - known.corrected
    by_service, by_uplink = attributed.usage, shared.usage
    return Metered(state, booked, usage, deltas, broken, by_service, guessed, dropped, by_uplink, in_scopes, budgets)


def _uploads(usage: Usage) -> int:
    return sum(counters.up_bytes for counters in usage.values())


def _waiting(drops: queue_drops.Drops, uplink: UplinkDrops) -> Mapping[Account, int]:
    """Uploads of each account that are not billed, and may still leave."""
    waiting = {account: each.unsent - each.dropped for account, each in drops.items() if each.unsent > each.dropped}
    return {
        account: waiting.get(account, 0) + uplink.waiting.get(account, 0) for account in {**waiting, **uplink.waiting}
    }


def _published(tick: Tick, usage: ServiceUsage) -> services.Published:
    before = tick.step.before
    known = services.Published(before.served, tick.behind) if before else services.Published()
    return services.publish(known, usage)


def _deduct_uplink(
    tick: Tick, usage: Usage, known: UplinkDrops, after: UplinkDrops, shares: tunnels.Shares
) -> tuple[Usage, UplinkDrops]:
    """`usage` without what was dropped behind our program. Packets of a tunnel are those of who sent inside it."""
    reading, booked = tick.reading, tick.step.booked
    inside = tuple(reading.owners.get(account, ROUTER) for account in shares.given)
    queues = queue_drops.QueueMembers(reading.owners, {reading.tunnels_account: (inside, (ROUTER,))})
    return uplink_drops.deduct_unsent(usage, known, booked.owners if booked else {}, after, queues)


def _of_tree(budgets: Mapping[Account, Budget], offset: int, tick: Tick) -> Mapping[Subject, Budget]:
    """Those of the accounts whose numbers are so much higher, by subject."""
    if offset:
        budgets = {Account(number - offset): each for number, each in budgets.items() if number >= offset}
    return sum_by_subject(budgets, tick.subjects)


def _limit_deltas(
    tick: Tick,
    deltas: Mapping[Subject, Budget],
    shares: tunnels.Shares,
    uplinks: Collection[str],
    drops: Mapping[Account, int],
) -> Mapping[Subject, Budget]:
    """`deltas` + corrections of tunnels - queue drops, by subject: of limits that look at these uplinks."""
    share = carried.share_of(tick.step, uplinks)
    # What our classes drop at an uplink that no quota looks at was in no budget.
    drops = drops if carried.shaped_uplink(tick).name in uplinks else {}
    corrections = sum_by_subject(tunnels.corrections_of(shares, share), tick.subjects)
    named = {tick.subjects[account]: size for account, size in drops.items() if account in tick.subjects}
    hierarchies = {subject: tick.rules.hierarchy(subject) for subject in (*corrections, *named)}
    return queue_drops.credit(tunnels.correct(deltas, corrections, hierarchies), named, hierarchies)


def sum_by_subject(deltas: Mapping[Account, Budget], subjects: Mapping[Account, Subject]) -> Mapping[Subject, Budget]:
    """`deltas` added up by whose accounts they are."""
    sums: dict[Subject, Budget] = {}
    for account, budget in deltas.items():
        if account in subjects:
            subject = subjects[account]
            sums[subject] = sums.get(subject, UNUSED) + budget
    return sums


def _queue_members(tick: Tick, drops: queue_drops.Drops, shares: tunnels.Shares) -> queue_drops.QueueMembers:
    """The members of each shared queue, if such a queue has dropped something: for a crowd it takes milliseconds."""
    reading = tick.reading
    if not reading.queued:
        return queue_drops.QueueMembers(reading.owners)
    groups = {account: each for account, each in tick.subjects.items() if account not in reading.owners}
    entries = [drops[account] for account in groups if account in drops]
    if all(entry.dropped == entry.unsent for entry in entries):
        return queue_drops.QueueMembers(reading.owners, dict.fromkeys(groups, ()))
    # Packets that went by a tunnel were in no class: their client counts as one without a class of its own.
    own = {group: clients.difference(shares.given) for group, clients in tick.observed.members.items()}
    return queue_drops.queue_members(reading.owners, groups, _hierarchies(reading, tick.rules), own)


def _hierarchies(reading: Reading, rules: Rules) -> Mapping[Subject, Hierarchy]:
    clients = (Subject(SubjectKind.CLIENT, client) for client in reading.owners.values())
    return {client: rules.hierarchy(client) for client in clients}
