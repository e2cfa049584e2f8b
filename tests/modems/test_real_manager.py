# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own ModemManager, on a bus of its own, with a modem of fixed answers: what it tells is understood.

Its test interface takes a profile of ports, as udev would give them (ModemManager --test-enable).
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("jeepney", reason="needs python3-jeepney")
pytest.importorskip("dbusmock", reason="needs python3-dbusmock")

from esimshaper.core.model.modems import Modem, ModemsReport, Registration
from esimshaper.edge.modems.bus import OBJECT_MANAGER, Bus, RefusedError
from esimshaper.edge.modems.report_file import ReportFile
from esimshaper.lab.namespaces import wait_until
from esimshaper.modems.service import NAME, ROOT, ModemsService
from tests.modems.bus import PrivateBus, private_bus, watch_until
from tests.tools import find

POLKIT = "org.freedesktop.PolicyKit1"
FIRST, SECOND = "8981100012345678905", "89860012345678901234"


class Router:
    """ModemManager, its modem, and the service that watches them."""

    def __init__(self, bus: PrivateBus, folder: Path) -> None:
        self.bus, self.folder = bus, folder
        self.hand = Bus(bus.address)
        self.allow_everything()
        self.begin_manager()
        self.file = ReportFile(folder / "modems.json")
        self.service = ModemsService(folder / "modems.json", bus.address)

    def allow_everything(self) -> None:
        """Of polkit, which ModemManager asks whether somebody may enable a modem."""
        self.bus.start([sys.executable, "-W", "ignore", "-m", "dbusmock", "--system", "-t", "polkitd"])
        wait_until("polkit is there", lambda: self.hand.find_owner(POLKIT))
        place = "/org/freedesktop/PolicyKit1/Authority"
        self.hand.call(POLKIT, place, "org.freedesktop.DBus.Mock", "AllowUnknown", "b", (True,))

    def begin_manager(self) -> None:
        plugins = next(Path("/usr/lib").glob("*/ModemManager"))
        command = [find("ModemManager"), "--no-auto-scan", "--test-enable", f"--test-plugin-dir={plugins}"]
        self.manager = self.bus.start([*command, "--log-level=ERR"])
        wait_until("ModemManager is there", lambda: self.hand.find_owner(NAME))

    def plug(self, number: int, iccid: str) -> None:
        """A modem at a socket of its own; one that was there before is gone then, as ModemManager knows one profile."""
        socket = f"{self.folder.name}-{number}"
        self.bus.start([sys.executable, "-m", "tests.modems.at_modem", socket, iccid])
        wait_until("the modem listens", lambda: f"@abstract:{socket}" in Path("/proc/net/unix").read_text())
        profile = ("test", "generic", [f"abstract:{socket}"])
        self.hand.call(NAME, ROOT, f"{NAME}.Test", "SetProfile", "ssas", profile)

    def enable(self) -> None:
        """As NetworkManager does."""
        path = self.path
        wait_until("the modem may be enabled", lambda: self._may_enable(path))

    @property
    def path(self) -> str:
        """That of the only modem."""
        (objects,) = self.hand.call(NAME, ROOT, OBJECT_MANAGER, "GetManagedObjects")
        (path,) = (path for path, interfaces in objects.items() if f"{NAME}.Modem" in interfaces)
        return str(path)

    def _may_enable(self, path: str) -> bool:
        try:
            self.hand.call(NAME, path, f"{NAME}.Modem", "Enable", "b", (True,))
        except RefusedError:  # it is being initialised yet
            return False
        return True

    @property
    def modems(self) -> tuple[Modem, ...]:
        return (self.file.read() or ModemsReport()).modems

    def await_sims(self, *iccids: str) -> None:
        watch_until(self.service.step, f"SIMs {iccids}", lambda: tuple(each.iccid for each in self.modems) == iccids)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    find("ModemManager")
    folder = tmp_path_factory.mktemp("modems")
    with private_bus(folder) as bus:
        made = Router(bus, folder)
        yield made
        made.service.close()
        made.hand.close()


def test_modems_of_the_real_modemmanager_come_go_and_come_back(router):
    router.plug(1, FIRST)
    router.await_sims(FIRST)
    assert router.modems[0].registration is Registration.UNKNOWN, "it is not enabled yet"
    router.enable()
    watch_until(router.service.step, "the name of the network", lambda: bool(router.modems[0].operator))
    assert router.modems == (
        Modem(
            iccid=FIRST,
            imsi="440201234567890",
            registration=Registration.ROAMING,
            operator_code="44020",
            operator="SoftBank",
            state="registered",
        ),
    )

    path = router.path
    router.plug(2, SECOND)  # as a modem that is enumerated anew after a switch of its eSIM
    router.await_sims(SECOND)
    assert router.path != path


def test_modemmanager_is_killed_and_started_again(router):
    router.manager.kill()
    router.await_sims()
    router.begin_manager()
    router.plug(3, FIRST)
    router.await_sims(FIRST)
