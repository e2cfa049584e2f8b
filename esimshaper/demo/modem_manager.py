# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own ModemManager, on a bus of the lab's own. Owns its process.

Its test interface takes a profile of ports, as udev would give them (ModemManager --test-enable).
"""

import sys
from pathlib import Path

from esimshaper.core.modems.properties import NAME
from esimshaper.edge.modems.bus import OBJECT_MANAGER, Bus, RefusedError
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.system_bus import PrivateBus
from esimshaper.modems.service import ROOT

POLKIT = "org.freedesktop.PolicyKit1"


class RealManager:
    """ModemManager on a bus of its own; `hand` asks it as whoever has that bus may."""

    def __init__(self, bus: PrivateBus) -> None:
        self.bus = bus
        self.hand = Bus(bus.address)
        self.allow_everything()
        self.begin()

    def allow_everything(self) -> None:
        """Of polkit, which ModemManager asks whether somebody may enable a modem."""
        self.bus.start([sys.executable, "-W", "ignore", "-m", "dbusmock", "--system", "-t", "polkitd"])
        wait_until("polkit is there", lambda: self.hand.find_owner(POLKIT))
        place = "/org/freedesktop/PolicyKit1/Authority"
        self.hand.call(POLKIT, place, "org.freedesktop.DBus.Mock", "AllowUnknown", "b", (True,))

    def begin(self) -> None:
        plugins = next(Path("/usr/lib").glob("*/ModemManager"))
        command = ["ModemManager", "--no-auto-scan", "--test-enable", f"--test-plugin-dir={plugins}"]
        self.process = self.bus.start([*command, "--log-level=ERR"])
        wait_until("ModemManager is there", lambda: self.hand.find_owner(NAME))

    def kill(self) -> None:
        self.process.kill()
        wait_until("the end of ModemManager", lambda: not self.hand.find_owner(NAME))

    def use(self, socket: str) -> None:
        """A modem at that socket; one that was there before is gone then, as ModemManager knows one profile."""
        wait_until("the modem listens", lambda: f"@abstract:{socket}" in Path("/proc/net/unix").read_text())
        profile = ("test", "generic", [f"abstract:{socket}"])
        self.hand.call(NAME, ROOT, f"{NAME}.Test", "SetProfile", "ssas", profile)

    def enable(self) -> None:
        """As NetworkManager does."""
        wait_until("there is a modem", lambda: bool(self.paths), timeout=40)
        path = self.path
        wait_until("the modem may be enabled", lambda: self._may_enable(path))

    @property
    def path(self) -> str:
        """That of the only modem."""
        (path,) = self.paths
        return path

    @property
    def paths(self) -> list[str]:
        """Those of all modems."""
        (objects,) = self.hand.call(NAME, ROOT, OBJECT_MANAGER, "GetManagedObjects")
        return [str(path) for path, interfaces in objects.items() if f"{NAME}.Modem" in interfaces]

    def _may_enable(self, path: str) -> bool:
        try:
            self.hand.call(NAME, path, f"{NAME}.Modem", "Enable", "b", (True,))
        except RefusedError:  # it is being initialised yet
            return False
        return True
