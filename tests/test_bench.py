# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark itself, where nothing else would show that it has fallen behind the program: no section breaks off."""

import subprocess
import sys

from tests.tools import ROOT, needs_root


@needs_root
def test_what_reads_the_maps_beside_the_program_understands_them() -> None:
    sections = [part for name in ("cost", "reading", "flash") for part in ("--only", name)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *sections],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 not true" in done.stdout
    assert "peer: bcc's items() of the same flows" in done.stdout
