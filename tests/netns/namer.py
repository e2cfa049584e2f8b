# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that names conversations, beside the daemon of a router, as `esimshaper-names.service` starts it."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from esimshaper.core.model.reading import Reading
from esimshaper.core.model.services import Volume
from esimshaper.edge.bpf import layouts
from esimshaper.edge.bpf.libbpf import Map
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.pins import MARKERS
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router


class Namer:
    """It may be killed, stopped and started again."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._log = router.place / "names.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Namer":
        """Starts it, and waits until it names."""
        before = self.said()
        command = [sys.executable, "-S", "-P", "-m", "esimshaper.names"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._router.environment, stdout=log, stderr=log)
        wait_until("the process that names", lambda: self.said().count("naming") > before.count("naming"), timeout=60)
        return self

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def said(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def resident(self) -> float:
        """MiB of its memory that are there."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def reading_of(router: Router) -> Reading:
    """The counters of the kernel now."""
    with closing(Meter(_generation(router))) as meter:
        return meter.read()


def flow_table(router: Router) -> Map:
    """The map `flows`."""
    return Map(_generation(router) / "flows", layouts.FLOW_KEY.size, layouts.FLOW.size)


def _generation(router: Router) -> Path:
    pins = Path(router.environment["ESIMSHAPER_PINS"])
    return next(path for path in pins.iterdir() if path.name != MARKERS)


def rows(router: Router, client: str) -> dict[str, Volume]:
    """Bytes of a client by service, as the kernel counts them now."""
    reading = reading_of(router)
    key = next(each.mac for each in router.lab.clients if each.name == client)
    account = next(account for account, owner in reading.owners.items() if owner == key)
    found = reading.services.get(account, {})
    return {reading.service_names[number]: volume for number, volume in found.items() if volume}
