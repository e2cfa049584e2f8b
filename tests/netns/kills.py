# SPDX-License-Identifier: GPL-2.0-or-later
"""Many short lives of the real daemon: each is killed at a chosen step of its tick, or at a random moment.

As a program in the router (`lives.py CONFIG LIVES SEED`): one line of JSON for each life, with the step and whether it
was reached. A life is a fork of one process that has imported all, so that a hundred take no longer than they must.
"""

import contextlib
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esimshaper.daemon import verbs
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.history.database import History
from esimshaper.edge.host import systemd
from esimshaper.edge.nft.tables import RejectTable
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.edge.tc.shaper import Shaper

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 120.0  # seconds in which a step must be reached, also on a busy machine
RANDOM = 0.6

STEPS: dict[str, tuple[Any, str]] = {
    "attach": (TrafficControl, "ensure"),
    "read": (Meter, "read"),
    "save": (History, "save"),
    "commit": (History, "_save_clients"),  # in the middle of the transaction
    "announce": (systemd, "announce"),
    "shape": (Shaper, "apply"),
    "tell": (Meter, "write_policies"),
    "refuse": (RejectTable, "reject"),
}
HALVES = {"shape", "tell"}  # steps that take several things, one after the other
ALL = [
    (step, part, nth)
    for nth in (1, 2)
    for step in STEPS
    for part in ("before", "after", *(["half"] if step in HALVES else []))
]


def install(step: str, part: str, nth: int) -> None:
    """From now on this process dies at the `nth` time of a step."""
    owner, name = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    @functools.wraps(real)
    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < nth:
            return real(*arguments, **options)
        if part == "half":
            real(*arguments[:-1], _half(arguments[-1]), **options)
        if part == "after":
            real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    setattr(owner, name, deadly)


def _half(things: Any) -> Any:
    if isinstance(things, dict):
        return dict(list(things.items())[: (len(things) + 1) // 2])
    return things[: (len(things) + 1) // 2]


def life(config: Path, fate: tuple[str, str, int] | None, longest: float) -> int:
    """One life of at most `longest` seconds. How it ended: as waitpid says, below zero if its time was up."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            if fate:
                install(*fate)
            verbs.run(config, None)
        os._exit(1)  # never reached: nobody stops it in order
    deadline = time.monotonic() + longest
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return -os.waitpid(child, 0)[1]
        time.sleep(0.005)


def main(config: Path, lives: int, seed: int) -> None:
    """Half of the lives end at a step, half at random."""
    chance = random.Random(seed)
    for number in range(lives):
        fate = ALL[number // 2 % len(ALL)] if number % 2 == 0 else None
        if fate and fate[0] == "shape":  # or nothing would be to be done; downloads, as those are billed by then
            subprocess.run(["ip", "link", "del", "ifb-wan0"], check=False, capture_output=True)
        status = life(config, fate, LONGEST if fate else chance.uniform(0, RANDOM))
        sys.stdout.write(json.dumps({"fate": fate, "reached": status == signal.SIGKILL}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
