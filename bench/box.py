# SPDX-License-Identifier: GPL-2.0-or-later
"""A router with nothing in it but the daemon, as the system starts it, and a crowd of clients. Owns both.

Its interfaces lead nowhere: what moves is fed to the programs (population.py), so that no other load is measured.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from bench import population
from bench.place import MARK_MASK, Place
from esimshaper.core.model.identity import BUILT_IN_CLIENTS
from esimshaper.core.model.kernel import INGRESS, OURS
from esimshaper.edge import control_client
from esimshaper.edge.bpf.compiler import Build
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab import Host, namespaces
from esimshaper.lab.carrier import python_environment

METRICS = "http://127.0.0.1:19473/metrics"
START_SECONDS = 120.0
POLL_SECONDS = 0.002
ACCOUNTS, FLOWS = 1024 + len(BUILT_IN_CLIENTS), 65536
"""The defaults of the settings with a mark of 12 bits."""


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from exec until all programs are attached, and until the control socket says so."""

    attached: float
    answering: float


class Box:
    """`clients` are those in the lease file and the neighbour table; `arrive` makes them send something."""

    def __init__(self, place: Place, name: str, clients: int, settings: Mapping[str, Any] | None = None) -> None:
        self.clients = clients
        self._settings = settings or {}
        self.host = Host(name, f"{namespaces.PREFIX}-{os.getpid()}-9-{name}")
        self.folder = place.disk / name
        self.socket = self.folder / "control.sock"
        self.config = self.folder / "esimshaper.yaml"
        self.pins = place.bpffs / name
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @contextlib.contextmanager
    def built(self) -> Iterator["Box"]:
        """The namespace with its interfaces and neighbours, and the configuration."""
        self.folder.mkdir()
        namespaces.add([self.host.netns])
        try:
            people = [(population.mac_of(number), population.address_of(number)) for number in range(self.clients)]
            self.host.ip(
                "link set lo up",
                *(f"link add {name} type veth peer name {name}-peer" for name in ("wan0", "br0")),
                *(f"link set {name}{end} up" for name in ("wan0", "br0") for end in ("", "-peer")),
                # permanent ones do not count against the machine's limit of neighbours
                *(f"neigh add {address} lladdr {mac} dev br0 nud permanent" for mac, address in people),
            )
            self._configure(people)
            yield self
        finally:
            self.stop(signal.SIGKILL)
            namespaces.remove([self.host.netns])
            shutil.rmtree(self.pins, ignore_errors=True)

    def _configure(self, people: list[tuple[str, str]]) -> None:
        lines = [f"{int(time.time()) + 43200} {mac} {address} host-{address} *" for mac, address in people]
        leases = self.folder / "dnsmasq.leases"
        leases.write_text("\n".join(lines) + "\n", encoding="ascii")
        settings = {
            "wan": {"interface": "wan0"},
            "lan": {"interfaces": ["br0"], "leases": [str(leases)], "mark_mask": MARK_MASK},
            "timezone": "Asia/Tokyo",
            **self._settings,
        }
        self.config.write_text(json.dumps(settings), encoding="ascii")  # JSON is YAML

    def start(self, *, pins: Path | None = None) -> Start:
        """Run the daemon and wait until it answers. TimeoutError, with what it said."""
        self.pins = pins or self.pins
        environment = python_environment() | {
            "STATE_DIRECTORY": str(self.folder),
            "RUNTIME_DIRECTORY": str(self.folder),
            "ESIMSHAPER_PINS": str(self.pins),
        }
        # If the benchmark is killed, its daemon is too.
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "esimshaper", "run"]
        command += ["--config", str(self.config), "--socket", str(self.socket)]
        log = self.folder / "log"
        began = time.monotonic()
        with log.open("ab") as output:
            self.process = self.host.popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            attached = self.host.call(self._until_attached)
            while not self._answers():
                self._expect(began)
        except TimeoutError as problem:
            problem.add_note(log.read_text(encoding="utf-8")[-2000:])
            raise
        return Start(attached - began, time.monotonic() - began)

    def _until_attached(self) -> float:
        """The last of our filters to be attached is there. Run in the namespace."""
        began = time.monotonic()
        with IPRoute() as netlink:
            index = netlink.link_lookup(ifname="wan0")[0]
            while not any(_is_ours(message) for message in netlink.get_filters(index=index, parent=INGRESS)):
                self._expect(began)
        return time.monotonic()

    def _expect(self, began: float) -> None:
        assert self.process
        if self.process.poll() is not None or time.monotonic() - began > START_SECONDS:
            raise TimeoutError("the daemon did not start")
        time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("status")["wan"]["attached"])
        except control_client.DaemonNotRunning:
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the daemon if it runs; what is in the kernel stays."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=START_SECONDS)

    def detach(self) -> None:
        """As after a boot: no filters, no pins."""
        self.host.run(["tc", "qdisc", "del", "dev", "wan0", "clsact"])
        self.host.run(["tc", "qdisc", "del", "dev", "br0", "clsact"])
        shutil.rmtree(self.pins)

    def meter(self) -> Meter:
        """The daemon's own maps."""
        build = Build(str(self.pins), MARK_MASK, ACCOUNTS, FLOWS)
        return Meter(build.generation, build.programs)

    def ask(self, what: str, **params: str) -> dict[str, Any]:
        return control_client.get(self.socket, f"/v1/{what}", params)

    def scrape(self) -> bytes:
        """As Prometheus does."""
        return self.host.call(_fetch)


def _is_ours(message: Any) -> bool:
    options = message.get_attr("TCA_OPTIONS")
    return options is not None and str(options.get_attr("TCA_BPF_NAME") or "").startswith(f"{OURS} ")


def _fetch() -> bytes:
    with urllib.request.urlopen(METRICS, timeout=10) as answer:  # noqa: S310 - our own address
        body: bytes = answer.read()
        return body
