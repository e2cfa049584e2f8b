# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make mutants` says of the tests: only mutants that were tried count, and its lists are of the code of today."""

import pytest

from tests.mutants import kernel
from tests.mutants.core import EQUIVALENT, Mutant, Result, equivalents, function_of, report
from tests.tools import ROOT

NEXT = Mutant("limits/tally.py", ("-a = b", "+a = c"))
OTHER = Mutant("limits/tally.py", ("-a = b", "+a = d"))


def result(made: int, untried: int = 0, survivors: tuple[Mutant, ...] = (), file: str = "limits/tally.py") -> Result:
    return Result(file, made, 0, {"next_tally": untried} if untried else {}, survivors)


def test_one_survivor_of_twenty_is_few_enough_and_two_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([result(20, survivors=(NEXT,))], {})
    assert not report([result(20, survivors=(NEXT, OTHER))], {})
    assert "2 of 20 survived (10.0 %; at most 5 %)" in capsys.readouterr().out


def test_a_survivor_that_is_listed_with_its_reason_is_none() -> None:
    assert report([result(20, survivors=(NEXT, OTHER))], {OTHER: "The same."})


def test_a_mutant_that_was_not_tried_is_not_taken_for_one_that_a_test_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert not report([result(1000, untried=990, survivors=(NEXT,))], {})
    said = capsys.readouterr().out
    assert "1 of 10 survived (10.0 %; at most 5 %)" in said
    assert "not tried: 990 of limits/tally.py next_tally" in said


def test_a_file_of_which_no_mutant_was_tried_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    idle = result(5, untried=5, file="limits/recovery.py")
    assert not report([result(100), idle], {})
    assert "limits/recovery.py: no mutant was tried" in capsys.readouterr().out
    assert not report([], {}), "nor does a run of no file at all say anything"


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("esimshaper.core.limits.tally.x_next_tally__mutmut_12", "next_tally"),
        ("esimshaper.core.limits.tally.x__in_later_window__mutmut_1", "_in_later_window"),
        ("esimshaper.core.limits.notices.xǁWordingǁwho__mutmut_3", "Wording.who"),
    ],
)
def test_functions_are_named_as_they_are_in_the_source(name: str, function: str) -> None:
    assert function_of(name) == function


def test_each_mutant_that_no_test_can_find_is_one_of_a_line_of_today() -> None:
    for mutant in equivalents(EQUIVALENT.read_text()):
        source = {line.strip() for line in (ROOT / "esimshaper/core" / mutant.file).read_text().splitlines()}
        assert {line[1:] for line in mutant.lines if line[0] == "-"} <= source, mutant


def test_each_mutant_of_the_kernel_part_is_one_of_a_text_that_is_there_once() -> None:
    for mutant in kernel.listed(kernel.LIST.read_text()):
        assert (ROOT / "bpf" / mutant.file).read_text().count(mutant.old) == 1, mutant
