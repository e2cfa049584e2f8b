# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: child processes of probes: for one that enters a network namespace, which cannot be left without privilege.

A module's name goes in, what it prints as JSON comes out.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
SECONDS = 120
"""It takes one, and much more on a small board that is busy."""


def run(module: str) -> Any:  # noqa: ANN401 - JSON
    """What `python -m module` prints. Raises RuntimeError with the last that it said."""
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    done = finish([sys.executable, "-P", "-m", module], os.environ | {"PYTHONPATH": path})
    if done.returncode:
        raise RuntimeError(f"trying out tc failed: {last_words(done)}")
    return json.loads(done.stdout)


def finish(command: Sequence[str], environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """A program that ends by itself. Raises RuntimeError if it does not."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it took more than {SECONDS} seconds; try again while the box is less busy") from None


def last_words(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line on its standard error, which names a Python program's error."""
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
