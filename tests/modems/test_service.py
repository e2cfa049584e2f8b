# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that watches modems follows a ModemManager that changes, vanishes, hangs, or is flooded by others.

ModemManager is one of python-dbusmock here; tests/modems/test_real_manager.py has Debian's.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

jeepney = pytest.importorskip("jeepney", reason="needs python3-jeepney")
pytest.importorskip("dbusmock", reason="needs python3-dbusmock")

from esimshaper.core.model.modems import Modem, ModemBytes, ModemsReport, Registration  # noqa: E402
from esimshaper.edge.modems.bus import Bus, BusError  # noqa: E402
from esimshaper.edge.modems.report_file import ReportFile  # noqa: E402
from esimshaper.lab.namespaces import wait_until  # noqa: E402
from esimshaper.lab.system_bus import PrivateBus, private_bus, watch_until  # noqa: E402
from esimshaper.modems import service  # noqa: E402
from esimshaper.modems.service import ModemsService  # noqa: E402
from tests.tools import ROOT  # noqa: E402

NAME, ROOT_PATH, MOCK = service.NAME, service.ROOT, "org.freedesktop.DBus.Mock"
FIRST, SECOND = "8981100012345678905", "8944200011122233347"


class World:
    """A bus, a ModemManager that is driven by `do`, and the service that watches it."""

    def __init__(self, bus: PrivateBus, folder: Path) -> None:
        self.bus = bus
        self.folder = folder
        self.hand = Bus(bus.address)
        self.begin_manager()
        self.file = ReportFile(folder / "modems.json")
        self.service = ModemsService(folder / "modems.json", bus.address)

    def begin_manager(self) -> None:
        self.hand.close()
        template = str(ROOT / "tests/modems/manager.py")
        self.manager = self.bus.start([sys.executable, "-W", "ignore", "-m", "dbusmock", "--system", "-t", template])
        self.hand = Bus(self.bus.address)
        watch_until(lambda _: None, "ModemManager is there", lambda: self.hand.find_owner(NAME))

    def do(self, member: str, signature: str, *body: object, at: str = ROOT_PATH) -> None:
        self.hand.call(NAME, at, MOCK, member, signature, body)

    def change(self, kind: str, interface: str, **properties: tuple[str, object]) -> None:
        self.do("UpdateProperties", "sa{sv}", f"{NAME}.{interface}", properties, at=f"{ROOT_PATH}/{kind}")

    def plug(self, number: int = 0, iccid: str = FIRST) -> None:
        self.do("Plug", "us", number, iccid)

    @property
    def report(self) -> ModemsReport:
        return self.file.read() or ModemsReport(problem="there is no report")

    def modem(self) -> Modem:
        """The only one that is there, else one that says nothing."""
        return self.report.modems[0] if len(self.report.modems) == 1 else Modem()

    def await_sim(self, iccid: str) -> Modem:
        watch_until(self.service.step, f"the SIM is {iccid}", lambda: self.modem().iccid == iccid)
        return self.modem()

    def await_report(self, report: ModemsReport) -> None:
        watch_until(self.service.step, str(report), lambda: self.report == report)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with private_bus(tmp_path) as bus:
        made = World(bus, tmp_path)
        yield made
        made.service.close()
        made.hand.close()


def test_a_modem_is_reported_with_all_that_is_known_of_it(world):
    world.plug()
    assert world.await_sim(FIRST) == Modem(
        iccid=FIRST,
        imsi="440100123456789",
        interface="wwan0",
        registration=Registration.ROAMING,
        operator_code="44020",
        operator="SoftBank",
        connected=True,
        connects=1,
        bytes=ModemBytes(123_456, 7_890),
        utc_offset=540,
        state="connected",
    )


def test_another_profile_of_an_esim_is_followed_also_where_its_number_comes_late(world):
    world.plug()
    world.await_sim(FIRST)
    world.change("Bearer/0", "Bearer", Connected=("b", False))
    world.change("SIM/0", "Sim", SimIdentifier=("s", ""), Imsi=("s", ""))
    assert not world.await_sim("").connected
    world.change("Bearer/0", "Bearer", Connected=("b", True))
    watch_until(world.service.step, "connected", lambda: world.modem().connected)
    assert world.modem().sim == "", "bytes belong to nobody's plan yet"
    world.change("SIM/0", "Sim", SimIdentifier=("s", f"{SECOND}F"))
    found = world.await_sim(SECOND)
    assert (found.connected, found.connects) == (True, 1)


def test_a_sim_that_cannot_be_read_is_told_by_its_subscriber(world):
    world.plug(iccid="")
    watch_until(world.service.step, "the IMSI", lambda: world.modem().sim == "imsi:440100123456789")


def test_a_modem_that_comes_back_with_another_path_is_the_same_sim(world):
    world.plug()
    world.await_sim(FIRST)
    world.do("Unplug", "u", 0)
    world.await_report(ModemsReport(manager=True))
    world.plug(1)
    assert world.await_sim(FIRST).connects == 2


def test_each_connect_counts_however_short_the_break(world):
    world.plug()
    world.await_sim(FIRST)
    world.change("Bearer/0", "Bearer", Connected=("b", False))
    world.change("Bearer/0", "Bearer", Connected=("b", True))  # long before the next look
    watch_until(world.service.step, "two connects", lambda: world.modem().connects == 2)


def test_a_manager_that_is_killed_and_started_again_is_followed(world):
    world.plug()
    world.await_sim(FIRST)
    world.manager.kill()
    world.await_report(ModemsReport())
    world.begin_manager()
    world.plug(0, SECOND)
    assert world.await_sim(SECOND).connects == 1


def test_a_manager_that_hangs_is_said_and_leaves_no_old_sim_in_force(world, monkeypatch):
    monkeypatch.setattr("esimshaper.edge.modems.bus.CALL_SECONDS", 0.2)
    monkeypatch.setattr(service, "RETRY_SECONDS", 0.1)
    world.plug()
    world.await_sim(FIRST)
    world.change("SIM/0", "Sim", SimIdentifier=("s", SECOND))
    os.kill(world.manager.pid, signal.SIGSTOP)
    watch_until(world.service.step, "a problem", lambda: "does not answer" in world.report.problem)
    assert world.report.modems == ()
    os.kill(world.manager.pid, signal.SIGCONT)
    world.await_sim(SECOND)


def test_what_networkmanager_takes_for_metered_is_followed(world):
    world.plug()
    world.await_sim(FIRST)
    name, root = "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"
    world.bus.start([sys.executable, "-W", "ignore", "-m", "dbusmock", "--system", name, root, name])
    watch_until(lambda _: None, "NetworkManager is there", lambda: world.hand.find_owner(name))
    device = f"{root}/Devices/1"
    known = {"Interface": ("s", "cdc-wdm0"), "IpInterface": ("s", "wwan0"), "Metered": ("u", 3)}
    world.hand.call(name, root, MOCK, "AddObject", "ssa{sv}a(ssss)", (device, f"{name}.Device", known, []))
    answer = f"ret = [dbus.ObjectPath('{device}')]"
    world.hand.call(name, root, MOCK, "AddMethod", "sssss", (name, "GetDevices", "", "ao", answer))
    world.hand.call(name, device, MOCK, "UpdateProperties", "sa{sv}", (f"{name}.Device", {"Metered": ("u", 1)}))
    watch_until(world.service.step, "metered", lambda: world.report.metered == {"wwan0": True})
    assert world.modem().connects == 1, "of a NetworkManager that comes no connection is another one"
    changed = {"Metered": ("u", 2)}
    world.hand.call(name, device, MOCK, "UpdateProperties", "sa{sv}", (f"{name}.Device", changed))
    watch_until(world.service.step, "not metered", lambda: world.report.metered == {"wwan0": False})
    assert world.modem().iccid == FIRST


def test_without_a_bus_and_without_a_manager_nothing_is_known_and_the_service_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "RETRY_SECONDS", 0.1)
    bus = PrivateBus(tmp_path)
    watching = ModemsService(tmp_path / "modems.json", bus.address)
    file = ReportFile(tmp_path / "modems.json")
    watching.step(0.1)
    found = file.read()
    assert found is not None
    assert "cannot be used" in found.problem
    with bus.processes:
        bus.begin()
        watch_until(watching.step, "the bus is used", lambda: file.read() == ModemsReport())
    watching.close()


def send(liar: Bus, to: str, interface: str, member: str, number: int, size: int = 10) -> None:
    """Signals straight to a process, which dbus-daemon lets everybody send."""
    for _ in range(number):
        emitter = jeepney.DBusAddress(f"{ROOT_PATH}/SIM/0", interface=interface)
        message = jeepney.new_signal(emitter, member, "s", ("x" * size,))
        message.header.fields[jeepney.HeaderFields.destination] = to
        liar._serial += 1
        liar._socket.settimeout(20)
        liar._socket.sendall(message.serialise(serial=liar._serial))


def test_signals_of_somebody_else_are_not_believed(world):
    watcher, liar = Bus(world.bus.address), Bus(world.bus.address)
    watcher.watch(NAME, {"path_namespace": ROOT_PATH})
    assert watcher.find_owner(NAME)
    watcher.signals(0.1)  # that of the bus, of its own name
    send(liar, watcher.name, "org.freedesktop.DBus.Properties", "PropertiesChanged", 10)
    send(liar, watcher.name, "org.freedesktop.DBus", "NameOwnerChanged", 10)
    world.plug()
    heard = watcher.signals(5)
    while heard[-1].member != "InterfacesAdded":  # dbusmock tells of itself, too
        heard += watcher.signals(5)
    assert {each.sender for each in heard} == {NAME}
    liar.close()
    watcher.close()


def test_a_flood_of_signals_and_giants_is_passed_over_and_takes_no_memory(world):
    process = world.bus.start(
        [sys.executable, "-m", "esimshaper.modems"], {"ESIMSHAPER_MODEMS": str(world.folder / "modems.json")}
    )
    world.plug()
    wait_until("the SIM is there", lambda: world.modem().iccid == FIRST)
    before = peak(process.pid)
    liar = Bus(world.bus.address)
    (to,) = (
        name
        for name in liar.ask_bus("ListNames")[0]
        if liar.ask_bus("GetConnectionUnixProcessID", "s", (name,)) == (process.pid,)
    )
    send(liar, to, "x.y", "Z", 5_000)
    send(liar, to, "x.y", "Z", 5, size=20_000_000)
    world.change("SIM/0", "Sim", SimIdentifier=("s", SECOND))
    wait_until("the other SIM is there", lambda: world.modem().iccid == SECOND, 30)
    assert peak(process.pid) - before < 4_096
    liar.close()


def peak(process: int) -> int:
    """The most memory that a process has had, in KiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def test_without_jeepney_the_process_says_what_to_install(tmp_path):
    text = "import sys; sys.modules['jeepney'] = None; from esimshaper.modems.__main__ import main; sys.exit(main())"
    environment = {**os.environ, "ESIMSHAPER_MODEMS": str(tmp_path / "modems.json")}
    done = subprocess.run(
        [sys.executable, "-c", text], check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "sudo apt install python3-jeepney" in done.stderr


def test_no_bus_is_an_error_of_its_own(tmp_path):
    with pytest.raises(BusError, match="cannot be used"):
        Bus(f"unix:path={tmp_path}/none")
