# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process costs, from /proc. In: a process number. Out: bytes and seconds."""

import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """In MiB. `resident` counts shared libraries in full; `private` is what ending the process would give back."""

    resident: float
    proportional: float
    private: float


def memory(pid: int) -> Memory:
    """From smaps_rollup."""
    kib: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, _, value = line.partition(":")
        kib[name] = int(value.split()[0])
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    return Memory(kib["Rss"] / 1024, kib["Pss"] / 1024, private / 1024)


def processor_seconds(pid: int) -> float:
    """User and system time of all threads since the start."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written(pid: int | str) -> int:
    """Bytes that the process caused to be sent to a disk."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))
