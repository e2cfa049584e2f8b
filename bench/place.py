# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the benchmark works: mounts of its own, a bpffs, a folder on a real disk. Owns all of them.

The mounts are in a mount namespace of this process, so they vanish with it, even if it is killed.
"""

import contextlib
import ctypes
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from esimshaper.core.model.identity import BUILT_IN_CLIENTS
from esimshaper.edge.bpf import compiler
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab import namespaces

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 16384, 1 << 18  # linux/mount.h

PREFIX, PARENT = "esimshaper-bench-", "/var/tmp"
"""Names of our folders begin with this and the number of our process."""

MARK_MASK = 0xFFF00000
MARK_SHIFT = 20


@dataclass(frozen=True, slots=True)
class Place:
    """`bpffs` and `disk` are empty folders; `quick` asks for fewer variants and rounds."""

    bpffs: Path
    disk: Path
    quick: bool

    @contextlib.contextmanager
    def meter(
        self,
        name: str,
        *,
        accounts: int = 1024 + len(BUILT_IN_CLIENTS),
        flows: int = 65536,
        services: bool = True,
    ) -> Iterator[tuple[Meter, Path]]:
        """New maps, and the folder in which traffic control may note its qdiscs."""
        root = self.bpffs / name
        wanted = compiler.Build(str(root), MARK_MASK, accounts, flows, services)
        compiler.build(wanted)
        meter = Meter(wanted.generation, wanted.programs)
        try:
            yield meter, root / "qdiscs"
        finally:
            meter.close()
            shutil.rmtree(root)


@contextlib.contextmanager
def private_place(*, quick: bool) -> Iterator[Place]:
    """To be called before there are threads: they would stay behind in the old mount namespace."""
    sweep()
    libc = ctypes.CDLL(None, use_errno=True)

    def succeed(result: int, what: str) -> None:
        if result:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")

    succeed(libc.unshare(CLONE_NEWNS), "unshare")
    succeed(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    # /tmp may be in memory, and what is written to flash is one of the figures.
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=PARENT))
    bpffs, disk = folder / "bpffs", folder / "disk"
    try:
        bpffs.mkdir()
        disk.mkdir()
        succeed(libc.mount(b"bpf", os.fsencode(bpffs), b"bpf", 0, None), "mount -t bpf")
        yield Place(bpffs, disk, quick)
    finally:
        libc.umount2(os.fsencode(bpffs), 0)
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove what killed benchmarks and labs left behind."""
    namespaces.sweep()
    for folder in Path(PARENT).glob(f"{PREFIX}*"):
        if namespaces.is_dead(int(folder.name.removeprefix(PREFIX).split("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)


def machine() -> dict[str, str]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith(("model name", "Model"))), "?")
    jit = Path("/proc/sys/net/core/bpf_jit_enable")
    return {
        "kernel": f"{platform.release()} {platform.machine()}",
        "processor": model,
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "BPF JIT": {"0": "off", "1": "on", "2": "on"}.get(jit.read_text().strip(), "?")
        if jit.exists()
        else "always on",
        "Python": platform.python_version(),
    }
