# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of days and months, by the oldest and the newest rules of time zones on PyPI: `python3 -m tests.zones`.

Countries change their clocks at short notice: what is right today must not be a test that fails tomorrow.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.venv import pip

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".venv/zones"
OLDEST = "tzdata==2020.1"
"""The first on PyPI."""

TESTS = (
    "tests/core/limits",
    "tests/core/saving",
    "tests/core/settings",
    "tests/core/model",
    "tests/core/plan",
    "tests/core/report/test_history.py",
    "tests/core/report/test_since.py",
    "tests/core/diagnosis/test_bill.py",
    "tests/edge/settings_file/test_periods.py",
    "tests/edge/settings_file/test_quotas.py",
)


def main() -> int:
    """The worst exit status of pytest; 1 if the rules could not be fetched."""
    statuses = [run_with(folder) for folder in map(fetch, (OLDEST, "tzdata"))]
    return max(statuses)


def fetch(pin: str) -> Path:
    """A folder with this package and nothing else. Raises CalledProcessError."""
    folder = PLACE / pin.replace("==", "-")
    shutil.rmtree(folder, ignore_errors=True)
    with pip() as wheel:
        command = [sys.executable, str(wheel / "pip"), "install", "--quiet", "--no-deps", "--target", str(folder), pin]
        subprocess.run(command, check=True)
    return folder


def run_with(folder: Path) -> int:
    """Python takes the rules of that package where PYTHONTZPATH names no folder of the system."""
    sys.stderr.write(f"With {next(folder.glob('tzdata-*')).stem}\n")
    environment = os.environ | {"PYTHONTZPATH": "", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", *(sys.argv[1:] or TESTS)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
