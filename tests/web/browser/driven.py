# SPDX-License-Identifier: GPL-2.0-or-later
"""Chromium, driven by a program of this folder in an interpreter of its own, which has playwright."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests import tools


def drive(program: str, **job: object) -> Any:
    """What the program saw. Its head says what its job is, but for the path of Chromium."""
    python = tools.ROOT / ".venv/browser/bin/python"
    tools.find(str(python))
    done = subprocess.run(
        [python, Path(__file__).with_name(program)],
        input=json.dumps({"chromium": tools.find("chromium"), **job}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
