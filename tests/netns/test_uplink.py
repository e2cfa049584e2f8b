# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink that comes back under another name, and several ways into the LAN: no byte is missed or counted twice."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.modems import Modem, ModemBytes, ModemsReport
from esimshaper.edge.modems import report_file
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.router import Router, bytes_of

SIM = "8981100012345678905"
ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def rename_wan(lab: Lab, name: str) -> None:
    """As ModemManager's interface after the modem was plugged in anew: another device, another name."""
    lab.recreate_wan()
    lab.router.ip("link set wan0 down", f"link set wan0 name {name}", f"link set {name} up")
    lab.router.ip(f"addr replace {lab.router.ipv6}/64 dev {name} nodad")
    lab.router.ip(f"route replace default via {lab.internet.ipv4}", f"route replace ::/0 via {lab.internet.ipv6}")
    lab.router.run(["nft", "-f", "-"], text_in=f'add rule ip esimshaper_lab postrouting oifname "{name}" masquerade')


def test_modem_that_comes_back_under_another_name_is_counted_limited_and_shaped_there(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab
) -> None:
    router = make_router(
        lab, f"{ROW}quotas: [{{name: daily, for: client/bob, limit: 400KB, period: month, then: block}}]\n"
    )
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "wan.yaml").write_text('wan: {interface: "wan*", upload: 40mbit}\n')
    before = router.start().measure()
    alice, bob = lab.clients
    alice.call(traffic.tcp_down, lab.servers4[0], 200_000)
    router.measure()
    rename_wan(lab, "wan7")
    wait_until("the new name", lambda: router.get("/v1/status")["wan"]["interface"] == "wan7")
    wait_until("counting there", lambda: router.get("/v1/status")["wan"]["attached"])
    for server in (lab.servers4[0], lab.servers6[0]):
        alice.call(traffic.tcp_up, server, 200_000)
    with pytest.raises(OSError):
        bob.call(traffic.tcp_up, lab.servers4[1], 2_000_000, timeout=5)
    moved = router.measure() - before
    samples = router.scrape()
    queue = lab.router.run(["tc", "qdisc", "show", "dev", "wan7", "root"])
    assert moved.totals["alice"].down_bytes > 200_000
    assert moved.totals["alice"].up_bytes > 400_000
    assert moved.totals["bob"].up_bytes <= 400_000
    assert moved.totals["unattributed"] == Counters()
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0], lab.servers6[0]))
    assert moved.totals["bob"].down_bytes == moved.bill.of(lab.servers4[1]).down_bytes
    before_it_counted = moved.bill.seen_by_router.down_bytes - moved.sum.down_bytes  # the carrier's multicast reports
    assert 0 <= before_it_counted < 1000
    sent_into_nothing = moved.sum.up_bytes - moved.bill.total.up_bytes  # by the router, while the device went
    assert 0 <= sent_into_nothing < 1000
    assert queue.startswith("qdisc htb")
    names = [f'esimshaper_wan_transmit_bytes_total{{interface="{name}"}}' for name in ("wan0", "wan7")]
    assert all(samples[name] > 0 for name in names)
    clients = sum(v for k, v in samples.items() if k.startswith("esimshaper_client_transmit_bytes_total"))
    assert clients == sum(v for k, v in samples.items() if k.startswith("esimshaper_wan_transmit_bytes_total"))


def test_an_uplink_that_the_settings_do_not_name_is_that_of_the_route_and_then_the_modems(
    make_router: Callable[..., Router], tmp_path: Path
) -> None:
    with Lab(WanKind.VETH) as lab:
        _follow_ways(make_router(lab, ROW), tmp_path)


def _follow_ways(router: Router, tmp_path: Path) -> None:
    lab = router.lab
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "wan.yaml").write_text("wan: {interface: auto, upload: 40mbit}\n")
    router.environment["ESIMSHAPER_MODEMS"] = str(tmp_path / "modems.json")

    def uplink() -> tuple[str, str]:
        wan = router.get("/v1/status")["wan"]
        return wan["interface"], wan["found_by"]

    before = router.start().measure()
    assert uplink() == ("wan0", "the default route")
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 200_000)
    moved = router.measure() - before
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))

    lab.router.ip("link add wwan9 type veth peer name wwan9p")
    modem = Modem(iccid=SIM, interface="wwan9", connected=True)
    report_file.write(tmp_path / "modems.json", ModemsReport((modem,), manager=True))
    wait_until("the modem's interface", lambda: uplink() == ("wwan9", "ModemManager"))
    status = router.run("status").stdout
    assert "WAN wwan9 (by ModemManager): metering, but devices go out by wan0" in status
    assert "SIM ...8905 at wwan9" in status
    (tmp_path / "modems.json").unlink()
    router.await_tick()
    assert uplink() == ("wwan9", "ModemManager"), "a route does not get what was a modem's"

    report_file.write(tmp_path / "modems.json", ModemsReport((replace(modem, interface="wan0"),), manager=True))
    wait_until("the modem's other interface", lambda: uplink() == ("wan0", "ModemManager"))
    begun = _tell_own_count(router, tmp_path, 1_000)
    before = router.measure()
    lab.clients[0].call(traffic.tcp_up, lab.servers4[0], 200_000)
    moved = router.measure() - before
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))
    assert begun is None, "a first count is of no known time"
    _tell_own_count(router, tmp_path, 2_000)
    lab.clients[0].call(traffic.tcp_up, lab.servers4[0], 200_000)
    router.settle()
    counted = _tell_own_count(router, tmp_path, 250_000)
    assert counted["modem_bytes"] == 248_000
    assert 200_000 < counted["router_bytes"] < 300_000


def _tell_own_count(router: Router, tmp_path: Path, received: int) -> dict[str, int] | None:
    """The modem says what it has counted; what the daemon makes of it."""
    modem = Modem(iccid=SIM, interface="wan0", connected=True, bytes=ModemBytes(received, 0))
    report_file.write(tmp_path / "modems.json", ModemsReport((modem,), manager=True))
    router.await_tick()
    router.await_tick()
    counted: dict[str, int] | None = router.get("/v1/status")["modems"][0]["counted"]
    return counted


def test_ppp_is_counted_by_its_link_type_in_both_families(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.PPP) as lab:
        router = make_router(lab, ROW).start()
        assert "link/ppp" in lab.router.run(["ip", "link", "show", "wan0"])
        before = router.measure()
        alice = lab.clients[0]
        for server in (lab.servers4[0], lab.servers6[0]):
            alice.call(traffic.tcp_down, server, 200_000)
            alice.call(traffic.tcp_up, server, 200_000)
            alice.call(traffic.fragments, server)
            alice.call(traffic.ping, server)
        moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0], lab.servers6[0]))


def move_off_the_bridge(lab: Lab, client: Host, port: str) -> None:
    """From a port of br0 to a LAN of its own without a bridge, as from one Wi-Fi to another; the MAC stays."""
    mac = json.loads(lab.router.run(["ip", "-j", "link", "show", "br0"]))[0]["address"]
    lab.router.ip(f"link set br0 address {mac}")  # else it is that of some port
    lab.router.ip(f"link set {port} nomaster", f"addr add 192.168.78.1/24 dev {port}")
    client.ip(
        f"addr flush dev {client.interface}",
        f"addr add 192.168.78.50/24 dev {client.interface}",
        "route replace default via 192.168.78.1",
    )


def test_client_is_one_at_a_bridge_with_ports_and_at_a_lan_without_and_its_own_lan_costs_nothing(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab
) -> None:
    """br0 is a bridge with a port for each device, as with Wi-Fi access points; bob's port then becomes a LAN."""
    router = make_router(lab, ROW)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "lan.yaml").write_text("lan: {interfaces: [br0, lan1]}\n")
    before = router.start().measure()
    alice, bob = lab.clients
    bob.call(traffic.tcp_down, lab.servers4[1], 200_000)
    assert alice.call(traffic.ping, bob.ipv4).down, "from port to port"
    moved = router.measure() - before
    assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(lab.servers4[1]))
    assert moved.totals["alice"] == Counters()
    move_off_the_bridge(lab, bob, "lan1")
    bob.call(traffic.tcp_up, lab.servers4[1], 200_000)
    alice.call(traffic.udp_up, lab.servers4[0], 20_000)
    assert alice.call(traffic.ping, "192.168.78.50").down, "from LAN to LAN"
    moved = router.measure() - before
    assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(lab.servers4[1]))
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
