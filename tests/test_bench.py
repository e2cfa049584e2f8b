# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark itself, where nothing else would show that it has fallen behind the program: no section breaks off."""

import subprocess
import sys

import pytest

from bench.questions import lateness
from tests.tools import ROOT, needs_root


@needs_root
def test_what_reads_the_maps_beside_the_program_understands_them() -> None:
    sections = [part for name in ("cost", "reading", "rules", "flash", "channels") for part in ("--only", name)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *sections],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 not true" in done.stdout
    assert "peer: bcc's items() of the same flows" in done.stdout


def test_a_tick_is_late_by_its_second_and_not_by_ticks_that_something_has_woken() -> None:
    on_time = {10.001: 0.004, 10.999: 0.004, 12.002: 0.004, 13.001: 0.004}  # a timer may go off a millisecond early
    assert lateness(on_time | {11.6: 0.5}) == pytest.approx([3, 6])
    late = {10.001: 0.004, 11.3: 0.1, 12.002: 0.004, 13.0: 0.0}
    assert lateness(late) == pytest.approx([400, 6])
