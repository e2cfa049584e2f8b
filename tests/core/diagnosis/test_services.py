# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of what names the services. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.diagnosis.services import CHECKS
from esimshaper.core.model.box import BoxFacts, DaemonStatus, Finding, Severity, Wanted
from esimshaper.core.model.names_report import NamesReport

REPORT = NamesReport(1_200, 30, 400, 5, {"sni": 80, "quic": 10, "dns": 4, "hidden": 1, "none": 5})
FACTS = BoxFacts(
    wanted=Wanted("wan0", ("br0",), names=True),
    daemon_status=DaemonStatus("0.1.0", services=(1_000_000, 30_000, 50_000)),
    names=REPORT,
)


def findings(facts: BoxFacts) -> list[Finding]:
    return [finding for check in CHECKS for finding in check(facts)]


def test_what_is_seen_is_said_in_numbers() -> None:
    (finding,) = findings(FACTS)
    assert (finding.severity, finding.check) == (Severity.OK, "services")
    assert "Of 100 conversations 94 % have a name" in finding.sentence
    assert "400 answers of DNS (20.0 a minute)" in finding.sentence
    assert "3 % are unnamed, and 5 % hidden" in finding.sentence


@pytest.mark.parametrize("report", [None, replace(REPORT, age=1_000)])
def test_process_that_does_not_run_is_a_warning(report: NamesReport | None) -> None:
    (finding,) = findings(replace(FACTS, names=report))
    assert (finding.severity, finding.hint) == (Severity.WARNING, "systemctl status esimshaper-names")


def test_devices_that_ask_elsewhere_are_told_of() -> None:
    none, _ = findings(replace(FACTS, names=replace(REPORT, answers=0)))
    assert "No answer of DNS" in none.sentence
    assert len(findings(replace(FACTS, names=replace(REPORT, answers=0, seconds=60, encrypted_dns=0)))) == 1
    few, _ = findings(replace(FACTS, names=replace(REPORT, encrypted_dns=500)))
    assert "encrypted DNS more often (500)" in few.sentence


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, wanted=Wanted("wan0", ("br0",))),
        replace(FACTS, wanted=None),
        replace(FACTS, daemon_status=None, names=None),
    ],
)
def test_nothing_is_said_where_nothing_is_named(facts: BoxFacts) -> None:
    assert findings(facts) == []


def test_quiet_network_is_well() -> None:
    (finding,) = findings(replace(FACTS, names=NamesReport(1_000, 1, 0, 0, {})))
    assert finding.severity is Severity.OK
