# SPDX-License-Identifier: GPL-2.0-or-later
"""Wanted limits and installed policies and classes -> steps to do in the kernel and in tc, in order. Pure.

    begin --> accounts --> look at tc --> make classes --> name them in policies --> remove classes --> reject table
              AddGroups    LookAtClasses  ChangeClasses    ShapeAt, WritePolicies,   LookAtWaiting      Reject
                                                           WriteServices             ChangeClasses

Each arrow is a Plan: steps, and a function that makes the next Plan of the Report on them. A class is made before a
policy names it. It goes when no policy names it any more (R12 in DESIGN.md) and nothing waits in it (leaving.py);
until then each tick looks again. What is right already is no step: so a plan that was carried out twice, or cut
off by a kill and begun anew, leads to the same (R25).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from esimshaper.core.model.counts import UNUSED
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, OTHERS, Account, ClientKey
from esimshaper.core.model.limits import ClientState, Direction, Level, Policy, Subject, SubjectKind
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.service_policies import ServicePolicies
from esimshaper.core.model.shaping import PATIENCE, Change, ChangeKind, Side, Tree, Wire
from esimshaper.core.model.state import Outcome
from esimshaper.core.shaping import leaving, policy_transition, tree, tree_diff
from esimshaper.core.shaping.leaving import Waiting
from esimshaper.core.shaping.steps import (
    AddClients,
    AddGroups,
    ChangeClasses,
    CheckRejects,
    LookAtClasses,
    LookAtWaiting,
    NoteRestored,
    Policies,
    Reject,
    Report,
    ShapeAt,
    Step,
    WritePolicies,
    WriteServices,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What limits demand in a tick, and where. `rates`: of the link; its `wire` is found by looking.

    reading: the one that `outcome` was made from. wan: number of the WAN's interface if uploads pass our program there,
    else 0. states: of clients. look_around: compare with the kernel and tc though nothing is new, as somebody else may
    have changed them. lans: interfaces of the LAN where our programs see both ways, with their numbers; 0 for one that
    is not there. first: clients that go before others. classes_read: what left the classes was read with `reading`.
    """

    outcome: Outcome
    reading: Reading
    rates: tree.Link
    wan: int
    states: Mapping[Subject, ClientState] = field(default_factory=dict)
    look_around: bool = False
    lans: Mapping[str, int] = field(default_factory=dict)
    first: frozenset[ClientKey] = frozenset()
    classes_read: bool = True

    @property
    def cause(self) -> tuple[object, ...]:
        """All but policies and states that decides what there shall be."""
        outcome = self.outcome
        new = outcome.new_clients, outcome.new_groups
        held = outcome.shaped, outcome.paced
        return self.wan, self.lans, self.rates, self.first, new, held, self.reading.owners


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory from one tick to the next. Memory() knows nothing: then all is compared with kernel and tc.

    cause, policies, services, states: of the last Wish that was carried out. classes_for: interface, rates and Demand
    that the classes are for; None if the next tick must look. class_ids: those that policies name. sides: those whose
    classes are all there. drawn: the last wanted tree, with its link and Demand. problems: sentences on classes.
    leaving_since: since when classes are to go (CLOCK_BOOTTIME, s); None while there are none. waiting: where packets
    waited in the last tick, or could come to wait; None if it did not look.
    """

    cause: tuple[object, ...] | None = None
    policies: Policies = field(default_factory=dict)
    services: ServicePolicies | None = None
    states: Mapping[Subject, ClientState] | None = None
    classes_for: tuple[int, tree.Link, tree.Demand] | None = None
    class_ids: Mapping[Account, tuple[int, ...]] = field(default_factory=dict)
    sides: Collection[Side] = ()
    drawn: tuple[tree.Link, tree.Demand, Tree] | None = None
    problems: tuple[str, ...] = ()
    leaving_since: float | None = None
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps`, in their order; then `after` makes the next Plan of the Report on them. Without it this is the last one.

    memory: to be kept if this is the last one. problems: sentences on all that could not be done; None if this tick
    ended too early to know them.
    """

    memory: Memory
    steps: tuple[Step, ...] = ()
    after: Callable[[Report], "Plan"] | None = None
    problems: tuple[str, ...] | None = None


def begin(memory: Memory, installed: Policies, wish: Wish) -> Plan | None:
    """The first Plan; None if neither the limits nor the interface have changed.

    `installed`: all policies as they were last written, by an earlier daemon too.
    """
    # In most ticks nothing of this is new, and finding that out costs next to nothing.
    policies, services = wish.outcome.policies, wish.outcome.service_policies
    as_before = memory.cause == wish.cause and memory.policies is policies and memory.services is services
    if as_before and memory.classes_for and not wish.look_around:
        return None if memory.states is wish.states else _reject(memory, wish, Report())
    new_clients, new_groups = wish.outcome.new_clients, wish.outcome.new_groups
    steps: list[Step] = [AddClients(new_clients)] if new_clients else []
    if new_groups:
        steps.append(AddGroups(new_groups, _spare_groups(installed, wish)))
    return Plan(memory, tuple(steps), partial(_look, memory, installed, wish))


def _spare_groups(installed: Policies, wish: Wish) -> tuple[str, ...]:
    """Groups whose account is no policy's parent any more."""
    parents = {policy.parent for policy in installed.values()}
    return tuple(name for name in wish.outcome.idle_groups if wish.reading.groups[name] not in parents)


def _look(memory: Memory, installed: Policies, wish: Wish, report: Report) -> Plan:
    if report.groups_added:  # policies that name the new accounts come with the next tick, which follows at once
        return Plan(memory)
    memory = replace(memory, cause=wish.cause, policies=wish.outcome.policies)
    reading, outcome = wish.reading, wish.outcome
    first = frozenset(account for account, owner in reading.owners.items() if owner in wish.first)
    demand = tree.demand_of(
        reading.everyone,
        outcome.shaped,
        reading.clients,
        outcome.policies,
        wish.rates,
        first=first,
        paced=outcome.paced,
    )
    if not wish.look_around and memory.classes_for == (wish.wan, wish.rates, demand):
        return _name(memory, installed, wish, _Classes(), Report())
    return Plan(memory, (LookAtClasses(),), partial(_make, memory, installed, wish, demand))


@dataclass(frozen=True, slots=True)
class _Classes:
    """Results about classes. `looked`: there was an interface to look at; None if this tick did not look.

    made: changes before policies are written. there: all classes after these. wanted: those of them that are to stay.
    problem: a sentence on a qdisc in our way. again: the same classes were wanted before.
    """

    looked: bool | None = None
    made: Sequence[Change] = ()
    there: Tree = field(default_factory=Tree)
    wanted: Tree = field(default_factory=Tree)
    wire: Wire = field(default_factory=Wire)
    problem: str = ""
    again: bool = False


def _make(memory: Memory, installed: Policies, wish: Wish, demand: tree.Demand, report: Report) -> Plan:
    found = report.found
    if found is None:  # classes of earlier ticks, or of an earlier daemon, are gone with their interface
        memory = replace(memory, classes_for=None, class_ids=tree.class_ids(demand))
        return _name(memory, installed, wish, _Classes(looked=False), Report())
    again = memory.classes_for == (wish.wan, wish.rates, demand)
    link = replace(wish.rates, wire=found.wire)
    drawn = memory.drawn
    if drawn is None or drawn[:2] != (link, demand):
        drawn = link, demand, tree.wanted(link, demand)
    moving = tree_diff.classes_that_move(found.tree, drawn[2])
    wanted = tree_diff.without(drawn[2], moving)
    between = tree_diff.transition(found.tree, wanted)
    changes = tree_diff.diff(found.tree, between)
    if not wish.wan:  # the redirect hangs on a qdisc of the meter, which is not made yet
        changes = [each for each in changes if each.kind is not ChangeKind.ADD_REDIRECT]
    memory = replace(
        memory,
        # The next tick makes classes anew that need another parent.
        classes_for=None if moving else (wish.wan, wish.rates, demand),
        class_ids=memory.class_ids if again and not moving else tree.class_ids(demand, moving),
        drawn=drawn,
    )
    classes = _Classes(
        looked=True, made=changes, there=between, wanted=wanted, wire=found.wire, problem=found.problem, again=again
    )
    return Plan(memory, (ChangeClasses(changes),), partial(_name, memory, installed, wish, classes))


def _name(memory: Memory, installed: Policies, wish: Wish, classes: _Classes, report: Report) -> Plan:
    steps: list[Step] = []
    if classes.looked:
        changed = bool(classes.made or classes.there != classes.wanted)
        if classes.again and changed and not memory.problems and not report.failed:
            steps.append(NoteRestored())
        in_the_way = (classes.problem,) if classes.problem and changed else ()
        memory = replace(memory, problems=(*in_the_way, *report.failed), sides=_sides(memory, classes, report))
    if wish.wan and classes.looked is not False:
        upload, download = (wish.wan if side in memory.sides else 0 for side in (Side.UPLOAD, Side.DOWNLOAD))
        steps.append(ShapeAt(upload, download))
    named = tree.with_classes(wish.outcome.policies, memory.class_ids)
    rows = min(wish.reading.scopes.values(), default=0)
    written = policy_transition.writes(installed, named, wish.reading.everyone, rows)
    steps += [WritePolicies(policies) for policies in written if policies]
    services = wish.outcome.service_policies
    if services is not None and services is not memory.services:
        steps.append(WriteServices(services))
        memory = replace(memory, services=services)
    if classes.there == classes.wanted:
        return Plan(replace(memory, leaving_since=None, waiting=None), tuple(steps), partial(_reject, memory, wish))
    return Plan(memory, (*steps, LookAtWaiting()), partial(_remove, memory, wish, classes))


def _remove(memory: Memory, wish: Wish, classes: _Classes, report: Report) -> Plan:
    now, since = wish.reading.boottime, memory.leaving_since
    since = now if since is None else since
    before = memory.waiting if wish.classes_read else None
    waiting = leaving.all_of(classes.there) if before is None else leaving.either(before, report.waiting)
    waiting = waiting if now - since < PATIENCE else {}
    staying = leaving.staying(classes.there, classes.wanted, waiting, classes.wire)
    changes = tree_diff.diff(classes.there, staying)
    if staying == classes.wanted:
        memory = replace(memory, leaving_since=None, waiting=None)
    else:  # the next tick looks again
        looked = leaving.either(report.waiting, leaving.all_of(classes.wanted))  # what may yet be given to
        memory = replace(memory, leaving_since=since, waiting=looked, classes_for=None)
    return Plan(memory, (ChangeClasses(changes),) if changes else (), partial(_reject, memory, wish))


def _sides(memory: Memory, classes: _Classes, report: Report) -> Collection[Side]:
    """The sides whose classes are there, all of them."""
    if report.failed:
        return ()
    # Where no class is wanted, what leaves the uplink's own queue is compared by other means: see uplink_drops.
    has_upload = memory.drawn is not None and memory.drawn[2].upload is not None and not classes.problem
    return (Side.DOWNLOAD, Side.UPLOAD) if has_upload else (Side.DOWNLOAD,)


def _reject(memory: Memory, wish: Wish, report: Report) -> Plan:
    memory = replace(memory, states=wish.states, problems=(*memory.problems, *report.failed))
    reject = rejected(wish)
    steps = (CheckRejects(), reject) if wish.look_around else (reject,)
    return Plan(memory, steps, partial(_end, memory))


def _end(memory: Memory, report: Report) -> Plan:
    return Plan(memory, problems=(*memory.problems, *report.failed))


def rejected(wish: Wish) -> Reject:
    """What blocked clients send, where it has come from a device."""
    blocked = {
        ClientKey(subject.id)
        for subject, state in wish.states.items()
        if state.level is Level.BLOCKED and not state.uplinks and subject.kind is SubjectKind.CLIENT
    }
    seen = {owner: account for account, owner in wish.reading.owners.items()} if blocked else {}
    known, at = seen.keys() - BUILT_IN_CLIENTS, _rejected_apart(wish)
    devices = {each: _let_on(wish, seen[each]) for each in known & blocked}
    if OTHERS not in seen.keys() & blocked:
        return Reject(devices, None, wish.wan, lans=wish.lans, at=at)
    return Reject(devices, frozenset(known), wish.wan, _let_on(wish, seen[OTHERS]), wish.lans, at)


def _rejected_apart(wish: Wish) -> Mapping[str, frozenset[ClientKey]]:
    """By name of an uplink, devices that are blocked there, and not everywhere."""
    apart = [(subject, state) for subject, state in wish.states.items() if state.uplinks]
    found: dict[str, set[ClientKey]] = {}
    for subject, state in apart:
        if state.level is Level.BLOCKED and subject.kind is SubjectKind.CLIENT and subject.id not in BUILT_IN_CLIENTS:
            for name in state.uplinks:
                found.setdefault(name, set()).add(ClientKey(subject.id))
    return {name: frozenset(devices) for name, devices in found.items()}


def _let_on(wish: Wish, account: Account) -> int | None:
    """When the kernel itself lets an account on that is blocked by hand or by hours; None if that is not known."""
    policies = wish.outcome.policies
    own = policies.get(account, Policy())
    ends = [switch.at for switch in own.switches if not switch.hold.blocked] if own.blocked else []
    while ends and account:
        policy, used = policies.get(account, Policy()), wish.reading.budgets.get(account, UNUSED)
        if any(limit.of(policy.block_at) <= limit.of(used) for limit in Direction):
            return None  # a quota goes on holding it
        account = policy.parent
    return ends[0] if ends else None


def remade_classes(changes: Iterable[Change]) -> frozenset[int] | None:
    """Upload classes that go, or begin to count from zero; None for all of them."""
    uploads = [change for change in changes if change.side is Side.UPLOAD]
    if any(change.kind in (ChangeKind.ADD_QDISC, ChangeKind.REMOVE_QDISC) for change in uploads):
        return None
    return frozenset(each.item.id for each in uploads if each.item and each.kind is not ChangeKind.CHANGE_CLASS)
