# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge neighbours, on a real neighbour table in a network namespace of the test's own. Needs root."""

import os
from collections.abc import Iterator

import pytest

from esimshaper.core.model.identity import Neighbour
from esimshaper.edge.lan.addresses import own_addresses
from esimshaper.edge.lan.neighbours import Neighbours, at_this_moment
from esimshaper.lab import namespaces
from tests.tools import needs_root

pytestmark = needs_root

ALICE, BOB = "02:00:00:00:00:10", "02:00:00:00:00:11"


@pytest.fixture
def router() -> Iterator[namespaces.Host]:
    """A namespace with the LAN interfaces br0 and br1, and another interface."""
    host = namespaces.Host("router", f"esl-{os.getpid()}-900-router")
    namespaces.add([host.netns])
    try:
        for name in ("br0", "br1", "eth9"):
            host.ip(f"link add {name} type bridge", f"link set {name} up")
        yield host
    finally:
        namespaces.remove([host.netns])


def read(router: namespaces.Host, *interfaces: str) -> set[Neighbour]:
    def body() -> set[Neighbour]:
        neighbours = Neighbours()
        try:
            return set(neighbours.read(interfaces))
        finally:
            neighbours.close()

    return router.call(body)


def test_clients_of_both_families_are_seen_and_only_on_the_lan(router):
    router.ip(
        f"neigh add 192.168.8.20 lladdr {ALICE} dev br0 nud reachable",
        f"neigh add 2001:db8::20 lladdr {ALICE} dev br0 nud stale",
        f"neigh add 192.168.9.21 lladdr {BOB} dev br1 nud permanent",
        f"neigh add 192.168.9.22 lladdr {BOB} dev eth9 nud reachable",
    )
    assert read(router, "br0", "br1") == {
        Neighbour(ALICE, "192.168.8.20", "br0"),
        Neighbour(ALICE, "2001:db8::20", "br0"),
        Neighbour(BOB, "192.168.9.21", "br1"),
    }
    assert read(router, "br1") == {Neighbour(BOB, "192.168.9.21", "br1")}


def test_entries_that_prove_nothing_are_left_out(router):
    router.ip(
        f"neigh add 192.168.8.20 lladdr {ALICE} dev br0 nud failed",
        "neigh add 192.168.8.21 dev br0 nud incomplete",
        "neigh add 224.0.0.1 lladdr 01:00:5e:00:00:01 dev br0 nud noarp",
    )
    assert read(router, "br0") == set()


def test_an_interface_may_be_missing_and_come_back_with_another_number(router):
    def body() -> list[set[Neighbour]]:
        neighbours, seen = Neighbours(), []
        try:
            for line in (
                f"neigh add 192.168.8.20 lladdr {ALICE} dev br0 nud reachable",
                "link del br0",
                f"link add br0 type bridge\nlink set br0 up\nneigh add 192.168.8.21 lladdr {BOB} dev br0 nud reachable",
            ):
                router.ip(line)
                seen.append(set(neighbours.read(["br0", "nothing0"])))
        finally:
            neighbours.close()
        return seen

    assert router.call(body) == [
        {Neighbour(ALICE, "192.168.8.20", "br0")},
        set(),
        {Neighbour(BOB, "192.168.8.21", "br0")},
    ]


def test_a_full_house_is_read_whole(router):
    lines = [
        f"neigh add 10.0.{number // 250}.{number % 250 + 1} lladdr 02:00:00:00:{number // 256:02x}:{number % 256:02x}"
        " dev br0 nud reachable"
        for number in range(500)
    ]
    router.ip(*lines)
    assert len(read(router, "br0")) == 500


def test_what_cannot_be_read_now_is_as_it_was_read_last(router):
    def body() -> tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]:
        router.ip(f"neigh add 192.168.8.20 lladdr {ALICE} dev br0 nud reachable")
        neighbours = Neighbours()
        first = neighbours.read(["br0"])
        neighbours.close()
        return first, neighbours.read(["br0"])

    first, second = router.call(body)
    assert first == second == (Neighbour(ALICE, "192.168.8.20", "br0"),)


def test_who_has_an_address_is_as_the_kernel_has_it_at_that_moment(router):
    """An address that was handed on is of who has it now, and nobody's where the kernel is not sure."""

    def who(address: str, *interfaces: str) -> str | None:
        found = router.call(at_this_moment, address, interfaces)
        return found.mac if found else None

    router.ip(
        f"neigh add 192.168.8.20 lladdr {ALICE} dev br0 nud reachable",
        f"neigh add 2001:db8::20 lladdr {BOB} dev br1 nud stale",
        f"neigh add 192.168.9.22 lladdr {BOB} dev eth9 nud reachable",
    )
    assert who("192.168.8.20", "br0", "br1") == ALICE
    assert who("2001:db8::20", "nothing0", "br0", "br1") == BOB
    assert who("192.168.9.22", "br0", "br1") is None, "not at the LAN"
    assert who("192.168.8.99", "br0") is None
    router.ip(f"neigh change 192.168.8.20 lladdr {BOB} dev br0 nud reachable")
    assert who("192.168.8.20", "br0") == BOB
    router.ip("neigh change 192.168.8.20 dev br0 nud failed")
    assert who("192.168.8.20", "br0") is None


def test_the_routers_own_addresses_are_those_that_a_browser_takes(router):
    router.ip(
        "addr add 192.168.8.1/24 dev br0",
        "addr add fd00::1/64 dev br0 nodad",
        "addr add 192.168.9.1/24 dev br1",
        "addr add 203.0.113.1/24 dev eth9",
    )
    assert router.call(own_addresses, ["br0", "br1", "nothing0"]) == ("192.168.8.1", "192.168.9.1", "fd00::1")
