# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of modems and SIMs. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.diagnosis.modems import CHECKS
from esimshaper.core.model.box import BoxFacts, DaemonStatus, Finding, Severity, SimStatus, Wanted
from esimshaper.core.model.modems import Modem, ModemsReport, Registration

MODEM = Modem(
    iccid="8981100012345678905",
    imsi="440100123456789",
    interface="wwan0",
    registration=Registration.ROAMING,
    operator="SoftBank",
    state="connected",
)
FACTS = BoxFacts(
    wanted=Wanted("wwan0", ("br0",)), libraries={"jeepney": "0.8.0"}, modems=ModemsReport((MODEM,), manager=True)
)


def finding(facts: BoxFacts) -> Finding:
    (one,) = [each for check in CHECKS for each in check(facts)]
    return one


def test_a_modem_and_its_sim_are_said_without_the_whole_number() -> None:
    said = finding(FACTS)
    assert (said.severity, said.check) == (Severity.OK, "modem")
    assert said.sentence == "The modem at wwan0 has the SIM ...8905 and is roaming at SoftBank (connected)."


def test_a_sim_without_a_readable_number_is_told_by_its_subscriber() -> None:
    said = finding(replace(FACTS, modems=ModemsReport((replace(MODEM, iccid=""),), manager=True)))
    assert "(IMSI) ...6789" in said.sentence
    assert MODEM.imsi not in said.sentence


@pytest.mark.parametrize(
    ("modem", "router", "severity", "words"),
    [
        (100_000_000, 100_800_000, Severity.OK, "100 MB itself, and this router 101 MB: 0.8 % more."),
        (100_000_000, 90_000_000, Severity.WARNING, "10.0 % less."),
        (9_000, 1_000, Severity.OK, "88.9 % less."),
        (5_000, 5_000, Severity.OK, "the same."),
    ],
)
def test_the_plan_and_the_modems_own_count_are_told_by_the_daemon(modem, router, severity, words) -> None:
    status = DaemonStatus("0.1.0", sims={"wwan0": SimStatus("trip", (modem, router))})
    first, own_count = (each for check in CHECKS for each in check(replace(FACTS, daemon_status=status)))
    assert first.sentence.endswith("It belongs to the plan trip.")
    assert own_count.severity is severity
    assert own_count.sentence.endswith(words)


def test_a_modem_without_a_sim_is_a_warning() -> None:
    locked = Modem(interface="wwan0", state="locked")
    said = finding(replace(FACTS, modems=ModemsReport((locked,), manager=True)))
    assert said.severity is Severity.WARNING
    assert "does not tell which SIM" in said.sentence
    assert "--pin" in said.hint


@pytest.mark.parametrize(
    ("changes", "severity", "words", "hint"),
    [
        ({"libraries": {"jeepney": ""}}, Severity.NOTE, "python3-jeepney is not installed", "apt install"),
        ({"modems": None}, Severity.NOTE, "Nothing tells which SIM", "apt install modemmanager"),
        ({"modems": ModemsReport(problem="the bus is gone")}, Severity.WARNING, "the bus is gone.", "systemctl status"),
        ({"modems": ModemsReport()}, Severity.NOTE, "does not run", "systemctl start ModemManager"),
        ({"modems": ModemsReport(manager=True)}, Severity.NOTE, "no modem", "mmcli"),
    ],
)
def test_why_no_sim_is_known_is_said_once(changes, severity, words, hint) -> None:
    said = finding(replace(FACTS, **changes))
    assert said.severity is severity
    assert words in said.sentence
    assert hint in said.hint
