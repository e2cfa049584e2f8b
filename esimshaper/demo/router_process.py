# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon of the demo, as a process in the lab's router. In: a configuration. Out: its documents, and its maps.

Owns /run/esimshaper-demo-PID (control socket, state, configuration, log), a bpffs mounted in it, and the daemon's
process in the lab's router. `sweep` knows the remains of a killed demo by that name and its dead PID, and removes them.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from esimshaper.core.model.errors import Unusable
from esimshaper.edge import control_client
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.pins import MARKERS
from esimshaper.lab import Lab, namespaces
from esimshaper.lab.carrier import python_environment

RUN = Path("/run")
_OWNED = re.compile(r"esimshaper-demo-(\d+)")
_START_SECONDS = 60.0  # bcc compiles in half a second here; on a small board that is busy it takes longer


class Places:
    """The demo's directory while the `with` block lasts."""

    def __init__(self) -> None:
        self.root = RUN / f"esimshaper-demo-{os.getpid()}"
        self.bpffs = self.root / "bpf"
        self.pins = self.bpffs / "esimshaper"
        self.socket = self.root / "control.sock"
        self.config = self.root / "esimshaper.yaml"
        self.log = self.root / "daemon.log"
        self.state = self.root / "state"

    def __enter__(self) -> "Places":
        sweep()
        try:
            self.state.mkdir(parents=True)
            self.bpffs.mkdir()
        except OSError as problem:
            raise Unusable(f"{self.root} cannot be made: {problem.strerror}") from None
        # One of its own, so that the machine's /sys/fs/bpf is neither needed nor touched.
        done = subprocess.run(
            ["mount", "-t", "bpf", "bpf", str(self.bpffs)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            _remove(self.root)
            raise Unusable(
                f"no BPF file system can be mounted: {' '.join(done.stderr.split())}",
                "the kernel needs CONFIG_BPF_SYSCALL; in a container, run it privileged",
            )
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self.root)


def sweep() -> None:
    """Remove what killed demos left behind."""
    for path in RUN.iterdir():
        match = _OWNED.fullmatch(path.name)
        if match and namespaces.is_dead(int(match[1])):
            _remove(path)


def _remove(root: Path) -> None:
    subprocess.run(["umount", "-l", str(root / "bpf")], capture_output=True, check=False)
    shutil.rmtree(root, ignore_errors=True)


class RouterProcess:
    """The daemon on the lab's router. It may be killed and started again."""

    def __init__(self, lab: Lab, places: Places) -> None:
        self._lab, self._places = lab, places
        self._process: subprocess.Popen[bytes] | None = None
        self._namer: subprocess.Popen[bytes] | None = None
        self._sender: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting until it answers; and beside it, once, the process that names conversations."""
        self._process = self._run("esimshaper", "run", *self._options())
        self._namer = self._namer or self._run("esimshaper.names")

    def start_notices(self, bus: str) -> None:
        """Start the process that tells people. bus: the address of the system bus where a modem is."""
        socket = str(self._places.socket.with_name("notify.sock"))
        self._sender = self._run("esimshaper.notify", ESIMSHAPER_NOTIFY=socket, DBUS_SYSTEM_BUS_ADDRESS=bus)

    def _options(self) -> list[str]:
        return ["--config", str(self._places.config), "--socket", str(self._places.socket)]

    def _run(self, module: str, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        places = self._places
        environment = {name: value for name, value in python_environment().items() if name != "JOURNAL_STREAM"}
        environment |= {
            "STATE_DIRECTORY": str(places.state),
            "RUNTIME_DIRECTORY": str(places.root),
            "ESIMSHAPER_PINS": str(places.pins),
            **more,
        }
        with places.log.open("ab") as log:
            return self._lab.router.popen(
                [sys.executable, "-m", module, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo
            )

    def wait(self) -> None:
        """Waits until the daemon answers. Raises Unusable, with the daemon's own words, if it ends instead."""
        namespaces.wait_until("the daemon's start", lambda: self.ask("/v1/status") is not None, _START_SECONDS)

    def kill(self) -> None:
        """Kills the daemon, as by kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """Kills all processes."""
        self.kill()
        for process in (self._namer, self._sender):
            if process:
                process.kill()
                process.wait()
        self._namer = self._sender = None

    def revive(self) -> None:
        """Start it if it is dead."""
        if self._process is None:
            self.start()
            self.wait()

    def ask(self, path: str) -> dict[str, Any] | None:
        """A document; None while nobody answers. Raises Unusable if the daemon has ended by itself."""
        if self._process is None:
            return None
        if self._process.poll() is not None:
            raise _explained(self._places.log)
        with contextlib.suppress(control_client.DaemonNotRunning):
            return control_client.get(self._places.socket, path)
        return None

    def order(self, path: str, body: dict[str, Any]) -> None:
        """Sets something by hand, as `esimshaper grant`, `block` and `allow` do. Raises Unusable."""
        control_client.post(self._places.socket, path, body)

    def meter(self) -> Meter:
        """The maps in the kernel, beside the daemon. To be closed."""
        generation = next(path for path in self._places.pins.iterdir() if path.name != MARKERS)
        return Meter(generation)


def _explained(log: Path) -> Unusable:
    """The daemon's message and hint if it refused to run, else the end of its log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in reversed(list(enumerate(lines))):
        if line.startswith("esimshaper: "):
            hint = next(iter(lines[number + 1 : number + 2]), "").strip().removeprefix("hint: ")
            return Unusable(line.removeprefix("esimshaper: "), hint)
    return Unusable(f"the daemon ended: {lines[-1] if lines else 'without a word'}", "esimshaper doctor may know why")
