# SPDX-License-Identifier: GPL-2.0-or-later
"""All flows of a kernel part get one name after the other, while packets pass or not."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.names import NamesMaps, Rename

PAUSE = 0.005  # seconds, for the tests' own work


class Renaming:
    """Owns what it opens of these pins. `done`: how many flows got a name so far, each as often as it did."""

    def __init__(self, generation: Path, programs: Path) -> None:
        self._flows = libbpf.Map(generation / "flows", layouts.FLOW_KEY.size, layouts.FLOW.size)
        self.names = NamesMaps(generation, programs)
        self._numbers = itertools.cycle(range(layouts.SERVICES))
        self.done = 0

    def turn(self) -> None:
        """Another name for all flows that are there."""
        service = next(self._numbers)
        wanted = [Rename(flow, account, service, final=False) for flow, account in self._all()]
        self.done += len(wanted) - self.names.name(wanted)

    def _all(self) -> Iterator[tuple[bytes, int]]:
        for keys, values, found in self._flows.chunks():
            size = layouts.FLOW_KEY.size
            for at, fields in enumerate(layouts.FLOW.iter_unpack(values[: found * layouts.FLOW.size])):
                yield bytes(keys[at * size : (at + 1) * size]), fields[6]

    def close(self) -> None:
        self._flows.close()
        self.names.close()


@contextlib.contextmanager
def all_the_while(generation: Path, programs: Path) -> Iterator[Renaming]:
    """Names change in a thread until the block ends."""
    over = threading.Event()

    def rename() -> None:
        while not over.wait(PAUSE):
            renaming.turn()

    with contextlib.closing(Renaming(generation, programs)) as renaming:
        thread = threading.Thread(target=rename)
        thread.start()
        try:
            yield renaming
        finally:
            over.set()
            thread.join()
