# SPDX-License-Identifier: GPL-2.0-or-later
"""The real daemon in the router of a lab, as a user starts it; and what the carrier billed, beside what it says."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import Account
from esimshaper.core.model.services import Volume
from esimshaper.daemon.observer import build_for
from esimshaper.edge import control_client, settings_file
from esimshaper.edge.bpf.compiler import Build
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab import Bill, Lab
from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import wait_until
from tests.kernel_parts import Loan, kernel_parts
from tests.renames import Renaming, all_the_while
from tests.rows import apart

PYTHON = sys.executable
T = TypeVar("T")


@dataclass(frozen=True)
class Measure:
    """Two views of the same bytes; the difference of two measures is what moved between them."""

    totals: dict[str, Counters]
    bill: Bill

    def __sub__(self, before: "Measure") -> "Measure":
        nothing = Counters()
        totals = {name: counters - before.totals.get(name, nothing) for name, counters in self.totals.items()}
        return Measure(totals, self.bill - before.bill)

    @property
    def sum(self) -> Counters:
        return sum(self.totals.values(), Counters())


class View:
    """What a running daemon in the router says, and the carrier beside it."""

    def __init__(self, lab: Lab, socket: Path) -> None:
        self.lab = lab
        self.socket = socket

    def get(self, path: str, **params: str) -> dict[str, Any]:
        return control_client.get(self.socket, path, params)

    def scrape(self) -> dict[str, float]:
        """Every sample of the metrics, by name and labels as written. Raises OSError or HTTPException."""
        text = self.lab.router.call(_fetch)
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        samples = {name: float(value) for name, _, value in lines}
        for way in ("receive", "transmit"):
            wan, services = (_sum(samples, f"esimshaper_{what}_{way}_bytes_total{{") for what in ("wan", "service"))
            assert services in (wan, None), "the services sum up to the bill, at every scrape"
        return samples

    def measure(self) -> "Measure":
        """The daemon's totals and the carrier's bill of one quiet moment."""
        return self.measure_with(lambda: None)[0]

    def measure_with(self, look: Callable[[], T]) -> "tuple[Measure, T]":
        """The same, and what `look` says in that moment."""
        while True:
            bill = self.lab.carrier.settle()
            self.await_tick()
            totals, seen, rows_apart = self._totals(), look(), self._rows_apart()
            # Else a packet that the lab or the kernel sends by itself came in between, or is on its way.
            if self.lab.carrier.settle(quiet=0.02).total == bill.total:
                assert not rows_apart, "the rows of an account by service are its bill"
                return Measure(totals, bill), seen

    def history(self) -> Counters:
        """What all rows of the history have, those not yet saved as well."""
        rows = self.get("/v1/history", by="day", by_service="yes")["rows"]
        for row in rows:
            for way in ("down_bytes", "up_bytes"):
                assert sum(service[way] for service in row["services"]) == row[way]
        return Counters(sum(row["down_bytes"] for row in rows), sum(row["up_bytes"] for row in rows))

    def totals(self) -> dict[str, Counters]:
        """Bytes by client, once the daemon has read all that has settled."""
        return self.measure().totals

    def _totals(self) -> dict[str, Counters]:
        clients = self.get("/v1/clients")["clients"]
        return {c["client"]: Counters(c["total"]["down_bytes"], c["total"]["up_bytes"]) for c in clients}

    def _rows_apart(self) -> Mapping[Account, tuple[Volume, Volume]]:
        """Accounts whose rows by service are another sum than they were charged, where this can look into the maps."""
        return {}

    def settle(self) -> None:
        """Waits until the carrier is quiet and the daemon has read its counters since."""
        self.lab.carrier.settle()
        self.await_tick()

    def await_tick(self) -> None:
        """Waits until the daemon has read its counters once more, whatever its clock says."""
        name = "esimshaper_last_tick_timestamp_seconds"
        before = self.scrape()[name]
        wait_until("a tick", lambda: self.scrape()[name] != before, timeout=10)


def _sum(samples: Mapping[str, float], begin: str) -> float | None:
    """Of all samples of a metric; None where there are none."""
    found = [value for name, value in samples.items() if name.startswith(begin)]
    return sum(found) if found else None


class Router(View):
    """Owns the daemon's process. `place` is a folder of the test's own, `pins` a folder in a bpffs."""

    def __init__(self, lab: Lab, place: Path, pins: Path, extra: str = "") -> None:
        super().__init__(lab, place / "run" / "control.sock")
        self.place = place
        self.config = place / "esimshaper.yaml"
        self.log = place / "log"
        self._pins, self._loans = pins, list[Loan]()
        self._build: Build | None = None
        self.environment = python_environment() | {
            "STATE_DIRECTORY": str(place / "state"),
            "RUNTIME_DIRECTORY": str(place / "run"),
            "ESIMSHAPER_PINS": str(pins),
        }
        (place / "state").mkdir(exist_ok=True)
        self.configure(extra)
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, extra: str = "") -> None:
        self.config.write_text(
            f"wan: {{interface: {self.lab.wan_interface}}}\n"
            f"lan: {{interfaces: [{self.lab.lan_interface}], leases: [{self.lab.lease_file}]}}\n"
            f"metrics: {{listen: '127.0.0.1:19473'}}\n{extra}"
        )

    def start(
        self, *, attached: bool = True, program: Sequence[str] = ("-m", "esimshaper"), patience: float = 60
    ) -> "Router":
        """With a kernel part that is there already, as after `esimshaper build`, and as new as one that is compiled."""
        self.borrow()
        command = [PYTHON, *program, "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = self.lab.router.popen(command, env=self.environment, stdout=log, stderr=log)
        wait_until("the daemon's start", lambda: self._answers(attached=attached), timeout=patience)
        return self

    def borrow(self) -> None:
        """Has a kernel part that is as new, where there is none yet."""
        try:
            settings = settings_file.read_to_start(self.config).settings
        except settings_file.SettingsError:
            return  # which the daemon is to say
        self._build = build_for(settings, self._pins)
        if loan := kernel_parts.lend(self._build):
            self._loans.append(loan)

    def _rows_apart(self) -> Mapping[Account, tuple[Volume, Volume]]:
        if self._build is None:
            return {}
        with contextlib.closing(Meter(self._build.generation)) as meter:
            return apart(meter.read())

    def renaming(self) -> contextlib.AbstractContextManager[Renaming]:
        """All flows get other names until the block ends."""
        assert self._build
        return all_the_while(self._build.generation, self._build.programs)

    def _answers(self, *, attached: bool) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/v1/status")["wan"]["attached"] or not attached
        except control_client.DaemonNotRunning:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A verb of the command line, in the router."""
        command = self.lab.router.command([PYTHON, "-m", "esimshaper", *arguments])
        return subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=300, check=False)

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while self._loans:
            kernel_parts.take_back(self._loans.pop())


def _fetch() -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", 19473, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        return answer.read().decode()


def bytes_of(counters: Counters) -> tuple[int, int]:
    return counters.down_bytes, counters.up_bytes
