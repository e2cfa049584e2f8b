# SPDX-License-Identifier: GPL-2.0-or-later
"""What shall be shaped, as classes, and the policies that name them."""

from collections.abc import Mapping

import pytest

from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.core.model.limits import CLASS_OPEN, CLASS_URGENT, Policy, Shaped
from esimshaper.core.model.shaping import DEFAULT, QDISC, Leaf, Redirect, Side, Tree, Wire
from esimshaper.core.shaping.tree import (
    LEAST_RATE,
    MAX_ACCOUNT,
    ROOT,
    SLOW,
    UNLIMITED,
    Demand,
    Link,
    class_ids,
    demand_of,
    members,
    wanted,
    with_classes,
)
from esimshaper.edge.bpf import layouts
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, FAMILY, GUESTS, TV, ids

ETHERNET = Wire(1500, 14)
MAX = Account(MAX_ACCOUNT)


def test_nothing_to_shape_costs_nothing() -> None:
    assert wanted(Link(), Demand(EVERYONE)) == Tree()


def test_an_upload_rate_alone_needs_no_ifb() -> None:
    tree = wanted(Link(upload=5_000_000), Demand(EVERYONE, sharing=(ALICE,)))
    assert tree.upload
    assert (tree.download, tree.device, tree.redirect) == (None, False, Redirect.NONE)


def test_everybody_shares_the_link_equally() -> None:
    tree = wanted(Link(20_000_000, 5_000_000), Demand(EVERYONE, sharing=(ALICE, BOB)))
    for side, rate in ((Side.DOWNLOAD, 20_000_000), (Side.UPLOAD, 5_000_000)):
        there = tree.side(side) or {}
        assert there[ROOT].rate == there[ROOT].ceil == rate
        of_each = [there[number] for number in (DEFAULT, ids(ALICE)[0], ids(BOB)[0])]
        shares = {(each.parent, each.rate, each.ceil, each.leaf) for each in of_each}
        assert len(shares) == 1
        assert shares.pop()[:3] == (ROOT, LEAST_RATE, rate)


def test_a_rate_of_one_way_gives_each_client_a_class_both_ways() -> None:
    """The kernel knows one class of an open account. What passed by it would look like dropped."""
    tree = wanted(Link(download=1_000_000), Demand(EVERYONE, (Shaped(ALICE, 128_000),), (ALICE, BOB)))
    assert tree.upload is not None
    assert tree.upload.keys() == (tree.download or {}).keys()
    assert wanted(Link(download=1_000_000), Demand(EVERYONE, sharing=(ALICE, BOB))).upload is None


def test_without_a_link_rate_only_the_throttled_have_classes() -> None:
    tree = wanted(Link(), Demand(EVERYONE, (Shaped(ALICE, 128_000),)))
    assert tree.upload == tree.download
    assert set(tree.upload or ()) == {ROOT, DEFAULT, ids(ALICE)[1]}
    assert (tree.upload or {})[DEFAULT].ceil == UNLIMITED


@pytest.mark.parametrize("rate", [8, 64_000, 128_000, 1_000_000, 20_000_000])
def test_ip_bytes_get_the_rate_when_packets_are_full_and_never_more(rate: int) -> None:
    there = wanted(Link(wire=ETHERNET), Demand(EVERYONE, (Shaped(ALICE, rate),))).upload or {}
    ceil = there[ids(ALICE)[1]].ceil
    for size in (100, 576, 1000, 1500):
        assert ceil * size / (size + ETHERNET.header) <= rate
    assert ceil * 1500 / 1514 > rate * 0.999 or ceil == 8, "tc counts whole bytes"


def test_a_slow_queue_is_short_and_takes_no_super_packets() -> None:
    there = wanted(Link(), Demand(EVERYONE, (Shaped(ALICE, 128_000), Shaped(BOB, 20_000_000)))).upload or {}
    slow, fast = (there[ids(account)[1]].leaf for account in (ALICE, BOB))
    assert slow == Leaf(limit=5 * 1500 + 750, largest=2250)
    assert fast == Leaf(limit=166 * 1500 + 750, largest=2250)
    assert (there[DEFAULT].leaf or Leaf(0, 0)).largest > 600_000


def test_members_share_what_their_group_gets_and_what_everyone_gets() -> None:
    rates = {FAMILY: 1_000_000, EVERYONE: 3_000_000}
    shaped = tuple(Shaped(account, rate) for account, rate in rates.items())
    demand = Demand(EVERYONE, shaped, above={ALICE: (FAMILY, EVERYONE), BOB: (FAMILY, EVERYONE), TV: (EVERYONE,)})
    there = wanted(Link(20_000_000, 20_000_000), demand).upload or {}
    named = class_ids(demand)
    for group, its_members in ((FAMILY, {ALICE: 2, BOB: 2}), (EVERYONE, {ALICE: 3, BOB: 3, TV: 2})):
        leaves = [there[named[account][place]] for account, place in its_members.items()]
        leaves.append(there[named[group][1]])
        parent = there[leaves[0].parent]
        assert len({each.id for each in leaves}) == len(leaves)
        assert {(each.parent, each.rate, each.ceil) for each in leaves} == {(parent.id, LEAST_RATE, rates[group])}
        assert (parent.parent, parent.rate, parent.ceil, parent.leaf) == (ROOT, LEAST_RATE, rates[group], None)
    assert named[TV][3] == 0


def test_clients_have_classes_in_what_is_throttled_above_them_only() -> None:
    policies = {ALICE: Policy(FAMILY), BOB: Policy(GUESTS), TV: Policy(), FAMILY: Policy(EVERYONE), GUESTS: Policy()}

    def above(*shaped: Account) -> Mapping[Account, tuple[Account, ...]]:
        rates = tuple(Shaped(account, 64_000) for account in shaped)
        return demand_of(EVERYONE, rates, (ALICE, BOB, TV), policies, Link()).above

    assert above() == above(ALICE, TV) == {}
    strange = demand_of(EVERYONE, (Shaped(EVERYONE, 64_000),), (Account(9),), policies, Link())
    assert strange.above == {}, "a client that has no policy yet"
    assert above(GUESTS) == {BOB: (GUESTS,)}
    assert above(EVERYONE) == {ALICE: (FAMILY, EVERYONE)}
    demand = Demand(EVERYONE, (Shaped(EVERYONE, 64_000),), above=above(EVERYONE))
    assert class_ids(demand)[ALICE] == (0, 0, 0, ids(ALICE)[3], 0)
    assert BOB not in class_ids(demand)


def test_a_slow_group_has_classes_for_those_members_only_who_came_first() -> None:
    """Each may send a frame at once: 2 s of 64 kbit/s are 10 of them."""
    clients = [Account(number) for number in range(2, 19)]
    above = dict.fromkeys(clients, (FAMILY, EVERYONE))
    demand = Demand(EVERYONE, (Shaped(FAMILY, 64_000), Shaped(EVERYONE, 1_000_000)), above=above)
    named = class_ids(demand)
    policies = dict.fromkeys(clients, Policy(parent=FAMILY)) | {FAMILY: Policy(parent=EVERYONE), EVERYONE: Policy()}
    assert members(with_classes(policies, named)) == {FAMILY: frozenset(clients[:10]), EVERYONE: frozenset(clients)}
    assert [bool(named[client][2]) for client in clients] == [True] * 10 + [False] * 7
    assert all(named[client][3] for client in clients)


def test_class_ids_are_all_different_and_fit() -> None:
    everyone = Account(MAX_ACCOUNT + 1)
    accounts = [Account(number) for number in range(2, everyone + 1 + layouts.GROUPS)]
    groups = [each for each in accounts if each >= everyone]
    demand = Demand(everyone, tuple(Shaped(each, 1) for each in groups))
    parents = {each.parent for each in (wanted(Link(), demand).upload or {}).values()} - {QDISC, ROOT}
    assert len(parents) == len(groups)
    used = [number for each in accounts for number in ids(each, everyone) if number] + sorted(parents)
    assert len(set(used)) == len(used) > 4 * (MAX_ACCOUNT - 1)
    assert not {0x7A00} & {number & 0xFFFF for number in used}, "the leaf of a class has its number for a handle"
    assert not {ROOT, DEFAULT, QDISC} & set(used)
    assert all(QDISC < number < QDISC + 0x8000 for number in used)


def test_class_ids_are_those_of_earlier_versions_which_may_be_installed() -> None:
    assert ids(ALICE) == (QDISC | 0x68, QDISC | 0x69, QDISC | 0x6A, QDISC | 0x6B, QDISC | 0x7A03)
    assert [ids(group)[1] for group in (EVERYONE, FAMILY)] == [QDISC | 0x11, QDISC | 0x13]


def test_clients_that_no_ids_are_left_for_have_no_classes() -> None:
    everyone, beyond = Account(60_000), Account(MAX_ACCOUNT + 1)
    policies = {MAX: Policy(everyone), beyond: Policy(everyone), everyone: Policy()}
    rates = tuple(Shaped(account, 64_000) for account in policies)
    demand = demand_of(everyone, rates, (MAX, beyond), policies, Link(64_000))
    named = class_ids(demand)
    assert named.keys() == {MAX, everyone, ACCOUNT_ROUTER}
    assert named[MAX] == (ids(MAX, everyone)[0], ids(MAX, everyone)[1], ids(MAX, everyone)[3], 0, 0)


def test_on_a_slow_link_urgent_packets_have_a_part_by_themselves_and_the_rest_keeps_a_part() -> None:
    link = Link(122_000, 122_000)
    demand = demand_of(EVERYONE, (), (ALICE, BOB), {}, link)
    there = wanted(link, demand).download or {}
    urgent = [there[ids(client)[CLASS_URGENT]] for client in (ALICE, BOB)]
    (parent,) = {each.parent for each in urgent}
    assert (there[parent].parent, there[parent].leaf) == (ROOT, None)
    assert 3 * there[parent].rate <= there[ROOT].rate
    assert 4 * there[parent].ceil <= 3 * there[ROOT].rate
    assert class_ids(demand)[ACCOUNT_ROUTER][CLASS_URGENT], "it asks for names on behalf of all"
    assert not class_ids(demand)[ACCOUNT_ROUTER][CLASS_OPEN]
    of_the_rest = [there[number] for number in (DEFAULT, ids(ALICE)[CLASS_OPEN], ids(BOB)[CLASS_OPEN])]
    assert max(each.order for each in urgent) < min(each.order for each in of_the_rest)
    waits = max(each.leaf.limit for each in urgent if each.leaf)
    assert waits * 8 / there[parent].ceil < 0.4, "seconds, also behind a flood of its own"


def test_a_link_that_is_fast_or_without_a_rate_has_nothing_for_urgent_packets() -> None:
    for link in (Link(), Link(SLOW, SLOW), Link(upload=SLOW)):
        assert demand_of(EVERYONE, (Shaped(ALICE, 64_000),), (ALICE, BOB), {}, link).urgent == ()
    assert demand_of(EVERYONE, (), (ALICE,), {}, Link(40_000_000, SLOW - 1)).urgent == (ACCOUNT_ROUTER, ALICE)


@pytest.mark.parametrize("link", [Link(122_000, 122_000), Link(50_000_000, 10_000_000)], ids=["slow", "fast"])
def test_who_goes_first_borrows_first_and_the_others_keep_a_fifth(link: Link) -> None:
    demand = demand_of(EVERYONE, (), (ALICE, BOB, TV), {}, link, first=frozenset({ALICE}))
    there = wanted(link, demand).upload or {}
    first, *others = (there[number] for number in (*(ids(client)[CLASS_OPEN] for client in (ALICE, BOB, TV)), DEFAULT))
    assert all(first.order < each.order for each in others)
    assert {each.rate for each in others} == {others[0].rate}
    assert 0.19 < sum(each.rate for each in others) / there[ROOT].rate <= 0.2
    assert {each.ceil for each in (first, *others)} == {there[ROOT].ceil}


@pytest.mark.parametrize(
    ("rates", "carrier", "expected"),
    [
        (Link(), 128_000, Link(108_800, 121_600)),
        (Link(40_000_000, 10_000_000), 1_000_000, Link(850_000, 950_000)),
        (Link(100_000, None), 128_000, Link(100_000, 121_600)),
        (Link(40_000_000), None, Link(40_000_000)),
        (Link(40_000_000), 0, Link(40_000_000)),
    ],
    ids=["no rate", "slower than the link", "the link is slower", "full speed", "nothing passes"],
)
def test_the_link_is_held_a_little_below_what_the_carrier_gives(
    rates: Link, carrier: int | None, expected: Link
) -> None:
    assert rates.held_below(carrier) == expected


def test_segments_are_short_where_a_full_one_takes_long() -> None:
    assert Link().segment is None
    assert Link(108_800, 121_600).segment == 536
    assert Link(40_000_000, 121_600).segment == 536, "what is acknowledged with data goes up"
    assert 536 < (Link(200_000, 200_000).segment or 0) < 1400
    assert Link(400_000, 400_000).segment is None
