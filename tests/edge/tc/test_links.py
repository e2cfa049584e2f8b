# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces and filters by netlink, as the kernel itself answers. Needs root."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator

import pytest

from esimshaper.core.model.kernel import INGRESS
from esimshaper.edge.netlink import Netlink
from esimshaper.edge.tc import filters, links
from esimshaper.edge.tc.filters import Filter
from esimshaper.edge.tc.link_events import LinkEvents
from esimshaper.edge.tc.links import Link
from esimshaper.lab import namespaces
from tests.tools import needs_root

pytestmark = needs_root

LONG = "wwp0s20f0u2i4-modem"
Body = Callable[[Netlink], None]


@pytest.fixture
def box() -> Iterator[namespaces.Host]:
    host = namespaces.Host("box", f"esl-{os.getpid()}-901-box")
    namespaces.add([host.netns])
    try:
        host.ip(
            "link add wan0 address 02:00:00:00:64:02 type veth peer name far0",
            "link set wan0 mtu 1430",
            "link set far0 up",
            f"link property add dev wan0 altname {LONG} altname modem",
            "link add br0 type bridge",
            "link add port master br0 type ifb",
            "link add over link br0 type macvlan",
        )
        yield host
    finally:
        namespaces.remove([host.netns])


def within(box: namespaces.Host, body: Body) -> None:
    def opened() -> None:
        with contextlib.closing(Netlink()) as kernel:
            body(kernel)

    box.call(opened)


def test_an_interface_is_made_named_set_up_seen_and_removed(box: namespaces.Host) -> None:
    def body(kernel: Netlink) -> None:
        wan = links.find(kernel, "wan0")
        assert wan is not None
        address = bytes.fromhex("020000006402")
        assert wan == Link(
            wan.index, "wan0", type=1, mtu=1430, kind="veth", address=address, other_names=(LONG, "modem")
        )
        assert links.find(kernel, LONG) == links.find(kernel, "modem") == wan
        assert links.find(kernel, f"{LONG}-2") is None
        kernel.do(links.add("ifb-wan0", "ifb"))
        made = links.find(kernel, "ifb-wan0")
        assert made is not None
        kernel.do(links.set_alias(made.index, "esimshaper wan0"))
        kernel.do(links.set_up(made.index))
        found = {link.name: link for link in links.find_all(kernel)}
        assert set(found) == {"lo", "wan0", "far0", "ifb-wan0", "br0", "port", "over"}
        assert (found["port"].master, found["over"].base) == (found["br0"].index, found["br0"].index)
        assert found["over"].kind == "macvlan"
        ifb = found["ifb-wan0"]
        assert (ifb.index, ifb.kind, ifb.alias, ifb.up) == (made.index, "ifb", "esimshaper wan0", True)
        kernel.do(links.remove(made.index))
        assert links.find(kernel, "ifb-wan0") is None

    within(box, body)


def test_a_refusal_says_why_in_the_words_of_the_kernel(box: namespaces.Host) -> None:
    def body(kernel: Netlink) -> None:
        wan = links.find(kernel, "wan0")
        assert wan is not None
        kernel.do(filters.add_clsact(wan.index))
        with pytest.raises(FileExistsError, match=r"File exists \(Exclusivity flag on"):
            kernel.do(filters.add_clsact(wan.index))
        with pytest.raises(OSError, match="No such device") as gone:
            kernel.do(links.remove(wan.index + 1000))
        assert gone.value.errno == errno.ENODEV
        errors = kernel.send([links.remove(wan.index + 1000), filters.add_clsact(wan.index)] * 150)
        assert {error.errno for error in errors if error} == {errno.ENODEV, errno.EEXIST}
        kernel.do(filters.remove_clsact(wan.index))

    within(box, body)


def test_a_redirect_is_read_back_and_forgets_an_interface_that_is_gone(box: namespaces.Host) -> None:
    def body(kernel: Netlink) -> None:
        wan, far = links.find(kernel, "wan0"), links.find(kernel, "lo")
        assert wan is not None
        assert far is not None
        kernel.do(filters.add_clsact(wan.index))
        kernel.do(filters.add_redirect(wan.index, INGRESS, 20, 0x7A00_0002, far.index))
        (found,) = (each for each in filters.find_all(kernel, wan.index, INGRESS) if each.class_id)
        assert found == Filter(20, found.handle, "u32", class_id=0x7A00_0002, target=far.index)
        kernel.do(filters.remove(wan.index, INGRESS, found))
        assert filters.find_all(kernel, wan.index, INGRESS) == []
        assert filters.find_all(kernel, wan.index + 1000, INGRESS) == []

    within(box, body)


def test_news_that_was_lost_counts_as_news_of_an_interface(box: namespaces.Host) -> None:
    def body(kernel: Netlink) -> None:
        wan = links.find(kernel, "wan0")
        assert wan is not None
        with contextlib.closing(LinkEvents()) as news:
            assert not news.drain()
            kernel.do(filters.add_clsact(wan.index))
            assert not news.drain()
            kernel.send([filters.add_clsact(wan.index), filters.remove_clsact(wan.index)] * 4000)
            assert news.drain()
            assert not news.drain()

    within(box, body)
