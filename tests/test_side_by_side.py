# SPDX-License-Identifier: GPL-2.0-or-later
"""Test runs that go on at the same time, as root, leave each other alone; a killed one leaves nothing for good."""

import subprocess
import sys
from pathlib import Path

from esimshaper.lab.namespaces import wait_until
from tests import mounts, tools

pytestmark = tools.needs_root


def start() -> "subprocess.Popen[str]":
    """A run of a few tests of the kernel part, which share a bpffs."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/bpf/test_count.py"]
    return subprocess.Popen(command, cwd=tools.ROOT, stdout=-1, stderr=subprocess.STDOUT, text=True)


def mounted_by(run: "subprocess.Popen[str]") -> list[str]:
    places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{mounts.PLACE}/{run.pid}-")]


def test_runs_side_by_side_disturb_each_other_as_little_as_one_that_is_killed():
    first, killed = start(), start()
    wait_until("a mount of each", lambda: all(mounted_by(run) for run in (first, killed)), timeout=60)
    killed.kill()
    killed.communicate()
    assert mounted_by(killed), "else nothing is left to be swept"
    second = start()
    for run in (first, second):
        said, _ = run.communicate(timeout=300)
        assert run.returncode == 0, said
    assert [mounted_by(run) for run in (first, killed, second)] == [[], [], []]
    assert [path for path in mounts.leftovers() if path.name.startswith(f"{killed.pid}-")] == []
