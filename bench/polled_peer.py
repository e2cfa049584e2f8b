# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer: a quota as scripts do it. nftables counts a client's bytes, somebody looks once a second and then drops.

Owns the table `bench_polled` in the router's namespace and a thread, both until its `with` block ends.
"""

import json
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

from esimshaper.lab import Host, Lab

SECONDS = 1.0
TABLE = """table inet bench_polled {{
    counter used {{ }}
    chain forward {{
        type filter hook forward priority filter;
        ip saddr {0} counter name used
        ip daddr {0} counter name used
    }}
}}
"""
DROP = """insert rule inet bench_polled forward ip saddr {0} drop
insert rule inet bench_polled forward ip daddr {0} drop
"""


class Polled:
    """Looks first after `phase` seconds, then each second."""

    def __init__(self, lab: Lab, client: Host, *, limit: int, phase: float) -> None:
        self.router, self.client, self.limit, self.phase = lab.router, client, limit, phase
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self.router.run(["nft", "-f", "-"], text_in=TABLE.format(self.client.ipv4))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        subprocess.run(self.router.command(["nft", "delete", "table", "inet", "bench_polled"]), check=True)

    def _watch(self) -> None:
        due = time.monotonic() + self.phase
        while not self._end.wait(max(0.0, due - time.monotonic())):
            if self._used() >= self.limit:
                self.router.run(["nft", "-f", "-"], text_in=DROP.format(self.client.ipv4))
                return
            due += SECONDS

    def _used(self) -> int:
        listing = json.loads(self.router.run(["nft", "-j", "list", "counter", "inet", "bench_polled", "used"]))
        return sum(int(item["counter"]["bytes"]) for item in listing["nftables"] if "counter" in item)
