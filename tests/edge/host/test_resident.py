# SPDX-License-Identifier: GPL-2.0-or-later
"""What a start leaves in memory is given back, and the process runs on as before."""

import subprocess
import sys

from tests.tools import ROOT

PROGRAM = """
from pathlib import Path
from esimshaper.edge.host import resident
from esimshaper.edge.names.aes import Aes

def size():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

aes = Aes()
before = aes.mask(bytes(16), bytes(16)), aes.digest(b"k", b"m"), size()
resident.give_back()
after = size()
assert (aes.mask(bytes(16), bytes(16)), aes.digest(b"k", b"m")) == before[:2]
print(before[2] - after, sorted(f"{n:x}" for n in range(3)))
"""


def test_code_that_has_run_is_let_go_and_runs_again() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM], cwd=ROOT, text=True, capture_output=True, check=True, timeout=60
    )
    given_back, said = done.stdout.split(" ", 1)
    assert int(given_back) > 2_000
    assert said == "['0', '1', '2']\n"
