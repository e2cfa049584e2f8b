# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel parts that are compiled once in each test process and lent to one router after the other, as new. Needs root.

A compiler takes seconds of processor for each of them, and most tests of the whole daemon are about what comes after.
"""

import contextlib
import errno
import mmap
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

from esimshaper.edge.bpf import compiler, layouts, libbpf
from tests.mounts import mounted_bpffs

PATIENCE = 600  # seconds; other tests may be at work as well, or the processor is emulated


@dataclass(frozen=True)
class Loan:
    """A kernel part that a router has in use until it is given back."""

    kind: compiler.Build
    part: compiler.Build


class KernelParts:
    """Owns a bpffs with all that was compiled, until `close`."""

    def __init__(self) -> None:
        self._cleanup = contextlib.ExitStack()
        self._made = 0
        self._free: list[Loan] = []

    @cached_property
    def _place(self) -> Path:
        return self._cleanup.enter_context(mounted_bpffs())

    def lend(self, wanted: compiler.Build) -> Loan | None:
        """Pins maps and programs of nobody in the place where `wanted` has them; none if anything is there already."""
        if wanted.generation.exists():
            return None
        kind = replace(wanted, pins="")
        # The one that was given back first: filters that count into it may still be in a lab that tests share.
        loan = next((each for each in self._free if each.kind == kind), None)
        if loan:
            self._free.remove(loan)
            empty(loan.part)
        else:
            self._made += 1
            loan = Loan(kind, replace(wanted, pins=str(self._place / f"{self._made}")))
            with patch.object(compiler, "COMPILE_SECONDS", PATIENCE):
                compiler.build(loan.part)
        compiler.initialise_maps(loan.part)
        pin_again(loan.part.generation, wanted.generation)
        return loan

    def take_back(self, loan: Loan) -> None:
        """Nothing may have it in use any more."""
        self._free.append(loan)

    def close(self) -> None:
        self._cleanup.close()


def pin_again(folder: Path, other: Path) -> None:
    """Pins all that is pinned below a folder below another one as well, which may be in another bpffs."""
    other.mkdir(mode=0o700, parents=True)
    for pin in folder.iterdir():
        if pin.is_dir():
            pin_again(pin, other / pin.name)
            continue
        fd = libbpf.open_pin(pin)
        assert libbpf.library().bpf_obj_pin(fd, os.fsencode(other / pin.name)) == 0, pin
        os.close(fd)


def empty(wanted: compiler.Build) -> None:
    """All maps as the compiler leaves them, before they are initialised."""
    parts = (wanted.services, layouts.OF_SERVICES), (wanted.uplinks, layouts.OF_UPLINKS)
    without = {name for there, names in (*parts, (wanted.scopes, layouts.OF_SCOPES)) if not there for name in names}
    for name, (key, value) in layouts.LAYOUTS.items():
        if name in without:
            continue
        with contextlib.closing(libbpf.Map(wanted.generation / name, key.size, value.size)) as each:
            if name in (
                "usage",
                "service_policies",
                "refused",
            ):  # so large that one entry after the other takes half a second
                mmap.mmap(each.fd, each.max_entries * each.value_size)[:] = bytes(each.max_entries * each.value_size)
                continue
            for entry in list(each.keys()):
                try:
                    each.delete(entry)
                except OSError as error:
                    if error.errno != errno.EINVAL:  # of an array, whose entries cannot go
                        raise
                    each.update(entry, bytes(value.size))
    for name in ("announcements", "heads") if wanted.services else ("announcements",):
        with contextlib.closing(libbpf.Ring(wanted.generation / name, lambda _: None)) as ring:
            while ring.consume():
                pass


kernel_parts = KernelParts()
