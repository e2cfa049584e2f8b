# SPDX-License-Identifier: GPL-2.0-or-later
"""The peer for section `reading`: a resident process that has bcc in it and reads the flows its way.

Run as `python3 -m bench.bcc_peer GENERATION FLOWS`; prints a JSON line with milliseconds and its own memory.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench.process import memory
from esimshaper.edge.bpf.compiler import source_folder

ROUNDS = 3


def main(generation: str, flows: str) -> None:
    """Entry point of the process."""
    os.environ["BCC_KERNEL_SOURCE"] = str(source_folder() / "shim")
    from bcc import BPF

    text = f"""
#include "contract.h"
BPF_TABLE_PINNED("lru_hash", struct flow_key, struct flow, flows, {int(flows)}, "{generation}/flows");
"""
    table = BPF(text=text, cflags=[f"-I{source_folder()}"])["flows"]
    # As people do it who want the largest flows by client.
    one_by_one = _milliseconds(lambda: _largest(value for _, value in table.items()))
    batch = _milliseconds(lambda: _largest(value for _, value in table.items_lookup_batch()))
    resident = memory(os.getpid()).resident
    sys.stdout.write(json.dumps({"items": one_by_one, "batch": batch, "resident": resident}) + "\n")


def _largest(flows: Iterable[Any]) -> list[tuple[int, int]]:
    return sorted((flow.counted.down_bytes + flow.counted.up_bytes, flow.account) for flow in flows)[-20:]


def _milliseconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


if __name__ == "__main__":
    main(str(Path(sys.argv[1])), sys.argv[2])
