# SPDX-License-Identifier: GPL-2.0-or-later
"""IPsec by policy, as doctor tells of it. Pure."""

from dataclasses import replace

from esimshaper.core.model.box import Ipsec, Severity
from tests.core.diagnosis.healthy_box import GOOD, assert_one_finding, complaints


def test_policies_of_ipsec_are_told() -> None:
    found = complaints(replace(GOOD, ipsec=Ipsec(2)))
    assert_one_finding(found, "ipsec", Severity.NOTE, "shared out each second by what came out for each", "WireGuard")


def test_packets_that_are_unpacked_before_they_are_seen_are_a_warning() -> None:
    found = complaints(replace(GOOD, ipsec=Ipsec(2, early=True)))
    assert_one_finding(found, "ipsec", Severity.WARNING, "is not counted", "modprobe -r esp4_offload")


def test_modules_without_policies_are_nothing() -> None:
    assert complaints(replace(GOOD, ipsec=Ipsec(0, early=True))) == []
