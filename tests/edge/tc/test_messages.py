# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes and leaves as netlink messages: what is written is read back, and what is no class of ours is none."""

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.shaping import QDISC, Class, Leaf, Wire
from esimshaper.edge import netlink
from esimshaper.edge.tc import messages, tcmsg

WIRE = Wire(1500, 14)
WAN = 7
minors = st.integers(1, 0x79FF)
leaves = st.builds(Leaf, st.integers(1, 1 << 21), st.integers(1, 1 << 20))
rates = st.integers(25, 1 << 31).map(lambda each: 8 * each)


def body(message: bytes) -> memoryview:
    """As an answer of the kernel has it, which sends options back in the same form."""
    ((_, _, (start, end)),) = netlink.messages(message)
    return memoryview(message)[start:end]


@given(minors, minors, rates, rates, leaves)
def test_a_class_and_its_leaf_are_read_back_as_they_were_written(
    minor: int, above: int, rate: int, ceil: int, leaf: Leaf
) -> None:
    item = Class(QDISC | minor, QDISC | above, rate, ceil, leaf)
    assert messages.read_leaf(body(messages.set_leaf(WAN, item.id, leaf, add=True))) == (item.id, leaf)
    answer = body(messages.set_class(WAN, item, WIRE, add=True))
    assert messages.read_class(answer, {item.id: leaf}) == item
    assert messages.read_class(answer, {}) == item._replace(leaf=None)
    assert (tcmsg.IDS.unpack_from(answer, tcmsg.IDS_AT)[0], messages.read_id(answer)) == (WAN, item.id)


def test_a_queue_inside_a_leaf_is_no_leaf_and_a_leaf_no_class() -> None:
    item, leaf = Class(QDISC | 5, QDISC | 1, 8000, 8000), Leaf(7500, 2250)
    fair = body(messages.set_fair_queue(WAN, item, leaf, WIRE, add=True))
    made = body(messages.set_leaf(WAN, item.id, leaf, add=True))
    assert messages.read_leaf(fair) is None
    assert messages.read_class(made, {}) is None
    assert messages.read_root(made) is None
    assert messages.read_root(body(messages.add_qdisc(WAN, QDISC | 2, replace=False))) == (QDISC, "htb")


@given(st.binary(max_size=200))
def test_nothing_that_is_received_is_an_error(data: bytes) -> None:
    for _, _, (start, end) in netlink.messages(data):
        found = netlink.attributes(data, start, end)
        for kind, place in found.items():
            assert start <= place[0] <= place[1] <= end
            assert netlink.first_attribute(data, kind, start, end) is not None


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=9)), max_size=5))
def test_attributes_are_read_as_they_were_written(values: list[tuple[int, bytes]]) -> None:
    data = b"".join(netlink.attribute(kind, value) for kind, value in values)
    assert len(data) % 4 == 0
    assert {kind: data[a:b] for kind, (a, b) in netlink.attributes(data, 0, len(data)).items()} == dict(values)
    for kind, _ in values:
        first = next(value for number, value in values if number == kind)
        place = netlink.first_attribute(data, kind, 0, len(data))
        assert place is not None
        assert data[slice(*place)] == first
