# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `router`: sizes and addresses, and what is wrong with others."""

from ipaddress import ip_network

import pytest

from esimshaper.core.settings.block import Block
from esimshaper.core.settings.router import router_from
from esimshaper.core.settings.values import Upkeep


def test_addresses_and_ranges_are_reachable():
    read = router_from(Block({"reserve": "20MB", "reachable": ["198.51.100.7", "2001:db8::/48"]}, []))
    assert read == Upkeep(20_000_000, (ip_network("198.51.100.7/32"), ip_network("2001:db8::/48")))
    assert router_from(Block({"reserve": "0B"}, [])) == Upkeep(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0.0.0/0", "`0.0.0.0/0` is too large: a range of IPv4 has a prefix of /16 at least"),
        ("2001::/16", "of IPv6 has a prefix of /32 at least"),
        ("198.51.100.7/24", "the range that has it is 198.51.100.0/24"),
        ("topup.example", "names cannot be used here"),
        ("198.51.100.300", "does not appear to be"),
    ],
)
def test_what_is_no_range_of_addresses_is_told_at_its_place(text, said):
    problems = []
    router_from(Block({"reserve": "5MB", "reachable": ["192.0.2.1", text]}, problems, ("router",)))
    (problem,) = problems
    assert problem.path == ("router", "reachable", 1)
    assert said in problem.message
