# SPDX-License-Identifier: GPL-2.0-or-later
"""Naming: people see the name they chose, and nothing that a device sends can harm a terminal."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.meter.identities import MAX_ADDRESSES, MAX_HOSTNAME, clean_hostname, identities
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, ClientKey, Identity, Lease, Neighbour

ALICE = ClientKey("02:00:00:00:00:10")
BOB = ClientKey("02:00:00:00:00:11")


def test_an_identity_comes_from_all_sources():
    leases = (Lease(ALICE, "192.168.8.20", "pixel"), Lease(BOB, "192.168.8.21", "*"))
    neighbours = (
        Neighbour(ALICE, "fe80::10", "br0"),
        Neighbour(ALICE, "2001:db8::10", "br0"),
        Neighbour(ALICE, "192.168.8.9", "br0"),
        Neighbour(ALICE, "192.168.8.20", "br0"),
    )
    found = identities([ALICE, BOB], {ALICE: "alice-phone"}, leases, neighbours, {})
    assert found == {
        ALICE: Identity(ALICE, "alice-phone", "pixel", ("192.168.8.9", "192.168.8.20", "2001:db8::10", "fe80::10")),
        BOB: Identity(BOB, "", "", ("192.168.8.21",)),
    }


def test_only_clients_that_count_are_listed():
    leases = (Lease(BOB, "192.168.8.21", "bob"),)
    assert identities([], {BOB: "bob"}, leases, (), {}) == {}


def test_a_client_known_by_its_address_has_that_address():
    ten, six = ClientKey("10.9.0.2"), ClientKey("2001:db8::2")
    found = identities([ten, six], {}, (), (), {})
    assert found == {ten: Identity(ten, addresses=("10.9.0.2",)), six: Identity(six, addresses=("2001:db8::2",))}


def test_pseudo_clients_have_no_name():
    found = identities([ROUTER, UNATTRIBUTED], {ROUTER: "box"}, (Lease("router", "10.0.0.1", "x"),), (), {})
    assert found == {ROUTER: Identity(ROUTER), UNATTRIBUTED: Identity(UNATTRIBUTED)}


def test_a_hostname_outlives_its_lease_and_an_address_does_not():
    known = {ALICE: Identity(ALICE, "old-name", "pixel", ("192.168.8.20",))}
    assert identities([ALICE], {}, (), (), known) == {ALICE: Identity(ALICE, "", "pixel", ())}


def test_the_lease_that_lasts_longest_names_the_client():
    early, late = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    leases = [Lease(ALICE, "10.0.0.3", "b", late), Lease(ALICE, "10.0.0.2", "a", early)]
    assert identities([ALICE], {}, leases, (), {})[ALICE].hostname == "b"
    assert identities([ALICE], {}, [*leases, Lease(ALICE, "10.0.0.1", "c", None)], (), {})[ALICE].hostname == "c"


def test_addresses_are_bounded_and_no_nonsense():
    many = [Neighbour(ALICE, f"2001:db8::{number:x}", "br0") for number in range(1, 100)]
    nonsense = [Lease(ALICE, "not an address", "")]
    addresses = identities([ALICE], {}, nonsense, many, {})[ALICE].addresses
    assert addresses == tuple(f"2001:db8::{number:x}" for number in range(1, MAX_ADDRESSES + 1))


def test_hostnames_cannot_move_the_cursor():
    assert clean_hostname("evil\x1b[2J\r\n\u202e\u2028\ud800") == "evil?[2J?????"
    assert clean_hostname("*") == ""
    assert clean_hostname("アリスのPhone") == "アリスのPhone"


@given(st.text())
def test_a_hostname_is_always_short_and_printable(text):
    cleaned = clean_hostname(text)
    assert len(cleaned) <= MAX_HOSTNAME
    assert cleaned.isprintable()


words = st.text(max_size=5)


@given(st.lists(st.builds(Lease, st.sampled_from([ALICE, BOB]), words, words)), st.permutations(range(3)))
def test_nothing_that_leases_say_is_an_error_and_their_order_does_not_matter(leases, order):
    neighbours = [Neighbour(ALICE, f"10.0.0.{number}", "br0") for number in order]
    forward = identities([ALICE, BOB], {}, leases, neighbours, {})
    assert {k: v.addresses for k, v in identities([ALICE, BOB], {}, leases[::-1], neighbours[::-1], {}).items()} == {
        k: v.addresses for k, v in forward.items()
    }
