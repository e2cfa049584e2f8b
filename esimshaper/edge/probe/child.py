# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: child processes of probes. The name of a module goes in, the JSON that it prints comes out.

A process cannot leave a network namespace without privilege, so a probe that enters one runs in a child.
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
"""How long a child may take. It needs one second, and much more on a small board that is busy."""


def run(module: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON that `python -m module` prints. Raises RuntimeError with the last line of its errors."""
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    done = run_to_end([sys.executable, "-P", "-m", module], os.environ | {"PYTHONPATH": path})
    if done.returncode:
        raise RuntimeError(f"trying out tc failed: {last_words(done)}")
    return json.loads(done.stdout)


def run_to_end(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end. Raises RuntimeError if that takes more than SECONDS."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it took more than {SECONDS} seconds; try again while the box is less busy") from None


def last_words(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line of a program's standard error, where a Python program names its exception."""
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
