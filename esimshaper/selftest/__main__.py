# SPDX-License-Identifier: GPL-2.0-or-later
"""The process of the self-test: a router in a lab, and known bytes through it. Out: lines of JSON, see __init__.py.

Owns a mount namespace with an empty /run, for the lab and a bpffs of its own; all of it ends with the process.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from esimshaper.core.model.box import Exchange, LimitTrial, NameTrial, SelfTest
from esimshaper.core.model.errors import FailedOperation
from esimshaper.edge.bpf import compiler
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab import BillIncomplete, Lab, LabUnavailable, WanKind
from esimshaper.lab.requirements import require
from esimshaper.selftest.names import names_service
from esimshaper.selftest.rig import KINDS, Rig


class LabWan(NamedTuple):
    """A WAN of the lab; `name` is for people."""

    name: str
    kind: WanKind
    gro: bool
    gso: bool


WANS = (LabWan("raw IP", WanKind.TUN, gro=False, gso=True), LabWan("Ethernet", WanKind.TAP, gro=True, gso=False))
"""One WAN for each kind of our programs, and for each way in which packets are merged: by the modem, by the kernel.
A veth would not do: before Linux 6.16 its short ring drops packets of a burst."""

ACCOUNTS, FLOWS = 4, 1024
BPFFS = Path("/run/esimshaper-selftest")
CATALOGUE = Path("/run/catalogue.json")

_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x00020000, 0x4000, 0x40000  # linux/sched.h, linux/mount.h


def main(mark_mask: int) -> None:
    """Entry point of the process."""
    exchanges: list[Exchange] = []
    limit_trials: list[LimitTrial] = []
    name_trials: list[NameTrial] = []
    failure, trouble = None, None
    try:
        _make_places()
        _test(mark_mask, exchanges, limit_trials, name_trials)
    except FailedOperation as problem:
        failure = problem.failure
    except LabUnavailable as problem:
        trouble = (problem.reason, problem.hint)
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError, BillIncomplete) as problem:
        trouble = (" ".join(str(problem).split()) or type(problem).__name__, "")
    _say(result=asdict(SelfTest(tuple(exchanges), tuple(limit_trials), tuple(name_trials), failure, trouble)))


def _say(**words: Any) -> None:  # noqa: ANN401 - JSON
    sys.stdout.write(json.dumps(words, default=lambda word: word.value) + "\n")  # Operation, an enum
    sys.stdout.flush()


def _make_places() -> None:
    """Makes an empty /run that no other process sees, with a bpffs in it. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    for done in (
        lambda: libc.unshare(_CLONE_NEWNS),
        lambda: libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None),
        lambda: libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None),
        lambda: BPFFS.mkdir(),
        lambda: libc.mount(b"bpf", os.fsencode(BPFFS), b"bpf", 0, None),
    ):
        if done():
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _test(
    mark_mask: int, exchanges: list[Exchange], limit_trials: list[LimitTrial], name_trials: list[NameTrial]
) -> None:
    """Fills the lists. Raises FailedOperation, LabUnavailable, or the errors of sockets and subprocesses."""
    require(WanKind.TUN, bare=True)  # said before the step that takes longest
    _say(step="compiling")
    build = compiler.Build(str(BPFFS / "pins"), mark_mask, ACCOUNTS, FLOWS)
    compiler.build(build)
    with (
        contextlib.closing(Meter(build.generation, build.programs)) as meter,
        contextlib.closing(names_service(meter, build, CATALOGUE)) as service,
    ):
        for wan in WANS:
            with Lab(wan.kind, ("client",), gro=wan.gro, gso=wan.gso, servers=1, bare=True) as lab:
                rig = Rig(lab, meter, BPFFS / "pins" / "qdiscs")
                _measure(wan.name, rig, exchanges, limit_trials)
                _say(step=f"{wan.name}: names")
                name_trials += rig.try_names(wan.name, service)


def _measure(link: str, rig: Rig, exchanges: list[Exchange], limit_trials: list[LimitTrial]) -> None:
    rig.attach()
    for version in (4, 6):
        for traffic in KINDS:
            _say(step=f"{link}: {traffic.what} over IPv{version}")
            exchanges.append(rig.exchange(link, traffic, version))
        _say(step=f"{link}: limits over IPv{version}")
        limit_trials += [rig.try_upload_limit(link, version), rig.try_download_limit(link, version)]


if __name__ == "__main__":
    main(int(sys.argv[1], 16))
