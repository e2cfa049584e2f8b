# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that only tests need: `make test` puts them into .venv, in the versions that the Makefile pins, or apt's."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for mounts, namespaces or the kernel part")
needs_systemd = pytest.mark.skipif(
    importlib.util.find_spec("systemd.journal") is None, reason="needs python3-systemd, which PyPI has no build of"
)

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # fmt: skip
"""Before a command, for root: makes it somebody else, who can still read a checkout below /root but not write there."""


def find(tool: str) -> str:
    """Path of a program. One that is not installed skips its test on a laptop and fails it where CI=true is set."""
    program = shutil.which(tool, path=f"{ROOT}/.venv/bin:{os.environ['PATH']}")
    if program is None:
        missing = f"{tool} is not installed: `sudo make test` installs it"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    return program
