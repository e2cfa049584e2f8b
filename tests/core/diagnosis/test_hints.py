# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of hints to devices. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.diagnosis.hints import CHECKS
from esimshaper.core.model.box import BoxFacts, Finding, LeaseFile, Severity, Wanted
from esimshaper.core.model.modems import ModemsReport

NOT_TOLD = BoxFacts(
    wanted=Wanted("wwan0", ("br0",)), metered_hints=(), leases=(LeaseFile("/x.leases", size=9, format="dnsmasq"),)
)


def findings(facts: BoxFacts) -> list[Finding]:
    return [each for check in CHECKS for each in check(facts)]


@pytest.mark.parametrize(
    ("path", "server", "hint"),
    [
        ("/var/lib/misc/dnsmasq.leases", "dnsmasq", "dhcp-option-force=43,ANDROID_METERED"),
        ("/var/lib/NetworkManager/dnsmasq-br0.leases", "dnsmasq", "connection.metered yes"),
        ("/run/systemd/netif/leases", "systemd-networkd", "SendOption=43:string:ANDROID_METERED"),
    ],
)
def test_how_to_tell_devices_is_said_for_each_server(path, server, hint):
    (found,) = findings(replace(NOT_TOLD, leases=(LeaseFile(path, size=9, format=server),)))
    assert found.severity is Severity.NOTE
    assert hint in found.hint


@pytest.mark.parametrize(("metered", "number"), [({"wwan0": False}, 1), ({"wwan0": True}, 0), ({"wlan1": False}, 0)])
def test_a_box_that_takes_its_uplink_for_free_is_told_how_to_know_better(metered, number):
    facts = replace(NOT_TOLD, leases=(), modems=ModemsReport(metered=metered))
    found = findings(facts)
    assert len(found) == number
    assert all("connection.metered yes" in each.hint for each in found)


def test_what_is_told_is_good_and_nothing_is_said_without_a_known_server():
    (told,) = findings(replace(NOT_TOLD, metered_hints=("/etc/dnsmasq.conf",)))
    assert (told.severity, "/etc/dnsmasq.conf" in told.sentence) == (Severity.OK, True)
    assert findings(replace(NOT_TOLD, leases=())) == []
    assert findings(replace(NOT_TOLD, metered_hints=None)) == []
