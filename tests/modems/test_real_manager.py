# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own ModemManager, on a bus of its own, with a modem of fixed answers: what it tells is understood.

Its test interface takes a profile of ports, as udev would give them (ModemManager --test-enable).
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("jeepney", reason="needs python3-jeepney")
pytest.importorskip("dbusmock", reason="needs python3-dbusmock")

from esimshaper.core.model.modems import Modem, ModemsReport, Registration
from esimshaper.demo.modem_manager import RealManager
from esimshaper.edge.modems.report_file import ReportFile
from esimshaper.lab.system_bus import PrivateBus, private_bus, watch_until
from esimshaper.modems.service import ModemsService
from tests.tools import find

FIRST, SECOND = "8981100012345678905", "89860012345678901234"


class Router:
    """ModemManager, its modem, and the service that watches them."""

    def __init__(self, bus: PrivateBus, folder: Path) -> None:
        self.manager = RealManager(bus)
        self.file = ReportFile(folder / "modems.json")
        self.service = ModemsService(folder / "modems.json", bus.address)

    def plug(self, number: int, iccid: str) -> None:
        """A modem at a socket of its own."""
        socket = f"modems-{os.getpid()}-{number}"  # abstract, so it is for all of the machine
        self.manager.bus.start([sys.executable, "-m", "esimshaper.lab.at_modem", socket, iccid])
        self.manager.use(socket)

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
        made.manager.hand.close()


def test_modems_of_the_real_modemmanager_come_go_and_come_back(router):
    router.plug(1, FIRST)
    router.await_sims(FIRST)
    assert router.modems[0].registration is Registration.UNKNOWN, "it is not enabled yet"
    router.manager.enable()
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

    path = router.manager.path
    router.plug(2, SECOND)  # as a modem that is enumerated anew after a switch of its eSIM
    router.await_sims(SECOND)
    assert router.manager.path != path


def test_modemmanager_is_killed_and_started_again(router):
    router.manager.process.kill()
    router.await_sims()
    router.manager.begin()
    router.plug(3, FIRST)
    router.await_sims(FIRST)
