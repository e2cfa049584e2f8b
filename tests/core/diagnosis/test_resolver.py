# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of names that DNS refuses, and of what works against the saver. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.model.box import DaemonStatus, Finding, Severity
from esimshaper.core.model.names_report import NamesReport
from esimshaper.core.model.resolver_facts import OtherResolver, ResolverFacts
from esimshaper.core.model.withholding import Metered, SaverSettings
from tests.core.diagnosis.healthy_box import GOOD, assert_one_finding, complaints

FILES = "/run/esimshaper/dnsmasq"
SAVER = SaverSettings(("/a",), files=FILES, metered=Metered.AUTO)
assert GOOD.wanted
SAVING = replace(GOOD, wanted=replace(GOOD.wanted, saver=SAVER), resolver=ResolverFacts("2.90"))


def found(resolver: ResolverFacts) -> list[Finding]:
    return complaints(replace(SAVING, resolver=resolver))


def test_nothing_is_said_where_all_is_well_or_where_nobody_saves():
    assert complaints(SAVING) == []
    wrong = ResolverFacts("", ("/hosts",), (OtherResolver("/f", ("1.1.1.1",)),), ("wlan0",), step="no")
    assert complaints(replace(GOOD, resolver=wrong)) == []


def test_a_list_that_cannot_be_taken_is_named_with_its_line():
    status = DaemonStatus("1.0", lists=("/a:7: `com` would take away all names that end so",), refused=3)
    assert_one_finding(
        complaints(replace(SAVING, daemon_status=status)),
        "saver",
        Severity.WARNING,
        "stay in force: /a:7: `com`",
        "edit",
    )


@pytest.mark.parametrize(
    ("facts", "severity", "words", "hint"),
    [
        (ResolverFacts(), Severity.WARNING, "there is no dnsmasq", "apt install"),
        (ResolverFacts("2.90", ("/hosts",)), Severity.WARNING, "dnsmasq 2.90 may crash", "MAC,IP"),
        (
            ResolverFacts("2.90", others=(OtherResolver("/f", ("1.1.1.1", "9.9.9.9")),)),
            Severity.WARNING,
            "another resolver, 1.1.1.1 and 9.9.9.9 (/f)",
            "restart dnsmasq",
        ),
        (ResolverFacts("2.90", mute=("wlan0",)), Severity.WARNING, "cannot be asked at wlan0", "ctrl_interface"),
        (ResolverFacts("2.90", step="illegal repeated keyword"), Severity.WARNING, "illegal repeated", "systemctl"),
    ],
)
def test_what_works_against_it_is_told(facts, severity, words, hint):
    assert_one_finding(found(facts), "saver", severity, words, hint)


def test_a_newer_dnsmasq_takes_tags():
    assert found(ResolverFacts("2.91", ("/hosts",))) == []


def test_encrypted_dns_is_told_with_the_canaries_that_are_left():
    seen = replace(SAVING, names=NamesReport(600, 5, 100, 40, {}))
    assert_one_finding(complaints(seen), "saver", Severity.NOTE, "in 40 conversations", "[firefox, relay, discovery]")
    assert GOOD.wanted
    all_of_them = replace(SAVER, canaries=("firefox", "relay", "discovery"))
    assert_one_finding(
        complaints(replace(seen, wanted=replace(GOOD.wanted, saver=all_of_them))),
        "saver",
        Severity.NOTE,
        "no name is refused there",
        "private DNS on the devices",
    )


def test_a_squid_that_fetches_all_costs_money_whoever_saves():
    facts = replace(GOOD, resolver=ResolverFacts(eager=("/etc/squid/squid.conf",)))
    assert_one_finding(complaints(facts), "squid", Severity.WARNING, "quick_abort_min -1", "16 KB")
