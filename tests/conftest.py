# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of several levels share."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import mounts, tools
from tests.kernel_parts import kernel_parts
from tests.system import tree

# How long an example takes says more of the machine than of the code: no test fails for it.
settings.register_profile("esimshaper", deadline=None)
settings.load_profile("esimshaper")

# What tests read is English, whoever runs them.
os.environ.pop("LANGUAGE", None)
os.environ["LC_ALL"] = "C.UTF-8"

# A shell that starts us in the background has Ctrl-C ignored, also in all that we start; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


# The first of them begins by having Debians made, which the others of tests/system will find.
LONGEST = ("tests/system/test_debian.py", "tests/netns/", "tests/system/", "tests/test_bench.py", "tests/bpf/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first where there are several workers, so that none of them is the last for minutes."""
    if hasattr(config, "workerinput"):
        ranks = {item: [not item.nodeid.startswith(each) for each in LONGEST] for item in items}
        items.sort(key=ranks.__getitem__)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if os.geteuid() == 0:
        mounts.sweep()
    if shutil.which("msgfmt") and (tools.ROOT / "po").is_dir():  # not in the trees of mutants
        subprocess.run(["make", "--silent", "catalogs"], cwd=tools.ROOT, check=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    kernel_parts.close()
    if not hasattr(config, "workerinput"):  # the end of the whole run, not of one of its workers
        tree.remove_shared()


@pytest.fixture(scope="module", autouse=True)
def gives_maps_and_programs_back() -> Iterator[None]:
    """A worker lives through thousands of tests, and a daemon through months: what opens a map closes it."""
    before = opened_of_bpf()
    yield
    assert opened_of_bpf() <= before, "maps or programs were left open"


def opened_of_bpf() -> int:
    """How many descriptors of maps and programs this process has."""
    opened = (each for each in Path("/proc/self/fd").iterdir() if each.is_symlink())  # not that of this listing
    return sum(str(each.readlink()).startswith("anon_inode:bpf") for each in opened)


@pytest.fixture
def bpffs() -> Iterator[Path]:
    with mounts.mounted_bpffs() as place:
        yield place
