# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of several levels share."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.system import tree

# How long an example takes says more of the machine than of the code: no test fails for it.
settings.register_profile("esimshaper", deadline=None)
settings.load_profile("esimshaper")

# A shell that starts us in the background has Ctrl-C ignored, also in all that we start; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the end of the whole run, not of one of its workers
        tree.remove_shared()


@contextlib.contextmanager
def mounted_bpffs(folder: Path) -> Iterator[Path]:
    """A bpffs of the test's own: its pins vanish with it, and the machine's are not touched."""
    place = folder / "bpffs"
    place.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    with mounted_bpffs(tmp_path) as place:
        yield place
