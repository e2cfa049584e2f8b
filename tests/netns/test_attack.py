# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hostile or unlucky network does to the daemon and its numbers: the bill stays the bill."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router, bytes_of

ETH_P_ALL = 3
ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'


def test_storm_of_interfaces_neither_stops_the_daemon_nor_hides_the_wan(make_router: Callable[..., Router]) -> None:
    """More link events than a netlink socket holds, and dumps that are cut short all the time."""
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW).start()
        names = [f"storm{number}" for number in range(40)]
        storm = lab.router.start(make_and_delete, names)
        lab.recreate_wan(WanKind.TAP)
        storm.result(60)
        wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=3)
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert router.stop() == 0
        assert "Traceback" not in router.log.read_text()


def make_and_delete(names: list[str]) -> None:
    lines = [f"link {verb} {name}{kind}" for verb, kind in (("add", " type bridge"), ("del", "")) for name in names]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def test_wan_that_returns_is_counted_also_without_a_place_for_pins(
    make_router: Callable[..., Router], bpffs: Path
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW).start()
        subprocess.run(["mount", "-o", "remount,ro", bpffs], check=True)
        lab.recreate_wan(WanKind.TAP)
        wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=3)
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert router.stop() == 0


STATEFUL6 = """table ip6 firewall {
    chain forward { type filter hook forward priority 0; ct state invalid drop; }
}
"""


def test_fragments_belong_to_their_client_also_behind_a_firewall_and_under_a_sniffer(
    make_router: Callable[..., Router],
) -> None:
    """Conntrack puts fragments together; while somebody looks on, the kernel takes them apart by copying."""
    with Lab(WanKind.TUN) as lab:
        lab.router.run(["nft", "-f", "-"], text_in=STATEFUL6)
        router = make_router(lab, ROW).start()
        before = router.measure()
        with lab.router.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0) as sniffer:
            sniffer.bind((lab.lan_interface, ETH_P_ALL))
            for client, servers in zip(lab.clients, (lab.servers4, lab.servers6), strict=True):
                client.call(traffic.fragments, servers[0])
            moved = router.measure() - before
        assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))
        assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(lab.servers6[0]))
