# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of what came of the self-test. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.diagnosis import selftest
from esimshaper.core.model.box import Exchange, Finding, LimitTrial, NameTrial, SelfTest, Severity
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.errors import Failure, Operation

MOVED = Counters(2_074_793, 2_074_868, 1438, 1439)
EXCHANGE = Exchange("Ethernet", "TCP over IPv4", Counters(2_000_000, 2_000_000), MOVED, MOVED)
NAME_TRIAL = NameTrial("raw IP", "a TLS hello in two segments over IPv4", 1_900, 1_900)
LIMIT_TRIAL = LimitTrial("raw IP", "upload over IPv4", 25_174, 1228, 24_560)


def findings(**changes) -> list[Finding]:
    return list(selftest.diagnose(replace(SelfTest((EXCHANGE,), (LIMIT_TRIAL,), (NAME_TRIAL,)), **changes)))


def test_a_self_test_that_passed_says_how_much_was_compared() -> None:
    (finding,) = findings()
    assert finding.severity is Severity.OK
    assert "4,149,661 bytes over Ethernet" in finding.sentence
    assert "1 limits" in finding.sentence


def test_hello_that_did_not_name_its_bytes_is_told_and_no_reason_to_distrust_the_bill() -> None:
    (finding,) = findings(name_trials=(replace(NAME_TRIAL, named=0),))
    assert finding.severity is Severity.WARNING
    assert "of 1,900 bytes 0 were counted as what the hello said" in finding.sentence


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (
            replace(MOVED, up_bytes=2_004_868),
            "2,004,868 counted: 70,000 too few, so that much would be used and billed",
        ),
        (replace(MOVED, down_bytes=2_074_794), "1 too many, so quotas would end early"),
    ],
)
def test_a_difference_of_bytes_is_a_problem_with_its_meaning(counted: Counters, words: str) -> None:
    (finding,) = findings(exchanges=(replace(EXCHANGE, counted=counted),))
    assert finding.severity is Severity.PROBLEM
    assert words in finding.sentence
    assert "report" in finding.hint


def test_unattributed_bytes_are_named_apart_from_bytes_that_no_program_saw() -> None:
    counted, unattributed = replace(MOVED, down_bytes=2_000_000), Counters(down_bytes=74_793)
    (finding,) = findings(exchanges=(replace(EXCHANGE, counted=counted, unattributed=unattributed),))
    assert "of which 74,793 were booked to `unattributed`" in finding.sentence


def test_packets_alone_that_differ_are_a_warning() -> None:
    (finding,) = findings(exchanges=(replace(EXCHANGE, counted=replace(MOVED, up_packets=1)),))
    assert finding.severity is Severity.WARNING


def test_bytes_that_never_arrived_are_no_fault_of_the_meter() -> None:
    (finding,) = findings(exchanges=(replace(EXCHANGE, least=Counters(3_000_000, 0)),))
    assert (finding.severity, "says nothing" in finding.sentence) == (Severity.WARNING, True)


@pytest.mark.parametrize(
    ("passed", "words"), [(25_788, "limits do not hold"), (23_332, "limits end early"), (0, "limits end early")]
)
def test_a_limit_that_is_off_by_a_packet_is_a_problem(passed: int, words: str) -> None:
    (finding,) = findings(limit_trials=(replace(LIMIT_TRIAL, passed=passed),))
    assert finding.severity is Severity.PROBLEM
    assert words in finding.sentence


def test_a_self_test_that_broke_off_does_not_say_that_it_passed() -> None:
    (failed,) = findings(failure=Failure(Operation.COMPILER))
    assert failed.severity is Severity.PROBLEM
    (broken,) = findings(trouble=("Programs are missing: ip.", "apt install iproute2"))
    assert (broken.severity, broken.hint) == (Severity.WARNING, "apt install iproute2")
    assert "Programs are missing: ip." in broken.sentence
