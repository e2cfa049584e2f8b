# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor, programs of others that are known by what they leave on a box: each is named, with what to do."""

from dataclasses import replace
from typing import Any

import pytest

from esimshaper.core.model.box import Interface, Severity, TcFilter
from tests.core.diagnosis.healthy_box import GOOD, LAN, WAN, assert_one_finding, complaints

SET_UPS: dict[str, tuple[dict[str, Any], tuple[str, Severity, str, str]]] = {
    "containers": (
        {"interfaces": (WAN, LAN, Interface(4, "docker0", 1, kind="bridge"))},
        ("lan", Severity.NOTE, "docker0 is a bridge of Docker", "add docker0 to lan.interfaces: then each guest is"),
    ),
    "a network of containers": (
        {"interfaces": (WAN, LAN, Interface(4, "br-0123456789ab", 1, kind="bridge"))},
        ("lan", Severity.NOTE, "only limits for everyone hold it", "br-0123456789ab to lan.interfaces"),
    ),
    "OpenVPN in the kernel": (
        {"interfaces": (WAN, LAN, Interface(4, "tun0", 65534, kind="ovpn"))},
        ("tunnels", Severity.NOTE, "(ovpn): the bytes", "tunnels: [{interface: tun0, port: 1194}]"),
    ),
    "nat46 in the kernel": (
        {"interfaces": (WAN, LAN, Interface(4, "clat", 65534))},
        ("tunnels", Severity.WARNING, "clat is a translator", "tunnels: [{interface: clat}]"),
    ),
    "jool": (
        {"translator_modules": ("jool_siit",)},
        ("tunnels", Severity.NOTE, "module jool_siit is a translator", "in a network namespace of its own"),
    ),
    "NetworkManager's own 464XLAT": (
        {"filters": (TcFilter("wwan0", "egress", 0, "tcx", "clat_egress"),)},
        ("filters", Severity.PROBLEM, "nothing is counted or limited", "ipv4.clat no; then install clatd"),
    ),
}


@pytest.mark.parametrize("name", SET_UPS)
def test_set_up_is_named_with_what_to_do(name: str) -> None:
    changes, expected = SET_UPS[name]
    assert_one_finding(complaints(replace(GOOD, **changes)), *expected)
