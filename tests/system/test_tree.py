# SPDX-License-Identifier: GPL-2.0-or-later
"""Of the systems that tests boot nothing stays on this machine, also when the test run is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from esimshaper.lab import namespaces
from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import is_dead, wait_until
from tests.system import tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to boot a system")

RUN = """
import sys
from pathlib import Path
from esimshaper.lab import Lab, WanKind
from tests.system.tree import System
with Lab(WanKind.TUN) as lab, System(Path(sys.argv[1]), lab, {}) as system:
    print(system.leader, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module", params=["bookworm"])
def release(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_test_run_that_is_killed_leaves_nothing(release: str, trees: tree.Trees, number: int) -> None:
    command = [sys.executable, "-c", RUN, str(trees[release])]
    with subprocess.Popen(command, env=python_environment(), stdin=-1, stdout=-1, text=True) as run:
        assert run.stdout
        leader = int(run.stdout.readline())
        run.send_signal(number)
    wait_until("the end of the system", lambda: is_dead(leader))
    namespaces.sweep()
    tree.sweep()
    name = f"{tree.PREFIX}-{run.pid}-"
    assert name not in Path("/proc/mounts").read_text()
    assert [path for path in tree.leftovers() if name in path.name] == []
    assert list(Path("/sys/fs/cgroup").rglob(f"{name}*")) == []
    assert [path for path in namespaces.leftovers() if f"-{run.pid}-" in path.name] == []
