# SPDX-License-Identifier: GPL-2.0-or-later
"""The self-test of `doctor`: known bytes through our real programs in this kernel. In: a mark mask. Out: SelfTest.

Owns one process (esimshaper.selftest.__main__) in network, mount and process namespaces of its own. The process cannot
reach the box's own interfaces, bpffs or /run. The kernel kills it, and all in its namespaces, when this process ends,
however it ends; only kernel modules that were loaded for it stay.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from esimshaper.core.model.box import Exchange, LimitTrial, NameTrial, SelfTest
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.errors import Failure, Operation
from esimshaper.lab.carrier import python_environment

MOST_SECONDS = 600.0
"""The self-test takes two seconds on a laptop; a busy small board compiles for a minute."""

_AS_ROOT = "run it as root: sudo esimshaper doctor --self-test"
_ALONE = [
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
]
"""The command that makes the namespaces; its programs are in util-linux, which every Debian has."""


def run(mark_mask: int, progress: Callable[[str], None] = lambda _: None) -> SelfTest:
    """Runs the self-test, which takes a few seconds. `progress` gets each step in a few words as it begins."""
    command = [*_ALONE, sys.executable, "-P", "-m", "esimshaper.selftest", f"{mark_mask:#x}"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=python_environment(),
            start_new_session=True,  # Ctrl-C is for this process, whose end ends the child
        )
    except OSError as error:
        return SelfTest(trouble=(f"{error.filename or command[0]}: {error.strerror}", "apt install util-linux"))
    alarm = threading.Timer(MOST_SECONDS, process.kill)
    alarm.start()
    try:
        return _listen(process, progress)
    finally:
        alarm.cancel()
        process.kill()
        process.communicate()


def _listen(process: "subprocess.Popen[str]", progress: Callable[[str], None]) -> SelfTest:
    """Lines of JSON, each an object with one key: `step`, or `result` at the end."""
    for line in process.stdout or ():
        said = json.loads(line)
        if "result" in said:
            return result_from(said["result"])
        progress(said["step"])
    errors = (process.stderr.read() if process.stderr else "").strip().splitlines()
    return SelfTest(trouble=(errors[-1] if errors else "it ended without a word", _AS_ROOT if os.geteuid() else ""))


def result_from(raw: Mapping[str, Any]) -> SelfTest:
    """The SelfTest whose dataclasses.asdict is given."""
    failure, trouble = raw["failure"], raw["trouble"]
    return SelfTest(
        tuple(_exchange(each) for each in raw["exchanges"]),
        tuple(LimitTrial(**each) for each in raw["limit_trials"]),
        tuple(NameTrial(**each) for each in raw["name_trials"]),
        failure and Failure(Operation(failure["operation"]), failure["errno"], failure["detail"]),
        trouble and (trouble[0], trouble[1]),
    )


def _exchange(raw: Mapping[str, Any]) -> Exchange:
    counts = {name: Counters(**raw[name]) for name in ("least", "billed", "counted", "unattributed")}
    return Exchange(raw["link"], raw["what"], **counts)
