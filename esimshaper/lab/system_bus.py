# SPDX-License-Identifier: GPL-2.0-or-later
"""A system bus of the lab's own, and processes on it that die with it. Owns all of them. In: a folder."""

import contextlib
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import wait_until

CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow user="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """folder: where its socket and configuration are. quiet: nobody sees what its processes print."""

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self._output = subprocess.DEVNULL if quiet else None
        self.socket = folder / "bus"
        self.address = f"unix:path={self.socket}"
        self._config = folder / "bus.conf"
        self._config.write_text(CONFIG.format(socket=self.socket))
        self.processes = contextlib.ExitStack()

    def begin(self) -> subprocess.Popen[str]:
        """Starts the bus; it is there when this returns."""
        self.socket.unlink(missing_ok=True)
        bus = self.start(["dbus-daemon", f"--config-file={self._config}", "--nofork", "--nopidfile"])
        wait_until("the bus listens", self._listens)
        return bus

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(str(self.socket))
            return True
        return False

    def start(self, command: list[str], more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """A process that takes this bus for that of the system."""
        environment = {**python_environment(), "DBUS_SYSTEM_BUS_ADDRESS": self.address, **(more or {})}
        process = subprocess.Popen(command, env=environment, text=True, stdout=self._output, stderr=self._output)
        self.processes.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(10)


@contextlib.contextmanager
def private_bus(folder: Path, *, quiet: bool = False) -> Iterator[PrivateBus]:
    """A bus that runs, see PrivateBus."""
    bus = PrivateBus(folder, quiet=quiet)
    with bus.processes:
        bus.begin()
        yield bus


def watch_until(step: Callable[[float], None], what: str, is_so: Callable[[], bool]) -> None:
    """Steps until something is so. A ModemManager beside other work takes long to look at a modem."""

    def look() -> bool:
        if not is_so():
            step(0.05)
        return is_so()

    wait_until(what, look, timeout=40)
