# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done to the kernel and to tc in a tick, in which order, and what follows from what could not be done."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from esimshaper.core.model.counts import Budget
from esimshaper.core.model.hold import Hold, Switch
from esimshaper.core.model.identity import OTHERS, ROUTER, Account, ClientKey
from esimshaper.core.model.limits import (
    CLASS_URGENT,
    ClientState,
    Level,
    Policy,
    Shaped,
    Subject,
    SubjectKind,
    Thresholds,
)
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.service_policies import ServicePolicy
from esimshaper.core.model.shaping import DEFAULT, QDISC, Change, ChangeKind, Paced, Redirect, Side, Tree, Wire
from esimshaper.core.model.state import Outcome
from esimshaper.core.shaping.plan import Wish, remade_classes
from esimshaper.core.shaping.steps import (
    AddClients,
    AddGroups,
    ChangeClasses,
    CheckRejects,
    LookAtClasses,
    LookAtWaiting,
    NoteRestored,
    Reject,
    Report,
    ShapeAt,
    Step,
    WritePolicies,
    WriteServices,
)
from esimshaper.core.shaping.tree import Link, demand_of, members, wanted
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, FAMILY, GUESTS, TV, Hands, Kernel, ids

SHAPED = (Shaped(FAMILY, 10_000_000), Shaped(GUESTS, 1_000_000))
HOME = {ALICE: Policy(parent=FAMILY), FAMILY: Policy(), GUESTS: Policy()}
OWNERS = {ALICE: ClientKey("02:00:00:00:00:10"), BOB: ClientKey("02:00:00:00:00:11")}
WAN = 7
OUTCOME = Outcome(policies=HOME | {BOB: Policy(parent=GUESTS)}, shaped=SHAPED)
WISH = Wish(OUTCOME, Reading(1, 0.0, {}, OWNERS, everyone=EVERYONE), Link(), WAN)
BLOCKED = {
    Subject(SubjectKind.CLIENT, OWNERS[ALICE]): ClientState(Level.THROTTLED),
    Subject(SubjectKind.CLIENT, OWNERS[BOB]): ClientState(Level.BLOCKED),
}


def kinds(steps: list[Step]) -> list[type[Step]]:
    return [type(step) for step in steps]


def test_classes_are_there_before_policies_name_them_and_go_when_none_does() -> None:
    hands = Hands()
    first = hands.enforce(WISH)
    assert kinds(first) == [LookAtClasses, ChangeClasses, ShapeAt, WritePolicies, Reject]
    assert first[2] == ShapeAt(WAN, WAN)
    assert hands.kernel.tree == wanted(Link(), demand_of(EVERYONE, SHAPED, [ALICE, BOB], OUTCOME.policies, Link()))
    fewer = replace(WISH, outcome=replace(OUTCOME, policies=dict(OUTCOME.policies), shaped=SHAPED[1:]))
    then = hands.enforce(fewer)
    assert kinds(then) == [LookAtClasses, ChangeClasses, ShapeAt, WritePolicies, LookAtWaiting, Reject]
    assert not any(hands.installed[ALICE].classes)
    last = hands.enforce(fewer)
    assert kinds(last) == [LookAtClasses, ChangeClasses, ShapeAt, LookAtWaiting, ChangeClasses, Reject]
    made, gone = (step.changes for step in last if isinstance(step, ChangeClasses))
    assert not made
    assert {change.kind for change in gone} == {ChangeKind.REMOVE_CLASS}


def test_a_class_of_a_service_is_there_before_it_is_named_and_goes_when_it_is_not() -> None:
    hands = Hands()
    paced = (Paced(QDISC | 0x5A08, 2_500_000),)
    services = {ALICE: {3: ServicePolicy(paced=True, class_id=paced[0].id, police_rate=312_500)}}
    wish = replace(WISH, outcome=replace(OUTCOME, paced=paced, service_policies=services))
    first = hands.enforce(wish)
    assert kinds(first) == [LookAtClasses, ChangeClasses, ShapeAt, WritePolicies, WriteServices, Reject]
    assert first[4] == WriteServices(services)
    assert all(paced[0].id in (hands.kernel.tree.side(side) or {}) for side in Side)
    assert hands.enforce(wish) == []
    none = replace(WISH, outcome=replace(wish.outcome, paced=(), service_policies={}))
    then = hands.enforce(none)
    assert kinds(then) == [LookAtClasses, ChangeClasses, ShapeAt, WriteServices, LookAtWaiting, Reject]
    hands.enforce(none)
    assert not any(paced[0].id in (hands.kernel.tree.side(side) or {}) for side in Side)


def test_what_is_as_before_is_not_looked_at() -> None:
    hands = Hands()
    hands.enforce(WISH)
    assert hands.enforce(WISH) == []
    assert kinds(hands.enforce(replace(WISH, wan=WAN + 1)))[0] is LookAtClasses, "another modem"


def test_looking_around_changes_nothing_that_is_right() -> None:
    hands = Hands()
    hands.enforce(WISH)
    drawn = hands.memory.drawn
    steps = hands.enforce(replace(WISH, look_around=True))
    assert drawn is not None
    assert hands.memory.drawn is drawn, "what is wanted is not worked out anew"
    assert steps == [
        LookAtClasses(),
        ChangeClasses(()),
        ShapeAt(WAN, WAN),
        CheckRejects(),
        Reject({}, None, WAN),
    ]


def test_a_client_that_comes_gets_its_classes_though_its_policy_was_there_before_it() -> None:
    hands = Hands()
    alone = replace(WISH, reading=replace(WISH.reading, owners={ALICE: OWNERS[ALICE]}))
    hands.enforce(alone)
    assert not hands.installed[BOB].classes[2]
    hands.enforce(replace(WISH, outcome=alone.outcome))
    assert hands.installed[BOB].classes[2] == ids(BOB)[2]


@pytest.mark.parametrize("rates", [Link(download=5_000_000), Link(upload=5_000_000)], ids=["down", "up"])
def test_a_link_with_a_rate_either_way_gives_each_client_a_class_while_it_is_open(rates: Link) -> None:
    hands = Hands()
    hands.enforce(replace(WISH, rates=rates))
    assert [hands.installed[client].classes[0] for client in OWNERS] == [ids(client)[0] for client in OWNERS]
    hands.enforce(replace(WISH, look_around=True))
    assert not any(hands.installed[client].classes[0] for client in OWNERS)


def test_a_plan_that_gets_slow_and_fast_again_makes_classes_and_takes_them_away_again() -> None:
    hands = Hands()
    hands.enforce(WISH)
    before = hands.kernel.tree
    slow = replace(WISH, rates=WISH.rates.held_below(128_000))
    made = hands.enforce(slow)
    assert kinds(made) == [LookAtClasses, ChangeClasses, ShapeAt, WritePolicies, Reject]
    assert [bool(hands.installed[client].classes[CLASS_URGENT]) for client in OWNERS] == [True, True]
    assert hands.enforce(slow) == []
    slower = hands.enforce(replace(WISH, rates=WISH.rates.held_below(64_000)))
    assert NoteRestored not in kinds(slower), "it was no stranger"
    assert {change.kind for step in slower if isinstance(step, ChangeClasses) for change in step.changes} == {
        ChangeKind.CHANGE_CLASS
    }
    hands.enforce(WISH)
    assert not any(hands.installed[client].classes[CLASS_URGENT] for client in OWNERS)
    hands.enforce(WISH)
    assert hands.kernel.tree == before


def test_who_goes_first_does_from_the_tick_on_in_which_the_settings_say_so() -> None:
    hands = Hands()
    wish = replace(WISH, rates=Link(122_000, 122_000))
    hands.enforce(wish)
    hands.enforce(replace(wish, first=frozenset({OWNERS[ALICE]})))
    classes = hands.kernel.tree.upload or {}
    assert classes[ids(ALICE)[0]].order < classes[ids(BOB)[0]].order


@pytest.mark.parametrize("group", [FAMILY, GUESTS], ids=["stays", "moves"])
def test_where_a_class_could_not_be_made_none_is_given_to_packets(group: Account) -> None:
    """Also in the tick in which somebody else changes its group: both run into each other at a reload."""
    hands = Hands(wanted(Link(), demand_of(EVERYONE, SHAPED, [ALICE], HOME, Link())))
    hands.failing = ("a class could not be made",)
    policies = HOME | {ALICE: Policy(parent=group), BOB: Policy(parent=GUESTS)}
    steps = hands.enforce(replace(WISH, outcome=Outcome(policies=policies, shaped=SHAPED)))
    assert [step for step in steps if isinstance(step, ShapeAt)] == [ShapeAt(0, 0)]
    assert hands.problems is not None
    assert set(hands.problems) == set(hands.failing)


def test_where_a_class_could_not_be_made_none_is_given_either_when_only_policies_are_others() -> None:
    hands = Hands()
    hands.failing = ("a class could not be made",)
    hands.enforce(WISH)
    steps = hands.enforce(
        replace(WISH, outcome=replace(OUTCOME, policies=OUTCOME.policies | {TV: Policy(blocked=True)}))
    )
    assert kinds(steps) == [ShapeAt, WritePolicies, Reject], "the same classes are wanted, so nobody looks at them"
    assert steps[0] == ShapeAt(0, 0)
    assert hands.problems == hands.failing


def test_what_could_not_be_made_is_tried_again_when_the_daemon_looks_around() -> None:
    hands = Hands()
    hands.failing = ("a class could not be made",)
    hands.enforce(WISH)
    assert hands.enforce(WISH) == []
    hands.failing = ()
    assert ShapeAt(WAN, WAN) in hands.enforce(replace(WISH, look_around=True))
    assert hands.problems == ()


def test_uploads_are_given_to_no_class_where_a_qdisc_of_somebody_else_is_in_the_way() -> None:
    hands = Hands()
    hands.problem = "somebody else's qdisc is at the root of wan0"
    assert ShapeAt(0, WAN) in hands.enforce(WISH)
    assert hands.problems == (hands.problem,)
    hands.enforce(replace(WISH, look_around=True))
    assert hands.problems == (), "nothing of ours lacks there now"


def test_who_changes_its_group_has_its_class_made_anew_once_the_old_one_has_gone() -> None:
    hands = Hands()
    hands.enforce(WISH)
    moved = replace(WISH, outcome=replace(OUTCOME, policies=OUTCOME.policies | {ALICE: Policy(parent=GUESTS)}))
    for _ in range(2):
        hands.enforce(moved)
        assert members(hands.installed) == {GUESTS: {BOB}}
    assert all(ids(ALICE)[2] not in (hands.kernel.classes[side] or {}) for side in Side)
    hands.enforce(moved)
    assert members(hands.installed) == {GUESTS: {ALICE, BOB}}
    assert hands.enforce(moved) == []


def test_what_somebody_removed_is_made_again_and_said() -> None:
    hands = Hands()
    hands.enforce(WISH)
    assert NoteRestored() not in hands.steps
    del (hands.kernel.classes[Side.UPLOAD] or {})[DEFAULT]
    steps = hands.enforce(replace(WISH, look_around=True))
    assert steps[:3] == [LookAtClasses(), steps[1], NoteRestored()]
    assert isinstance(steps[1], ChangeClasses)
    assert [change.kind for change in steps[1].changes] == [ChangeKind.ADD_CLASS]


def test_nothing_is_said_to_be_restored_that_could_not_be() -> None:
    hands = Hands()
    hands.enforce(WISH)
    del (hands.kernel.classes[Side.UPLOAD] or {})[DEFAULT]
    hands.failing = ("a class could not be made",)
    assert NoteRestored() not in hands.enforce(replace(WISH, look_around=True))


def test_arriving_packets_are_redirected_once_the_meter_is_there() -> None:
    hands = Hands()
    assert not [step for step in hands.enforce(replace(WISH, wan=0)) if isinstance(step, ShapeAt)]
    assert hands.kernel.redirect is Redirect.NONE
    hands.enforce(WISH)
    assert hands.kernel.redirect is Redirect.THERE


def test_without_the_interface_policies_are_written_and_the_next_tick_looks_again() -> None:
    hands = Hands()
    hands.is_there = False
    assert kinds(hands.enforce(WISH)) == [LookAtClasses, WritePolicies, Reject], "what is said of it stays as it is"
    assert hands.installed[ALICE].classes[2] == ids(ALICE)[2], "as soon as it comes they hold"
    hands.is_there = True
    assert ShapeAt(WAN, WAN) in hands.enforce(WISH)
    assert hands.kernel.tree != Tree()


def test_classes_that_went_with_their_interface_are_made_anew_when_it_comes_back() -> None:
    hands = Hands()
    hands.enforce(WISH)
    there = hands.kernel.tree
    hands.is_there = False
    hands.enforce(replace(WISH, look_around=True))
    hands.is_there, hands.kernel = True, Kernel(Tree())
    hands.enforce(WISH)
    assert hands.kernel.tree == there


def test_classes_are_for_the_packets_of_the_interface_that_is_there() -> None:
    hands = Hands()
    hands.wire = Wire(1400, 26)
    hands.enforce(WISH)
    demand = demand_of(EVERYONE, SHAPED, [ALICE, BOB], OUTCOME.policies, Link())
    assert hands.kernel.tree == wanted(Link(wire=hands.wire), demand) != wanted(Link(), demand)


def test_a_class_that_somebody_hung_elsewhere_is_named_by_no_policy_until_it_is_made_anew() -> None:
    hands = Hands()
    hands.enforce(WISH)
    right, classes = hands.kernel.tree, hands.kernel.classes[Side.UPLOAD] or {}
    classes[ids(ALICE)[2]] = classes[ids(ALICE)[2]]._replace(parent=classes[ids(BOB)[2]].parent)
    hands.enforce(replace(WISH, look_around=True))
    assert not any(hands.installed[ALICE].classes)
    hands.enforce(WISH)
    hands.enforce(WISH)
    assert hands.installed[ALICE].classes[2] == ids(ALICE)[2]
    assert hands.kernel.tree == right


class NothingGoes(Hands):
    """Classes cannot be removed."""

    def carry_out(self, steps: Iterable[Step]) -> Report:
        report = super().carry_out(steps)
        changes = [change for step in steps if isinstance(step, ChangeClasses) for change in step.changes]
        failed = [change for change in changes if change.kind is ChangeKind.REMOVE_CLASS]
        return replace(report, failed=("a class could not be removed",)) if failed else report


def test_a_class_that_could_not_be_removed_is_a_problem_too() -> None:
    hands = NothingGoes()
    hands.enforce(WISH)
    assert hands.problems == ()
    fewer = replace(WISH, outcome=replace(OUTCOME, policies=dict(OUTCOME.policies), shaped=SHAPED[1:]))
    hands.enforce(fewer)
    hands.enforce(fewer)
    assert hands.problems == ("a class could not be removed",)


def test_new_accounts_come_first_and_the_rest_waits_for_policies_that_name_them() -> None:
    hands = Hands(installed=HOME)
    groups = {"family": FAMILY, "old": Account(EVERYONE + 3), "guests": GUESTS}
    outcome = replace(OUTCOME, new_groups=("new",), idle_groups=("family", "old"), new_clients=(OWNERS[BOB],))
    wish = replace(WISH, outcome=outcome, reading=replace(WISH.reading, groups=groups))
    hands.groups_added = True
    add = [AddClients((OWNERS[BOB],)), AddGroups(("new",), ("old",))]  # somebody is still below `family`
    assert hands.enforce(wish) == add
    assert hands.problems is None, "as before"
    hands.groups_added = False
    assert hands.enforce(wish)[:3] == [*add, LookAtClasses()]
    assert hands.enforce(wish) == [], "no room for it, so it is not asked for again at each tick"


def test_who_is_blocked_is_rejected_last_and_that_alone_is_done_where_only_states_differ() -> None:
    hands = Hands()
    assert hands.enforce(replace(WISH, states=BLOCKED))[-1] == Reject({OWNERS[BOB]: None}, None, WAN)
    assert hands.enforce(replace(WISH, states={})) == [Reject({}, None, WAN)]


def test_devices_without_an_account_are_told_by_those_that_have_one() -> None:
    others = Subject(SubjectKind.CLIENT, OTHERS)
    reading = replace(WISH.reading, owners={**OWNERS, Account(63): OTHERS, Account(1): ROUTER})
    blocked = BLOCKED | {
        others: ClientState(Level.BLOCKED),
        Subject(SubjectKind.CLIENT, ROUTER): ClientState(Level.BLOCKED),
    }
    rejected = Hands().enforce(replace(WISH, states=blocked, reading=reading))[-1]
    assert rejected == Reject({OWNERS[BOB]: None}, frozenset(OWNERS.values()), WAN)


def test_a_lan_that_is_made_anew_makes_the_table_anew() -> None:
    hands = Hands()
    hands.enforce(replace(WISH, states=BLOCKED, lans={"br0": 3}))
    rejected = hands.enforce(replace(WISH, states=BLOCKED, lans={"br0": 4}))[-1]
    assert rejected == Reject({OWNERS[BOB]: None}, None, WAN, lans={"br0": 4})


def switching(*moments: tuple[int, bool]) -> tuple[Switch, ...]:
    return tuple(Switch(at, Hold(blocked=blocked)) for at, blocked in moments)


@pytest.mark.parametrize(
    ("own", "group", "used", "until"),
    [
        (Policy(blocked=True, switches=switching((70, False), (90, True))), Policy(), 0, 70),
        (Policy(blocked=True, switches=switching((50, True), (70, False))), Policy(), 0, 70),
        (Policy(blocked=True), Policy(), 0, None),
        (Policy(block_at=Thresholds(both=5), switches=switching((70, False))), Policy(), 5, None),
        (Policy(blocked=True, switches=switching((70, False))), Policy(block_at=Thresholds(both=5)), 5, None),
        (Policy(blocked=True, switches=switching((70, False))), Policy(block_at=Thresholds(upload=5)), 5, 70),
    ],
    ids=["once", "later", "never", "by a quota", "and by a quota of its group", "and a quota that is not used up"],
)
def test_a_reject_ends_when_the_kernel_lets_the_device_on_by_itself(
    own: Policy, group: Policy, used: int, until: int | None
) -> None:
    other = Account(63)
    policies = {BOB: replace(own, parent=GUESTS), other: replace(own, parent=GUESTS), GUESTS: group}
    budgets = dict.fromkeys((BOB, other, GUESTS), Budget(both=used, download=used))
    reading = replace(WISH.reading, owners={**OWNERS, other: OTHERS}, budgets=budgets)
    states = BLOCKED | {Subject(SubjectKind.CLIENT, OTHERS): ClientState(Level.BLOCKED)}
    wish = replace(WISH, states=states, reading=reading, outcome=replace(OUTCOME, policies=policies))
    assert Hands().enforce(wish)[-1] == Reject({OWNERS[BOB]: until}, frozenset(OWNERS.values()), WAN, until)


def test_upload_classes_that_count_anew_are_named_and_all_of_them_with_their_qdisc() -> None:
    tree = wanted(Link(), demand_of(EVERYONE, SHAPED, [ALICE], HOME, Link()))
    leaf = (tree.upload or {})[ids(ALICE)[2]]
    changes = [Change(kind, side, leaf) for kind in (ChangeKind.ADD_CLASS, ChangeKind.REMOVE_CLASS) for side in Side]
    assert remade_classes(changes) == {leaf.id}
    assert remade_classes([Change(ChangeKind.ADD_CLASS, Side.DOWNLOAD, leaf)]) == frozenset()
    assert remade_classes([Change(ChangeKind.CHANGE_CLASS, Side.UPLOAD, leaf)]) == frozenset()
    assert remade_classes([*changes, Change(ChangeKind.ADD_QDISC, Side.UPLOAD)]) is None
    assert remade_classes([Change(ChangeKind.REMOVE_QDISC, Side.UPLOAD)]) is None
    assert remade_classes([Change(ChangeKind.ADD_QDISC, Side.DOWNLOAD)]) == frozenset()
