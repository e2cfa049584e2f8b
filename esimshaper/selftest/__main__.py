# SPDX-License-Identifier: GPL-2.0-or-later
"""The process of the self-test: a router in a box, known bytes through it. Out: lines of JSON, see __init__.py.

Owns a mount namespace with an empty /run in it, where the lab and a bpffs of its own are; all of it ends with it.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from esimshaper.core.facts import Cut, Exchange, FailedOperation, SelfTest
from esimshaper.edge import compiler
from esimshaper.edge.meter import Meter
from esimshaper.lab import BillIncomplete, Lab, LabUnavailable, WanKind
from esimshaper.selftest.rig import KINDS, Rig

LINKS = {WanKind.TUN: "raw IP", WanKind.VETH: "Ethernet"}
"""Link and its name for people. Both of our kinds of programs; both merge segments, as modems and cards do."""

ACCOUNTS, FLOWS = 4, 1024
BPFFS = Path("/run/esimshaper-selftest")

_NO_TUN = ("raw-IP links were not tried: there is no /dev/net/tun", "modprobe tun")

_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x00020000, 0x4000, 0x40000  # linux/sched.h, linux/mount.h


def main(mark_mask: int) -> None:
    """Entry point of the process."""
    exchanges: list[Exchange] = []
    cuts: list[Cut] = []
    untried = () if Path("/dev/net/tun").exists() else (_NO_TUN,)
    failure, trouble = None, None
    try:
        _make_places()
        _test(mark_mask, [kind for kind in LINKS if kind is not WanKind.TUN or not untried], exchanges, cuts)
    except FailedOperation as problem:
        failure = problem.failure
    except LabUnavailable as problem:
        trouble = (problem.reason, problem.hint)
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError, BillIncomplete) as problem:
        trouble = (" ".join(str(problem).split()) or type(problem).__name__, "")
    _say(result=asdict(SelfTest(tuple(exchanges), tuple(cuts), untried, failure, trouble)))


def _say(**words: Any) -> None:  # noqa: ANN401 - JSON
    sys.stdout.write(json.dumps(words, default=lambda word: word.value) + "\n")  # Operation, an enum
    sys.stdout.flush()


def _make_places() -> None:
    """An empty /run that nobody else sees, also if somebody runs this by itself; a bpffs in it. Raises OSError."""
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


def _test(mark_mask: int, kinds: list[WanKind], exchanges: list[Exchange], cuts: list[Cut]) -> None:
    """Fills the two lists. Raises FailedOperation, LabUnavailable, or what sockets and subprocesses raise."""
    build = compiler.Build(str(BPFFS / "pins"), mark_mask, ACCOUNTS, FLOWS)
    with contextlib.ExitStack() as cleanup:
        lab = cleanup.enter_context(Lab(kinds[0], ("client",), gso=True, servers=1, bare=True))
        _say(step="compiling")
        compiler.build(build)
        meter = cleanup.enter_context(contextlib.closing(Meter(build.generation, build.programs)))
        rig = Rig(lab, meter, BPFFS / "pins" / "qdiscs")
        for kind in kinds:
            if kind is not lab.kind:
                lab.recreate_wan(kind)
            rig.attach()
            for version in (4, 6):
                for traffic in KINDS:
                    _say(step=f"{LINKS[kind]}: {traffic.what} over IPv{version}")
                    exchanges.append(rig.exchange(LINKS[kind], traffic, version))
                _say(step=f"{LINKS[kind]}: limits over IPv{version}")
                cuts += [rig.cut_upload(LINKS[kind], version), rig.cut_download(LINKS[kind], version)]


if __name__ == "__main__":
    main(int(sys.argv[1], 16))
