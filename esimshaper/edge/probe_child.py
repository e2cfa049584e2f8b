# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: a child process for a probe that enters a network namespace, which cannot be left again without privilege.

A module's name goes in, what it prints as JSON comes out.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
SECONDS = 30


def run(module: str) -> Any:  # noqa: ANN401 - JSON
    """Runs `python -m module`. Raises RuntimeError with the last that it said, or TimeoutExpired."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-P", "-m", module],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))},
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RuntimeError(f"trying out tc failed: {last}")
    return json.loads(done.stdout)
