# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that cost nothing, and a link that devices know is metered: daemon, root's step, dnsmasq, udhcpc, bill."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from esimshaper import resolver
from esimshaper.core.model.kernel import METERED_HINT
from esimshaper.core.model.modems import ModemsReport
from esimshaper.edge import settings_file
from esimshaper.edge.dnsmasq import files
from esimshaper.edge.dnsmasq.server import Places
from esimshaper.edge.modems import report_file
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.world import LAN4, LAN_DEVICE
from tests.edge.dnsmasq.resolvers import AAAA, HTTPS, NXDOMAIN, A, ask
from tests.netns.router import Router

THIRD_PARTIES = [f"ads{number}.example" for number in range(30)]
UPSTREAM = 2
PORT = 5353
_SCRIPT = """#!/bin/sh
if [ "$1" = bound ] || [ "$1" = renew ]; then
    echo "renewal=$(($(wc -l < {heard}) + 1)) option=$opt43" >> {heard}
fi
"""


class Home:
    """A router with the daemon, its own dnsmasq for DHCP and DNS, and root's step whenever the daemon leaves a note."""

    def __init__(self, lab: Lab, router: Router, place: Path, stack: ExitStack) -> None:
        self.lab, self.router, self.place, self._stack = lab, router, place, stack
        self.phone = lab.clients[0]
        (place / "etc").mkdir()
        (place / "ads").write_text("".join(f"0.0.0.0 {name}\n" for name in THIRD_PARTIES))
        self._dnsmasq: subprocess.Popen[bytes] | None = None
        self.places = Places(place / "etc", place / "no", place, place / "resolver/servers", place / "no", self.tell)
        self.upstream = lab.servers4[UPSTREAM]
        answers = ["dnsmasq", "-k", "-C", "/dev/null", "-x", "", "-u", "root", "-R", "-h", "--address=/#/192.0.2.9"]
        command = [*answers, f"--listen-address={self.upstream}", "--bind-interfaces", f"--port={PORT}"]
        self._keep(lab.internet.popen(command))
        stack.callback(self._end)

    def write(self) -> None:
        self.router.configure(
            f"saver: {{block_names: [{self.place}/ads], metered: auto}}\ndnsmasq: {{files: {self.place}/run/dnsmasq}}\n"
        )
        text = self.router.config.read_text()
        wan = "[{name: cell, interface: wan0, metered: auto}]"
        self.router.config.write_text(text.replace("{interface: wan0}", wan))

    def obey(self) -> None:
        """Root's step: in life a path unit begins it."""
        wanted = settings_file.load(self.router.config).saver
        note = files.read_note(self.place / "run" / files.NOTE)
        assert resolver.obey(wanted, note, self.places, self.place / "no-hostapd") == []

    def note(self, *, metered: bool) -> None:
        def is_there() -> bool:
            note = files.read_note(self.place / "run" / files.NOTE)
            return bool(note) and note["metered"] is metered

        wait_until("the daemon's note", is_there)
        self.obey()

    def tell(self, verb: str) -> None:
        """What systemctl would do to dnsmasq.service."""
        if self._dnsmasq and verb == "try-reload-or-restart":
            self._dnsmasq.send_signal(signal.SIGHUP)
        elif self._dnsmasq:
            self._end()
            self.begin()

    def begin(self) -> None:
        command = ["dnsmasq", "-k", "-C", "/dev/null", "-x", "", "-u", "root", "-R", "-h", f"--interface={LAN_DEVICE}"]
        command += ["--bind-interfaces", f"--server={self.upstream}#{PORT}", f"--conf-dir={self.place}/etc"]
        command += [f"--dhcp-range={LAN4}.100,{LAN4}.199,10m", f"--dhcp-leasefile={self.place}/leases", "--no-ping"]
        self._dnsmasq = self.lab.router.popen(command)
        wait_until("an answer of dnsmasq", self._answers)

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.code("www.example") == 0
        return False

    def code(self, name: str, kind: int = A) -> int:
        """How the router answers the phone."""
        return self.phone.call(ask, (f"{LAN4}.1", 53), name, kind)[0]

    def asked_upstream(self) -> int:
        """Packets of the bill to and from the resolver of the Internet."""
        bill = self.lab.carrier.settle().of(self.upstream)
        return bill.down_packets + bill.up_packets

    def _keep(self, process: "subprocess.Popen[bytes]") -> None:
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)

    def _end(self) -> None:
        if self._dnsmasq:
            self._dnsmasq.kill()
            self._dnsmasq.wait()


@pytest.fixture
def home(make_router: Callable[..., Router], tmp_path: Path) -> Iterator[Home]:
    with Lab(WanKind.TUN, ["phone"], bare=True) as lab, ExitStack() as stack:
        made = Home(lab, make_router(lab), tmp_path, stack)
        made.write()
        made.router.environment["ESIMSHAPER_MODEMS"] = str(tmp_path / "modems.json")
        made.router.start()
        made.note(metered=True)
        made.begin()
        yield made


def test_thirty_third_parties_cost_nothing_on_the_bill_and_one_can_be_allowed(home: Home) -> None:
    before = home.asked_upstream()
    codes = {home.code(name, kind) for name in THIRD_PARTIES for kind in (A, AAAA, HTTPS)}
    assert codes == {NXDOMAIN}
    assert home.asked_upstream() == before
    assert home.code("cdn.shop.example") == 0
    assert home.asked_upstream() > before, "the bill would have shown it"

    document = home.router.json("allow-name", "ads7.example", "--for", "1h")
    assert [each["name"] for each in document["allowed"]] == ["ads7.example"]
    home.obey()
    wait_until("the answer for what is allowed", lambda: home.code("ads7.example") == 0)
    assert home.code("ads8.example") == NXDOMAIN

    home.router.stop()  # systemd then removes the folder of the socket, and the note with it
    (home.place / "run" / files.NOTE).unlink(missing_ok=True)
    home.obey()
    wait_until("answers as before", lambda: home.code("ads8.example") == 0)


class Updater:
    """A device's update, which asks what DHCP says of the link before each part, as those of Android and Linux do."""

    def __init__(self, home: Home, heard: Path) -> None:
        self._home, self._heard = home, heard
        self.parts = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Updater":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def is_metered(self) -> bool:
        last = self._heard.read_text().splitlines()[-1]
        return bytes.fromhex(last.partition("option=")[2]) == METERED_HINT.encode()

    def _run(self) -> None:
        while not self._ends.wait(0.02):
            if not self.is_metered():
                self._home.phone.call(traffic.tcp_down, self._home.lab.servers4[0], 100_000)
                self.parts += 1


def test_a_device_hears_by_dhcp_that_the_link_is_metered_and_stops_its_update_within_a_renewal(home: Home) -> None:
    heard = home.place / "heard"
    heard.touch()
    script = home.place / "udhcpc.sh"
    script.write_text(_SCRIPT.format(heard=heard))
    script.chmod(0o755)
    udhcpc = home.phone.popen(["udhcpc", "-i", "eth0", "-f", "-n", "-s", str(script)], stderr=subprocess.DEVNULL)
    home._keep(udhcpc)
    wait_until("a lease", lambda: bool(heard.read_text()))

    def renew() -> None:
        """What the clock does at half the lease."""
        before = len(heard.read_text().splitlines())
        os.kill(udhcpc.pid, signal.SIGUSR1)
        wait_until("a renewal", lambda: len(heard.read_text().splitlines()) > before)

    def bill() -> int:
        return home.lab.carrier.settle().of(home.lab.servers4[0]).down_bytes

    def change(*, metered: bool) -> None:
        """NetworkManager says another thing of the uplink, by what watches modems."""
        report_file.write(home.place / "modems.json", ModemsReport(metered={"wan0": metered}))
        home.note(metered=metered)

    with Updater(home, heard) as updater:
        assert updater.is_metered(), "forced: udhcpc did not ask for option 43"
        assert (updater.parts, bill()) == (0, 0)
        change(metered=False)
        assert updater.parts == 0, "not before the device asks again"
        renew()
        wait_until("the update on the other uplink", lambda: updater.parts > 1)
        change(metered=True)
        renew()
        assert updater.is_metered()
        wait_until("an end of the part under way", lambda: bill() == bill())
        before = bill(), updater.parts
        renew()
        assert (bill(), updater.parts) == before, "not one byte more of the update"
    assert json.loads((home.place / "run" / files.NOTE).read_text())["metered"] is True
