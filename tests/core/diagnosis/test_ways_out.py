# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of the way to the Internet: which interface leads there, and whether answers come back. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.model.box import Severity, Wanted
from tests.core.diagnosis.healthy_box import GOOD, LAN, WAN, assert_one_finding, complaints

WAYS = {
    "no WAN, and the default route says where it is": (
        {"wanted": Wanted("wwan9", ("br0",)), "interfaces": (replace(WAN, kind="veth"), LAN)},
        (
            "wan",
            Severity.WARNING,
            "The default route leaves by wwan0, where nothing is counted.",
            "wwan0 may be the modem: if so, write that name under wan.interface",
        ),
    ),
    "WAN and LAN swapped": (
        {"wanted": Wanted("br0", ("wwan0",), detour="devices reach the Internet by wwan0")},
        ("wan", Severity.PROBLEM, "WAN and LAN are swapped", "write wwan0 under wan.interface"),
    ),
    "no masquerade": (
        {"private_lans": ("br0",), "source_nat": False},
        (
            "lan",
            Severity.WARNING,
            "Devices on br0 have private addresses, and no rule gives what they send the address of the router",
            'add rule ip nat out oifname "wwan0" masquerade',
        ),
    ),
}


@pytest.mark.parametrize(("change", "expected"), WAYS.values(), ids=WAYS.keys())
def test_one_thing_wrong_is_one_complaint(change, expected) -> None:
    assert_one_finding(complaints(replace(GOOD, **change)), *expected)


PRIVATE = {"private_lans": ("br0",), "source_nat": False}
RIGHT = {
    "masquerade": {"source_nat": True},
    "not to be found out": {"source_nat": None},
    "public addresses": {"private_lans": ()},
    "a translator of the router": {"wanted": Wanted("wwan0", ("br0",), tunnels=("wwan0",))},
    "no way out yet": {"default_routes": ()},
}


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT.keys())
def test_where_masquerade_is_not_needed_or_not_known_nothing_is_said_of_it(change) -> None:
    found = complaints(replace(GOOD, **(PRIVATE | change)))
    assert not [finding for finding in found if finding.check == "lan"]
